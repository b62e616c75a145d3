/** Gains over the baseline. */
import type { PointResult } from '../simulate/point.js';

/** Performance gains as fractions: time of the baseline / time - 1 (docs/paper.md, "Results to reproduce"). */
export interface Gains {
  readonly forward: number;
  readonly backward: number;
  readonly total: number;
}

/** A point with its gains; null where the baseline of its network, machine and batch is not among the points. */
export interface PointRow {
  readonly point: PointResult;
  readonly gains: Gains | null;
}

/** How much faster a point is than another one. */
export function gainsOver(baseline: PointResult, point: PointResult): Gains {
  return {
    forward: baseline.forwardSeconds / point.forwardSeconds - 1,
    backward: baseline.backwardSeconds / point.backwardSeconds - 1,
    total: baseline.seconds / point.seconds - 1,
  };
}

/** Puts to each point its gains over the baseline of the same network, machine and batch. */
export function withGains(points: readonly PointResult[]): PointRow[] {
  return points.map((point) => {
    const baseline = points.find((other) => other.schedule === 'baseline' && isSameCase(other, point));
    return { point, gains: baseline === undefined ? null : gainsOver(baseline, point) };
  });
}

/** Points that differ by their schedule only, in order of appearance. */
export function groupByCase(points: readonly PointResult[]): PointResult[][] {
  const groups: PointResult[][] = [];
  for (const point of points) {
    const group = groups.find((members) => isSameCase(members[0] as PointResult, point));
    if (group === undefined) groups.push([point]);
    else group.push(point);
  }
  return groups;
}

function isSameCase(a: PointResult, b: PointResult): boolean {
  return a.network === b.network && a.machine === b.machine && a.batch === b.batch;
}
