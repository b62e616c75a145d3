/**
 * The prefetcher of a core, beside its L2 (beside the L1D where there is no L2).
 *
 * It sees every access that the L1D does not satisfy, and where there is no L2 also the first use of a line that it has brought, which would have been one. It offers lines; the caller
 * passes over those that the cache holds, sends for the others as long as MSHRs are free, and says how far it got.
 */
import type { PrefetchSpec } from '../spec.js';
import { nextLine, observeNextLine } from './next-line.js';
import { none } from './none.js';
import { createPrefetchState, Policy, type PrefetchState, type ShapeOf } from './state.js';
import { observeStreamer, streamer } from './streamer.js';
import { observeStride, stride } from './stride.js';

const { None: NONE, NextLine: NEXT_LINE, Stride: STRIDE, Streamer: STREAMER } = Policy;

/** Every policy: a file, a line here and one in `observe` (and its settings in the machine schema). */
export const PREFETCHERS: {
  readonly [Kind in PrefetchSpec['kind']]: ShapeOf<Extract<PrefetchSpec, { kind: Kind }>>;
} = { none, 'next-line': nextLine, stride, streamer };

/** @param lines of the address space: none beyond is fetched */
export function createPrefetcher(spec: PrefetchSpec, cores: number, lines: number): PrefetchState {
  const shapeOf: ShapeOf<never> = PREFETCHERS[spec.kind];
  return createPrefetchState(shapeOf(spec as never), cores, lines);
}

/**
 * A core touches a line below its L1D.
 * @param stream what tells the line stream apart within its run
 * @param isFirst the access missed the level, or is the first use of a line that a prefetch brought there
 * @returns lines that may be fetched now (0: none), as `p.offer` tells; the caller confirms with `acceptOffer` where there are any
 */
export function observe(
  p: PrefetchState,
  core: number,
  stream: number,
  line: number,
  isFirst: boolean,
): number {
  switch (p.policy) {
    case NONE:
      return 0;
    case NEXT_LINE:
      return observeNextLine(p, line, isFirst);
    case STRIDE:
      return observeStride(p, core, stream, line);
    case STREAMER:
      return observeStreamer(p, core, line);
  }
}
