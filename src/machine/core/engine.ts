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
import { Access, type OpStream, RUN_HEADER_WORDS, STREAM_WORDS } from '../../kernel/op-stream.js';
import { CATEGORY_COUNT, Category } from '../../statistics/time-loss.js';
import { FLAG_BITS, Flag, type TagArray } from '../cache/tag-array.js';
import { type SharedLevel, Source } from '../coherence/shared-level.js';
import type { EventOrder } from '../event-order.js';
import type { Streamer } from '../prefetch/streamer.js';
import type { CoreSpec } from '../spec.js';

/** What the engine needs of main memory: the way there is the chip's business. */
export interface MemoryPort {
  /**
   * Asks for a line. @returns the arrival time if it is known at once, or -1: `answer` will tell.
   * @param knownPs when the miss became known at the slice
   */
  read(core: number, line: number, timePs: number, knownPs: number, tag: number): number;
  /** Sends a whole line to memory; `answer` tells when the controller has taken it. */
  write(core: number, line: number, timePs: number, tag: number): void;
}

export interface EngineShape {
  readonly cores: number;
  readonly coresPerCluster: number;
  readonly core: CoreSpec;
  readonly l1LatencyCycles: number;
  readonly fillBuffers: number;
  /** Null where the shared level follows the L1D. */
  readonly l2: { readonly latencyCycles: number; readonly cyclesPerLine: number; readonly mshrs: number } | null;
}

export interface EngineParts {
  readonly l1: TagArray;
  readonly l2: TagArray | null;
  readonly shared: SharedLevel;
  readonly memory: MemoryPort;
  readonly streamer: Streamer | null;
  readonly order: EventOrder;
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
  /** Picoseconds by reason: what was full. */
  WindowFullPs: 9,
  StoreQueueFullPs: 10,
  FillBuffersFullPs: 11,
  MshrsFullPs: 12,
} as const;
export const CORE_COUNTERS = 13;

export interface Engine {
  /** Gives every core its stream source for a phase: `refill(core)` appends the next tile to `stream(core)` and returns false when there is none. */
  begin(timePs: number, refill: (core: number, out: OpStream) => boolean): void;
  /** Lets the core act up to its next ordered access or wait; sets its next time in the event order. @returns true when it has finished the phase. */
  advance(core: number, horizonPs: number): boolean;
  /** A read or an NT store with this tag is answered. */
  answer(tag: number, answerPs: number, unloadedPs: number): void;
  /** Books the wait at a barrier that opens at `openPs`. */
  release(openPs: number): void;
  /** Latest arrival at the barrier. */
  lastArrivalPs(): number;
  /** Way back of the answer to a tag is added here; see `MemoryPort`. */
  setReturnPs(tag: number, ps: number): void;
  /** Drops or downgrades private copies on behalf of the shared level. */
  invalidate(cluster: number, line: number): number;
  downgrade(cluster: number, line: number): number;
  /** Sends every dirty private line down. */
  flush(timePs: number): void;
  /** What a sleeping core waits for, for the report of a deadlock. */
  describeWait(core: number): string;
  /** Picoseconds per core and category. */
  readonly accounts: Float64Array;
  readonly counters: Float64Array;
  readonly timePs: Float64Array;
}

const UNKNOWN = Infinity;

export function createEngine(shape: EngineShape, parts: EngineParts, streams: readonly OpStream[]): Engine {
  const { cores, coresPerCluster, core: spec } = shape;
  const { l1, l2, shared, memory, streamer, order } = parts;
  const periodPs = 1e12 / spec.frequencyHz;
  const window = spec.windowEntries;
  const loadQueue = spec.loadQueueEntries;
  // A line is stored by 512 / vectorBits instructions, each an entry of the store queue.
  const storeQueue = Math.max(1, Math.floor(spec.storeQueueEntries / Math.max(1, 512 / spec.vectorBits)));
  const l1LatencyPs = Math.round(shape.l1LatencyCycles * periodPs);
  const l2LatencyPs = shape.l2 === null ? 0 : Math.round(shape.l2.latencyCycles * periodPs);
  const l2PortPs = shape.l2 === null ? 0 : Math.round(shape.l2.cyclesPerLine * periodPs);
  const hasL2 = l2 !== null;
  const l2Tags = l2 ?? l1;
  const l1Entries = l1.entries;
  const l2Entries = l2Tags.entries;
  const sharesCluster = coresPerCluster > 1;

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
  /** MSHR whose answer the fill buffer waits for, -1 for none. */
  const fillMshr = new Int32Array(cores * fills).fill(-1);

  const clusters = cores / coresPerCluster;
  const mshrs = shape.l2 === null ? fills : shape.l2.mshrs;
  const mshrReadyPs = new Float64Array(clusters * mshrs);
  const mshrLine = new Int32Array(clusters * mshrs).fill(-1);
  const mshrStartPs = new Float64Array(clusters * mshrs);
  const mshrSource = new Uint8Array(clusters * mshrs);
  const mshrLatencyShare = new Float64Array(clusters * mshrs).fill(1);
  const firstStoreTag = clusters * mshrs;
  const returnPs = new Float64Array(firstStoreTag + cores * fills);
  const startPs = new Float64Array(firstStoreTag + cores * fills);
  const l2PortFreePs = new Float64Array(clusters);

  let horizon = Infinity;
  let refillStream: (core: number, out: OpStream) => boolean = () => false;

  function ringSize(entries: number): number {
    let size = 4;
    while (size < entries + 2) size *= 2;
    return size;
  }

  /** Books a wait of `ps` for data from `source`; a wait for DRAM is split by the share that an idle memory would take. */
  function book(core: number, ps: number, source: number, latencyShare: number, reason: number): void {
    const base = core * CATEGORY_COUNT;
    counters[core * CORE_COUNTERS + reason] = (counters[core * CORE_COUNTERS + reason] as number) + ps;
    if (source === Source.Dram) {
      const latency = Math.round(ps * latencyShare);
      accounts[base + Category.DramLatency] = (accounts[base + Category.DramLatency] as number) + latency;
      accounts[base + Category.DramBandwidth] = (accounts[base + Category.DramBandwidth] as number) + ps - latency;
    } else {
      accounts[base + source] = (accounts[base + source] as number) + ps;
    }
  }

  /** Frees loads at the head of the window that have their data. */
  function retireLoads(core: number, now: number): void {
    let head = loadHead[core] as number;
    const tail = loadTail[core] as number;
    const base = core * loadRing;
    while (head !== tail && (loadReadyPs[base + (head & loadMask)] as number) <= now) head++;
    loadHead[core] = head;
  }

  /** Instructions that may be dispatched now, of `wanted` ones that hold `loads` loads; 0 if the window is full. */
  function roomInWindow(core: number, wanted: number, loads: number): number {
    const at = core * loadRing + ((loadHead[core] as number) & loadMask);
    let room = (loadInstruction[at] as number) + window - (instructionNumber[core] as number);
    if (loads > 0) {
      const loadRoom = (loadSequence[at] as number) + loadQueue - (loadNumber[core] as number);
      if (loadRoom < loads) room = Math.min(room, Math.floor((wanted * loadRoom) / loads));
    }
    return room < 0 ? 0 : room < wanted ? room : wanted;
  }

  /** Waits for the oldest load. @returns the time at which it has its data, or Infinity: sleep. */
  function waitForOldestLoad(core: number, now: number): number {
    const at = core * loadRing + ((loadHead[core] as number) & loadMask);
    const ready = loadReadyPs[at] as number;
    if (ready === UNKNOWN) return UNKNOWN;
    if (ready > now) {
      book(core, ready - now, loadSource[at] as number, loadLatencyShare[at] as number, CoreCounter.WindowFullPs);
      now = ready;
    }
    retireLoads(core, now);
    return now;
  }

  function waitForStoreQueue(core: number, now: number): number {
    const base = core * storeRing;
    for (;;) {
      const head = storeHead[core] as number;
      if (head === (storeTail[core] as number)) return now;
      const at = base + (head & storeMask);
      const ready = storeReadyPs[at] as number;
      if (ready <= now) {
        storeHead[core] = head + 1;
        continue;
      }
      if ((storeSequence[at] as number) + storeQueue > (storeNumber[core] as number)) return now;
      if (ready === UNKNOWN) return UNKNOWN;
      book(core, ready - now, storeSource[at] as number, storeLatencyShare[at] as number, CoreCounter.StoreQueueFullPs);
      now = ready;
    }
  }

  /** Free fill buffer at `now`, or -1. */
  function findFill(core: number, now: number): number {
    const base = core * fills;
    for (let at = base; at < base + fills; at++) if ((fillReadyPs[at] as number) <= now) return at;
    return -1;
  }

  function findMshr(cluster: number, now: number): number {
    const base = cluster * mshrs;
    for (let at = base; at < base + mshrs; at++) if ((mshrReadyPs[at] as number) <= now) return at;
    return -1;
  }

  /** Waits for any of the entries [base, base + count). @returns when one is free, or Infinity. */
  function waitForAny(
    core: number,
    now: number,
    ready: Float64Array,
    source: Uint8Array,
    share: Float64Array,
    base: number,
    count: number,
    reason: number,
  ): number {
    let earliest = base;
    for (let at = base + 1; at < base + count; at++) if ((ready[at] as number) < (ready[earliest] as number)) earliest = at;
    const at = ready[earliest] as number;
    if (at === UNKNOWN) return UNKNOWN;
    if (at > now) book(core, at - now, source[earliest] as number, share[earliest] as number, reason);
    return Math.max(at, now);
  }

  function pushLoad(core: number, ready: number, source: number, share: number): number {
    const tail = loadTail[core] as number;
    const at = core * loadRing + (tail & loadMask);
    loadReadyPs[at] = ready;
    loadInstruction[at] = instructionNumber[core] as number;
    loadSequence[at] = loadNumber[core] as number;
    loadSource[at] = source;
    loadLatencyShare[at] = share;
    loadTail[core] = tail + 1;
    return at;
  }

  function pushStore(core: number, ready: number, source: number, share: number): void {
    const tail = storeTail[core] as number;
    const at = core * storeRing + (tail & storeMask);
    storeReadyPs[at] = ready;
    storeSequence[at] = storeNumber[core] as number;
    storeSource[at] = source;
    storeLatencyShare[at] = share;
    storeTail[core] = tail + 1;
  }

  // Fill buffers whose loads or stores wait for an unknown time: position in the load or store ring, -1 for none.
  const fillLoad = new Int32Array(cores * fills).fill(-1);
  const fillStore = new Int32Array(cores * fills).fill(-1);
  /** Loads that wait beside the first one of their fill buffer. */
  const alsoWaits = new Int32Array(cores * loadRing).fill(-1);

  function settleFill(core: number, fill: number, ready: number, share: number): void {
    fillReadyPs[fill] = ready;
    fillLatencyShare[fill] = share;
    fillMshr[fill] = -1;
    let load = fillLoad[fill] as number;
    while (load >= 0) {
      loadReadyPs[load] = ready;
      loadLatencyShare[load] = share;
      const next = alsoWaits[load] as number;
      alsoWaits[load] = -1;
      load = next;
    }
    fillLoad[fill] = -1;
    const store = fillStore[fill] as number;
    if (store >= 0) {
      storeReadyPs[store] = ready;
      storeLatencyShare[store] = share;
      fillStore[fill] = -1;
    }
    wake(core, ready);
  }

  /** A sleeping core looks again at the earliest time at which something that it may wait for arrives. */
  function wake(core: number, ready: number): void {
    if (asleep[core] !== 0 && ready < (order.times[core] as number)) order.update(core, ready);
  }

  function sleep(core: number): void {
    asleep[core] = 1;
    order.update(core, Infinity);
  }

  function answer(tag: number, answerPs: number, unloadedPs: number): void {
    const ready = answerPs + (returnPs[tag] as number);
    const total = ready - (startPs[tag] as number);
    const idle = unloadedPs + (returnPs[tag] as number);
    const share = total <= idle || total <= 0 ? 1 : idle / total;
    if (tag >= firstStoreTag) {
      const fill = tag - firstStoreTag;
      settleFill(Math.floor(fill / fills), fill, ready, share);
      return;
    }
    mshrReadyPs[tag] = ready;
    mshrLatencyShare[tag] = share;
    const cluster = Math.floor(tag / mshrs);
    for (let core = cluster * coresPerCluster; core < (cluster + 1) * coresPerCluster; core++) {
      const base = core * fills;
      for (let fill = base; fill < base + fills; fill++) {
        if (fillMshr[fill] === tag && fillReadyPs[fill] === UNKNOWN) settleFill(core, fill, ready, share);
      }
      wake(core, ready);
    }
  }

  function setReturnPs(tag: number, ps: number): void {
    returnPs[tag] = ps;
  }

  /** Gives the line of a private eviction to the level below. */
  function dropFromL2(cluster: number, line: number, flags: number, now: number): void {
    let dirty = flags & Flag.Dirty;
    for (let core = cluster * coresPerCluster; core < (cluster + 1) * coresPerCluster; core++) {
      const at = l1.find(core, line);
      if (at >= 0) {
        dirty |= (l1Entries[at] as number) & Flag.Dirty;
        l1.remove(at);
      }
    }
    shared.evict(cluster, line, dirty !== 0, (flags & Flag.Writable) !== 0 || dirty !== 0, now);
  }

  function dropFromL1(core: number, line: number, flags: number, now: number): void {
    if (!hasL2) {
      shared.evict(core, line, (flags & Flag.Dirty) !== 0, (flags & Flag.Writable) !== 0, now);
    } else if ((flags & Flag.Dirty) !== 0) {
      const at = l2Tags.find(Math.floor(core / coresPerCluster), line);
      if (at >= 0) l2Entries[at] = (l2Entries[at] as number) | Flag.Dirty | Flag.Writable;
    }
  }

  function fillL1(core: number, line: number, flags: number, now: number): void {
    l1.insert(core, line, flags);
    const victim = l1.victimLine[0] as number;
    if (victim >= 0) dropFromL1(core, victim, l1.victimFlags[0] as number, now);
  }

  function fillL2(cluster: number, line: number, flags: number, now: number): void {
    l2Tags.insert(cluster, line, flags);
    const victim = l2Tags.victimLine[0] as number;
    if (victim >= 0) dropFromL2(cluster, victim, l2Tags.victimFlags[0] as number, now);
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

  /** Keeps the L1Ds of a cluster coherent among themselves when one of them misses. */
  function askSiblings(core: number, cluster: number, line: number, exclusive: boolean): void {
    for (let other = cluster * coresPerCluster; other < (cluster + 1) * coresPerCluster; other++) {
      if (other === core) continue;
      const at = l1.find(other, line);
      if (at < 0) continue;
      if (((l1Entries[at] as number) & Flag.Dirty) !== 0) dropFromL1(other, line, Flag.Dirty, 0);
      if (exclusive) l1.remove(at);
      else l1Entries[at] = (l1Entries[at] as number) & ~(Flag.Dirty | Flag.Writable);
    }
  }

  /** Sends a request of the last private level out. The MSHR must be free. @returns its ready time, Infinity when not known yet. */
  function ask(core: number, cluster: number, mshr: number, line: number, now: number, exclusive: boolean): number {
    const ready = shared.request(core, cluster, line, now, exclusive);
    mshrLine[mshr] = line;
    mshrStartPs[mshr] = now;
    mshrSource[mshr] = shared.source[0] as number;
    mshrLatencyShare[mshr] = 1;
    if (ready >= 0) {
      mshrReadyPs[mshr] = ready;
      return ready;
    }
    startPs[mshr] = now;
    const known = memory.read(core, line, now, shared.directoryReadyPs[0] as number, mshr);
    mshrReadyPs[mshr] = known < 0 ? UNKNOWN : known;
    const next = order.times;
    for (let channel = cores; channel < next.length; channel++) if ((next[channel] as number) < horizon) horizon = next[channel] as number;
    return mshrReadyPs[mshr] as number;
  }

  /** Lets the streamer see an access below the L1D and sends out what it wants. */
  function prefetch(core: number, cluster: number, line: number, now: number, exclusive: boolean): void {
    const offered = (streamer as Streamer).observe(core, line);
    if (offered === 0) return;
    const direction = (streamer as Streamer).direction[0] as number;
    let target = (streamer as Streamer).next[0] as number;
    let sent = 0;
    for (; sent < offered; sent++, target += direction) {
      if (l2Tags.find(hasL2 ? cluster : core, target) >= 0) continue;
      const mshr = findMshr(cluster, now);
      if (mshr < 0) break;
      ask(core, cluster, mshr, target, now, exclusive);
      const flags = ((shared.grantedFlags[0] as number) & (Flag.Dirty | Flag.Writable)) | Flag.InFlight | Flag.Prefetched;
      if (hasL2) fillL2(cluster, target, flags, now);
      else fillL1(core, target, flags, now);
      counters[core * CORE_COUNTERS + CoreCounter.Prefetches] = (counters[core * CORE_COUNTERS + CoreCounter.Prefetches] as number) + 1;
    }
    (streamer as Streamer).issued(sent);
  }

  /** MSHR of the cluster that is fetching the line at `now`, or -1. */
  function mshrOf(cluster: number, line: number, now: number): number {
    const base = cluster * mshrs;
    for (let at = base; at < base + mshrs; at++) if (mshrLine[at] === line && (mshrReadyPs[at] as number) > now) return at;
    return -1;
  }

  /** Ties a load to the fill buffer that brings its line. */
  function attachLoad(core: number, fill: number): void {
    const ready = fillReadyPs[fill] as number;
    const load = pushLoad(core, ready, fillSource[fill] as number, fillLatencyShare[fill] as number);
    alsoWaits[load] = -1;
    if (ready === UNKNOWN) {
      alsoWaits[load] = fillLoad[fill] as number;
      fillLoad[fill] = load;
    }
  }

  /** An L1D hit on a line that may still be on its way. */
  function touchInFlight(core: number, l1At: number, line: number, now: number, isLoad: boolean): void {
    const base = core * fills;
    for (let fill = base; fill < base + fills; fill++) {
      if (fillLine[fill] === line && (fillReadyPs[fill] as number) > now) {
        if (isLoad) attachLoad(core, fill);
        return;
      }
    }
    l1Entries[l1At] = (l1Entries[l1At] as number) & ~Flag.InFlight;
  }

  /**
   * An access that the L1D does not satisfy. Either completes (returns the time, possibly later than `now`) or changes nothing but the
   * time waited and returns a negative number: -1 sleep, -2 yield at `timePs[core]`.
   */
  function miss(core: number, line: number, kind: number, now: number): number {
    const cluster = sharesCluster ? Math.floor(core / coresPerCluster) : core;
    const exclusive = kind === Access.Store;
    const nonTemporal = kind === Access.StoreNonTemporal;
    let fill = findFill(core, now);
    if (fill < 0) {
      const free = waitForAny(core, now, fillReadyPs, fillSource, fillLatencyShare, core * fills, fills, CoreCounter.FillBuffersFullPs);
      timePs[core] = now;
      if (free === UNKNOWN) return -1;
      now = free;
      timePs[core] = now;
      fill = findFill(core, now);
    }
    if (now > horizon) {
      timePs[core] = now;
      return -2;
    }

    if (nonTemporal) {
      const l1At = l1.find(core, line);
      if (l1At >= 0) l1.remove(l1At);
      if (hasL2) {
        const l2At = l2Tags.find(cluster, line);
        if (l2At >= 0) l2Tags.remove(l2At);
      }
      shared.purge(core, -1, line);
      fillLine[fill] = -1;
      fillReadyPs[fill] = UNKNOWN;
      fillSource[fill] = Source.Dram;
      fillMshr[fill] = -1;
      startPs[firstStoreTag + fill] = now;
      memory.write(core, line, now, firstStoreTag + fill);
      const next = order.times;
      for (let channel = cores; channel < next.length; channel++) if ((next[channel] as number) < horizon) horizon = next[channel] as number;
      counters[core * CORE_COUNTERS + CoreCounter.NonTemporalStores] = (counters[core * CORE_COUNTERS + CoreCounter.NonTemporalStores] as number) + 1;
      return now;
    }

    let ready: number;
    let source: number;
    let share = 1;
    let waitsFor = -1;
    let granted = 0;
    let l2At = hasL2 ? l2Tags.find(cluster, line) : -1;
    if (sharesCluster) askSiblings(core, cluster, line, exclusive);
    const held = hasL2 ? -1 : l1.find(core, line);
    const needsPermission =
      exclusive && ((l2At >= 0 && ((l2Entries[l2At] as number) & Flag.Writable) === 0) || held >= 0);
    if (l2At >= 0 && !needsPermission) {
      const entry = l2Entries[l2At] as number;
      const port = l2PortFreePs[cluster] as number;
      const start = port > now ? port : now;
      l2PortFreePs[cluster] = start + l2PortPs;
      ready = start + l2LatencyPs;
      source = Source.L2;
      granted = entry & Flag.Writable;
      if ((entry & (Flag.InFlight | Flag.Prefetched)) !== 0) {
        if ((entry & Flag.Prefetched) !== 0) {
          counters[core * CORE_COUNTERS + CoreCounter.UsefulPrefetches] = (counters[core * CORE_COUNTERS + CoreCounter.UsefulPrefetches] as number) + 1;
        }
        const mshr = (entry & Flag.InFlight) !== 0 ? mshrOf(cluster, line, now) : -1;
        if (mshr >= 0) {
          if ((entry & Flag.Prefetched) !== 0) {
            counters[core * CORE_COUNTERS + CoreCounter.LatePrefetches] = (counters[core * CORE_COUNTERS + CoreCounter.LatePrefetches] as number) + 1;
          }
          const arrival = mshrReadyPs[mshr] as number;
          if (arrival > ready) {
            ready = arrival;
            source = mshrSource[mshr] as number;
            share = mshrLatencyShare[mshr] as number;
            if (arrival === UNKNOWN) waitsFor = mshr;
          }
          l2Entries[l2At] = entry & ~Flag.Prefetched;
        } else {
          l2Entries[l2At] = entry & ~(Flag.InFlight | Flag.Prefetched);
        }
      }
      if (exclusive) l2Entries[l2At] = (l2Entries[l2At] as number) | Flag.Dirty;
      l2Tags.promote(l2At);
    } else {
      const mshr = findMshr(cluster, now);
      if (mshr < 0) {
        const free = waitForAny(core, now, mshrReadyPs, mshrSource, mshrLatencyShare, cluster * mshrs, mshrs, CoreCounter.MshrsFullPs);
        timePs[core] = now;
        if (free === UNKNOWN) return -1;
        timePs[core] = free;
        return free > horizon ? -2 : miss(core, line, kind, free);
      }
      ready = ask(core, cluster, mshr, line, now, exclusive);
      granted = (shared.grantedFlags[0] as number) & (Flag.Writable | Flag.Dirty);
      source = shared.source[0] as number;
      if (ready === UNKNOWN) waitsFor = mshr;
      if (needsPermission) {
        counters[core * CORE_COUNTERS + CoreCounter.Upgrades] = (counters[core * CORE_COUNTERS + CoreCounter.Upgrades] as number) + 1;
        // Looked up again: the directory may have displaced entries of ours meanwhile.
        l2At = hasL2 ? l2Tags.find(cluster, line) : -1;
      } else if (hasL2) {
        counters[core * CORE_COUNTERS + CoreCounter.L2Misses] = (counters[core * CORE_COUNTERS + CoreCounter.L2Misses] as number) + 1;
      }
      const dirty = exclusive ? Flag.Dirty : granted & Flag.Dirty;
      if (l2At >= 0) l2Entries[l2At] = (l2Entries[l2At] as number) | Flag.Writable | dirty;
      else if (hasL2) fillL2(cluster, line, (granted & Flag.Writable) | dirty | Flag.InFlight, now);
    }

    fillLine[fill] = line;
    fillReadyPs[fill] = ready;
    fillSource[fill] = source;
    fillLatencyShare[fill] = share;
    fillMshr[fill] = waitsFor;
    fillLoad[fill] = -1;
    fillStore[fill] = -1;
    if (kind === Access.Store) {
      pushStore(core, ready, source, share);
      if (ready === UNKNOWN) fillStore[fill] = core * storeRing + (((storeTail[core] as number) - 1) & storeMask);
    } else if (kind === Access.Load || kind === Access.LoadDependent) {
      attachLoad(core, fill);
    }
    if (kind !== Access.PrefetchL2 || !hasL2) {
      const writable = exclusive ? Flag.Writable | Flag.Dirty : (granted & Flag.Writable) | (hasL2 ? 0 : granted & Flag.Dirty);
      const at = l1.find(core, line);
      if (at >= 0) l1Entries[l1.promote(at)] = (((l1Entries[at] as number) >> FLAG_BITS) << FLAG_BITS) | writable | Flag.InFlight;
      else fillL1(core, line, writable | Flag.InFlight, now);
    }
    if (!needsPermission) {
      counters[core * CORE_COUNTERS + CoreCounter.L1Misses] = (counters[core * CORE_COUNTERS + CoreCounter.L1Misses] as number) + 1;
      if (streamer !== null) prefetch(core, cluster, line, now, exclusive);
    }
    return now;
  }

  /** The phase's stream is used up: wait until all that was asked for has arrived. @returns the time, or -1: sleep. */
  function drain(core: number, now: number): number {
    for (;;) {
      retireLoads(core, now);
      if ((loadHead[core] as number) === (loadTail[core] as number)) break;
      const free = waitForOldestLoad(core, now);
      if (free === UNKNOWN) {
        timePs[core] = now;
        return -1;
      }
      now = free;
    }
    const base = core * storeRing;
    while ((storeHead[core] as number) !== (storeTail[core] as number)) {
      const at = base + ((storeHead[core] as number) & storeMask);
      const ready = storeReadyPs[at] as number;
      if (ready === UNKNOWN) {
        timePs[core] = now;
        return -1;
      }
      if (ready > now) {
        book(core, ready - now, storeSource[at] as number, storeLatencyShare[at] as number, CoreCounter.StoreQueueFullPs);
        now = ready;
      }
      storeHead[core] = (storeHead[core] as number) + 1;
    }
    for (let fill = core * fills; fill < (core + 1) * fills; fill++) {
      const ready = fillReadyPs[fill] as number;
      if (fillLine[fill] !== -1) continue; // only write-combining buffers must be empty: prefetched lines may arrive later
      if (ready === UNKNOWN) {
        timePs[core] = now;
        return -1;
      }
      if (ready > now) {
        book(core, ready - now, fillSource[fill] as number, fillLatencyShare[fill] as number, CoreCounter.FillBuffersFullPs);
        now = ready;
      }
    }
    timePs[core] = now;
    return now;
  }

  function bookBusy(core: number, busyPs: number, fmaPs: number): void {
    const base = core * CATEGORY_COUNT;
    accounts[base + Category.Compute] = (accounts[base + Category.Compute] as number) + fmaPs;
    accounts[base + Category.Issue] = (accounts[base + Category.Issue] as number) + busyPs - fmaPs;
  }

  function advance(core: number, horizonPs: number): boolean {
    horizon = horizonPs;
    asleep[core] = 0;
    const stream = streams[core] as OpStream;
    let now = timePs[core] as number;
    for (;;) {
      let at = runAt[core] as number;
      if (at >= stream.length) {
        stream.clear();
        runAt[core] = 0;
        if (!refillStream(core, stream)) {
          const end = drain(core, now);
          if (end < 0) {
            sleep(core);
            return false;
          }
          finished[core] = 1;
          order.update(core, Infinity);
          return true;
        }
        continue;
      }
      const words = stream.words;
      const lineStreams = words[at] as number;
      const count = words[at + 1] as number;
      const busyPs = Math.round(((words[at + 2] as number) * periodPs) / 256);
      const fmaPs = Math.min(busyPs, Math.round(((words[at + 3] as number) * periodPs) / 256));
      const instructions = words[at + 4] as number;
      const loads = words[at + 5] as number;

      if (lineStreams === 0) {
        // Lumps of compute: dispatched as far as the window reaches past the oldest load without data.
        const total = instructions * count;
        let done = lumpDone[core] as number;
        let sleeps = false;
        while (done < total || total === 0) {
          retireLoads(core, now);
          let part = total - done;
          if ((loadHead[core] as number) !== (loadTail[core] as number)) {
            part = roomInWindow(core, part, Math.round((loads * count * part) / Math.max(1, total)));
            if (part === 0 && total > 0) {
              const free = waitForOldestLoad(core, now);
              if (free === UNKNOWN) {
                sleeps = true;
                break;
              }
              now = free;
              continue;
            }
          }
          const share = total === 0 ? 1 : part / total;
          const before = total === 0 ? 0 : done / total;
          // Differences of rounded running sums: the parts of a lump add up to exactly the lump.
          const busyPart = Math.round(busyPs * count * (before + share)) - Math.round(busyPs * count * before);
          const fmaPart = Math.min(busyPart, Math.round(fmaPs * count * (before + share)) - Math.round(fmaPs * count * before));
          bookBusy(core, busyPart, fmaPart);
          now += busyPart;
          instructionNumber[core] = (instructionNumber[core] as number) + part;
          loadNumber[core] = (loadNumber[core] as number) + Math.round((loads * count * part) / Math.max(1, total));
          done += part;
          if (total === 0) break;
        }
        timePs[core] = now;
        if (sleeps) {
          lumpDone[core] = done;
          sleep(core);
          return false;
        }
        lumpDone[core] = 0;
        counters[core * CORE_COUNTERS] = (counters[core * CORE_COUNTERS] as number) + total;
        runAt[core] = at + RUN_HEADER_WORDS;
        continue;
      }

      let step = stepAt[core] as number;
      let part = streamAt[core] as number;
      const firstStream = at + RUN_HEADER_WORDS;
      for (; step < count; step++) {
        if (part === 0 && (loadHead[core] as number) !== (loadTail[core] as number)) {
          retireLoads(core, now);
          while ((loadHead[core] as number) !== (loadTail[core] as number) && roomInWindow(core, 1, loads > 0 ? 1 : 0) === 0) {
            const free = waitForOldestLoad(core, now);
            if (free === UNKNOWN) {
              timePs[core] = now;
              stepAt[core] = step;
              streamAt[core] = 0;
              sleep(core);
              return false;
            }
            now = free;
          }
        }
        for (; part < lineStreams; part++) {
          at = firstStream + part * STREAM_WORDS;
          const kind = words[at] as number;
          const line = (words[at + 1] as number) + step * (words[at + 2] as number);
          let outcome = now;
          if (kind === Access.StoreNonTemporal) {
            outcome = miss(core, line, kind, now);
          } else {
            if (kind === Access.Store && (storeHead[core] as number) !== (storeTail[core] as number)) {
              const free = waitForStoreQueue(core, now);
              if (free === UNKNOWN) {
                outcome = -1;
                timePs[core] = now;
              } else {
                now = free;
              }
            }
            if (outcome >= 0) {
              if (kind === Access.LoadDependent && (loadHead[core] as number) !== (loadTail[core] as number)) {
                retireLoads(core, now);
                while (outcome >= 0 && (loadHead[core] as number) !== (loadTail[core] as number)) {
                  const free = waitForOldestLoad(core, now);
                  if (free === UNKNOWN) {
                    outcome = -1;
                    timePs[core] = now;
                  } else {
                    now = free;
                  }
                }
              }
              if (outcome >= 0) {
                const l1At = l1.find(core, line);
                if (l1At >= 0 && (kind !== Access.Store || ((l1Entries[l1At] as number) & Flag.Writable) !== 0)) {
                  const promoted = l1.promote(l1At);
                  const entry = l1Entries[promoted] as number;
                  if (kind === Access.Store) l1Entries[promoted] = entry | Flag.Dirty;
                  if ((entry & Flag.InFlight) !== 0) {
                    touchInFlight(core, promoted, line, now, kind === Access.Load || kind === Access.LoadDependent);
                  }
                  if (kind === Access.LoadDependent) {
                    accounts[core * CATEGORY_COUNT + Category.L1] = (accounts[core * CATEGORY_COUNT + Category.L1] as number) + l1LatencyPs;
                    now += l1LatencyPs;
                  }
                } else if (kind === Access.PrefetchL2 && hasL2 && l2Tags.find(sharesCluster ? Math.floor(core / coresPerCluster) : core, line) >= 0) {
                  // Already where it was wanted.
                } else {
                  outcome = miss(core, line, kind, now);
                }
              }
            }
          }
          if (outcome < 0) {
            stepAt[core] = step;
            streamAt[core] = part;
            if (outcome === -1) sleep(core);
            else order.update(core, timePs[core] as number);
            return false;
          }
          if (outcome > now) now = outcome;
          if (kind === Access.Store) storeNumber[core] = (storeNumber[core] as number) + 1;
        }
        part = 0;
        instructionNumber[core] = (instructionNumber[core] as number) + instructions;
        loadNumber[core] = (loadNumber[core] as number) + loads;
        now += busyPs;
      }
      bookBusy(core, busyPs * count, fmaPs * count);
      counters[core * CORE_COUNTERS] = (counters[core * CORE_COUNTERS] as number) + instructions * count;
      counters[core * CORE_COUNTERS + 1] = (counters[core * CORE_COUNTERS + 1] as number) + lineStreams * count;
      stepAt[core] = 0;
      streamAt[core] = 0;
      timePs[core] = now;
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
      order.update(core, time);
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

  function flush(time: number): void {
    for (let cluster = 0; cluster < clusters; cluster++) {
      if (hasL2) {
        const held: [number, number][] = [];
        l2Tags.forEach(cluster, (line, flags) => held.push([line, flags]));
        for (const [line, flags] of held) {
          l2Tags.remove(l2Tags.find(cluster, line));
          dropFromL2(cluster, line, flags, time);
        }
      } else {
        const held: [number, number][] = [];
        l1.forEach(cluster, (line, flags) => held.push([line, flags]));
        for (const [line, flags] of held) {
          l1.remove(l1.find(cluster, line));
          dropFromL1(cluster, line, flags, time);
        }
      }
    }
  }

  function describeWait(core: number): string {
    if (finished[core] !== 0) return `core ${core} has finished`;
    const waiting: string[] = [];
    for (let fill = core * fills; fill < (core + 1) * fills; fill++) {
      if (fillReadyPs[fill] === UNKNOWN) waiting.push(`line ${fillLine[fill]} (MSHR ${fillMshr[fill]})`);
    }
    return `core ${core} at ${timePs[core]} ps waits for ${waiting.length === 0 ? 'an MSHR of its cluster' : waiting.join(', ')}`;
  }

  return { begin, advance, answer, release, lastArrivalPs, setReturnPs, invalidate, downgrade, flush, describeWait, accounts, counters, timePs };
}
