/** What bnff gains with half the bandwidth, the whole of it, and bytes that cost nothing. */
import type { CsvColumn } from '../csv.js';
import { gainsOver } from '../gain.js';
import { formatFixed } from '../text-table.js';
import { figureOf, type PointFigure, requestsOf } from './figure.js';
import { GAIN_PARTS } from './gain-pairs.js';
import { REPORTED_NOTE, reportedLayer, reportedMarks } from './reported-marks.js';
import { rimmedText } from './rimmed-text.js';
import { networkLabel, peakGbps, samplingNote, signedPercent } from './words.js';

const NETWORK = 'densenet121';
const MACHINES = ['skylake-sp-2s-half-bandwidth', 'skylake-sp-2s', 'skylake-sp-2s-infinite-bandwidth'];

interface GainRow {
  readonly gbps: number;
  readonly of: (typeof GAIN_PARTS)[number]['label'];
  readonly gain: number;
}

const COLUMNS: readonly CsvColumn<GainRow>[] = [
  { header: 'bandwidth_GB_per_s', value: ({ gbps }) => gbps },
  { header: 'pass', value: ({ of }) => of },
  { header: 'gain_percent', value: ({ gain }) => gain * 100 },
];

/** `230.4 GB/s`, `infinite bandwidth`. */
function bandwidthLabel(gbps: number): string {
  return gbps === Infinity ? 'infinite bandwidth' : `${formatFixed(gbps, 1)} GB/s`;
}

/** Gain of bnff over the baseline by bandwidth. */
export const gainByBandwidth: PointFigure = {
  name: 'gain-by-bandwidth',
  summary: 'gain of bnff at 115.2 GB/s, 230.4 GB/s and infinite bandwidth (DenseNet-121)',
  source: 'points',
  points: MACHINES.flatMap((machine) => requestsOf(NETWORK, machine, ['baseline', 'bnff'])),
  draw: (points) => {
    const results = points.map(({ result }) => result);
    const baselines = points.filter(({ result }) => result.schedule === 'baseline');
    const rows = baselines.flatMap(({ settings, result: baseline }) => {
      const point = results.find(
        ({ machine, schedule }) => machine === baseline.machine && schedule !== 'baseline',
      );
      if (point === undefined) return [];
      const gains = gainsOver(baseline, point);
      return GAIN_PARTS.map(
        ({ key, label }): GainRow => ({
          gbps: peakGbps(settings.machine),
          of: label,
          gain: gains[key],
        }),
      );
    });
    const values = rows.map(({ gbps, of, gain }) => ({
      bandwidth: bandwidthLabel(gbps),
      of,
      percent: gain * 100,
      edge: Math.max(0, gain * 100),
      label: signedPercent(gain),
    }));
    const reported = reportedMarks(NETWORK);
    const gains = [...values, ...reported].map(({ percent }) => percent);
    const x = {
      type: 'quantitative' as const,
      scale: { domain: [Math.min(0, ...gains), Math.max(...gains) * 1.15], nice: false },
      axis: { title: 'gain of bnff over the baseline (%)', tickCount: 6 },
    };
    const y = {
      field: 'bandwidth',
      type: 'nominal' as const,
      sort: [...new Set(values.map(({ bandwidth }) => bandwidth))],
      title: null,
      scale: { paddingInner: 0.3, paddingOuter: 0.15 },
      axis: { ticks: false, domain: false, labelPadding: 8 },
    };
    const yOffset = {
      field: 'of',
      type: 'nominal' as const,
      sort: GAIN_PARTS.map(({ label }) => label),
    };
    return figureOf(COLUMNS, rows, {
      description: `Gain of bnff over the baseline at ${baselines.length} bandwidths, ${networkLabel(NETWORK)}`,
      title: {
        text: 'Gain of bnff by memory bandwidth',
        subtitle: [
          `${networkLabel(NETWORK)}, mini-batch ${results[0]?.batch}, 2-socket Skylake-SP with 6 and 12 DDR4-2400 channels and with infinite bandwidth`,
          samplingNote(results),
          REPORTED_NOTE,
        ],
      },
      width: 520,
      height: { step: 22, for: 'offset' },
      layer: [
        {
          data: { values },
          mark: { type: 'bar' },
          encoding: {
            y,
            yOffset,
            x: { ...x, field: 'percent' },
            color: {
              field: 'of',
              type: 'nominal',
              scale: {
                domain: GAIN_PARTS.map(({ label }) => label),
                range: GAIN_PARTS.map(({ colour }) => colour),
              },
              legend: { title: null, orient: 'top', direction: 'horizontal' },
            },
          },
        },
        ...reportedLayer(reported, x),
        ...rimmedText(
          {
            data: { values },
            encoding: { y, yOffset, x: { ...x, field: 'edge' }, text: { field: 'label' } },
          },
          { align: 'left', dx: 5 },
        ),
      ],
    });
  },
};
