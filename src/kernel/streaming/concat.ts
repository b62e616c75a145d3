/**
 * Concat: copies into and out of the joined feature map, by ordinary stores.
 *
 * Forward is MKL-DNN's `simple_concat`: work items are (image, input) pairs, images outermost, each one contiguous copy of whole channel blocks; inputs whose
 * channels do not fill blocks are merged block by block instead. Backward is a reorder per input: a loop of its own, with its own barrier, that
 * copies the slice out. Source: MKL-DNN v0.12, simple_concat.cpp and simple_reorder.hpp; Intel Caffe 1.1, mkldnn_concat_layer.cpp.
 *
 * ICF: sums of the copied channels ride on the forward copy (each thread's partial sums are reduced after it), and the backward copy may take dX through a
 * batch normalisation, computing it from dY and X.
 */

import { flops as operationFlops } from '../../training/flops.js';
import type { ConcatBackward, ConcatForward } from '../../training/step.js';
import { BLOCK_CHANNELS, type FeatureGeometry, geometryOf } from '../address-map.js';
import { batchNormOf, type LoweringContext, rangeOf, tensorOf } from '../context.js';
import type { Kernel, KernelPhase } from '../kernel.js';
import { Access, MAX_STREAMS } from '../op-stream.js';
import { shareStart } from '../partition.js';
import { runningStatistics } from './bn-forward.js';
import { emitRun, type Segment, type SegmentStream, segmentPhase, splitFlops } from './phases.js';
import { shapeOf } from './shapes.js';
import { COMPILED_UNROLL, type StepCost, stepCost } from './step-cost.js';
import { sourceStores, sourceTensors, sourceVectors, THROUGH_BATCH_NORM_ARITHMETIC } from './sum.js';

/** One input (forward) or output (backward) of the Concat and where it lies in the joined map. */
interface Slice {
  readonly tensor: string;
  readonly base: number;
  readonly geometry: FeatureGeometry;
  /** Channels of the joined map before it. */
  readonly firstChannel: number;
}

/** Throws a RangeError where the slices do not add up to the joined map. */
function slicesOf(context: LoweringContext, tensors: readonly string[], joined: FeatureGeometry): Slice[] {
  let firstChannel = 0;
  const slices = tensors.map((tensor) => {
    const geometry = geometryOf(tensorOf(context, tensor));
    const slice = { tensor, base: context.baseOf(tensor), geometry, firstChannel };
    firstChannel += geometry.channels;
    return slice;
  });
  if (firstChannel !== joined.channels) {
    throw new RangeError(
      `the slices of a Concat have ${firstChannel} channels in all, the joined map ${joined.channels}`,
    );
  }
  return slices;
}

/** Whether every slice begins on a whole block of the joined map, so that copies are contiguous. */
function isAligned(slices: readonly Slice[]): boolean {
  return slices.every((slice) => slice.firstChannel % BLOCK_CHANNELS === 0);
}

/** Blocks of `slice` that hold channels of block `block` of the joined map. */
function sliceBlocks(slice: Slice, block: number): number[] {
  const from = Math.max(0, block * BLOCK_CHANNELS - slice.firstChannel);
  const to = Math.min(slice.geometry.channels, (block + 1) * BLOCK_CHANNELS - slice.firstChannel);
  const found: number[] = [];
  for (let b = Math.floor(from / BLOCK_CHANNELS); b * BLOCK_CHANNELS < to; b++) found.push(b);
  return to > from ? found : [];
}

/** Segments that load from many places and store: loads beyond four streams go in runs of their own before the one that stores. */
function gatherSegments(
  lines: number,
  loads: readonly number[],
  stores: readonly number[],
  loadCost: StepCost,
  cost: StepCost,
): Segment[] {
  const segments: Segment[] = [];
  let next = 0;
  while (loads.length - next > MAX_STREAMS - stores.length) {
    const some = loads.slice(next, next + MAX_STREAMS);
    segments.push({ lines, cost: loadCost, streams: some.map((base) => ({ access: Access.Load, base })) });
    next += some.length;
  }
  const streams: SegmentStream[] = [
    ...loads.slice(next).map((base) => ({ access: Access.Load, base })),
    ...stores.map((base) => ({ access: Access.Store, base })),
  ];
  return [...segments, { lines, cost, streams }];
}

/** Channel blocks [from, to) of the joined map whose sums ride on the copy. */
interface CountedBlocks {
  readonly from: number;
  readonly to: number;
}

function countedBlocks(operation: ConcatForward): CountedBlocks {
  const ends = operation.statistics.map(({ channelOffset, channels }) => ({
    from: Math.floor(channelOffset / BLOCK_CHANNELS),
    to: Math.ceil((channelOffset + channels) / BLOCK_CHANNELS),
  }));
  if (ends.length === 0) return { from: 0, to: 0 };
  return { from: Math.min(...ends.map((end) => end.from)), to: Math.max(...ends.map((end) => end.to)) };
}

/** Lowers Concat forward. */
export function lowerConcatForward(operation: ConcatForward, context: LoweringContext): Kernel {
  const { target } = context;
  const joined = geometryOf(tensorOf(context, operation.output));
  const output = context.baseOf(operation.output);
  const slices = slicesOf(context, operation.inputs, joined);
  const plane = joined.planeLines;
  const counted = countedBlocks(operation);
  const isCounted = (block: number) => block >= counted.from && block < counted.to;
  const loadCost = stepCost(target, {
    loads: MAX_STREAMS,
    stores: 0,
    arithmetic: 0,
    unroll: COMPILED_UNROLL,
  });
  // The sums take an add and a fused multiply-add per vector; 4 accumulators each hide their latency as in the BN loops.
  const copyCost = (loads: number, withSums: boolean) =>
    stepCost(target, {
      loads,
      stores: 1,
      arithmetic: loads - 1 + (withSums ? 2 : 0),
      unroll: COMPILED_UNROLL,
      ...(withSums ? { accumulators: 4 } : {}),
    });

  /** Copies of blocks [from, to) of one image that all have the same sources. */
  const copies = (image: number, from: number, to: number, sources: readonly number[]): Segment[] => {
    const cuts = [
      ...new Set([
        from,
        Math.min(to, Math.max(from, counted.from)),
        Math.min(to, Math.max(from, counted.to)),
        to,
      ]),
    ].sort((a, b) => a - b);
    return cuts.slice(0, -1).flatMap((start, i) => {
      const end = cuts[i + 1] as number;
      const moved = sources.map((base) => base + (start - from) * plane);
      const store = output + image * joined.imageLines + start * plane;
      return gatherSegments(
        (end - start) * plane,
        moved,
        [store],
        loadCost,
        copyCost(sources.length, isCounted(start)),
      );
    });
  };
  const aligned = isAligned(slices);
  const itemsPerImage = aligned ? slices.length : joined.blocks;
  const items = joined.images * itemsPerImage;
  const copyItem = (item: number): Segment[] => {
    const image = Math.floor(item / itemsPerImage);
    const index = item % itemsPerImage;
    if (aligned) {
      const slice = slices[index] as Slice;
      const first = slice.firstChannel / BLOCK_CHANNELS;
      return copies(image, first, first + slice.geometry.blocks, [
        slice.base + image * slice.geometry.imageLines,
      ]);
    }
    const sources = slices.flatMap((slice) =>
      sliceBlocks(slice, index).map(
        (block) => slice.base + image * slice.geometry.imageLines + block * plane,
      ),
    );
    return copies(image, index, index + 1, sources);
  };
  const itemsOf = (thread: number) => ({
    from: shareStart(items, target.threads, thread),
    to: shareStart(items, target.threads, thread + 1),
  });

  const flops = operationFlops(operation, context.step);
  const countedLines = counted.to - counted.from;
  const partials =
    countedLines === 0
      ? 0
      : context.scratch(`${operation.name}/partial-sums`, 2 * target.threads * countedLines);
  const partialBase = (quantity: number, thread: number) =>
    partials + (quantity * target.threads + thread) * countedLines;
  const storeCost = stepCost(target, { loads: 0, stores: 2, arithmetic: 0, unroll: COMPILED_UNROLL });
  const copy = segmentPhase({
    name: 'copy',
    threads: target.threads,
    flops,
    segments(thread) {
      const { from, to } = itemsOf(thread);
      return Array.from({ length: to - from }, (_, i) => copyItem(from + i)).flat();
    },
    epilogue(thread, out) {
      emitRun(out, countedLines, storeCost, [
        { access: Access.Store, base: partialBase(0, thread) },
        { access: Access.Store, base: partialBase(1, thread) },
      ]);
    },
  });
  // Idle threads leave no sums: balance211 gives the first threads the work.
  const contributors = Math.min(target.threads, items);
  const batchNorms = [...new Set(operation.statistics.map((epilogue) => epilogue.batchNorm))].map((name) =>
    batchNormOf(context, name),
  );
  const running = batchNorms.flatMap((batchNorm) => runningStatistics(context, batchNorm));
  const reduce: KernelPhase = {
    name: 'reduce-statistics',
    tileCount: (thread) =>
      shareStart(countedLines, target.threads, thread + 1) > shareStart(countedLines, target.threads, thread)
        ? 1
        : 0,
    emit(thread, _tile, out) {
      const from = shareStart(countedLines, target.threads, thread);
      const to = shareStart(countedLines, target.threads, thread + 1);
      const sumCost = stepCost(target, { loads: 2, stores: 0, arithmetic: 2, unroll: COMPILED_UNROLL });
      for (let line = from; line < to; line++) {
        out.run(contributors, sumCost.busyCycles, sumCost.fmaCycles, sumCost.instructions, sumCost.loads);
        out.stream(Access.Load, partialBase(0, 0) + line, countedLines);
        out.stream(Access.Load, partialBase(1, 0) + line, countedLines);
      }
      const touch = (access: Access, name: string, cost: StepCost) => {
        emitRun(out, to - from, cost, [{ access, base: context.baseOf(name) + counted.from + from }]);
      };
      const readCost = stepCost(target, { loads: 1, stores: 0, arithmetic: 1, unroll: COMPILED_UNROLL });
      const writeCost = stepCost(target, { loads: 0, stores: 1, arithmetic: 1, unroll: COMPILED_UNROLL });
      for (const name of running) touch(Access.Load, name, readCost);
      for (const name of [
        ...batchNorms.flatMap((batchNorm) => [batchNorm.mean, batchNorm.variance]),
        ...running,
      ]) {
        touch(Access.Store, name, writeCost);
      }
    },
  };
  const countedRange = (name: string) => ({
    tensor: name,
    base: context.baseOf(name) + counted.from,
    lines: countedLines,
  });
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: `${operation.inputs.map((name) => shapeOf(context, name)).join(' + ')} -> ${shapeOf(context, operation.output)}`,
    flops,
    parameters: 'whole',
    reads: [...operation.inputs.map((name) => rangeOf(context, name)), ...running.map(countedRange)],
    writes: [
      rangeOf(context, operation.output),
      ...batchNorms.flatMap((batchNorm) => [batchNorm.mean, batchNorm.variance]).map(countedRange),
      ...running.map(countedRange),
    ],
    phases: countedLines === 0 ? [copy] : [copy, reduce],
  };
}

/** Lowers Concat backward: one copy loop per slice. */
export function lowerConcatBackward(operation: ConcatBackward, context: LoweringContext): Kernel {
  const { target } = context;
  const { gradient } = operation;
  const sources = sourceTensors(gradient);
  const joined = geometryOf(tensorOf(context, sources[0] as string));
  const slices = slicesOf(context, operation.outputs, joined);
  const plane = joined.planeLines;
  const sourceBases = sources.map((name) => context.baseOf(name));
  const materialised = sourceStores(gradient).map((name) => context.baseOf(name));
  const vectors = sourceVectors(context, gradient);
  const through = gradient.kind === 'stored' ? 0 : THROUGH_BATCH_NORM_ARITHMETIC;
  const flops = operationFlops(operation, context.step);
  const shares = splitFlops(
    flops,
    slices.map((slice) => slice.geometry.channels),
  );
  const loadCost = stepCost(target, {
    loads: MAX_STREAMS,
    stores: 0,
    arithmetic: 0,
    unroll: COMPILED_UNROLL,
  });
  const vectorCost = stepCost(target, { loads: 1, stores: 0, arithmetic: 0, unroll: COMPILED_UNROLL });

  const copyOut = (slice: Slice, index: number): KernelPhase => {
    const { geometry } = slice;
    const offsetBlock = Math.floor(slice.firstChannel / BLOCK_CHANNELS);
    const aligned = slice.firstChannel % BLOCK_CHANNELS === 0;
    const planes = geometry.images * geometry.blocks;
    /** Blocks of the joined map that hold channels of block `block` of the slice. */
    const joinedBlocks = (block: number): number[] => {
      const from = slice.firstChannel + block * BLOCK_CHANNELS;
      const to = Math.min(from + BLOCK_CHANNELS, slice.firstChannel + geometry.channels);
      const first = Math.floor(from / BLOCK_CHANNELS);
      return Math.floor((to - 1) / BLOCK_CHANNELS) === first ? [first] : [first, first + 1];
    };
    /** A block of the joined map is materialised with the block of the slice that holds its first channel. */
    const owns = (joinedBlock: number, block: number): boolean => {
      const channel = joinedBlock * BLOCK_CHANNELS - slice.firstChannel;
      return Math.floor(channel / BLOCK_CHANNELS) === block && channel < geometry.channels;
    };
    const segment = (image: number, from: number, to: number): Segment[] => {
      const inJoined = (block: number) => image * joined.imageLines + block * plane;
      const blocks = aligned ? [offsetBlock + from] : joinedBlocks(from);
      const loads = sourceBases.flatMap((base) => blocks.map((block) => base + inJoined(block)));
      const owned = blocks.filter((block) => owns(block, from));
      const stores = materialised.flatMap((base) => owned.map((block) => base + inJoined(block)));
      const own = slice.base + image * geometry.imageLines + from * plane;
      const cost = stepCost(target, {
        loads: loads.length,
        stores: stores.length + 1,
        arithmetic: through * blocks.length + blocks.length - 1,
        unroll: COMPILED_UNROLL,
      });
      return gatherSegments((to - from) * plane, loads, [...stores, own], loadCost, cost);
    };
    return segmentPhase({
      name: `copy to ${slice.tensor}`,
      threads: target.threads,
      flops: shares[index] as number,
      segments(thread) {
        const end = shareStart(planes, target.threads, thread + 1);
        const segments: Segment[] = [];
        for (let at = shareStart(planes, target.threads, thread); at < end; ) {
          const image = Math.floor(at / geometry.blocks);
          const block = at % geometry.blocks;
          const count = aligned ? Math.min(end - at, geometry.blocks - block) : 1;
          segments.push(...segment(image, block, block + count));
          at += count;
        }
        return segments;
      },
      prologue(_thread, out) {
        const last = Math.floor((slice.firstChannel + geometry.channels - 1) / BLOCK_CHANNELS);
        for (const name of vectors) {
          emitRun(out, last - offsetBlock + 1, vectorCost, [
            { access: Access.Load, base: context.baseOf(name) + offsetBlock },
          ]);
        }
      },
    });
  };
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: `${shapeOf(context, sources[0] as string)} -> ${operation.outputs.map((name) => shapeOf(context, name)).join(' + ')}`,
    flops,
    parameters: 'whole',
    reads: [...sources, ...vectors].map((name) => rangeOf(context, name)),
    writes: [...sourceStores(gradient), ...operation.outputs].map((name) => rangeOf(context, name)),
    phases: slices.map(copyOut),
  };
}
