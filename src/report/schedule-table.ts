/** The table of a case (a network on a machine at a batch): a row per schedule. */
import type { PointResult } from '../simulate/point.js';
import { type PointRow, withGains } from './gain.js';
import { decimalsFor, formatColumn, renderTextTable, type TextColumn } from './text-table.js';

interface Column extends TextColumn {
  /** Numbers of a row; null prints a dash. Absent for the first column. */
  readonly value?: (row: PointRow) => number | null;
  /** Decimals; absent: as the largest number of the group asks for. */
  readonly decimals?: number;
}

const number = (
  group: string,
  header: string,
  value: (row: PointRow) => number | null,
  decimals?: number,
): Column => ({ group, header, align: 'right', value, ...(decimals === undefined ? {} : { decimals }) });

const COLUMNS: readonly Column[] = [
  { header: 'schedule', align: 'left' },
  number('time (ms)', 'forward', ({ point }) => point.forwardSeconds * 1e3),
  number('time (ms)', 'backward', ({ point }) => point.backwardSeconds * 1e3),
  number('time (ms)', 'total', ({ point }) => point.seconds * 1e3),
  number('cycles', '(M)', ({ point }) => point.cycles / 1e6),
  number('DRAM (GB)', 'read', ({ point }) => point.dramReadBytes / 1e9),
  number('DRAM (GB)', 'written', ({ point }) => point.dramWriteBytes / 1e9),
  number('share of peak (%)', 'bandwidth', ({ point }) => point.bandwidthShare * 100, 1),
  number('share of peak (%)', 'FLOPS', ({ point }) => point.flopsShare * 100, 1),
  number('gain over baseline (%)', 'forward', ({ gains }) => percent(gains?.forward), 1),
  number('gain over baseline (%)', 'backward', ({ gains }) => percent(gains?.backward), 1),
  number('gain over baseline (%)', 'total', ({ gains }) => percent(gains?.total), 1),
  number('sampling', 'error (%)', ({ point }) => point.error * 100, 2),
];

/** Draws the table of points that differ by their schedule only. */
export function renderScheduleTable(points: readonly PointResult[]): string {
  const rows = withGains(points);
  const values = COLUMNS.map(({ value }) => (value === undefined ? [] : rows.map(value)));
  const cells = COLUMNS.map(({ value, group, decimals }, at) => {
    if (value === undefined) return rows.map(({ point }) => point.schedule);
    const beside = values.filter((_, other) => COLUMNS[other]?.group === group).flat();
    return formatColumn(values[at] as (number | null)[], decimals ?? decimalsFor(beside));
  });
  return renderTextTable(
    COLUMNS,
    rows.map((_, row) => cells.map((column) => column[row] as string)),
  );
}

/** How the points of a case were simulated: all of it, or which share stands for the whole. The share depends on machine and batch only. */
export function describeSampling(points: readonly PointResult[]): string {
  const [{ sampling, batch }] = points as [PointResult];
  const { cores, totalCores, images, channels, pilotCores } = sampling;
  if (cores === totalCores && images === batch)
    return `All ${cores} cores and ${batch} images were simulated.`;
  const pilots = points.map((point) => point.sampling.pilots);
  const share = `${cores} of ${totalCores} cores were simulated, with ${images} of ${batch} images and ${channels} memory ${channels === 1 ? 'channel' : 'channels'}, and stand for the whole.`;
  const correction =
    Math.max(...pilots) === 0
      ? 'No operation waits mostly for memory, so that no time had to be corrected.'
      : `Times were corrected, and the error measured, by operations that ran on ${pilotCores} cores too: at least ${Math.min(...pilots)} per schedule.`;
  return `${share}\n${correction}`;
}

function percent(fraction: number | undefined): number | null {
  return fraction === undefined ? null : fraction * 100;
}
