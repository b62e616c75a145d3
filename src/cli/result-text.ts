/** Simulated points as people read them. */
import { renderBandwidthTable, renderCoreTimeTable } from '../report/bandwidth-table.js';
import { groupByCase } from '../report/gain.js';
import { renderPrefetchTable } from '../report/prefetch-table.js';
import { describeSampling, renderScheduleTable } from '../report/schedule-table.js';
import { formatColumn, renderTextTable } from '../report/text-table.js';
import { renderTimeLossTable } from '../report/time-loss-table.js';
import type { PointResult } from '../simulate/point.js';
import { TIME_CATEGORIES } from '../statistics/time-loss.js';

/** Every case: the table of its schedules, how it was sampled, and where the time of its first schedule (the baseline if it is there) went. */
export function describeResults(points: readonly PointResult[]): string {
  return groupByCase(points).map(describeCase).join('\n');
}

function describeCase(points: readonly PointResult[]): string {
  const first = (points.find((point) => point.schedule === 'baseline') ?? points[0]) as PointResult;
  const prefetches = renderPrefetchTable(points);
  return [
    `One training iteration of ${first.network} on ${first.machine}, batch ${first.batch}, single precision`,
    '',
    renderScheduleTable(points),
    `${describeSampling(points)}\n`,
    'What the memory and the cores did meanwhile',
    '',
    renderBandwidthTable(points),
    renderCoreTimeTable(points),
    `Where the cycles of ${first.schedule} went, in percent of all cores' cycles`,
    '',
    renderTimeLossTable(first),
    ...(prefetches === '' ? [] : ['What the prefetchers did', '', prefetches]),
  ].join('\n');
}

/** A row per operation of a point. */
export function describeOperations(point: PointResult): string {
  const { operations } = point;
  const column = (value: (operation: (typeof operations)[number]) => number): string[] =>
    formatColumn(operations.map(value));
  const milliseconds = column((operation) => operation.seconds * 1e3);
  const read = column((operation) => operation.dramReadBytes / 1e6);
  const written = column((operation) => operation.dramWriteBytes / 1e6);
  const work = column((operation) => operation.flops / 1e9);
  const rows = operations.map(({ name, type, phase, shape, lossSeconds }, at) => [
    name,
    type,
    phase,
    milliseconds[at] as string,
    work[at] as string,
    read[at] as string,
    written[at] as string,
    mostlyLostTo(lossSeconds),
    shape,
  ]);
  const table = renderTextTable(
    [
      { header: 'operation', align: 'left' },
      { header: 'type', align: 'left' },
      { header: 'phase', align: 'left' },
      { header: 'time (ms)', align: 'right' },
      { header: 'GFLOP', align: 'right' },
      { header: 'read', align: 'right', group: 'DRAM (MB)' },
      { header: 'written', align: 'right', group: 'DRAM (MB)' },
      { header: 'mostly', align: 'left' },
      { header: 'shape', align: 'left' },
    ],
    rows,
  );
  return `Operations of ${point.network} on ${point.machine}, ${point.schedule}, batch ${point.batch}\n\n${table}`;
}

/** The category that took most of an operation's time. */
function mostlyLostTo(lossSeconds: readonly number[]): string {
  return TIME_CATEGORIES[lossSeconds.indexOf(Math.max(...lossSeconds))]?.key ?? '';
}
