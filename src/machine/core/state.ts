import type { OpStream } from '../../kernel/op-stream.js';
import { CATEGORY_COUNT } from '../../statistics/time-loss.js';
import type { TagArray } from '../cache/tag-array.js';
import type { ClockRegisters } from '../clock.js';
import type { SharedLevel } from '../coherence/state.js';
import type { EventOrder } from '../event-order.js';
import type { MemoryPort } from '../memory-port.js';
import type { PrefetchState } from '../prefetch/state.js';
import type { CoreSpec } from '../spec.js';
import { createFreeList, type FreeList } from './free-list.js';
import { CORE, CORE_COUNTERS, REGISTER } from './layout.js';

export interface EngineShape {
  readonly cores: number;
  readonly coresPerCluster: number;
  readonly core: CoreSpec;
  readonly l1LatencyCycles: number;
  readonly fillBuffers: number;
  /** Null where the shared level follows the L1D. */
  readonly l2: {
    readonly latencyCycles: number;
    readonly cyclesPerLine: number;
    readonly mshrs: number;
  } | null;
}

export interface EngineParts {
  readonly l1: TagArray;
  readonly l2: TagArray | null;
  readonly shared: SharedLevel;
  readonly memory: MemoryPort;
  readonly prefetcher: PrefetchState;
  readonly order: EventOrder;
  readonly clock: ClockRegisters;
  /** By core. */
  readonly streams: readonly OpStream[];
}

/** Appends a core's next tile to `out`. @returns false when there is none */
export type Refill = (core: number, out: OpStream) => boolean;

/** All state of a chip's cores, with their neighbours and what of the spec their hot functions need. See `layout.ts` for the words. */
export interface EngineState {
  readonly ints: Int32Array;
  readonly times: Float64Array;
  /** Picoseconds per core and category. */
  readonly accounts: Float64Array;
  /** Per core; see `CoreCounter`. */
  readonly counters: Float64Array;
  /** Per cluster: when the L2's port takes its next line. */
  readonly l2PortFreePs: Float64Array;
  /** MSHR that last fetched a line of this hash, 256 per cluster, to find it without a search. */
  readonly mshrHints: Int32Array;
  readonly freeFills: FreeList;
  readonly freeMshrs: FreeList;

  readonly cores: number;
  readonly coresPerCluster: number;
  readonly clusters: number;
  /** MSHRs of a cluster, fill buffers of a core. */
  readonly mshrs: number;
  readonly fills: number;
  /** First words of the sections; cores start at word 0. A register from `fillsAt` on is not an MSHR. */
  readonly mshrsAt: number;
  readonly fillsAt: number;
  readonly loadsAt: number;
  readonly storesAt: number;
  /** log2 of the loads (stores) of a core's ring, and masks for running numbers. */
  readonly loadShift: number;
  readonly loadMask: number;
  readonly storeShift: number;
  readonly storeMask: number;

  readonly periodPs: number;
  readonly window: number;
  readonly loadQueue: number;
  readonly storeQueue: number;
  readonly l1LatencyPs: number;
  /** Load-to-use latency of the last private level: a hit in the L2 takes it, and what misses that level has been looked up there first. */
  readonly l2LatencyPs: number;
  readonly l2PortPs: number;
  readonly hasL2: boolean;

  readonly l1: TagArray;
  /** The last private level, where prefetches go: the L2, or the L1D where there is none. */
  readonly l2: TagArray;
  /** By position in the last private level: where the directory notes that its cluster holds the line (see `HELD` of `ANSWER`). */
  readonly held: Int32Array;
  /** By position in an L2: where the L1D above it last held the line, -1 for nowhere; not kept where several cores share it. */
  readonly aboveAt: Int32Array;
  /** By position in an L1D: where the L2 holds the line. */
  readonly belowAt: Int32Array;
  /** By position in an L1D: the fill buffer that was last asked to bring the line there. */
  readonly fillAt: Int32Array;
  readonly shared: SharedLevel;
  readonly memory: MemoryPort;
  readonly prefetcher: PrefetchState;
  readonly order: EventOrder;
  readonly clock: ClockRegisters;
  readonly streams: readonly OpStream[];
  refill: Refill;
}

const NOTHING_TO_DO: Refill = () => false;

export function createEngineState(shape: EngineShape, parts: EngineParts): EngineState {
  const { cores, coresPerCluster, core: spec, l2 } = shape;
  const clusters = cores / coresPerCluster;
  const periodPs = 1e12 / spec.frequencyHz;
  const mshrs = l2 === null ? shape.fillBuffers : l2.mshrs;
  const fills = shape.fillBuffers;
  // A line is stored by 512 / vectorBits instructions, each an entry of the store queue.
  const storeQueue = Math.max(1, Math.floor(spec.storeQueueEntries / Math.max(1, 512 / spec.vectorBits)));
  // Room for steps that count fewer load-queue entries than they touch lines (a software prefetch retires at once).
  const loadShift = ringShift(4 * spec.loadQueueEntries);
  const storeShift = ringShift(storeQueue);
  const mshrsAt = cores * CORE.STRIDE;
  const fillsAt = mshrsAt + clusters * mshrs * REGISTER.STRIDE;
  const loadsAt = fillsAt + cores * fills * REGISTER.STRIDE;
  const storesAt = loadsAt + (cores << loadShift) * REGISTER.STRIDE;
  const words = storesAt + (cores << storeShift) * REGISTER.STRIDE;
  const ints = new Int32Array(words);
  const times = new Float64Array(words);
  for (let core = 0; core < cores; core++) {
    times[core * CORE.STRIDE + CORE.INSTRUCTION_LIMIT] = Infinity;
    times[core * CORE.STRIDE + CORE.LOAD_LIMIT] = Infinity;
    ints[core * CORE.STRIDE + CORE.CLUSTER] = Math.floor(core / coresPerCluster);
  }
  for (let at = mshrsAt; at < words; at += REGISTER.STRIDE)
    ints.fill(-1, at + REGISTER.NEXT, at + REGISTER.STRIDE);
  for (let index = 0; index < clusters * mshrs; index++)
    ints[mshrsAt + index * REGISTER.STRIDE + REGISTER.OWNER] = Math.floor(index / mshrs);
  for (let index = 0; index < cores * fills; index++)
    ints[fillsAt + index * REGISTER.STRIDE + REGISTER.OWNER] = Math.floor(index / fills);
  return {
    ints,
    times,
    accounts: new Float64Array(cores * CATEGORY_COUNT),
    counters: new Float64Array(cores * CORE_COUNTERS),
    l2PortFreePs: new Float64Array(clusters),
    mshrHints: new Int32Array(clusters * 256).fill(mshrsAt),
    freeFills: createFreeList(cores, fills, times, fillsAt, REGISTER.STRIDE),
    freeMshrs: createFreeList(clusters, mshrs, times, mshrsAt, REGISTER.STRIDE),
    cores,
    coresPerCluster,
    clusters,
    mshrs,
    fills,
    mshrsAt,
    fillsAt,
    loadsAt,
    storesAt,
    loadShift,
    loadMask: (1 << loadShift) - 1,
    storeShift,
    storeMask: (1 << storeShift) - 1,
    periodPs,
    window: spec.windowEntries,
    loadQueue: spec.loadQueueEntries,
    storeQueue,
    l1LatencyPs: Math.round(shape.l1LatencyCycles * periodPs),
    l2LatencyPs: Math.round((l2?.latencyCycles ?? shape.l1LatencyCycles) * periodPs),
    l2PortPs: l2 === null ? 0 : Math.round(l2.cyclesPerLine * periodPs),
    hasL2: parts.l2 !== null,
    l1: parts.l1,
    l2: parts.l2 ?? parts.l1,
    held: new Int32Array((parts.l2 ?? parts.l1).words.length),
    aboveAt: new Int32Array(parts.l2 === null ? 0 : parts.l2.words.length).fill(-1),
    belowAt: new Int32Array(parts.l2 === null ? 0 : parts.l1.words.length),
    fillAt: new Int32Array(parts.l1.words.length).fill(fillsAt),
    shared: parts.shared,
    memory: parts.memory,
    prefetcher: parts.prefetcher,
    order: parts.order,
    clock: parts.clock,
    streams: parts.streams,
    refill: NOTHING_TO_DO,
  };
}

function ringShift(entries: number): number {
  let shift = 2;
  while (1 << shift < entries + 2) shift++;
  return shift;
}
