/** What bnff gains over cores and bandwidth: a heat map with lines of equal gain. */
import type { CsvColumn } from '../csv.js';
import { formatFixed } from '../text-table.js';
import { type FigureContent, figureOf, type SweepFigure } from './figure.js';
import { gainPairs } from './gain-pairs.js';
import { isoSegments, labelPlace } from './iso-lines.js';
import { rimmedText } from './rimmed-text.js';
import { networkLabel, peakGbps, samplingNote } from './words.js';

/** A point of the map. */
export interface GainMapRow {
  readonly cores: number;
  /** Peak; Infinity is legal. */
  readonly gbps: number;
  /** Fraction. */
  readonly gain: number;
}

const COLUMNS: readonly CsvColumn<GainMapRow>[] = [
  { header: 'cores', value: ({ cores }) => cores },
  { header: 'bandwidth_GB_per_s', value: ({ gbps }) => gbps },
  { header: 'gain_percent', value: ({ gain }) => gain * 100 },
];

/** Pixels of a cell. */
const CELL = { width: 74, height: 46 };
/** Distance of the lines: the one of these that gives at most this many. */
const STEPS_PERCENT = [1, 2, 5, 10, 20, 50];
const MOST_LINES = 8;

/** Gain over cores and bandwidth. */
export const gainMap: SweepFigure = {
  name: 'gain-by-cores-and-bandwidth',
  summary: 'gain of bnff over cores and memory bandwidth, with lines of equal gain',
  source: 'sweep',
  sweep: 'cores-by-bandwidth',
  draw: (points) => {
    const rows = gainPairs(points).map(
      ({ settings: { machine }, gains }): GainMapRow => ({
        cores: machine.sockets * machine.coresPerSocket,
        gbps: peakGbps(machine),
        gain: gains.total,
      }),
    );
    const results = points.map(({ result }) => result);
    const network = networkLabel(results[0]?.network ?? '');
    const batches = [...new Set(results.map(({ batch }) => batch))].toSorted((a, b) => a - b);
    return drawGainMap(rows, [
      `${network}, mini-batch ${batches.length > 3 ? `${batches[0]} to ${batches.at(-1)}` : batches.join(', ')}; bnff over the baseline, whole iteration`,
      'lines: equal gain, interpolated between the centres of the cells',
      samplingNote(results),
    ]);
  },
};

/** The levels at which lines are drawn: multiples of a round step strictly inside the range, at most {@link MOST_LINES}. */
export function isoLevels(percents: readonly number[]): number[] {
  const [least, most] = [Math.min(...percents), Math.max(...percents)];
  for (const step of STEPS_PERCENT) {
    const first = Math.floor(least / step) + 1;
    const last = Math.ceil(most / step) - 1;
    if (last - first + 1 <= MOST_LINES)
      return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => (first + at) * step);
  }
  return [];
}

/**
 * Draws the map from its numbers alone. Cores and bandwidths are ordered, each value a row or column of equal width; a combination without a row stays white.
 * @param subtitle below the title
 */
export function drawGainMap(rows: readonly GainMapRow[], subtitle: readonly string[]): FigureContent {
  const ordered = (values: number[]) => [...new Set(values)].toSorted((a, b) => a - b);
  const cores = ordered(rows.map((row) => row.cores));
  const bandwidths = ordered(rows.map((row) => row.gbps));
  const grid = cores.map((count) =>
    bandwidths.map(
      (gbps) => (rows.find((row) => row.cores === count && row.gbps === gbps)?.gain ?? Number.NaN) * 100,
    ),
  );
  const percents = rows.map(({ gain }) => gain * 100);
  const middle = (Math.min(...percents) + Math.max(...percents)) / 2;
  const cells = rows.map((row) => {
    const [column, line] = [bandwidths.indexOf(row.gbps), cores.indexOf(row.cores)];
    const percent = row.gain * 100;
    return {
      left: column - 0.5,
      right: column + 0.5,
      low: line - 0.5,
      high: line + 0.5,
      column,
      line,
      percent,
      label: formatFixed(percent, 1).replace('-', '−'),
      ink: percent > middle ? 'white' : 'black',
    };
  });
  const lines = isoLevels(percents).map((level) => ({ level, segments: isoSegments(grid, level) }));
  const labels: { x: number; y: number; label: string }[] = [];
  for (const { level, segments } of lines) {
    const place = labelPlace(segments, labels);
    if (place !== null) labels.push({ ...place, label: `${String(level).replace('-', '−')} %` });
  }
  const axisOf = (title: string, names: readonly string[]) => ({
    title,
    grid: false,
    values: names.map((_, at) => at),
    labelExpr: `${JSON.stringify(names)}[datum.value]`,
    ticks: false,
    domain: false,
  });
  const x = {
    type: 'quantitative' as const,
    scale: { domain: [-0.5, bandwidths.length - 0.5], nice: false, zero: false },
    axis: axisOf(
      'peak memory bandwidth (GB/s)',
      bandwidths.map((gbps) => (gbps === Infinity ? 'infinite' : formatFixed(gbps, 1))),
    ),
  };
  const y = {
    type: 'quantitative' as const,
    scale: { domain: [-0.5, cores.length - 0.5], nice: false, zero: false },
    axis: axisOf('cores', cores.map(String)),
  };
  // Light to dark of one hue: its order can be read without telling colours apart.
  const shades = {
    scheme: 'blues' as const,
    domain: [Math.min(...percents), Math.max(...percents)],
    zero: false,
    nice: false,
  };
  const number = {
    data: { values: cells },
    encoding: { x: { ...x, field: 'column' }, y: { ...y, field: 'line' }, text: { field: 'label' } },
  };
  const place = {
    x: { ...x, field: 'left' },
    x2: { field: 'right' },
    y: { ...y, field: 'low' },
    y2: { field: 'high' },
  };
  const lineLabel = {
    data: { values: labels },
    encoding: { x: { ...x, field: 'x' }, y: { ...y, field: 'y' }, text: { field: 'label' } },
  };
  return figureOf(COLUMNS, rows, {
    description: 'Gain of bnff over the baseline by cores and memory bandwidth',
    title: { text: 'Gain of bnff by cores and memory bandwidth', subtitle: [...subtitle] },
    width: CELL.width * bandwidths.length,
    height: CELL.height * cores.length,
    layer: [
      {
        data: { values: cells },
        mark: { type: 'rect', stroke: 'white', strokeWidth: 1 },
        encoding: {
          ...place,
          color: {
            field: 'percent',
            type: 'quantitative',
            scale: shades,
            legend: { title: 'gain (%)', gradientLength: 180, values: lines.map(({ level }) => level) },
          },
        },
      },
      {
        data: {
          values: lines.flatMap(({ level, segments }) => segments.map((segment) => ({ ...segment, level }))),
        },
        mark: { type: 'rule', color: '#D55E00', strokeWidth: 1.8, strokeCap: 'round' },
        encoding: {
          x: { ...x, field: 'x1' },
          x2: { field: 'x2' },
          y: { ...y, field: 'y1' },
          y2: { field: 'y2' },
        },
      },
      // A rim of the cell's colour, so that a line makes way for a number.
      {
        ...number,
        mark: { type: 'text', fontSize: 11, strokeWidth: 5, strokeJoin: 'round' },
        encoding: {
          ...number.encoding,
          stroke: { field: 'percent', type: 'quantitative', scale: shades, legend: null },
        },
      },
      {
        ...number,
        mark: { type: 'text', fontSize: 11 },
        encoding: {
          ...number.encoding,
          color: { field: 'ink', type: 'nominal', scale: null, legend: null },
        },
      },
      ...rimmedText(lineLabel, { fontWeight: 600, color: '#A03F00' }),
    ],
    resolve: { scale: { color: 'independent' } },
  });
}
