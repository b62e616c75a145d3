/**
 * Register blocking of the direct convolutions and what a row costs with it.
 *
 * MKL-DNN has two inner loops. With explicit broadcasts, `pixels` elements are broadcast into registers and reused by `vectors` (1 to 4) vectors of
 * output channels; with embedded broadcasts one vector of output channels meets up to 28 pixels whose elements come from memory. On AVX-512 cores
 * it takes the embedded form for filters wider than 3 and for 3-wide ones whose row's working set fits the L1D, the explicit form else
 * (jit_avx512_common_conv_kernel.cpp, init_conf); on Knights Landing always the embedded form, since the explicit one is bound by its two issue slots.
 */
import type { Target } from '../kernel.js';
import type { Cost, InstructionMix, RegisterBlock } from '../micro-kernel.js';
import {
  addCosts,
  CALL_MICRO_OPS,
  costOf,
  hasEmbeddedBroadcast,
  NO_COST,
  reductionCost,
  scaleMix,
  stepCost,
  tileOverhead,
  vectorsPerLine,
} from '../micro-kernel.js';
import { LINE_BYTES } from '../op-stream.js';
import type { Axis } from './axis.js';

/** Output pixels of a register block at most (MKL-DNN: `regs = 28`, four of 32 registers hold weights). */
const MAX_PIXELS = 28;
/** Vectors of output channels of a register block at most. */
const MAX_VECTORS = 4;
/** Registers that hold weights in flight in the embedded form (`ker_pipeline_depth`). */
const WEIGHT_REGISTERS = 4;

/** Pixels of a block of `vectors` lines in the explicit form: one register per pixel for its element, one for the weights, the rest accumulate. */
function explicitPixels(vectors: number, target: Target): number {
  return Math.floor((target.vectorRegisters - 1) / (vectors * vectorsPerLine(target) + 1));
}

function embeddedPixels(target: Target): number {
  return Math.floor((target.vectorRegisters - WEIGHT_REGISTERS) / vectorsPerLine(target));
}

/** The largest divisor of `blocks` that is at most `limit`. */
export function largestDivisor(blocks: number, limit: number): number {
  for (let divisor = Math.min(blocks, limit); divisor > 1; divisor--)
    if (blocks % divisor === 0) return divisor;
  return 1;
}

/** Cycles per line-wide multiply-add of a block in its steady state. */
function cyclesPerMultiplyAdd(block: RegisterBlock, target: Target): number {
  return (
    stepCost(block.pixels, block.vectors, block.explicitBroadcast, target).busyCycles /
    (block.pixels * block.vectors)
  );
}

/** What the choice of a register block looks at. */
export interface BlockedShape {
  /** Width of the tensor that is produced, and of the one that is read. */
  readonly outWidth: number;
  readonly inWidth: number;
  readonly outBlocks: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideWidth: number;
  readonly strideHeight: number;
  readonly stepsPerBlock: number;
}

/** Register block of a direct convolution, forward or backward-data. */
export function chooseDirectBlock(shape: BlockedShape, target: Target): RegisterBlock {
  const vectors = largestDivisor(shape.outBlocks, MAX_VECTORS);
  const explicit: RegisterBlock = {
    pixels: Math.max(1, Math.min(shape.outWidth, MAX_PIXELS, explicitPixels(vectors, target))),
    vectors,
    explicitBroadcast: true,
  };
  if (!hasEmbeddedBroadcast(target)) return explicit;
  const embedded: RegisterBlock = {
    pixels: Math.max(1, Math.min(shape.outWidth, MAX_PIXELS, embeddedPixels(target))),
    vectors: 1,
    explicitBroadcast: false,
  };
  const step = stepCost(explicit.pixels, explicit.vectors, true, target);
  const isFmaBound = step.fmaCycles >= step.busyCycles;
  if (!isFmaBound) {
    return cyclesPerMultiplyAdd(explicit, target) <= cyclesPerMultiplyAdd(embedded, target)
      ? explicit
      : embedded;
  }
  if (cyclesPerMultiplyAdd(embedded, target) > 2 * cyclesPerMultiplyAdd(explicit, target)) return explicit;
  return prefersEmbedded(shape, target) ? embedded : explicit;
}

/** MKL-DNN's condition for the embedded form on AVX-512 cores: wide filters, or a row's input, output and weights (two blocks) within the L1D. */
function prefersEmbedded(shape: BlockedShape, target: Target): boolean {
  if (shape.kernelWidth > 3) return true;
  const rowLines = Math.ceil(shape.inWidth / shape.strideWidth) * shape.kernelHeight + shape.outWidth * 2;
  const weightLines = shape.kernelHeight * shape.kernelWidth * shape.stepsPerBlock * 2;
  return (
    shape.kernelWidth === 3 &&
    shape.strideWidth === 1 &&
    shape.strideHeight === 1 &&
    shape.outWidth <= 28 &&
    (rowLines + weightLines) * LINE_BYTES < target.l1Bytes
  );
}

/** Pixels of the 1x1 kernel's register block (`max_regs` to `min_regs` in jit_avx512_common_1x1_conv_kernel.cpp). */
const POINTWISE_PIXELS = { most: 9, least: 6 };

/** Pixels of a cache block at least on machines without an L2, whose kernels block for registers and scratchpads: the side of a usual GPU matrix tile. */
const MIN_TILE_PIXELS = 128;

/** Pixels that a cache block of the 1x1 kernels has at least; `grain` is what its size is a multiple of. */
export function leastPixels(target: Target, grain: number): number {
  return target.l2Bytes > target.l1Bytes ? grain : Math.max(grain, MIN_TILE_PIXELS);
}

/** Accumulators, in lines, that keep all FMA units busy through their latency. */
export function latencyHidingLines(target: Target): number {
  return Math.ceil((target.fmaUnits * target.fmaLatencyCycles) / vectorsPerLine(target));
}

/**
 * Register block of the 1x1 kernel: 6 to 9 pixels, a divisor of the rows' (or, below 14 pixels, of the plane's) size where there is one, else
 * the one with the largest remainder; as many vectors of output channels as the registers then hold.
 * @param side rows of the plane
 * @param plane pixels of the plane
 */
export function choosePointwiseBlock(
  side: number,
  plane: number,
  outBlocks: number,
  target: Target,
): RegisterBlock {
  // Wider cores than the modelled software's need more pixels to hide the latency.
  const needed = Math.ceil(latencyHidingLines(target) / MAX_VECTORS);
  const most = Math.max(POINTWISE_PIXELS.most, needed + 2);
  const pixels = pointwisePixels(side, plane, most, Math.max(POINTWISE_PIXELS.least, needed));
  const width = vectorsPerLine(target);
  const explicit = fitPointwise(pixels, outBlocks, width, target);
  if (!hasEmbeddedBroadcast(target)) return explicit;
  const step = stepCost(explicit.pixels, explicit.vectors, true, target);
  if (step.fmaCycles >= step.busyCycles) return explicit;
  const embedded: RegisterBlock = {
    pixels: Math.min(plane, pointwisePixels(side, plane, embeddedPixels(target), POINTWISE_PIXELS.most)),
    vectors: 1,
    explicitBroadcast: false,
  };
  return cyclesPerMultiplyAdd(embedded, target) < cyclesPerMultiplyAdd(explicit, target)
    ? embedded
    : explicit;
}

/** Accumulators, one broadcast register and one register per vector of weights must fit; a small register file takes fewer pixels. */
function fitPointwise(pixels: number, outBlocks: number, width: number, target: Target): RegisterBlock {
  const registers = target.vectorRegisters;
  for (let count = pixels; count > 1; count--) {
    const vectors = Math.floor((registers - 1) / ((count + 1) * width));
    if (vectors >= 1) {
      return { pixels: count, vectors: Math.min(vectors, outBlocks, MAX_VECTORS), explicitBroadcast: true };
    }
  }
  return { pixels: 1, vectors: 1, explicitBroadcast: true };
}

function pointwisePixels(side: number, plane: number, most: number, least: number): number {
  // From 14 rows on a divisor of the row is looked for, below it one of the plane (`size_treshold`).
  const divided = side >= 14 ? side : plane;
  for (let pixels = most; pixels >= least; pixels--) if (divided % pixels === 0) return pixels;
  let best = Math.min(most, plane);
  let tail = plane % most;
  for (let pixels = most; pixels >= least; pixels--) {
    const left = plane % pixels;
    if (left === 0) return Math.min(pixels, plane);
    if (left > tail) {
      best = pixels;
      tail = left;
    }
  }
  return Math.min(best, plane);
}

/**
 * Cost of one output row of `block.vectors` output-channel blocks over one input block.
 * @param columns the horizontal axis: taps that fall into the padding are skipped, as the generated code does
 * @param tapRows filter rows that hit the input
 * @param steps channels of the input block
 * @param epilogue instructions per output line beside the store
 */
export function rowCost(
  block: RegisterBlock,
  columns: Axis,
  tapRows: number,
  steps: number,
  accumulates: boolean,
  epilogue: InstructionMix,
  target: Target,
): Cost {
  let cost: Cost = costOf({ arithmetic: 0, loads: 0, stores: 0, microOps: CALL_MICRO_OPS }, target);
  for (let from = 0; from < columns.outSize; from += block.pixels) {
    const to = Math.min(from + block.pixels, columns.outSize);
    let step = NO_COST;
    for (let tap = 0; tap < columns.taps; tap++) {
      let hits = 0;
      for (let out = from; out < to; out++) if (columns.hit(out, tap) >= 0) hits++;
      step = addCosts(step, stepCost(hits, block.vectors, block.explicitBroadcast, target));
    }
    const pixels = to - from;
    cost = addCosts(
      cost,
      reductionCost(step, steps * tapRows, tapRows, target),
      tileOverhead(pixels, block.vectors, accumulates, scaleMix(epilogue, pixels * block.vectors), target),
    );
  }
  return cost;
}
