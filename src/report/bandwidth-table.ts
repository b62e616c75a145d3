/** What share of the memory's bandwidth points reached, and where the rest of it and of the cores' time went. */
import { BUS_CAUSES } from '../machine/dram/bus-time.js';
import type { PointResult } from '../simulate/point.js';
import { CORE_STATES } from '../statistics/core-time.js';
import { formatColumn, formatFixed, renderTextTable, type TextColumn } from './text-table.js';
import { shareOut } from './time-loss-table.js';

/** 1e9 bytes per second over the whole time of a point, read and written. */
export function achievedGbps(
  point: Pick<PointResult, 'dramReadBytes' | 'dramWriteBytes' | 'seconds'>,
): number {
  return (point.dramReadBytes + point.dramWriteBytes) / point.seconds / 1e9;
}

/** Decimals of a percentage in the tables. */
const DECIMALS = 1;

/** Draws a row per point: GB/s, and the time of the data buses in percent. Rounded so that a row adds up to 100 as printed. */
export function renderBandwidthTable(points: readonly PointResult[]): string {
  const columns: TextColumn[] = [
    { header: 'schedule', align: 'left' },
    { header: 'GB/s', align: 'right' },
    ...BUS_CAUSES.map(
      ({ short }): TextColumn => ({ group: 'time of the data buses (%)', header: short, align: 'right' }),
    ),
  ];
  const rates = formatColumn(points.map(achievedGbps));
  return renderTextTable(
    columns,
    points.map(({ schedule, busShares }, at) => [schedule, rates[at] as string, ...percentages(busShares)]),
  );
}

/** Draws a row per point: the time of all cores in percent, by what they did or what of theirs was full. */
export function renderCoreTimeTable(points: readonly PointResult[]): string {
  const columns: TextColumn[] = [
    { header: 'schedule', align: 'left' },
    ...CORE_STATES.map(
      ({ header }): TextColumn => ({ group: 'time of the cores (%)', header, align: 'right' }),
    ),
  ];
  return renderTextTable(
    columns,
    points.map(({ schedule, coreShares }) => [schedule, ...percentages(coreShares)]),
  );
}

function percentages(shares: readonly number[]): string[] {
  const scale = 10 ** DECIMALS;
  return shareOut(shares, 100 * scale).map((units) => formatFixed(units / scale, DECIMALS));
}
