/** How much of a training iteration is CONV and FC, from the networks of 2012 to those with batch normalisation. */
import type { CsvColumn } from '../csv.js';
import { formatFixed } from '../text-table.js';
import { figureOf, MACHINE, type PointFigure } from './figure.js';
import { groupColour, type LayerGroup, placeOf, STACK_ORDER, sumByGroup } from './layer-groups.js';
import { machineLabel, networkLabel, samplingNote } from './words.js';

/** From the oldest to the newest. */
const NETWORKS = ['alexnet', 'vgg16', 'resnet50', 'densenet121'];

interface ShareRow {
  readonly network: string;
  readonly group: LayerGroup;
  readonly seconds: number;
  readonly percent: number;
}

const COLUMNS: readonly CsvColumn<ShareRow>[] = [
  { header: 'network', value: ({ network }) => network },
  { header: 'layer_type', value: ({ group }) => group },
  { header: 'time_ms', value: ({ seconds }) => seconds * 1e3 },
  { header: 'time_share_percent', value: ({ percent }) => percent },
];

/** Share of the time by layer type, baseline. */
export const convShare: PointFigure = {
  name: 'conv-share',
  summary: 'share of the time in CONV and FC against the rest (AlexNet, VGG-16, ResNet-50, DenseNet-121)',
  source: 'points',
  points: NETWORKS.map((network) => ({ network, machine: MACHINE, schedule: 'baseline' })),
  draw: (points) => {
    const results = points.map(({ result }) => result);
    const rows = results.flatMap(({ network, seconds, operations }) =>
      sumByGroup(operations, (operation) => operation.seconds).map(
        ({ group, sum }): ShareRow => ({ network, group, seconds: sum, percent: (sum / seconds) * 100 }),
      ),
    );
    const bars = rows.map(({ network, group, percent }) => ({
      network: networkLabel(network),
      group,
      place: placeOf(group),
      percent,
    }));
    const labels = results.map(({ network, seconds }) => {
      const conv = rows.find((row) => row.network === network && row.group === 'CONV/FC')?.percent ?? 0;
      return {
        network: networkLabel(network),
        conv: `${formatFixed(conv, 1)} %`,
        rest: `rest ${formatFixed(100 - conv, 1)} % of ${formatFixed(seconds * 1e3, 0)} ms`,
      };
    });
    const y = {
      field: 'network',
      type: 'nominal' as const,
      sort: labels.map(({ network }) => network),
      title: null,
      scale: { paddingInner: 0.25, paddingOuter: 0.15 },
      axis: { ticks: false, domain: false, labelPadding: 8 },
    };
    const x = {
      type: 'quantitative' as const,
      scale: { domain: [0, 100], nice: false },
      axis: { title: 'share of the time of an iteration (%)', tickCount: 5 },
    };
    return figureOf(COLUMNS, rows, {
      description: 'Share of the time of a training iteration by layer type, four networks',
      title: {
        text: 'Share of CONV and FC in the time of a training iteration',
        subtitle: [
          `baseline, forward, backward and update, mini-batch ${results[0]?.batch} on ${machineLabel(MACHINE)}`,
          samplingNote(results),
        ],
      },
      width: 480,
      height: { step: 36 },
      layer: [
        {
          data: { values: bars },
          mark: { type: 'bar', stroke: 'white', strokeWidth: 0.4 },
          encoding: {
            y,
            x: { ...x, field: 'percent', stack: 'zero' },
            color: groupColour(),
            order: STACK_ORDER,
          },
        },
        {
          data: { values: labels },
          mark: { type: 'text', align: 'left', color: 'white', fontWeight: 600 },
          encoding: { y, x: { ...x, datum: 1 }, text: { field: 'conv' } },
        },
        {
          data: { values: labels },
          mark: { type: 'text', align: 'left', dx: 8 },
          encoding: { y, x: { ...x, datum: 100 }, text: { field: 'rest' } },
        },
      ],
    });
  },
};
