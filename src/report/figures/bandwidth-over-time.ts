/** DRAM bandwidth over the time of an iteration, baseline against bnff, with the network's dense blocks as bands and one composite layer in detail. */
import type { OperationResult } from '../../simulate/point.js';
import { peakBandwidth } from '../../simulate/target.js';
import type { CsvColumn } from '../csv.js';
import { formatFixed } from '../text-table.js';
import { type FigurePoint, figureOf, MACHINE, type PointFigure, requestsOf } from './figure.js';
import { groupColour, LAYER_GROUPS, type LayerGroup, layerGroupOf } from './layer-groups.js';
import { dramBytes } from './operations.js';
import { textWidth } from './text-width.js';
import { REFERENCE_GREY, ticksUpTo } from './theme.js';
import { machineLabel, networkLabel, samplingNote } from './words.js';

const NETWORK = 'densenet121';
/** Width of a bar of the overview. An operation takes 1 ms on average, up to 30 ms: finer bars would be thinner than a pixel. */
export const BIN_MS = 5;
/** The last composite layer of the first dense block: large maps, many input channels. */
const DETAIL = 'conv2_6';
const OVERVIEW_WIDTH = 900;
const DETAIL_WIDTH = 432;
const BAND_FONT_SIZE = 11;

/** An operation on the time axis. */
export interface Interval {
  readonly schedule: string;
  readonly operation: string;
  readonly pass: OperationResult['phase'];
  readonly group: LayerGroup;
  readonly startMs: number;
  readonly endMs: number;
  /** Average while it ran; 0 for one that took no time. */
  readonly gbps: number;
}

const COLUMNS: readonly CsvColumn<Interval>[] = [
  { header: 'schedule', value: ({ schedule }) => schedule },
  { header: 'operation', value: ({ operation }) => operation },
  { header: 'pass', value: ({ pass }) => pass },
  { header: 'layer_type', value: ({ group }) => group },
  { header: 'start_ms', value: ({ startMs }) => startMs },
  { header: 'end_ms', value: ({ endMs }) => endMs },
  { header: 'bandwidth_GB_per_s', value: ({ gbps }) => gbps },
];

/** A point's operations one after the other, each with its average bandwidth. */
export function intervalsOf({ result }: Pick<FigurePoint, 'result'>): Interval[] {
  let startMs = 0;
  return result.operations.map((operation) => {
    const from = startMs;
    startMs += operation.seconds * 1e3;
    return {
      schedule: result.schedule,
      operation: operation.name,
      pass: operation.phase,
      group: layerGroupOf(operation.type),
      startMs: from,
      endMs: startMs,
      gbps: operation.seconds === 0 ? 0 : dramBytes(operation) / 1e9 / operation.seconds,
    };
  });
}

/** What one layer type's operations contribute to the average over a bin, stacked on those before it. */
export interface Bin {
  readonly startMs: number;
  readonly endMs: number;
  readonly group: LayerGroup;
  readonly lowGbps: number;
  readonly highGbps: number;
}

/**
 * Averages over bins of equal width (the last one ends with the iteration): an operation's bytes are spread evenly over its time. Bins to which a type contributes
 * nothing are left out.
 */
export function binned(intervals: readonly Interval[], widthMs: number): Bin[] {
  const lastMs = intervals.at(-1)?.endMs ?? 0;
  const megabytes = new Map<number, Map<LayerGroup, number>>();
  for (const { startMs, endMs, group, gbps } of intervals) {
    for (let bin = Math.floor(startMs / widthMs); bin * widthMs < endMs; bin++) {
      const overlap = Math.min(endMs, (bin + 1) * widthMs) - Math.max(startMs, bin * widthMs);
      const groups = megabytes.get(bin) ?? new Map<LayerGroup, number>();
      groups.set(group, (groups.get(group) ?? 0) + gbps * overlap);
      megabytes.set(bin, groups);
    }
  }
  return [...megabytes].flatMap(([bin, groups]) => {
    const [startMs, endMs] = [bin * widthMs, Math.min((bin + 1) * widthMs, lastMs)];
    let highGbps = 0;
    return LAYER_GROUPS.flatMap(({ name }): Bin[] => {
      const lowGbps = highGbps;
      highGbps += (groups.get(name) ?? 0) / (endMs - startMs);
      return highGbps === lowGbps ? [] : [{ startMs, endMs, group: name, lowGbps, highGbps }];
    });
  });
}

/** A stretch of time that belongs to one part of the network. */
export interface Band {
  readonly label: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** `block 1` of `conv2_3/x1/bn`: the dense blocks of DenseNet (Huang et al., CVPR 2017, table 1) are conv2 to conv5. */
function blockOf(operation: string): string | null {
  const number = /^conv([2-5])_/.exec(operation)?.[1];
  return number === undefined ? null : `block ${Number(number) - 1}`;
}

/** The dense blocks as bands, each from its first to its last operation of a pass. */
export function bandsOf(intervals: readonly Interval[]): Band[] {
  const bands: (Band & { readonly pass: string })[] = [];
  for (const { operation, pass, startMs, endMs } of intervals) {
    const label = blockOf(operation);
    const last = bands.at(-1);
    if (label === null || pass === 'update') continue;
    if (last?.label === label && last.pass === pass) bands[bands.length - 1] = { ...last, endMs };
    else bands.push({ label, pass, startMs, endMs });
  }
  return bands.map(({ label, startMs, endMs }) => ({ label, startMs, endMs }));
}

/** The operations of a composite layer in a pass, moved to time 0 and next to each other. */
function detailOf(intervals: readonly Interval[], pass: Interval['pass']): Interval[] {
  let at = 0;
  return intervals
    .filter((interval) => interval.pass === pass && interval.operation.startsWith(`${DETAIL}/`))
    .map((interval) => {
      const startMs = at;
      at += interval.endMs - interval.startMs;
      return { ...interval, startMs, endMs: at };
    });
}

/** Bandwidth over time. */
export const bandwidthOverTime: PointFigure = {
  name: 'bandwidth-over-time',
  summary:
    'DRAM bandwidth over an iteration of DenseNet-121, baseline against bnff, with the dense blocks as bands',
  source: 'points',
  points: requestsOf(NETWORK, MACHINE, ['baseline', 'bnff']),
  draw: (points) => {
    const results = points.map(({ result }) => result);
    const machine = points[0]?.settings.machine;
    const peak = machine === undefined ? 0 : peakBandwidth(machine) / 1e9;
    const series = points.map(intervalsOf);
    const longest = Math.max(...results.map(({ seconds }) => seconds * 1e3));
    const overviews = series.map((intervals, at) => ({
      title: {
        text: `${results[at]?.schedule}: ${formatFixed(averageOf(intervals), 1)} GB/s on average over ${formatFixed(intervals.at(-1)?.endMs ?? 0, 0)} ms, the first ${formatFixed((results[at]?.forwardSeconds ?? 0) * 1e3, 0)} ms forward`,
        fontSize: 13,
        offset: 6,
      },
      ...panel(
        binned(intervals, BIN_MS),
        bandsOf(intervals),
        peak,
        longest,
        OVERVIEW_WIDTH,
        at === series.length - 1 ? 'time in the iteration (ms)' : null,
      ),
    }));
    const passes = ['forward', 'backward'] as const;
    const lengths = passes.map((pass) =>
      Math.max(...series.map((intervals) => detailOf(intervals, pass).at(-1)?.endMs ?? 0)),
    );
    const details = series.map((intervals, at) => ({
      spacing: 36,
      hconcat: passes.map((pass, column) => ({
        title: {
          text: `${results[at]?.schedule}: composite layer ${DETAIL}, ${pass}`,
          fontSize: 13,
          offset: 6,
        },
        ...panel(
          detailOf(intervals, pass).map((interval) => ({ ...interval, lowGbps: 0, highGbps: interval.gbps })),
          [],
          peak,
          lengths[column] as number,
          DETAIL_WIDTH,
          at === series.length - 1 ? 'time in the layer’s operations (ms)' : null,
        ),
      })),
    }));
    return figureOf(COLUMNS, series.flat(), {
      description: `DRAM bandwidth over the time of a training iteration of ${networkLabel(NETWORK)}, baseline and bnff`,
      title: {
        text: `DRAM bandwidth over a training iteration of ${networkLabel(NETWORK)}`,
        subtitle: [
          `mini-batch ${results[0]?.batch} on ${machineLabel(MACHINE)}; ${samplingNote(results)}`,
          `top: averages over ${BIN_MS} ms, coloured by the layer type that moved the bytes; grey bands: dense blocks; dashed: peak of the memory`,
          'bottom: one bar per operation, its average (results keep the bytes of an operation, nothing finer)',
        ],
      },
      spacing: 20,
      vconcat: [...overviews, ...details],
    });
  },
};

function averageOf(intervals: readonly Interval[]): number {
  const total = intervals.at(-1)?.endMs ?? 0;
  return intervals.reduce((sum, { gbps, startMs, endMs }) => sum + gbps * (endMs - startMs), 0) / total;
}

function panel(
  bars: readonly Bin[],
  bands: readonly Band[],
  peak: number,
  longestMs: number,
  width: number,
  axis: string | null,
) {
  const top = peak * 1.22;
  const x = {
    type: 'quantitative' as const,
    scale: { domain: [0, longestMs], nice: false },
    axis: { title: axis, grid: false, tickCount: 8, format: 'd' },
  };
  const y = {
    type: 'quantitative' as const,
    scale: { domain: [0, top], nice: false },
    axis: { title: 'DRAM (GB/s)', values: ticksUpTo(peak) },
  };
  return {
    width,
    height: 120,
    layer: [
      ...(bands.length === 0
        ? []
        : [
            {
              data: { values: [...bands] },
              mark: { type: 'rect' as const, color: '#EDEDED' },
              encoding: {
                x: { ...x, field: 'startMs' },
                x2: { field: 'endMs' },
                y: { ...y, datum: 0 },
                y2: { datum: top },
              },
            },
            {
              data: {
                values: bands
                  // A label that is wider than its band would run into the next one.
                  .filter(
                    ({ label, startMs, endMs }) =>
                      ((endMs - startMs) / longestMs) * width > textWidth(label, BAND_FONT_SIZE),
                  )
                  .map(({ label, startMs, endMs }) => ({ label, middle: (startMs + endMs) / 2 })),
              },
              mark: {
                type: 'text' as const,
                baseline: 'top' as const,
                dy: 3,
                fontSize: 11,
                color: '#444444',
              },
              encoding: { x: { ...x, field: 'middle' }, y: { ...y, datum: top }, text: { field: 'label' } },
            },
          ]),
      {
        data: {
          values: bars.map(({ startMs, endMs, group, lowGbps, highGbps }) => ({
            startMs,
            endMs,
            group,
            lowGbps,
            highGbps,
          })),
        },
        mark: { type: 'rect' as const },
        encoding: {
          x: { ...x, field: 'startMs' },
          x2: { field: 'endMs' },
          y: { ...y, field: 'lowGbps' },
          y2: { field: 'highGbps' },
          color: groupColour(),
        },
      },
      {
        data: { values: [{ peak }] },
        mark: { type: 'rule' as const, strokeDash: [5, 4], color: REFERENCE_GREY },
        encoding: { y: { ...y, field: 'peak' } },
      },
    ],
  };
}
