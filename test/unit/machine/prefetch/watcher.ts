import { createPrefetcher, observe } from '../../../../src/machine/prefetch/registry.js';
import { acceptOffer, OFFER } from '../../../../src/machine/prefetch/state.js';
import type { PrefetchSpec } from '../../../../src/machine/spec.js';

/** Lines of the address space. */
export const LINES = 2 ** 24;

export interface Seen {
  readonly core?: number;
  readonly stream?: number;
  /** A miss, or the first use of a prefetched line; true unless said otherwise. */
  readonly isFirst?: boolean;
  /** Lines of the offer that are sent for; all unless said otherwise. */
  readonly accept?: number;
}

/** Lets a prefetcher see accesses. @returns of each access the lines that it offers */
export function watch(spec: PrefetchSpec, cores = 1, lines = LINES): (line: number, seen?: Seen) => number[] {
  const p = createPrefetcher(spec, cores, lines);
  return (line, { core = 0, stream = 0, isFirst = true, accept = Infinity } = {}) => {
    const offered = Math.max(0, observe(p, core, stream, line, isFirst));
    const first = p.offer[OFFER.FIRST] as number;
    const step = p.offer[OFFER.STEP] as number;
    if (offered > 0) acceptOffer(p, Math.min(accept, offered));
    return Array.from({ length: offered }, (_, index) => first + index * step);
  };
}

export function fetchedBy(spec: PrefetchSpec, lines: readonly number[]): number[][] {
  const see = watch(spec);
  return lines.map((line) => see(line));
}

/** `count` numbers from `from` on, `step` apart. */
export function sequence(from: number, count: number, step = 1): number[] {
  return Array.from({ length: count }, (_, index) => from + index * step);
}
