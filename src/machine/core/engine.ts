/**
 * The cores: they consume op streams and advance in time.
 *
 * A core dispatches a run's steps at the pace that its issue width, ports and FMA units set (the kernel has costed that), and is held up
 * where one of its queues is full:
 * - the window (reorder buffer) and the load queue: an instruction cannot be dispatched while a load that is `window` instructions, or
 *   `loadQueue` loads, older has no data;
 * - the store queue, in the same way, for stores whose line is not yet owned;
 * - the fill buffers (L1D MSHRs) and the MSHRs of the last private level: a miss needs a free one.
 *
 * Private hits take no ordering. At an access that leaves the private caches, or may send a prefetch out, the core yields unless no other core or
 * memory channel has anything to do earlier, so that all shared state is touched in time order. A core that waits for an answer of unknown time sleeps;
 * `answer` wakes it.
 */
import {
  Access,
  CYCLE_SCALE,
  type OpStream,
  RUN_HEADER_WORDS,
  STREAM_WORDS,
} from '../../kernel/op-stream.js';
import { CATEGORY_COUNT, Category } from '../../statistics/time-loss.js';
import { Flag, type TagArray } from '../cache/tag-array.js';
import { Clock, type ClockRegisters } from '../clock.js';
import { type SharedLevel, Source } from '../coherence/shared-level.js';
import type { EventOrder } from '../event-order.js';
import type { Streamer } from '../prefetch/streamer.js';
import type { CoreSpec } from '../spec.js';
import { createFreeList } from './free-list.js';

/** What the engine needs of main memory: the way there is the chip's business. Both act at Clock.Now. */
export interface MemoryPort {
  /**
   * Asks for a line; Clock.Known says when the miss became known at the slice.
   * @returns true when the arrival is known at once (Clock.Ready), false when `answer` will tell
   */
  read(core: number, line: number, tag: number): boolean;
  /** Sends a whole line to memory; `answer` tells when the controller has taken it. */
  write(core: number, line: number, tag: number): void;
}

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
  readonly streamer: Streamer | null;
  readonly order: EventOrder;
  readonly clock: ClockRegisters;
}

/** Counters of one core (or, for the L2's, of its cluster's share by this core). */
export const CoreCounter = {
  Instructions: 0,
  Accesses: 1,
  L1Misses: 2,
  L2Misses: 3,
  Prefetches: 4,
  UsefulPrefetches: 5,
  LatePrefetches: 6,
  Upgrades: 7,
  NonTemporalStores: 8,
  /** Picoseconds by what was full; they add up to the time that waits for lines. A load that others depend on, or that a phase ends with, is booked as the window. */
  WindowFullPs: 9,
  StoreQueueFullPs: 10,
  FillBuffersFullPs: 11,
  MshrsFullPs: 12,
  /** L1D misses of stores, which are among `L1Misses`. */
  L1WriteMisses: 13,
  /** Modified lines that the L1D wrote down to make room. */
  L1Writebacks: 14,
} as const;
export const CORE_COUNTERS = 15;

export interface Engine {
  /** Gives every core its stream source for a phase: `refill(core)` appends the next tile to `stream(core)` and returns false when there is none. */
  begin(timePs: number, refill: (core: number, out: OpStream) => boolean): void;
  /** Lets the core act up to its next ordered access or wait, Clock.Horizon being the time of the next event elsewhere; sets its next time in the event order. @returns true when it has finished the phase. */
  advance(core: number): boolean;
  /** A read or an NT store with this tag is answered by memory: at `answerPs[0]`, of which an idle memory would have taken `unloadedPs[0]`. */
  answer(tag: number, answerPs: Float64Array, unloadedPs: Float64Array): void;
  /** Books the wait at a barrier that opens at `openPs`. */
  release(openPs: number): void;
  /** Latest arrival at the barrier. */
  lastArrivalPs(): number;
  /** What is added to the answer to a tag: the way back and all else beside the memory's own time. Set by the memory port. */
  readonly returnPs: Float64Array;
  /** Drops or downgrades private copies on behalf of the shared level. */
  invalidate(cluster: number, line: number): number;
  downgrade(cluster: number, line: number): number;
  /** Sends every dirty private line down. */
  flush(): void;
  /** What a sleeping core waits for, for the report of a deadlock. */
  describeWait(core: number): string;
  /** Picoseconds per core and category. */
  readonly accounts: Float64Array;
  readonly counters: Float64Array;
  readonly timePs: Float64Array;
}

const UNKNOWN = Infinity;

/** Outcome of an attempt: done, the core must sleep until an answer comes, or it must let others act first. */
const Outcome = { Done: 0, Sleep: 1, Yield: 2 } as const;
/** What a sleeping core waits for. */
const Wait = { Anything: 0, Load: 1, Store: 2 } as const;

export function createEngine(shape: EngineShape, parts: EngineParts, streams: readonly OpStream[]): Engine {
  const { cores, coresPerCluster, core: spec } = shape;
  const { l1, l2, shared, memory, order, clock } = parts;
  const periodPs = 1e12 / spec.frequencyHz;
  const window = spec.windowEntries;
  const loadQueue = spec.loadQueueEntries;
  // A line is stored by 512 / vectorBits instructions, each an entry of the store queue.
  const storeQueue = Math.max(1, Math.floor(spec.storeQueueEntries / Math.max(1, 512 / spec.vectorBits)));
  const l1LatencyPs = Math.round(shape.l1LatencyCycles * periodPs);
  const l2LatencyPs = shape.l2 === null ? 0 : Math.round(shape.l2.latencyCycles * periodPs);
  const l2PortPs = shape.l2 === null ? 0 : Math.round(shape.l2.cyclesPerLine * periodPs);
  const hasL2 = l2 !== null;
  /** The last private level: where prefetches go. */
  const l2Tags = l2 ?? l1;
  const hasStreamer = parts.streamer !== null;
  const streamer = parts.streamer as Streamer;
  const l1Entries = l1.entries;
  const l2Entries = l2Tags.entries;
  const sharesCluster = coresPerCluster > 1;
  const clusterOf = Int32Array.from({ length: cores }, (_, core) => Math.floor(core / coresPerCluster));

  const times = order.times;

  const timePs = new Float64Array(cores);
  const accounts = new Float64Array(cores * CATEGORY_COUNT);
  const counters = new Float64Array(cores * CORE_COUNTERS);
  const instructionNumber = new Float64Array(cores);
  const loadNumber = new Float64Array(cores);
  const storeNumber = new Float64Array(cores);
  // Position in the op stream: word of the current run, step and line stream within it, instructions of a lump already dispatched.
  const runAt = new Int32Array(cores);
  const stepAt = new Int32Array(cores);
  const streamAt = new Int32Array(cores);
  const lumpDone = new Int32Array(cores);
  const finished = new Uint8Array(cores);
  const asleep = new Uint8Array(cores);
  const waitKind = new Uint8Array(cores);
  const waitAt = new Int32Array(cores);

  // Loads in the window that missed the L1D, in program order: rings indexed by running number.
  // Room for steps that count fewer load-queue entries than they touch lines (a software prefetch retires at once).
  const loadRing = ringSize(4 * loadQueue);
  const loadMask = loadRing - 1;
  const loadHead = new Int32Array(cores);
  const loadTail = new Int32Array(cores);
  const loadReadyPs = new Float64Array(cores * loadRing);
  const loadInstruction = new Float64Array(cores * loadRing);
  const loadSequence = new Float64Array(cores * loadRing);
  const loadSource = new Uint8Array(cores * loadRing);
  const loadLatencyShare = new Float64Array(cores * loadRing);
  /** The next load that waits for the same fill buffer. */
  const loadNext = new Int32Array(cores * loadRing).fill(-1);

  /**
   * Numbers of the instruction and the load that may not be dispatched yet, on account of the oldest load without data: as long as both are ahead, a step needs no
   * look at the window.
   */
  const instructionLimit = new Float64Array(cores).fill(Infinity);
  const loadLimit = new Float64Array(cores).fill(Infinity);

  // Stores whose line is on its way, in program order.
  const storeRing = ringSize(storeQueue);
  const storeMask = storeRing - 1;
  const storeHead = new Int32Array(cores);
  const storeTail = new Int32Array(cores);
  const storeReadyPs = new Float64Array(cores * storeRing);
  const storeSequence = new Float64Array(cores * storeRing);
  const storeSource = new Uint8Array(cores * storeRing);
  const storeLatencyShare = new Float64Array(cores * storeRing);

  const fills = shape.fillBuffers;
  const fillReadyPs = new Float64Array(cores * fills);
  const fillLine = new Int32Array(cores * fills).fill(-1);
  const fillSource = new Uint8Array(cores * fills);
  const fillLatencyShare = new Float64Array(cores * fills).fill(1);
  /** First load and the store that wait for the fill buffer's answer: positions in their rings, -1 for none. */
  const fillLoad = new Int32Array(cores * fills).fill(-1);
  const fillStore = new Int32Array(cores * fills).fill(-1);
  /** The next fill buffer that waits for the same MSHR. */
  const fillNext = new Int32Array(cores * fills).fill(-1);
  const freeFills = createFreeList(cores, fills, fillReadyPs);

  const clusters = cores / coresPerCluster;
  const mshrs = shape.l2 === null ? fills : shape.l2.mshrs;
  const mshrReadyPs = new Float64Array(clusters * mshrs);
  const mshrLine = new Int32Array(clusters * mshrs).fill(-1);
  const mshrSource = new Uint8Array(clusters * mshrs);
  const mshrLatencyShare = new Float64Array(clusters * mshrs).fill(1);
  const mshrFill = new Int32Array(clusters * mshrs).fill(-1);
  const freeMshrs = createFreeList(clusters, mshrs, mshrReadyPs);
  /** MSHRs of other clusters whose data this one's cluster supplies once it has it itself. */
  const followFirst = new Int32Array(clusters * mshrs).fill(-1);
  const followNext = new Int32Array(clusters * mshrs).fill(-1);
  const followDelayPs = new Float64Array(clusters * mshrs);
  /** MSHR that last fetched a line of this hash, to find it without a search. */
  const mshrHint = new Int32Array(clusters * 256);
  const coreOfFill = Int32Array.from({ length: cores * fills }, (_, fill) => Math.floor(fill / fills));
  const clusterOfMshr = Int32Array.from({ length: clusters * mshrs }, (_, mshr) => Math.floor(mshr / mshrs));

  // Tags handed to memory: an MSHR, or behind them a fill buffer that holds a non-temporal store.
  const firstStoreTag = clusters * mshrs;
  const returnPs = new Float64Array(firstStoreTag + cores * fills);
  const startPs = new Float64Array(firstStoreTag + cores * fills);
  const l2PortFreePs = new Float64Array(clusters);

  let refillStream: (core: number, out: OpStream) => boolean = () => false;

  function ringSize(entries: number): number {
    let size = 4;
    while (size < entries + 2) size *= 2;
    return size;
  }

  function count(core: number, counter: number): void {
    const at = core * CORE_COUNTERS + counter;
    counters[at] = (counters[at] as number) + 1;
  }

  /** Moves the core's time to that of `ready[at]` and books the wait for its source; a wait for DRAM is split by the share that an idle memory would take. */
  function waitFor(
    core: number,
    ready: Float64Array,
    source: Uint8Array,
    latencyShare: Float64Array,
    at: number,
    reason: number,
  ): void {
    const until = ready[at] as number;
    const ps = until - (timePs[core] as number);
    if (ps <= 0) return;
    timePs[core] = until;
    const base = core * CATEGORY_COUNT;
    const counter = core * CORE_COUNTERS + reason;
    counters[counter] = (counters[counter] as number) + ps;
    const from = source[at] as number;
    if (from === Source.Dram) {
      const latency = Math.round(ps * (latencyShare[at] as number));
      accounts[base + Category.DramLatency] = (accounts[base + Category.DramLatency] as number) + latency;
      accounts[base + Category.DramBandwidth] =
        (accounts[base + Category.DramBandwidth] as number) + ps - latency;
    } else {
      accounts[base + from] = (accounts[base + from] as number) + ps;
    }
  }

  function setWait(core: number, kind: number, at: number): number {
    waitKind[core] = kind;
    waitAt[core] = at;
    return Outcome.Sleep;
  }

  /** Frees loads at the head of the window that have their data. */
  function retireLoads(core: number): void {
    let head = loadHead[core] as number;
    const tail = loadTail[core] as number;
    const now = timePs[core] as number;
    const base = core * loadRing;
    while (head !== tail && (loadReadyPs[base + (head & loadMask)] as number) <= now) head++;
    loadHead[core] = head;
    if (head === tail) {
      instructionLimit[core] = Infinity;
      loadLimit[core] = Infinity;
    } else {
      const at = base + (head & loadMask);
      instructionLimit[core] = (loadInstruction[at] as number) + window;
      loadLimit[core] = (loadSequence[at] as number) + loadQueue;
    }
  }

  /** Instructions that may be dispatched now, of `wanted` ones that hold `loads` loads; 0 if the window is full. There must be a load in the window. */
  function roomInWindow(core: number, wanted: number, loads: number): number {
    let room = (instructionLimit[core] as number) - (instructionNumber[core] as number);
    if (loads > 0) {
      const loadRoom = (loadLimit[core] as number) - (loadNumber[core] as number);
      if (loadRoom < loads) room = Math.min(room, Math.floor((wanted * loadRoom) / loads));
    }
    return room < 0 ? 0 : room < wanted ? room : wanted;
  }

  /** Waits for the oldest load. There must be one. */
  function waitForOldestLoad(core: number): number {
    const at = core * loadRing + ((loadHead[core] as number) & loadMask);
    if (loadReadyPs[at] === UNKNOWN) return setWait(core, Wait.Load, at);
    waitFor(core, loadReadyPs, loadSource, loadLatencyShare, at, CoreCounter.WindowFullPs);
    retireLoads(core);
    return Outcome.Done;
  }

  /** Waits until a step may be dispatched. */
  function waitForWindow(core: number, loads: number): number {
    retireLoads(core);
    while (
      (instructionNumber[core] as number) >= (instructionLimit[core] as number) ||
      (loads > 0 && (loadNumber[core] as number) >= (loadLimit[core] as number))
    ) {
      const outcome = waitForOldestLoad(core);
      if (outcome !== Outcome.Done) return outcome;
    }
    return Outcome.Done;
  }

  function waitForStoreQueue(core: number): number {
    const base = core * storeRing;
    for (;;) {
      const head = storeHead[core] as number;
      if (head === (storeTail[core] as number)) return Outcome.Done;
      const at = base + (head & storeMask);
      if ((storeReadyPs[at] as number) > (timePs[core] as number)) {
        if ((storeSequence[at] as number) + storeQueue > (storeNumber[core] as number)) return Outcome.Done;
        if (storeReadyPs[at] === UNKNOWN) return setWait(core, Wait.Store, at);
        waitFor(core, storeReadyPs, storeSource, storeLatencyShare, at, CoreCounter.StoreQueueFullPs);
      }
      storeHead[core] = head + 1;
    }
  }

  /** Ties a load to the fill buffer that brings its line. */
  function attachLoad(core: number, fill: number): void {
    const tail = loadTail[core] as number;
    const at = core * loadRing + (tail & loadMask);
    loadTail[core] = tail + 1;
    loadReadyPs[at] = fillReadyPs[fill] as number;
    loadInstruction[at] = instructionNumber[core] as number;
    loadSequence[at] = loadNumber[core] as number;
    loadSource[at] = fillSource[fill] as number;
    loadLatencyShare[at] = fillLatencyShare[fill] as number;
    loadNext[at] = -1;
    if (tail === (loadHead[core] as number)) {
      instructionLimit[core] = (instructionNumber[core] as number) + window;
      loadLimit[core] = (loadNumber[core] as number) + loadQueue;
    }
    if (fillReadyPs[fill] === UNKNOWN) {
      loadNext[at] = fillLoad[fill] as number;
      fillLoad[fill] = at;
    }
  }

  function attachStore(core: number, fill: number): void {
    const tail = storeTail[core] as number;
    const at = core * storeRing + (tail & storeMask);
    storeTail[core] = tail + 1;
    storeReadyPs[at] = fillReadyPs[fill] as number;
    storeSequence[at] = storeNumber[core] as number;
    storeSource[at] = fillSource[fill] as number;
    storeLatencyShare[at] = fillLatencyShare[fill] as number;
    if (fillReadyPs[fill] === UNKNOWN) fillStore[fill] = at;
  }

  /** A sleeping core looks again at the earliest time at which something that it waits for arrives. */
  function wake(core: number, ready: Float64Array, at: number): void {
    if (asleep[core] !== 0 && (ready[at] as number) < (times[core] as number)) {
      times[core] = ready[at] as number;
      order.update(core);
    }
  }

  function sleep(core: number): void {
    asleep[core] = 1;
    times[core] = Infinity;
    order.update(core);
  }

  /** The answer for a fill buffer is known: pass it on to the loads and the store that wait for it. */
  function settleFill(fill: number, ready: Float64Array, latencyShare: Float64Array, from: number): void {
    const core = coreOfFill[fill] as number;
    fillReadyPs[fill] = ready[from] as number;
    fillLatencyShare[fill] = latencyShare[from] as number;
    freeFills.put(core, fill);
    const kind = waitKind[core] as number;
    let relevant = kind === Wait.Anything;
    let load = fillLoad[fill] as number;
    fillLoad[fill] = -1;
    while (load >= 0) {
      loadReadyPs[load] = ready[from] as number;
      loadLatencyShare[load] = latencyShare[from] as number;
      if (kind === Wait.Load && load === (waitAt[core] as number)) relevant = true;
      load = loadNext[load] as number;
    }
    const store = fillStore[fill] as number;
    if (store >= 0) {
      fillStore[fill] = -1;
      storeReadyPs[store] = ready[from] as number;
      storeLatencyShare[store] = latencyShare[from] as number;
      if (kind === Wait.Store && store === (waitAt[core] as number)) relevant = true;
    }
    if (relevant) wake(core, fillReadyPs, fill);
  }

  function answer(tag: number, answerPs: Float64Array, unloadedPs: Float64Array): void {
    const back = returnPs[tag] as number;
    const ready = Math.ceil(answerPs[0] as number) + back;
    const total = ready - (startPs[tag] as number);
    const idle = (unloadedPs[0] as number) + back;
    const share = total <= idle || total <= 0 ? 1 : idle / total;
    if (tag >= firstStoreTag) {
      const fill = tag - firstStoreTag;
      fillReadyPs[fill] = ready;
      fillLatencyShare[fill] = share;
      settleFill(fill, fillReadyPs, fillLatencyShare, fill);
      return;
    }
    mshrReadyPs[tag] = ready;
    mshrLatencyShare[tag] = share;
    settleMshr(tag);
  }

  /** The answer for an MSHR is known: pass it on to the fill buffers and the MSHRs of other clusters that wait for it. */
  function settleMshr(tag: number): void {
    const cluster = clusterOfMshr[tag] as number;
    freeMshrs.put(cluster, tag);
    let fill = mshrFill[tag] as number;
    mshrFill[tag] = -1;
    while (fill >= 0) {
      const next = fillNext[fill] as number;
      settleFill(fill, mshrReadyPs, mshrLatencyShare, tag);
      fill = next;
    }
    for (let core = cluster * coresPerCluster; core < (cluster + 1) * coresPerCluster; core++) {
      if (waitKind[core] === Wait.Anything) wake(core, mshrReadyPs, tag);
    }
    let follower = followFirst[tag] as number;
    followFirst[tag] = -1;
    while (follower >= 0) {
      const next = followNext[follower] as number;
      mshrReadyPs[follower] = (mshrReadyPs[tag] as number) + (followDelayPs[follower] as number);
      mshrLatencyShare[follower] = mshrLatencyShare[tag] as number;
      settleMshr(follower);
      follower = next;
    }
  }

  /** Gives the line of an eviction from the last private level to the shared level, its copies above included. */
  function dropFromL2(cluster: number, line: number, flags: number): void {
    let dirty = flags & Flag.Dirty;
    for (let core = cluster * coresPerCluster; core < (cluster + 1) * coresPerCluster; core++) {
      const at = l1.find(core, line);
      if (at >= 0) {
        dirty |= (l1Entries[at] as number) & Flag.Dirty;
        l1.remove(at);
      }
    }
    shared.evict(cluster, line, dirty !== 0, (flags & Flag.Writable) !== 0 || dirty !== 0);
  }

  function dropFromL1(core: number, line: number, flags: number): void {
    if (!hasL2) {
      shared.evict(core, line, (flags & Flag.Dirty) !== 0, (flags & Flag.Writable) !== 0);
    } else if ((flags & Flag.Dirty) !== 0) {
      const at = l2Tags.find(clusterOf[core] as number, line);
      if (at >= 0) l2Entries[at] = (l2Entries[at] as number) | Flag.Dirty | Flag.Writable;
    }
  }

  function fillL1(core: number, line: number, flags: number): void {
    l1.insert(core, line, flags);
    const victim = l1.victimLine[0] as number;
    if (victim >= 0 && ((l1.victimFlags[0] as number) & Flag.Dirty) !== 0)
      count(core, CoreCounter.L1Writebacks);
    if (victim >= 0) dropFromL1(core, victim, l1.victimFlags[0] as number);
  }

  function fillL2(cluster: number, line: number, flags: number): void {
    l2Tags.insert(cluster, line, flags);
    const victim = l2Tags.victimLine[0] as number;
    if (victim >= 0) dropFromL2(cluster, victim, l2Tags.victimFlags[0] as number);
  }

  function invalidate(cluster: number, line: number): number {
    let dirty = 0;
    for (let core = cluster * coresPerCluster; core < (cluster + 1) * coresPerCluster; core++) {
      const at = l1.find(core, line);
      if (at >= 0) {
        dirty |= (l1Entries[at] as number) & Flag.Dirty;
        l1.remove(at);
      }
    }
    if (hasL2) {
      const at = l2Tags.find(cluster, line);
      if (at >= 0) {
        dirty |= (l2Entries[at] as number) & Flag.Dirty;
        l2Tags.remove(at);
      }
    }
    return dirty;
  }

  function downgrade(cluster: number, line: number): number {
    let dirty = 0;
    for (let core = cluster * coresPerCluster; core < (cluster + 1) * coresPerCluster; core++) {
      const at = l1.find(core, line);
      if (at >= 0) {
        dirty |= (l1Entries[at] as number) & Flag.Dirty;
        l1Entries[at] = (l1Entries[at] as number) & ~(Flag.Dirty | Flag.Writable);
      }
    }
    if (hasL2) {
      const at = l2Tags.find(cluster, line);
      if (at >= 0) {
        dirty |= (l2Entries[at] as number) & Flag.Dirty;
        l2Entries[at] = (l2Entries[at] as number) & ~(Flag.Dirty | Flag.Writable);
      }
    }
    return dirty;
  }

  /** Keeps the L1Ds of a cluster coherent among themselves when one of them misses. @returns whether another keeps a copy */
  function askSiblings(core: number, cluster: number, line: number, exclusive: boolean): boolean {
    let keeps = false;
    for (let other = cluster * coresPerCluster; other < (cluster + 1) * coresPerCluster; other++) {
      if (other === core) continue;
      const at = l1.find(other, line);
      if (at < 0) continue;
      if (((l1Entries[at] as number) & Flag.Dirty) !== 0) dropFromL1(other, line, Flag.Dirty);
      if (exclusive) l1.remove(at);
      else {
        keeps = true;
        l1Entries[at] = (l1Entries[at] as number) & ~(Flag.Dirty | Flag.Writable);
      }
    }
    return keeps;
  }

  /** Sends a request of the last private level out, with the MSHR that is first in the free list. `mshrReadyPs` then tells when it is answered, Infinity if that is not known. */
  function ask(core: number, cluster: number, mshr: number, line: number, exclusive: boolean): void {
    freeMshrs.take(cluster);
    const known = shared.request(core, cluster, line, exclusive);
    mshrLine[mshr] = line;
    mshrHint[(cluster << 8) | (line & 255)] = mshr;
    mshrSource[mshr] = shared.source[0] as number;
    mshrLatencyShare[mshr] = 1;
    mshrFill[mshr] = -1;
    startPs[mshr] = clock[Clock.Now] as number;
    if (known && (shared.supplier[0] as number) >= 0 && follow(mshr, shared.supplier[0] as number, line))
      return;
    // What misses the L2 has been looked up there first, and comes back through it.
    if (known || memory.read(core, line, mshr)) {
      mshrReadyPs[mshr] = (clock[Clock.Ready] as number) + l2LatencyPs;
      freeMshrs.put(cluster, mshr);
    } else {
      returnPs[mshr] = (returnPs[mshr] as number) + l2LatencyPs;
      mshrReadyPs[mshr] = UNKNOWN;
    }
  }

  /**
   * Data supplied by another cluster cannot arrive before that cluster has it. Moves Clock.Ready accordingly.
   * @returns true where the supplier's own answer is not known yet: the MSHR then waits for it
   */
  function follow(mshr: number, supplierCluster: number, line: number): boolean {
    const first = mshrOf(supplierCluster, line);
    if (first < 0) return false;
    const delay = (clock[Clock.Ready] as number) - (clock[Clock.Now] as number) + l2LatencyPs;
    if (mshrReadyPs[first] !== UNKNOWN) {
      clock[Clock.Ready] = Math.max(
        clock[Clock.Ready] as number,
        (mshrReadyPs[first] as number) + delay - l2LatencyPs,
      );
      return false;
    }
    mshrReadyPs[mshr] = UNKNOWN;
    mshrSource[mshr] = mshrSource[first] as number;
    followDelayPs[mshr] = delay;
    followNext[mshr] = followFirst[first] as number;
    followFirst[first] = mshr;
    return true;
  }

  /** Lets the streamer see an access below the L1D and sends out what it wants. */
  function prefetch(core: number, cluster: number, line: number, exclusive: boolean): void {
    const offered = streamer.observe(core, line);
    if (offered === 0) return;
    const direction = streamer.direction[0] as number;
    let target = streamer.next[0] as number;
    let sent = 0;
    for (; sent < offered; sent++, target += direction) {
      if (l2Tags.find(hasL2 ? cluster : core, target) >= 0) continue;
      const mshr = freeMshrs.first(cluster);
      if (mshr < 0 || (mshrReadyPs[mshr] as number) > (clock[Clock.Now] as number)) break;
      ask(core, cluster, mshr, target, exclusive);
      const flags =
        ((shared.grantedFlags[0] as number) & (Flag.Dirty | Flag.Writable)) | Flag.InFlight | Flag.Prefetched;
      if (hasL2) fillL2(cluster, target, flags);
      else fillL1(core, target, flags);
      count(core, CoreCounter.Prefetches);
    }
    streamer.issued(sent);
  }

  /** MSHR of the cluster that is still fetching the line, or -1. */
  function mshrOf(cluster: number, line: number): number {
    const now = clock[Clock.Now] as number;
    const hint = mshrHint[(cluster << 8) | (line & 255)] as number;
    if (mshrLine[hint] === line && clusterOfMshr[hint] === cluster)
      return (mshrReadyPs[hint] as number) > now ? hint : -1;
    const base = cluster * mshrs;
    for (let at = base; at < base + mshrs; at++)
      if (mshrLine[at] === line && (mshrReadyPs[at] as number) > now) return at;
    return -1;
  }

  /** Without an L2, prefetched lines go to the L1D itself: a load of one that is on its way waits for the MSHR, through a fill buffer. @returns whether it still is */
  function touchPrefetched(core: number, line: number, isLoad: boolean): boolean {
    clock[Clock.Now] = timePs[core] as number;
    const mshr = mshrOf(clusterOf[core] as number, line);
    if (mshr < 0) return false;
    const fill = freeFills.first(core);
    if (!isLoad || fill < 0 || (fillReadyPs[fill] as number) > (timePs[core] as number)) return true;
    freeFills.take(core);
    fillLine[fill] = line;
    fillLoad[fill] = -1;
    fillStore[fill] = -1;
    fillReadyPs[fill] = mshrReadyPs[mshr] as number;
    fillSource[fill] = mshrSource[mshr] as number;
    fillLatencyShare[fill] = mshrLatencyShare[mshr] as number;
    if (mshrReadyPs[mshr] === UNKNOWN) {
      fillNext[fill] = mshrFill[mshr] as number;
      mshrFill[mshr] = fill;
    } else {
      freeFills.put(core, fill);
    }
    attachLoad(core, fill);
    count(core, CoreCounter.LatePrefetches);
    return true;
  }

  /** An L1D hit on a line that may still be on its way. */
  function touchInFlight(core: number, l1At: number, line: number, isLoad: boolean): void {
    const base = core * fills;
    const now = timePs[core] as number;
    for (let fill = base; fill < base + fills; fill++) {
      if (fillLine[fill] === line && (fillReadyPs[fill] as number) > now) {
        if (isLoad) attachLoad(core, fill);
        return;
      }
    }
    if (!hasL2 && touchPrefetched(core, line, isLoad)) return;
    l1Entries[l1At] = (l1Entries[l1At] as number) & ~(Flag.InFlight | Flag.Prefetched);
  }

  /** Sends a whole line past the caches, from a write-combining buffer. */
  function storeNonTemporal(core: number, cluster: number, line: number, fill: number): void {
    freeFills.take(core);
    const l1At = l1.find(core, line);
    if (l1At >= 0) l1.remove(l1At);
    if (hasL2) {
      const l2At = l2Tags.find(cluster, line);
      if (l2At >= 0) l2Tags.remove(l2At);
    }
    shared.purge(-1, line);
    fillLine[fill] = -1;
    fillReadyPs[fill] = UNKNOWN;
    fillSource[fill] = Source.Dram;
    startPs[firstStoreTag + fill] = clock[Clock.Now] as number;
    memory.write(core, line, firstStoreTag + fill);
    count(core, CoreCounter.NonTemporalStores);
  }

  /**
   * An access that the L1D does not satisfy. Done, or nothing has changed but time waited.
   * @param heldAt where the L1D holds the line without the permission that a store needs; -1 where it does not hold it
   */
  function miss(core: number, line: number, kind: number, heldAt: number): number {
    const fill = freeFills.first(core);
    if (fill < 0) return setWait(core, Wait.Anything, -1);
    waitFor(core, fillReadyPs, fillSource, fillLatencyShare, fill, CoreCounter.FillBuffersFullPs);
    if ((timePs[core] as number) > (clock[Clock.Horizon] as number)) return Outcome.Yield;
    const cluster = clusterOf[core] as number;
    clock[Clock.Now] = timePs[core] as number;
    if (kind === Access.StoreNonTemporal) {
      storeNonTemporal(core, cluster, line, fill);
      return Outcome.Done;
    }

    const exclusive = kind === Access.Store;
    let l2At = hasL2 ? l2Tags.find(cluster, line) : -1;
    const needsPermission =
      exclusive && (l2At >= 0 ? ((l2Entries[l2At] as number) & Flag.Writable) === 0 : heldAt >= 0);
    let granted: number;
    let waitsFor = -1;
    if (l2At >= 0 && !needsPermission) {
      const isShared = sharesCluster && askSiblings(core, cluster, line, exclusive);
      let entry = l2Entries[l2At] as number;
      const now = timePs[core] as number;
      const start = Math.max(l2PortFreePs[cluster] as number, now);
      l2PortFreePs[cluster] = start + l2PortPs;
      fillReadyPs[fill] = start + l2LatencyPs;
      fillSource[fill] = Source.L2;
      fillLatencyShare[fill] = 1;
      granted = isShared ? 0 : entry & Flag.Writable;
      if ((entry & (Flag.InFlight | Flag.Prefetched)) !== 0) {
        const mshr = (entry & Flag.InFlight) !== 0 ? mshrOf(cluster, line) : -1;
        if ((entry & Flag.Prefetched) !== 0) {
          count(core, CoreCounter.UsefulPrefetches);
          if (mshr >= 0) count(core, CoreCounter.LatePrefetches);
        }
        entry &= mshr >= 0 ? ~Flag.Prefetched : ~(Flag.InFlight | Flag.Prefetched);
        if (mshr >= 0 && (mshrReadyPs[mshr] as number) > (fillReadyPs[fill] as number)) {
          fillReadyPs[fill] = mshrReadyPs[mshr] as number;
          fillSource[fill] = mshrSource[mshr] as number;
          fillLatencyShare[fill] = mshrLatencyShare[mshr] as number;
          if (mshrReadyPs[mshr] === UNKNOWN) waitsFor = mshr;
        }
      }
      l2Entries[l2At] = exclusive ? entry | Flag.Dirty : entry;
      l2Tags.promote(l2At);
    } else {
      const mshr = freeMshrs.first(cluster);
      if (mshr < 0) return setWait(core, Wait.Anything, -1);
      if ((mshrReadyPs[mshr] as number) > (timePs[core] as number)) {
        waitFor(core, mshrReadyPs, mshrSource, mshrLatencyShare, mshr, CoreCounter.MshrsFullPs);
        if ((timePs[core] as number) > (clock[Clock.Horizon] as number)) return Outcome.Yield;
        clock[Clock.Now] = timePs[core] as number;
      }
      if (sharesCluster) askSiblings(core, cluster, line, exclusive);
      ask(core, cluster, mshr, line, exclusive);
      granted = (shared.grantedFlags[0] as number) & (Flag.Writable | Flag.Dirty);
      fillReadyPs[fill] = mshrReadyPs[mshr] as number;
      fillSource[fill] = mshrSource[mshr] as number;
      fillLatencyShare[fill] = 1;
      if (mshrReadyPs[mshr] === UNKNOWN) waitsFor = mshr;
      if (needsPermission) {
        count(core, CoreCounter.Upgrades);
        // Looked up again: the directory may have displaced entries of ours meanwhile.
        l2At = hasL2 ? l2Tags.find(cluster, line) : -1;
      } else if (hasL2) {
        count(core, CoreCounter.L2Misses);
      }
      const dirty = exclusive ? Flag.Dirty : granted & Flag.Dirty;
      if (l2At >= 0) l2Entries[l2At] = (l2Entries[l2At] as number) | Flag.Writable | dirty;
      else if (hasL2) fillL2(cluster, line, (granted & Flag.Writable) | dirty | Flag.InFlight);
    }

    freeFills.take(core);
    fillLine[fill] = line;
    fillLoad[fill] = -1;
    fillStore[fill] = -1;
    if (waitsFor >= 0) {
      fillNext[fill] = mshrFill[waitsFor] as number;
      mshrFill[waitsFor] = fill;
    } else {
      freeFills.put(core, fill);
    }
    if (exclusive) attachStore(core, fill);
    else if (kind === Access.Load || kind === Access.LoadDependent) attachLoad(core, fill);
    if (kind !== Access.PrefetchL2 || !hasL2) {
      const flags =
        (exclusive
          ? Flag.Writable | Flag.Dirty
          : (granted & Flag.Writable) | (hasL2 ? 0 : granted & Flag.Dirty)) | Flag.InFlight;
      const at = heldAt >= 0 ? l1.find(core, line) : -1;
      if (at >= 0) {
        l1.promote(at);
        l1Entries[at] = (l1Entries[at] as number) | flags;
      } else fillL1(core, line, flags);
    }
    if (!needsPermission) {
      count(core, CoreCounter.L1Misses);
      if (exclusive) count(core, CoreCounter.L1WriteMisses);
      if (hasStreamer) prefetch(core, cluster, line, exclusive);
    }
    return Outcome.Done;
  }

  /** One access of a step. */
  function access(core: number, line: number, kind: number): number {
    if (kind === Access.StoreNonTemporal) return miss(core, line, kind, -1);
    if (kind === Access.Store && (storeHead[core] as number) !== (storeTail[core] as number)) {
      const outcome = waitForStoreQueue(core);
      if (outcome !== Outcome.Done) return outcome;
    }
    if (kind === Access.LoadDependent) {
      retireLoads(core);
      while ((loadHead[core] as number) !== (loadTail[core] as number)) {
        const outcome = waitForOldestLoad(core);
        if (outcome !== Outcome.Done) return outcome;
      }
    }
    const at = l1.find(core, line);
    if (at < 0) {
      if (kind === Access.PrefetchL2 && hasL2 && l2Tags.find(clusterOf[core] as number, line) >= 0)
        return Outcome.Done;
      return miss(core, line, kind, -1);
    }
    if (kind === Access.Store && ((l1Entries[at] as number) & Flag.Writable) === 0)
      return miss(core, line, kind, at);
    l1.promote(at);
    const entry = l1Entries[at] as number;
    if (kind === Access.Store) l1Entries[at] = entry | Flag.Dirty;
    if ((entry & Flag.InFlight) !== 0)
      touchInFlight(core, at, line, kind === Access.Load || kind === Access.LoadDependent);
    if (kind === Access.LoadDependent) {
      accounts[core * CATEGORY_COUNT + Category.L1] =
        (accounts[core * CATEGORY_COUNT + Category.L1] as number) + l1LatencyPs;
      timePs[core] = (timePs[core] as number) + l1LatencyPs;
    }
    return Outcome.Done;
  }

  /** The phase's stream is used up: wait until all that was asked for has arrived. */
  function drain(core: number): number {
    retireLoads(core);
    while ((loadHead[core] as number) !== (loadTail[core] as number)) {
      const outcome = waitForOldestLoad(core);
      if (outcome !== Outcome.Done) return outcome;
    }
    const base = core * storeRing;
    while ((storeHead[core] as number) !== (storeTail[core] as number)) {
      const at = base + ((storeHead[core] as number) & storeMask);
      if (storeReadyPs[at] === UNKNOWN) return setWait(core, Wait.Store, at);
      waitFor(core, storeReadyPs, storeSource, storeLatencyShare, at, CoreCounter.StoreQueueFullPs);
      storeHead[core] = (storeHead[core] as number) + 1;
    }
    for (let fill = core * fills; fill < (core + 1) * fills; fill++) {
      // Only write-combining buffers must be empty: a prefetched line may arrive later.
      if (fillLine[fill] !== -1) continue;
      if (fillReadyPs[fill] === UNKNOWN) return setWait(core, Wait.Anything, -1);
      waitFor(core, fillReadyPs, fillSource, fillLatencyShare, fill, CoreCounter.FillBuffersFullPs);
    }
    return Outcome.Done;
  }

  function bookBusy(core: number, busyPs: number, fmaPs: number): void {
    const base = core * CATEGORY_COUNT;
    accounts[base + Category.Compute] = (accounts[base + Category.Compute] as number) + fmaPs;
    accounts[base + Category.Issue] = (accounts[base + Category.Issue] as number) + busyPs - fmaPs;
  }

  /** Lumps of compute, dispatched as far as the window reaches past the oldest load without data. */
  function dispatchLumps(
    core: number,
    lumps: number,
    busyPs: number,
    fmaPs: number,
    instructions: number,
    loads: number,
  ): number {
    const total = instructions * lumps;
    if (total === 0) {
      bookBusy(core, busyPs * lumps, fmaPs * lumps);
      timePs[core] = (timePs[core] as number) + busyPs * lumps;
      return Outcome.Done;
    }
    let done = lumpDone[core] as number;
    while (done < total) {
      retireLoads(core);
      let part = total - done;
      if ((loadHead[core] as number) !== (loadTail[core] as number)) {
        part = roomInWindow(core, part, Math.round((loads * lumps * part) / total));
        if (part === 0) {
          const outcome = waitForOldestLoad(core);
          if (outcome === Outcome.Done) continue;
          lumpDone[core] = done;
          return outcome;
        }
      }
      // Differences of rounded running sums: the parts of a lump add up to exactly the lump.
      const busyPart =
        Math.round((busyPs * lumps * (done + part)) / total) - Math.round((busyPs * lumps * done) / total);
      const fmaPart =
        Math.round((fmaPs * lumps * (done + part)) / total) - Math.round((fmaPs * lumps * done) / total);
      bookBusy(core, busyPart, Math.min(busyPart, fmaPart));
      timePs[core] = (timePs[core] as number) + busyPart;
      instructionNumber[core] = (instructionNumber[core] as number) + part;
      loadNumber[core] = (loadNumber[core] as number) + Math.round((loads * lumps * part) / total);
      done += part;
    }
    lumpDone[core] = 0;
    counters[core * CORE_COUNTERS] = (counters[core * CORE_COUNTERS] as number) + total;
    return Outcome.Done;
  }

  function advance(core: number): boolean {
    asleep[core] = 0;
    const stream = streams[core] as OpStream;
    for (;;) {
      const at = runAt[core] as number;
      if (at >= stream.length) {
        stream.clear();
        runAt[core] = 0;
        if (refillStream(core, stream)) continue;
        if (drain(core) !== Outcome.Done) {
          sleep(core);
          return false;
        }
        finished[core] = 1;
        times[core] = Infinity;
        order.update(core);
        return true;
      }
      const words = stream.words;
      const lineStreams = words[at] as number;
      const steps = words[at + 1] as number;
      const busyPs = Math.round(((words[at + 2] as number) * periodPs) / CYCLE_SCALE);
      const fmaPs = Math.min(busyPs, Math.round(((words[at + 3] as number) * periodPs) / CYCLE_SCALE));
      const instructions = words[at + 4] as number;
      const loads = words[at + 5] as number;
      const firstStream = at + RUN_HEADER_WORDS;
      if (lineStreams === 0) {
        if (dispatchLumps(core, steps, busyPs, fmaPs, instructions, loads) !== Outcome.Done) {
          sleep(core);
          return false;
        }
        runAt[core] = firstStream;
        continue;
      }

      let step = stepAt[core] as number;
      let part = streamAt[core] as number;
      for (; step < steps; step++) {
        let outcome: number = Outcome.Done;
        if (
          part === 0 &&
          ((instructionNumber[core] as number) >= (instructionLimit[core] as number) ||
            (loads > 0 && (loadNumber[core] as number) >= (loadLimit[core] as number)))
        ) {
          outcome = waitForWindow(core, loads);
        }
        while (outcome === Outcome.Done && part < lineStreams) {
          const word = firstStream + part * STREAM_WORDS;
          const kind = words[word] as number;
          outcome = access(core, (words[word + 1] as number) + step * (words[word + 2] as number), kind);
          if (outcome === Outcome.Done) {
            part++;
            if (kind === Access.Store) storeNumber[core] = (storeNumber[core] as number) + 1;
          }
        }
        if (outcome !== Outcome.Done) {
          stepAt[core] = step;
          streamAt[core] = part;
          if (outcome === Outcome.Sleep) sleep(core);
          else {
            times[core] = timePs[core] as number;
            order.update(core);
          }
          return false;
        }
        part = 0;
        instructionNumber[core] = (instructionNumber[core] as number) + instructions;
        loadNumber[core] = (loadNumber[core] as number) + loads;
        timePs[core] = (timePs[core] as number) + busyPs;
      }
      bookBusy(core, busyPs * steps, fmaPs * steps);
      counters[core * CORE_COUNTERS] = (counters[core * CORE_COUNTERS] as number) + instructions * steps;
      counters[core * CORE_COUNTERS + 1] =
        (counters[core * CORE_COUNTERS + 1] as number) + lineStreams * steps;
      stepAt[core] = 0;
      streamAt[core] = 0;
      runAt[core] = firstStream + lineStreams * STREAM_WORDS;
    }
  }

  function begin(time: number, refill: (core: number, out: OpStream) => boolean): void {
    refillStream = refill;
    for (let core = 0; core < cores; core++) {
      timePs[core] = time;
      finished[core] = 0;
      asleep[core] = 0;
      (streams[core] as OpStream).clear();
      runAt[core] = 0;
      times[core] = time;
      order.update(core);
    }
  }

  function lastArrivalPs(): number {
    let last = 0;
    for (let core = 0; core < cores; core++) last = Math.max(last, timePs[core] as number);
    return last;
  }

  function release(openPs: number): void {
    for (let core = 0; core < cores; core++) {
      const base = core * CATEGORY_COUNT + Category.Barrier;
      accounts[base] = (accounts[base] as number) + openPs - (timePs[core] as number);
      timePs[core] = openPs;
    }
  }

  function flush(): void {
    clock[Clock.Now] = lastArrivalPs();
    const tags = l2 ?? l1;
    for (let instance = 0; instance < (hasL2 ? clusters : cores); instance++) {
      const held: [number, number][] = [];
      tags.forEach(instance, (line, flags) => held.push([line, flags]));
      for (const [line, flags] of held) {
        tags.remove(tags.find(instance, line));
        if (hasL2) dropFromL2(instance, line, flags);
        else dropFromL1(instance, line, flags);
      }
    }
  }

  function describeWait(core: number): string {
    if (finished[core] !== 0) return `core ${core} has finished`;
    const base = core * fills;
    const lines: number[] = [];
    for (let fill = base; fill < base + fills; fill++)
      if (fillReadyPs[fill] === UNKNOWN) lines.push(fillLine[fill] as number);
    const reason =
      waitKind[core] === Wait.Load
        ? 'its oldest load'
        : waitKind[core] === Wait.Store
          ? 'its oldest store'
          : 'a free miss register';
    return `core ${core} at ${timePs[core]} ps waits for ${reason}; lines without an answer: ${lines.join(', ') || 'none of its own'}`;
  }

  return {
    begin,
    advance,
    answer,
    release,
    lastArrivalPs,
    returnPs,
    invalidate,
    downgrade,
    flush,
    describeWait,
    accounts,
    counters,
    timePs,
  };
}
