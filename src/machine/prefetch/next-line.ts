import type { PrefetchSpec } from '../spec.js';
import { lastOfPage, offerLines, Policy, type PrefetchState, type ShapeOf } from './state.js';

/**
 * Tagged one-block lookahead (Smith, "Sequential program prefetching in memory hierarchies", IEEE Computer 11(12), 1978, and "Cache memories", ACM Computing Surveys
 * 14(3), 1982, section 2.1), `degree` lines deep: a miss, and the first use of a line that a prefetch brought, have the lines behind it fetched. The first use
 * is what keeps a sequence going, which misses only once.
 */
export const nextLine: ShapeOf<Extract<PrefetchSpec, { kind: 'next-line' }>> = ({ degree, pageBytes }) => ({
  policy: Policy.NextLine,
  entries: 0,
  degree,
  distance: degree,
  pageBytes,
  byPage: false,
});

/** @param isFirst whether the access missed or is the first use of a prefetched line. @returns lines offered */
export function observeNextLine(p: PrefetchState, line: number, isFirst: boolean): number {
  if (!isFirst) return 0;
  offerLines(p, -1, line + 1, 1);
  return Math.min(p.degree, lastOfPage(p, line) - line);
}
