/**
 * Compulsory traffic: what a kernel alone moves between a cold cache and main memory even if the cache never evicts anything. Every line that the
 * mathematics reads comes in once, every line that it writes goes out once.
 *
 * Not in it: lines that come in only because an ordinary store to them misses (write-allocate), and scratch (partial sums, strips), which an
 * unbounded cache would keep until a flush.
 */
import type { Kernel, LineRange } from '../kernel/kernel.js';
import { LINE_BYTES } from '../kernel/op-stream.js';

export interface CompulsoryTraffic {
  readonly readLines: number;
  readonly writtenLines: number;
}

/** Compulsory traffic of one kernel, from the ranges that it declares; those follow from its shapes (see `Kernel.reads`). */
export function compulsoryTraffic(kernel: Kernel): CompulsoryTraffic {
  return { readLines: countLines(kernel.reads), writtenLines: countLines(kernel.writes) };
}

/** The same in bytes, both directions together. */
export function compulsoryBytes(kernel: Kernel): number {
  const { readLines, writtenLines } = compulsoryTraffic(kernel);
  return (readLines + writtenLines) * LINE_BYTES;
}

/** Lines in any of the ranges: two names of one storage count once. */
export function countLines(ranges: readonly LineRange[]): number {
  const sorted = ranges.filter(({ lines }) => lines > 0).toSorted((a, b) => a.base - b.base);
  let count = 0;
  let end = 0;
  for (const { base, lines } of sorted) {
    const from = Math.max(base, end);
    count += Math.max(0, base + lines - from);
    end = Math.max(end, base + lines);
  }
  return count;
}
