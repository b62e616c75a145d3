/** Sweeps as people read them: the plan before, the table of points after. */
import { join } from 'node:path';
import { INFINITE } from '../config/units.js';
import { formatColumn, renderTextTable, type TextColumn } from '../report/text-table.js';
import type { Cell } from '../sweep/axes.js';
import { estimateSeconds } from '../sweep/cost.js';
import type { SweepRow } from '../sweep/outputs.js';
import type { StoredPlan } from '../sweep/store.js';
import type { Sweep } from '../sweep/sweep-file.js';
import { formatDuration } from './progress.js';
import { renderTable } from './table.js';

/** What there is to do, and about how long it takes on so many workers. */
export function describePlan(sweep: Sweep, plan: StoredPlan, workers: number): string {
  const { points, outcomes, jobs, storedParts } = plan;
  const work = jobs.map(({ cost }) => estimateSeconds(cost));
  const cpuSeconds = work.reduce((sum, seconds) => sum + seconds, 0);
  // No worker does less than the longest part.
  const wallSeconds = Math.max(cpuSeconds / workers, ...work, 0);
  const done = outcomes.filter((outcome) => outcome !== undefined && 'result' in outcome).length;
  const rows = [
    ...sweep.axes.map(({ columns, choices }, index) => [
      index === 0 ? 'axes' : '',
      `${columns.map(({ header }) => header).join(', ')}: ${choices.map(({ cells }) => cells.map(cellText).join(' / ')).join(', ')}`,
    ]),
    ['points', `${points.length}, of which ${done} are done`],
    ['parts', `${jobs.length} to simulate, ${storedParts.length} of unfinished points are done`],
    [
      'time',
      `about ${formatDuration(cpuSeconds)} of CPU time, ${formatDuration(wallSeconds)} on ${workers} ${workers === 1 ? 'worker' : 'workers'}`,
    ],
    ['as measured', sweep.runTime],
  ];
  return `${sweep.name}: ${sweep.description}\n\n${renderTable(rows)}\n`;
}

/** The points in a table, and where the rest is. */
export function describeSweep(sweep: Sweep, rows: readonly SweepRow[], dir: string): string {
  const axes = sweep.columns.map(({ header }, index): [TextColumn, string[]] => [
    { header, align: rows.every(({ point }) => typeof point.cells[index] === 'number') ? 'right' : 'left' },
    rows.map(({ point }) => cellText(point.cells[index] ?? '')),
  ]);
  const column = (value: (row: SweepRow) => number | null): string[] => formatColumn(rows.map(value));
  const measured: [TextColumn, string[]][] = [
    [
      { header: 'time (ms)', align: 'right' },
      column(({ result }) => (result === null ? null : result.point.seconds * 1e3)),
    ],
    [
      { header: 'gain (%)', align: 'right' },
      column(({ result }) => (result?.gains ? result.gains.total * 100 : null)),
    ],
  ];
  const table = [...axes, ...measured];
  const failed = rows.flatMap(({ outcome, point }) =>
    'failure' in outcome
      ? [`failed: ${point.cells.map(cellText).join(', ')}: ${outcome.failure.cause.split('\n', 1)[0]}\n`]
      : [],
  );
  return [
    renderTextTable(
      table.map(([header]) => header),
      rows.map((_row, index) => table.map(([, cells]) => cells[index] as string)),
    ),
    ...failed,
    `The tables and the manifest are in ${join(dir, '')}\n`,
  ].join('\n');
}

/** What a sweep took of the host: of its processors, and by the clock. */
export function describeTime(cpu: NodeJS.CpuUsage, elapsedMs: number): string {
  return `${formatDuration((cpu.user + cpu.system) / 1e6)} of CPU time, ${formatDuration(elapsedMs / 1e3)} by the clock`;
}

/** As configuration files write it. */
function cellText(cell: Cell): string {
  return cell === Number.POSITIVE_INFINITY ? INFINITE : String(cell);
}
