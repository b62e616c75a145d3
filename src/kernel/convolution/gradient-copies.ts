/**
 * Copies of a weight gradient: where the mini-batch is cut, each part of it adds to a copy of its own (the first to the tensor itself), and the
 * copies are added up after a barrier.
 *
 * On a share of the chip whose grid cuts the weights less than the chip's does, a simulated thread goes through blocks of weights that on the chip belong to several threads. Its
 * copy then has the size of one thread's part, and blocks of different parts fall on the same lines, so that a thread keeps as much of the gradient near as it does on the chip.
 *
 * The reduction is partitioned over the threads of the whole chip. A simulated thread reads all copies that the simulated threads have made of its share
 * among them, which is as many lines as it would read of all copies of its share among all threads; it updates only its share among all threads.
 */
import type { LoweringContext } from '../context.js';
import type { KernelPhase, LineRange } from '../kernel.js';
import { costOf, scaleCost, vectorsPerLine } from '../micro-kernel.js';
import { Access } from '../op-stream.js';
import { shareSize, shareStart } from '../partition.js';
import { runAtCost, tiledPhase } from './tiled-phase.js';

/** Lines of a tile of the reduction. */
const TILE_LINES = 8192;

export interface GradientCopies {
  /** Where a copy keeps a block of weights: `base` is the block's first line as if the copy were whole. */
  place(base: number, copy: number): { readonly base: number; readonly isRepeated: boolean };
  /** The lines of the tensor itself that are written. */
  readonly kept: LineRange;
  /** First line of copy `copy` of the gradient, and of the bias gradient's. */
  base(copy: number): number;
  biasBase(copy: number): number;
  /** The reduction; null where the whole chip makes one copy. */
  readonly reduce: KernelPhase | null;
}

/**
 * @param name unique per operation
 * @param copies copies that the simulated threads make
 * @param isReduced whether the threads of the whole chip make more than one
 * @param parts threads of the chip that hold what one simulated thread holds, at least 1
 * @param blockLines lines of a block of weights
 */
export function createGradientCopies(
  context: LoweringContext,
  name: string,
  gradient: LineRange,
  bias: LineRange | null,
  copies: number,
  isReduced: boolean,
  parts: number,
  blockLines: number,
): GradientCopies {
  const { target } = context;
  const keptLines = Math.min(gradient.lines, Math.ceil(gradient.lines / blockLines / parts) * blockLines);
  const allocate = (range: LineRange, purpose: string): number[] =>
    Array.from({ length: copies }, (_, copy) =>
      copy === 0 ? range.base : context.scratch(`${name}.${purpose}${copy}`, range.lines),
    );
  const bases = allocate(gradient, 'copy');
  const biasBases = bias === null ? [] : allocate(bias, 'bias-copy');
  const width = vectorsPerLine(target);
  const add = costOf({ arithmetic: width, loads: width, stores: 0, microOps: width + 1 }, target);
  const finish = costOf({ arithmetic: width, loads: width, stores: width, microOps: 2 * width + 1 }, target);
  interface ReduceTile {
    readonly work: number;
    readonly from: number;
    readonly to: number;
    /** Lines from `from` on that are updated. */
    readonly updated: number;
    readonly lines: readonly number[];
  }
  const tilesOf = (thread: number): ReduceTile[] => {
    const tiles: ReduceTile[] = [];
    for (const [range, lines] of [
      [gradient, bases],
      [bias, biasBases],
    ] as const) {
      if (range === null) continue;
      const total = range === gradient ? keptLines : range.lines;
      const from = shareStart(total, target.threads, thread);
      const count = shareSize(total, target.threads, thread);
      const updated = Math.min(
        count,
        Math.ceil((shareSize(range.lines, target.threads, thread) * target.threads) / target.totalThreads),
      );
      for (let at = 0; at < count; at += TILE_LINES) {
        const to = Math.min(count, at + TILE_LINES);
        const left = Math.max(0, Math.min(to, updated) - at);
        tiles.push({ work: to - at, from: from + at, to: from + to, updated: left, lines });
      }
    }
    return tiles;
  };
  const reduce = tiledPhase<ReduceTile>({
    name: 'reduce',
    threads: target.threads,
    flops: 0,
    tilesOf,
    emitTile({ from, to, updated, lines }, _thread, out) {
      const count = to - from;
      const [first, ...others] = lines as readonly [number, ...number[]];
      for (const base of others)
        runAtCost(out, count, scaleCost(add, count)).stream(Access.Load, base + from);
      if (updated > 0) {
        runAtCost(out, updated, scaleCost(finish, updated))
          .stream(Access.Load, first + from)
          .stream(Access.Store, first + from);
      }
      if (count > updated) {
        const rest = count - updated;
        runAtCost(out, rest, scaleCost(add, rest)).stream(Access.Load, first + from + updated);
      }
    },
  });
  return {
    place(base, copy) {
      const first = bases[copy] as number;
      const offset = base - first;
      return { base: first + (offset % keptLines), isRepeated: offset >= keptLines };
    },
    kept: { ...gradient, lines: keptLines },
    base: (copy) => bases[copy] as number,
    biasBase: (copy) => biasBases[copy] ?? 0,
    reduce: isReduced ? reduce : null,
  };
}
