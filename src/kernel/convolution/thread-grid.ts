/**
 * How backward-weights is cut over threads: a grid over mini-batch, groups, output blocks and input blocks.
 *
 * MKL-DNN's `balance` (jit_avx512_common_conv_kernel.cpp; jit_avx512_common_1x1_conv_kernel.cpp) first looks for the grid with the least memory cost
 * per thread, input + output gradient + 8 times (1x1: 12 times) the weights, then for one with less computation per thread at no more than 1.1
 * times that cost, or at any cost where it saves a quarter.
 */
import { shareSize, shareStart } from '../partition.js';

export interface ThreadGrid {
  readonly batch: number;
  readonly groups: number;
  readonly outBlocks: number;
  readonly inBlocks: number;
}

/** The work that is cut. */
export interface GridShape {
  /** Units along the mini-batch: images, or blocks of pixels of all images. */
  readonly units: number;
  readonly images: number;
  readonly groups: number;
  readonly outBlocks: number;
  readonly inBlocks: number;
  /** Elements of a 16-channel block of the input and of the output gradient in one unit. */
  readonly inElements: number;
  readonly outElements: number;
  /** Elements of one block of weights. */
  readonly weightElements: number;
  /** What the cost counts a weight as. */
  readonly weightFactor: number;
}

const divideUp = (a: number, b: number): number => Math.ceil(a / b);

/** The grid that MKL-DNN takes for `threads` threads; its product is at most `threads`. */
export function balanceGrid(shape: GridShape, threads: number): ThreadGrid {
  if (threads < shape.groups) return { batch: 1, groups: 1, outBlocks: 1, inBlocks: 1 };
  const perGroup = Math.floor(threads / shape.groups);
  const memory = (batch: number, out: number, input: number): number =>
    divideUp(shape.units, batch) *
      (divideUp(shape.inBlocks, input) * shape.inElements +
        divideUp(shape.outBlocks, out) * shape.outElements) +
    shape.weightFactor *
      divideUp(shape.outBlocks, out) *
      divideUp(shape.inBlocks, input) *
      shape.weightElements;
  const compute = (batch: number, out: number, input: number): number =>
    divideUp(shape.units, batch) * divideUp(shape.outBlocks, out) * divideUp(shape.inBlocks, input);
  const candidates: [number, number, number][] = [];
  for (let batch = 1; batch <= Math.min(perGroup, shape.units); batch++) {
    const rest = Math.floor(perGroup / batch);
    for (let out = 1; out <= Math.min(rest, shape.outBlocks); out++) {
      candidates.push([batch, out, Math.min(Math.floor(rest / out), shape.inBlocks)]);
    }
  }
  let best: [number, number, number] = [1, 1, 1];
  let bestMemory = memory(1, 1, 1);
  for (const candidate of candidates) {
    const cost = memory(...candidate);
    if (cost <= bestMemory) {
      best = candidate;
      bestMemory = cost;
    }
  }
  let bestCompute = compute(...best);
  for (const candidate of candidates) {
    const cost = compute(...candidate);
    const isCheap = cost <= bestCompute && memory(...candidate) < 1.1 * bestMemory;
    if (isCheap || 4 * cost <= 3 * bestCompute) {
      best = candidate;
      bestCompute = cost;
    }
  }
  let [batch, outBlocks, inBlocks] = best;
  if (batch > threads / 2 && batch < threads) {
    batch = Math.min(shape.images, threads);
    outBlocks = 1;
    inBlocks = 1;
    if (batch * shape.groups > threads) batch = best[0];
  }
  return { batch, groups: shape.groups, outBlocks, inBlocks };
}

/** A thread's place in the grid and its ranges [from, to); null for a thread that the grid leaves idle. */
export interface GridPlace {
  /** Which copy of the weight gradient it adds to. */
  readonly copy: number;
  readonly units: readonly [from: number, to: number];
  readonly groups: readonly [from: number, to: number];
  readonly outBlocks: readonly [from: number, to: number];
  readonly inBlocks: readonly [from: number, to: number];
}

export function placeOf(grid: ThreadGrid, shape: GridShape, thread: number): GridPlace | null {
  const inIndex = thread % grid.inBlocks;
  const outIndex = Math.floor(thread / grid.inBlocks) % grid.outBlocks;
  const groupIndex = Math.floor(thread / (grid.inBlocks * grid.outBlocks)) % grid.groups;
  const copy = Math.floor(thread / (grid.inBlocks * grid.outBlocks * grid.groups));
  if (copy >= grid.batch) return null;
  const range = (work: number, parts: number, index: number): [number, number] => {
    const from = shareStart(work, parts, index);
    return [from, from + shareSize(work, parts, index)];
  };
  return {
    copy,
    units: range(shape.units, grid.batch, copy),
    groups: range(shape.groups, grid.groups, groupIndex),
    outBlocks: range(shape.outBlocks, grid.outBlocks, outIndex),
    inBlocks: range(shape.inBlocks, grid.inBlocks, inIndex),
  };
}
