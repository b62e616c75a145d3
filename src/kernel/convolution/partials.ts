/**
 * Sums over the mini-batch that are accumulated per thread and reduced after a barrier: the statistics of a BN, or its dgamma and dbeta.
 *
 * Each thread has two lines (two sums of 16 channels) per channel block in a buffer of its own. After the barrier the channel blocks are cut over the
 * threads; a thread adds the copies of its blocks and writes the per-channel vectors.
 */
import type { LoweringContext } from '../context.js';
import type { KernelPhase } from '../kernel.js';
import { lineCost, scaleCost } from '../micro-kernel.js';
import type { OpStream } from '../op-stream.js';
import { Access } from '../op-stream.js';
import { shareSize, shareStart } from '../partition.js';
import type { Epilogue } from './fused.js';
import { vectorLines } from './fused.js';
import { BLOCK_CHANNELS } from './geometry.js';
import { runAtCost, tiledPhase } from './tiled-phase.js';

/** Lines per channel block: one per sum. */
const SUMS = 2;

export interface Partials {
  /** Zeroes the thread's sums: the first thing a thread does that has any work. */
  emitClear(thread: number, out: OpStream): void;
  /** Adds register sums to the thread's copy for channel blocks [from, to). */
  emitUpdate(thread: number, from: number, to: number, out: OpStream): void;
  /** The phase after the barrier. */
  readonly reduce: KernelPhase;
}

/**
 * @param name unique per operation
 * @param blocks channel blocks of the tensor that is summed
 * @param hasWork whether a thread accumulates anything (its buffer is not written otherwise)
 */
export function createPartials(
  context: LoweringContext,
  name: string,
  blocks: number,
  epilogue: Epilogue,
  hasWork: (thread: number) => boolean,
): Partials {
  const { target } = context;
  const lines = blocks * SUMS;
  const bases = Array.from({ length: target.threads }, (_, thread) =>
    context.scratch(`${name}.sums.thread${thread}`, lines),
  );
  const store = lineCost({ arithmetic: 0, loads: 0, stores: 1, microOps: 1 }, target);
  const update = lineCost({ arithmetic: 1, loads: 1, stores: 1, microOps: 2 }, target);
  const add = lineCost(
    { arithmetic: 1, loads: 1, stores: 0, microOps: 1 },
    target,
    target.fmaLatencyCycles / SUMS,
  );
  // Mean, variance or gradient from two sums: a product, a difference, and the store.
  const finish = lineCost(
    { arithmetic: 2, loads: 1, stores: 1, microOps: 4 },
    target,
    2 * target.fmaLatencyCycles,
  );
  interface ReduceTile {
    readonly work: number;
    readonly from: number;
    readonly to: number;
  }
  return {
    emitClear(thread, out) {
      runAtCost(out, lines, scaleCost(store, lines)).stream(Access.Store, bases[thread] as number);
    },
    emitUpdate(thread, from, to, out) {
      const base = (bases[thread] as number) + from * SUMS;
      const count = (to - from) * SUMS;
      runAtCost(out, count, scaleCost(update, count)).stream(Access.Load, base).stream(Access.Store, base);
    },
    reduce: tiledPhase<ReduceTile>({
      name: 'reduce',
      threads: target.threads,
      flops: 0,
      tilesOf(thread) {
        const from = shareStart(blocks, target.threads, thread);
        const count = shareSize(blocks, target.threads, thread);
        return count === 0 ? [] : [{ work: count, from, to: from + count }];
      },
      emitTile({ from, to }, _thread, out) {
        const count = (to - from) * SUMS;
        bases.forEach((base, owner) => {
          if (!hasWork(owner)) return;
          runAtCost(out, count, scaleCost(add, count)).stream(Access.Load, base + from * SUMS);
        });
        for (const vector of epilogue.vectors) {
          const read = vectorLines(vector, from * BLOCK_CHANNELS, to * BLOCK_CHANNELS);
          if (read.lines > 0)
            runAtCost(out, read.lines, scaleCost(store, read.lines)).stream(Access.Load, read.base);
        }
        for (const vector of epilogue.reduced) {
          const first = vector.channelOffset + from * BLOCK_CHANNELS;
          const last = vector.channelOffset + Math.min(vector.channels, to * BLOCK_CHANNELS);
          if (last <= first) continue;
          const written = vectorLines(vector.range, first, last);
          if (written.lines === 0) continue;
          const run = runAtCost(out, written.lines, scaleCost(finish, written.lines));
          if (vector.isUpdated) run.stream(Access.Load, written.base);
          run.stream(Access.Store, written.base);
        }
      },
    }),
  };
}
