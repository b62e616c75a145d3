/**
 * How MKL-DNN's BN driver shares channel blocks and images among threads, and how it groups channel blocks for the caches.
 * Source: MKL-DNN v0.12 to v0.14, cpu_batch_normalization_utils.cpp (`cache_balance`, `thread_balance`).
 */
import type { FeatureGeometry } from '../address-map.js';
import type { SoftwareOptions, Target } from '../kernel.js';
import { LINE_BYTES } from '../op-stream.js';
import { shareStart } from '../partition.js';

/** Threads are arranged as `blockThreads` x `imageThreads`; threads beyond that have nothing to do. */
export interface ThreadGrid {
  readonly blockThreads: number;
  readonly imageThreads: number;
}

/** What one thread works on, and which of the threads that share its channel blocks it is. */
export interface ThreadBox {
  readonly blockFrom: number;
  readonly blockTo: number;
  readonly imageFrom: number;
  readonly imageTo: number;
  readonly imageThread: number;
}

/** Channel blocks [first, first + blocks) that go through all loops before the next group starts. */
export interface BlockGroup {
  readonly first: number;
  readonly blocks: number;
  readonly grid: ThreadGrid;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** The driver's own rule: channels first where there are as many blocks as threads; else channels by a common divisor and images by the rest. */
function driverGrid(threads: number, blocks: number, images: number, blocking: boolean): ThreadGrid {
  if (threads <= blocks) return { blockThreads: threads, imageThreads: 1 };
  if (blocking) {
    const imageThreads = Math.min(images, threads);
    return { blockThreads: Math.min(blocks, Math.floor(threads / imageThreads)), imageThreads };
  }
  const blockThreads = gcd(threads, blocks);
  return { blockThreads, imageThreads: Math.min(images, Math.floor(threads / blockThreads)) };
}

/**
 * The grid of the simulated threads. A whole chip uses the driver's rule. A slice of a chip, where that rule would see other numbers than on the chip,
 * uses the most even grid of its own threads and, among equals, the one shaped most like the chip's: imbalance that the chip
 * has when blocks do not divide by threads is lost in a slice.
 */
export function threadGrid(target: Target, blocks: number, images: number, blocking: boolean): ThreadGrid {
  if (target.threads === target.totalThreads) return driverGrid(target.threads, blocks, images, blocking);
  const chip = driverGrid(target.totalThreads, blocks, target.totalBatch, blocking);
  const shape = (grid: ThreadGrid) => Math.log(grid.blockThreads / grid.imageThreads);
  let best: ThreadGrid = { blockThreads: 1, imageThreads: Math.min(images, target.threads) };
  let bestShare = Number.POSITIVE_INFINITY;
  for (let blockThreads = 1; blockThreads <= Math.min(blocks, target.threads); blockThreads++) {
    const grid = { blockThreads, imageThreads: Math.min(images, Math.floor(target.threads / blockThreads)) };
    const share = Math.ceil(blocks / grid.blockThreads) * Math.ceil(images / grid.imageThreads);
    const isNearer = Math.abs(shape(grid) - shape(chip)) < Math.abs(shape(best) - shape(chip));
    if (share < bestShare || (share === bestShare && isNearer)) {
      best = grid;
      bestShare = share;
    }
  }
  return best;
}

/** Work of a thread within a group, block numbers counted from the tensor's first block; null for an idle thread. */
export function boxOf(group: BlockGroup, images: number, thread: number): ThreadBox | null {
  const { blockThreads, imageThreads } = group.grid;
  if (thread >= blockThreads * imageThreads) return null;
  const imageThread = thread % imageThreads;
  const blockThread = Math.floor(thread / imageThreads);
  return {
    blockFrom: group.first + shareStart(group.blocks, blockThreads, blockThread),
    blockTo: group.first + shareStart(group.blocks, blockThreads, blockThread + 1),
    imageFrom: shareStart(images, imageThreads, imageThread),
    imageTo: shareStart(images, imageThreads, imageThread + 1),
    imageThread,
  };
}

/**
 * The groups of channel blocks. Streaming: one group. Cached: capacity = LLC bytes per thread x threads / 2; tensors of at least half of it go
 * in groups of capacity / (N x H x W x 64 bytes x `sweptTensors`) blocks, at least 1. Sizes are the whole chip's, so that a slice groups as the chip does.
 * @param sweptTensors tensors of the working set: 1 forward (X), 2 backward (X, dY)
 */
export function blockGroups(
  target: Target,
  software: SoftwareOptions,
  geometry: FeatureGeometry,
  sweptTensors: 1 | 2,
): BlockGroup[] {
  const { blocks, images, pixels } = geometry;
  const capacity = (target.llcBytesPerThread * target.totalThreads) / 2;
  const blockBytes = target.totalBatch * pixels * LINE_BYTES;
  const isBlocked = software.bnBlocking === 'cached' && capacity > 0 && blockBytes * blocks >= capacity / 2;
  if (!isBlocked) return [{ first: 0, blocks, grid: threadGrid(target, blocks, images, false) }];
  const perGroup = Math.min(blocks, Math.max(1, Math.floor(capacity / (blockBytes * sweptTensors))));
  const groups: BlockGroup[] = [];
  for (let first = 0; first < blocks; first += perGroup) {
    const count = Math.min(perGroup, blocks - first);
    groups.push({ first, blocks: count, grid: threadGrid(target, count, images, true) });
  }
  return groups;
}
