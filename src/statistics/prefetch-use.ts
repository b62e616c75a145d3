/**
 * What became of the lines that the prefetchers sent for.
 *
 * A prefetch is useful at the first access of the program to its line, and late if the line is then still on its way. Coverage is the share of the accesses that would
 * have missed the prefetchers' level and did not, accuracy the share of prefetches that were useful, lateness the share of the useful ones that were late
 * (Srinath, Mutlu, Kim and Patt, "Feedback directed prefetching", HPCA 2007, section 2). An access of the program is a load, a store or a software prefetch.
 */
import { CoreCounter } from '../machine/core/layout.js';

/** Lines by what became of them, and the three ratios (see the top of this file). */
export interface PrefetchUse {
  /** Lines sent for. Those that are none of useful, useless and dropped were still there, unused, at the end. */
  readonly issued: number;
  readonly useful: number;
  /** Of the useful ones. */
  readonly late: number;
  /** Gave way to other lines before any use. */
  readonly useless: number;
  /** Taken away before any use: another core or a non-temporal store wrote them, or the directory or an inclusive level gave them up. */
  readonly dropped: number;
  /** useful / (useful + misses of the level); null without either. */
  readonly coverage: number | null;
  /** useful / issued; null where none was issued. */
  readonly accuracy: number | null;
  /** late / useful; null where none was useful. */
  readonly lateness: number | null;
}

/**
 * @param counters sums of core counters, one array for each kernel of the run
 * @param hasL2 whether the prefetchers sit beside the L2; beside the L1D otherwise
 * @param scale what the counts are multiplied by where a share of the chip stands for the whole
 */
export function prefetchUse(
  counters: readonly (readonly number[])[],
  hasL2: boolean,
  scale = 1,
): PrefetchUse {
  const sumOf = (counter: number): number =>
    counters.reduce((sum, values) => sum + (values[counter] as number), 0);
  const issued = sumOf(CoreCounter.Prefetches);
  const useful = sumOf(CoreCounter.UsefulPrefetches);
  const late = sumOf(CoreCounter.LatePrefetches);
  const misses = sumOf(hasL2 ? CoreCounter.L2Misses : CoreCounter.L1Misses);
  const scaled = (count: number): number => Math.round(count * scale);
  return {
    issued: scaled(issued),
    useful: scaled(useful),
    late: scaled(late),
    useless: scaled(sumOf(CoreCounter.UselessPrefetches)),
    dropped: scaled(sumOf(CoreCounter.DroppedPrefetches)),
    coverage: ratio(useful, useful + misses),
    accuracy: ratio(useful, issued),
    lateness: ratio(late, useful),
  };
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
