/**
 * The loops that all BN kernels are made of: a sweep of feature maps by the driver's thread grid, and the reduction of the threads' partial sums.
 *
 * Order of a thread's sweep as in MKL-DNN's JIT kernel: images outermost, then its channel blocks, then pixels, so that a thread reads one
 * contiguous stretch per image. Partial sums: one line per quantity, thread along the images, and channel block.
 */
import type { FeatureGeometry } from '../address-map.js';
import type { LoweringContext } from '../context.js';
import type { KernelPhase } from '../kernel.js';
import { Access } from '../op-stream.js';
import { type BlockGroup, boxOf } from './bn-grid.js';
import { emitRun, type Segment, type SegmentStream, segmentPhase } from './phases.js';
import { type Mix, stepCost } from './step-cost.js';

/**
 * Micro-ops that a loop spends per plane besides its pixels, counted in MKL-DNN's JIT kernel (v0.12): 4 loads of per-channel vectors (or of accumulators, with their
 * clearing and summing up), add, square root, division, loop counter, alignment test and branch, channel counter and branch. The divider's
 * 20 to 40 cycles overlap with the plane before.
 */
const PLANE_MICRO_OPS = 12;

/** Partial sums of a kernel's threads. */
export interface PartialSums {
  readonly base: number;
  /** Sums per channel, at most 2. */
  readonly quantities: number;
  readonly blocks: number;
  /** Room per quantity: the largest number of threads along the images over the kernel's groups. */
  readonly imageThreads: number;
}

/** Allocates partial sums that fit every group. */
export function allocatePartials(
  context: LoweringContext,
  name: string,
  quantities: number,
  geometry: FeatureGeometry,
  groups: readonly BlockGroup[],
): PartialSums {
  const imageThreads = Math.max(...groups.map((group) => group.grid.imageThreads));
  const base = context.scratch(`${name}/partial-sums`, quantities * imageThreads * geometry.blocks);
  return { base, quantities, blocks: geometry.blocks, imageThreads };
}

function partialLine(sums: PartialSums, quantity: number, imageThread: number, block: number): number {
  return sums.base + (quantity * sums.imageThreads + imageThread) * sums.blocks + block;
}

export interface BnSweep {
  readonly name: string;
  readonly geometry: FeatureGeometry;
  readonly group: BlockGroup;
  readonly mix: Mix;
  /** Feature maps swept in step, at most 4. */
  readonly maps: readonly { readonly access: Access; readonly tensor: string }[];
  /** Per-channel tensors that the loop reads. */
  readonly vectors: readonly string[];
  /** Where the thread leaves its sums; null for a loop without. */
  readonly sums: PartialSums | null;
  readonly flops: number;
}

/** One sweep over the group's part of the feature maps. */
export function bnSweep(context: LoweringContext, sweep: BnSweep): KernelPhase {
  const { geometry, group, sums } = sweep;
  const cost = stepCost(context.target, {
    ...sweep.mix,
    extraMicroOps: (sweep.mix.extraMicroOps ?? 0) + PLANE_MICRO_OPS / geometry.planeLines,
  });
  const vectorCost = stepCost(context.target, { loads: 1, stores: 0, arithmetic: 0, unroll: 1 });
  const storeCost = stepCost(context.target, {
    loads: 0,
    stores: sums?.quantities ?? 0,
    arithmetic: 0,
    unroll: 1,
  });
  const bases = sweep.maps.map((map) => ({ access: map.access, base: context.baseOf(map.tensor) }));
  const vectorBases = sweep.vectors.map((name) => context.baseOf(name));
  return segmentPhase({
    name: sweep.name,
    threads: context.target.threads,
    flops: sweep.flops,
    segments(thread) {
      const box = boxOf(group, geometry.images, thread);
      if (box === null) return [];
      const stretch = (image: number, images: number): Segment => {
        const offset = image * geometry.imageLines + box.blockFrom * geometry.planeLines;
        return {
          lines: (box.blockTo - box.blockFrom) * geometry.planeLines * images,
          cost,
          streams: bases.map(({ access, base }) => ({ access, base: base + offset })),
        };
      };
      const images = box.imageTo - box.imageFrom;
      const isWhole = box.blockTo - box.blockFrom === geometry.blocks;
      return isWhole
        ? [stretch(box.imageFrom, images)]
        : Array.from({ length: images }, (_, i) => stretch(box.imageFrom + i, 1));
    },
    prologue(thread, out) {
      const box = boxOf(group, geometry.images, thread);
      if (box === null) return;
      for (const base of vectorBases) {
        emitRun(out, box.blockTo - box.blockFrom, vectorCost, [
          { access: Access.Load, base: base + box.blockFrom },
        ]);
      }
    },
    epilogue(thread, out) {
      const box = boxOf(group, geometry.images, thread);
      if (box === null || sums === null) return;
      const streams: SegmentStream[] = [];
      for (let quantity = 0; quantity < sums.quantities; quantity++) {
        streams.push({
          access: Access.Store,
          base: partialLine(sums, quantity, box.imageThread, box.blockFrom),
        });
      }
      emitRun(out, box.blockTo - box.blockFrom, storeCost, streams);
    },
  });
}

export interface BnReduction {
  readonly name: string;
  readonly geometry: FeatureGeometry;
  readonly group: BlockGroup;
  readonly sums: PartialSums;
  /** Per-channel tensors that are read beside the sums. */
  readonly reads: readonly string[];
  /** Per-channel tensors that are written, at most 4. */
  readonly writes: readonly string[];
}

/** The first thread of each channel range adds up the sums of all threads that share the range and writes the results. */
export function bnReduction(context: LoweringContext, reduction: BnReduction): KernelPhase {
  const { group, sums, geometry } = reduction;
  const { quantities } = sums;
  const sumCost = stepCost(context.target, {
    loads: quantities,
    stores: 0,
    arithmetic: quantities,
    unroll: 1,
  });
  const readCost = stepCost(context.target, { loads: 1, stores: 0, arithmetic: 1, unroll: 1 });
  const writeCost = stepCost(context.target, {
    loads: 0,
    stores: reduction.writes.length,
    arithmetic: 2,
    unroll: 1,
  });
  const workOf = (thread: number) => {
    const box = boxOf(group, geometry.images, thread);
    return box === null || box.imageThread !== 0 || box.blockTo === box.blockFrom ? null : box;
  };
  return {
    name: reduction.name,
    tileCount: (thread) => (workOf(thread) === null ? 0 : 1),
    emit(thread, _tile, out) {
      const box = workOf(thread);
      if (box === null) return;
      const blocks = box.blockTo - box.blockFrom;
      for (let peer = 0; peer < group.grid.imageThreads; peer++) {
        const streams: SegmentStream[] = [];
        for (let quantity = 0; quantity < quantities; quantity++) {
          streams.push({ access: Access.Load, base: partialLine(sums, quantity, peer, box.blockFrom) });
        }
        emitRun(out, blocks, sumCost, streams);
      }
      for (const name of reduction.reads) {
        emitRun(out, blocks, readCost, [{ access: Access.Load, base: context.baseOf(name) + box.blockFrom }]);
      }
      const results = reduction.writes.map((name) => ({
        access: Access.Store,
        base: context.baseOf(name) + box.blockFrom,
      }));
      emitRun(out, blocks, writeCost, results);
    },
  };
}
