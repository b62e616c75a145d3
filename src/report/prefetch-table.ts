/** How the prefetchers did: a row per schedule. */
import type { PointResult } from '../simulate/point.js';
import { decimalsFor, formatColumn, renderTextTable } from './text-table.js';

/**
 * Draws the table of points that differ by their schedule only; see `PrefetchUse` for what is counted.
 * @returns an empty text where no line was prefetched
 */
export function renderPrefetchTable(points: readonly PointResult[]): string {
  const uses = points.map(({ prefetch }) => prefetch);
  if (uses.every(({ issued }) => issued === 0)) return '';
  const millions = uses.map(({ issued }) => issued / 1e6);
  const percent = (values: readonly (number | null)[]): string[] =>
    formatColumn(
      values.map((value) => (value === null ? null : value * 100)),
      1,
    );
  const columns = [
    points.map(({ schedule }) => schedule),
    formatColumn(millions, decimalsFor(millions)),
    percent(uses.map(({ coverage }) => coverage)),
    percent(uses.map(({ accuracy }) => accuracy)),
    percent(uses.map(({ lateness }) => lateness)),
  ];
  return renderTextTable(
    [
      { header: 'schedule', align: 'left' },
      { header: '(million lines)', align: 'right', group: 'prefetches' },
      { header: 'coverage (%)', align: 'right' },
      { header: 'accuracy (%)', align: 'right' },
      { header: 'late (%)', align: 'right' },
    ],
    points.map((_, row) => columns.map((column) => column[row] as string)),
  );
}
