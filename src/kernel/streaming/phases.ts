/**
 * The two shapes of streaming phase that the kernels of this folder are made of.
 *
 * A *segment phase* gives each thread a list of segments: stretches of lines that up to four streams walk in step. A *range phase* gives each
 * thread one contiguous range of a flat index and lets the kernel emit it chunk by chunk. Both cut a thread's work into tiles of a bounded number
 * of steps, and both spread a total of flops over the work so that the tiles' shares sum to exactly that total.
 */
import type { KernelPhase } from '../kernel.js';
import type { Access, OpStream } from '../op-stream.js';
import type { StepCost } from './step-cost.js';

/** Steps of one tile: keeps an emit call within 1e3 to 1e5 line accesses. */
export const TILE_STEPS = 8192;

/** One stream of a segment. */
export interface SegmentStream {
  readonly access: Access;
  readonly base: number;
}

/** `lines` steps over up to four streams, each walking consecutive lines. */
export interface Segment {
  readonly lines: number;
  readonly cost: StepCost;
  readonly streams: readonly SegmentStream[];
}

/**
 * Flops of work items [from, to) when `total` is spread evenly over `work` items: the difference of a rounded running sum, so that
 * consecutive ranges add up to exactly `total`.
 */
export function flopsShare(total: number, work: number, from: number, to: number): number {
  if (work === 0) return 0;
  const each = Math.floor(total / work);
  const rest = total - each * work;
  const upTo = (items: number) => each * items + Math.floor(rest * (items / work));
  return upTo(to) - upTo(from);
}

/** Cuts `total` into whole parts in proportion to `weights`; the parts sum to exactly `total`. */
export function splitFlops(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  let before = 0;
  return weights.map((weight) => {
    const part = flopsShare(total, sum, before, before + weight);
    before += weight;
    return part;
  });
}

/** Emits one run. Runs without steps are left out. */
export function emitRun(
  out: OpStream,
  lines: number,
  cost: StepCost,
  streams: readonly SegmentStream[],
): void {
  if (lines <= 0) return;
  out.run(lines, cost.busyCycles, cost.fmaCycles, cost.instructions, cost.loads);
  for (const stream of streams) out.stream(stream.access, stream.base);
}

export interface SegmentPhaseOptions {
  readonly name: string;
  readonly threads: number;
  /** Segments of a thread, in order; pure. */
  segments(thread: number): readonly Segment[];
  /** Flops of the whole phase. */
  readonly flops: number;
  /** Emitted at the start of each of the thread's tiles: per-channel vectors. */
  prologue?(thread: number, out: OpStream): void;
  /** Emitted at the end of the thread's last tile: partial sums. */
  epilogue?(thread: number, out: OpStream): void;
}

interface ThreadWork {
  readonly segments: readonly Segment[];
  /** Steps before segment i; one more entry than segments. */
  readonly before: readonly number[];
}

/** A phase whose threads walk segments. */
export function segmentPhase(options: SegmentPhaseOptions): KernelPhase {
  // A thread's segments are kept while it walks its tiles and dropped at the last one: over all kernels of a program they would fill the memory.
  const walking = new Map<number, ThreadWork>();
  const steps: number[] = [];
  const workOf = (thread: number): ThreadWork => {
    let work = walking.get(thread);
    if (work === undefined) {
      const segments = options.segments(thread);
      const before = [0];
      let sum = 0;
      for (const segment of segments) {
        sum += segment.lines;
        before.push(sum);
      }
      work = { segments, before };
      walking.set(thread, work);
      steps[thread] = sum;
    }
    return work;
  };
  const stepsOf = (thread: number): number => {
    if (steps[thread] === undefined) {
      workOf(thread);
      walking.delete(thread);
    }
    return steps[thread] as number;
  };
  /** Steps of the threads before each thread; the last entry is the phase's total. */
  let firstSteps: number[] | undefined;
  const firstStep = (thread: number): number => {
    if (firstSteps === undefined) {
      firstSteps = [0];
      for (let t = 0; t < options.threads; t++) firstSteps.push((firstSteps[t] as number) + stepsOf(t));
    }
    return firstSteps[thread] as number;
  };
  return {
    name: options.name,
    tileCount: (thread) => Math.ceil(stepsOf(thread) / TILE_STEPS),
    emit(thread, tile, out) {
      const { segments, before } = workOf(thread);
      const end = stepsOf(thread);
      const from = tile * TILE_STEPS;
      const to = Math.min(end, from + TILE_STEPS);
      options.prologue?.(thread, out);
      for (let i = segmentAt(before, from); i < segments.length && (before[i] as number) < to; i++) {
        const segment = segments[i] as Segment;
        const start = Math.max(0, from - (before[i] as number));
        const stop = Math.min(segment.lines, to - (before[i] as number));
        if (stop <= start) continue;
        const { cost } = segment;
        out.run(stop - start, cost.busyCycles, cost.fmaCycles, cost.instructions, cost.loads);
        for (const stream of segment.streams) out.stream(stream.access, stream.base + start);
      }
      const offset = firstStep(thread);
      out.flops += flopsShare(options.flops, firstStep(options.threads), offset + from, offset + to);
      if (to === end) {
        options.epilogue?.(thread, out);
        walking.delete(thread);
      }
    },
  };
}

/** Index of the segment that holds step `step`: the last one that begins at or before it. */
function segmentAt(before: readonly number[], step: number): number {
  let low = 0;
  let high = before.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((before[middle] as number) <= step) low = middle;
    else high = middle - 1;
  }
  return low;
}

export interface RangePhaseOptions {
  readonly name: string;
  /** Items of all simulated threads together: what `flops` is spread over. */
  readonly work: number;
  /** First and one-past-last item of a thread; the threads' ranges are disjoint and cover [0, work). */
  range(thread: number): readonly [from: number, to: number];
  /** Items of a chunk. */
  readonly chunk: number;
  /** Chunks of a tile. */
  readonly chunksPerTile: number;
  readonly flops: number;
  /** Emits items [from, to), at most one chunk. */
  emitChunk(out: OpStream, from: number, to: number, thread: number): void;
  /** As in `SegmentPhaseOptions`, over the items [from, to) of the tile. */
  prologue?(out: OpStream, from: number, to: number, thread: number): void;
  epilogue?(thread: number, out: OpStream): void;
}

/** A phase whose threads walk a contiguous range of a flat index, chunk by chunk. */
export function rangePhase(options: RangePhaseOptions): KernelPhase {
  const tileItems = options.chunk * options.chunksPerTile;
  return {
    name: options.name,
    tileCount(thread) {
      const [from, to] = options.range(thread);
      return Math.ceil((to - from) / tileItems);
    },
    emit(thread, tile, out) {
      const [first, end] = options.range(thread);
      const from = first + tile * tileItems;
      const to = Math.min(end, from + tileItems);
      options.prologue?.(out, from, to, thread);
      for (let at = from; at < to; at += options.chunk) {
        options.emitChunk(out, at, Math.min(to, at + options.chunk), thread);
      }
      out.flops += flopsShare(options.flops, options.work, from, to);
      if (to === end) options.epilogue?.(thread, out);
    },
  };
}
