/** Where a point's time went: operation types by categories of the time-loss account. */
import type { PointResult } from '../simulate/point.js';
import { TIME_CATEGORIES, type TimeCategory } from '../statistics/time-loss.js';
import { groupOf, OPERATION_GROUPS } from './operation-groups.js';
import { formatFixed, renderTextTable, type TextColumn } from './text-table.js';

/** Column headers of the categories. */
const HEADERS: Readonly<Record<TimeCategory, { readonly group?: string; readonly header: string }>> = {
  compute: { header: 'compute' },
  issue: { header: 'issue' },
  l1: { group: 'waiting for', header: 'L1' },
  l2: { group: 'waiting for', header: 'L2' },
  llc: { group: 'waiting for', header: 'LLC' },
  dramLatency: { group: 'waiting for', header: 'DRAM latency' },
  dramBandwidth: { group: 'waiting for', header: 'DRAM bandwidth' },
  barrier: { group: 'waiting for', header: 'barrier' },
};

/** Decimals of a percentage in the table. */
const DECIMALS = 1;

/**
 * Core-seconds of a point by operation group (rows, see `OPERATION_GROUPS`) and time category (columns, see `TIME_CATEGORIES`).
 * All cells together are cores x seconds.
 */
export function lossByGroup(point: PointResult): number[][] {
  const cells = OPERATION_GROUPS.map(() => TIME_CATEGORIES.map(() => 0));
  for (const { type, lossSeconds } of point.operations) {
    const row = cells[OPERATION_GROUPS.indexOf(groupOf(type))] as number[];
    lossSeconds.forEach((seconds, category) => {
      row[category] = (row[category] as number) + seconds;
    });
  }
  return cells;
}

/** Core-seconds by time category, all operations together. */
export function lossByCategory(operations: PointResult['operations']): number[] {
  return TIME_CATEGORIES.map((_, category) =>
    operations.reduce((sum, { lossSeconds }) => sum + (lossSeconds[category] as number), 0),
  );
}

/**
 * Draws the breakdown in percent of the point's time. Rounded so that rows, columns and the whole add up as printed.
 */
export function renderTimeLossTable(point: PointResult): string {
  const scale = 10 ** DECIMALS;
  const width = TIME_CATEGORIES.length;
  const units = shareOut(lossByGroup(point).flat(), 100 * scale);
  const rows = OPERATION_GROUPS.map((_, at) => units.slice(at * width, (at + 1) * width));
  const sums = TIME_CATEGORIES.map((_, category) => sum(rows.map((row) => row[category] as number)));
  const format = (value: number): string => formatFixed(value / scale, DECIMALS);
  const cells = (title: string, row: readonly number[]): string[] => [
    title,
    format(sum(row)),
    ...row.map(format),
  ];
  const columns: TextColumn[] = [
    { header: 'operations', align: 'left' },
    { header: 'time', align: 'right' },
    ...TIME_CATEGORIES.map(({ key }): TextColumn => ({ ...HEADERS[key], align: 'right' })),
  ];
  return renderTextTable(
    columns,
    OPERATION_GROUPS.map((group, at) => cells(group, rows[at] as number[])),
    [cells('all', sums)],
  );
}

/**
 * Whole numbers in proportion to values, with a given sum: each is rounded down, and what is missing goes to the largest remainders (Hamilton's method).
 * All zero where the values are.
 */
export function shareOut(values: readonly number[], total: number): number[] {
  const whole = sum(values);
  if (whole <= 0) return values.map(() => 0);
  const exact = values.map((value) => (value / whole) * total);
  const shares = exact.map(Math.floor);
  const missing = Math.round(total - sum(shares));
  const byRemainder = exact
    .map((value, at) => ({ at, remainder: value - Math.floor(value) }))
    .sort((a, b) => b.remainder - a.remainder || a.at - b.at);
  for (const { at } of byRemainder.slice(0, missing)) shares[at] = (shares[at] as number) + 1;
  return shares;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
