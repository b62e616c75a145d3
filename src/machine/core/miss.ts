/** Accesses that the L1D does not satisfy, and those of lines that are still on their way. */
import { Access } from '../../kernel/op-stream.js';
import { among } from '../among.js';
import { Flag, find, promote } from '../cache/tag-array.js';
import { Clock } from '../clock.js';
import { ANSWER, Source } from '../coherence/layout.js';
import { purgeLine } from '../coherence/release.js';
import { writeLine } from '../memory-port.js';
import { Policy } from '../prefetch/state.js';
import { countUse, fetchLine, mshrOf, prefetch } from './fetch.js';
import { firstFree, putFree, takeFree } from './free-list.js';
import { CORE, CoreCounter, UNKNOWN as NOT_KNOWN, OUTCOME, REGISTER, WAIT } from './layout.js';
import { askSiblings, fillL1, fillL2, takeAway } from './private-caches.js';
import type { EngineState } from './state.js';
import { waitForTurn } from './turn.js';
import { count, setWait, waitFor } from './wait.js';
import { attachLoad, attachStore } from './window.js';

const { Now: NOW, Ready: CLOCK_READY, Horizon: HORIZON } = Clock;
const { GRANTED, HELD } = ANSWER;
const { L2: FROM_L2, Dram: FROM_DRAM } = Source;
const { Dirty: DIRTY, Writable: WRITABLE, InFlight: IN_FLIGHT, Prefetched: PREFETCHED } = Flag;
const { SHIFT: CORE_SHIFT, TIME, CLUSTER } = CORE;
const { READY, SHARE, START, RETURN, SOURCE, NEXT, FIRST, LINE, STORE } = REGISTER;
const { DONE, YIELD } = OUTCOME;
const { ANYTHING } = WAIT;
const {
  Load: LOAD,
  Store: ORDINARY_STORE,
  StoreNonTemporal: NON_TEMPORAL_STORE,
  PrefetchL2: PREFETCH_L2,
  LoadDependent: LOAD_DEPENDENT,
} = Access;
const {
  L1Misses: L1_MISSES,
  L1WriteMisses: L1_WRITE_MISSES,
  L2Misses: L2_MISSES,
  Upgrades: UPGRADES,
  NonTemporalStores: NON_TEMPORAL_STORES,
  FillBuffersFullPs: FILL_BUFFERS_FULL_PS,
  MshrsFullPs: MSHRS_FULL_PS,
} = CoreCounter;
const UNKNOWN = NOT_KNOWN;
const { None: NO_PREFETCHER } = Policy;

/**
 * An access that the L1D does not satisfy. Done, or nothing has changed but time waited.
 * @param heldAt where the L1D holds the line without the permission that a store needs; -1 where it does not hold it
 */
export function miss(e: EngineState, core: number, line: number, kind: number, heldAt: number): number {
  const { ints, times, clock, hasL2, l1, l2 } = e;
  const c = core << CORE_SHIFT;
  const cluster = among(e.clusters, ints[c + CLUSTER]);
  // Before the wait: where a core goes on from it, its caches are as they were, and the host looks here while it books the wait.
  let l2At = hasL2 ? find(l2, cluster, line) : -1;
  let fill = firstFree(e.freeFills, core);
  for (;;) {
    if (fill < 0) return setWait(e, core, ANYTHING, -1);
    waitFor(e, core, fill, FILL_BUFFERS_FULL_PS);
    if (times[c + TIME] <= clock[HORIZON]) break;
    if (!waitForTurn(e, core)) return YIELD;
    // Memory's answers meanwhile have told of other buffers when they are free; a lone core's caches are as they were.
    fill = firstFree(e.freeFills, core);
  }
  clock[NOW] = times[c + TIME];
  if (kind === NON_TEMPORAL_STORE) {
    storeNonTemporal(e, core, cluster, line, fill);
    return DONE;
  }

  const exclusive = kind === ORDINARY_STORE;
  const needsPermission = exclusive && (l2At >= 0 ? (l2.words[l2At] & WRITABLE) === 0 : heldAt >= 0);
  let granted: number;
  let waitsFor = -1;
  const isFirst = l2At < 0 || (l2.words[l2At] & PREFETCHED) !== 0;
  if (l2At >= 0 && !needsPermission) {
    const isShared = e.coresPerCluster > 1 && askSiblings(e, core, cluster, line, exclusive);
    granted = isShared ? 0 : l2.words[l2At] & WRITABLE;
    waitsFor = hitL2(e, core, cluster, line, fill, l2At);
    if (exclusive) l2.words[l2At] |= DIRTY;
    promote(l2, l2At);
  } else {
    const mshr = firstFree(e.freeMshrs, cluster);
    if (mshr < 0) return setWait(e, core, ANYTHING, -1);
    if (times[mshr + READY] > times[c + TIME]) {
      waitFor(e, core, mshr, MSHRS_FULL_PS);
      // What has happened meanwhile may have changed all that was looked at: start again.
      if (times[c + TIME] > clock[HORIZON])
        return waitForTurn(e, core) ? miss(e, core, line, kind, heldAt) : YIELD;
      clock[NOW] = times[c + TIME];
    }
    if (needsPermission) useByUpgrade(e, core, cluster, line, hasL2 ? l2At : heldAt);
    if (e.coresPerCluster > 1) askSiblings(e, core, cluster, line, exclusive);
    fetchLine(e, core, cluster, mshr, line, exclusive);
    granted = e.shared.answer[GRANTED] & (WRITABLE | DIRTY);
    waitsFor = copyAnswer(e, fill, mshr);
    if (needsPermission) {
      count(e, core, UPGRADES);
      // Looked up again: the directory may have displaced entries of ours meanwhile.
      l2At = hasL2 ? find(l2, cluster, line) : -1;
    } else if (hasL2) {
      count(e, core, L2_MISSES);
    }
    const dirty = exclusive ? DIRTY : granted & DIRTY;
    if (l2At >= 0) {
      l2.words[l2At] |= WRITABLE | dirty;
      e.held[l2At] = e.shared.answer[HELD];
    } else if (hasL2) l2At = fillL2(e, cluster, line, (granted & WRITABLE) | dirty | IN_FLIGHT);
  }

  takeFill(e, core, fill, line, waitsFor);
  if (exclusive) attachStore(e, core, fill);
  else if (kind === LOAD || kind === LOAD_DEPENDENT) attachLoad(e, core, fill);
  if (kind !== PREFETCH_L2 || !hasL2) {
    const flags = exclusive
      ? WRITABLE | DIRTY
      : (granted & WRITABLE) | (hasL2 ? 0 : (granted & DIRTY) | IN_FLIGHT);
    const at = heldAt >= 0 ? find(l1, core, line) : -1;
    if (at >= 0) {
      promote(l1, at);
      l1.words[at] |= flags;
      if (!hasL2) e.held[at] = e.shared.answer[HELD];
      const before = e.fillAt[at];
      // The permission may come before the line, which is on its way for a load.
      if (ints[before + LINE] !== line || times[before + READY] <= times[fill + READY]) e.fillAt[at] = fill;
    } else fillL1(e, core, line, flags, l2At, fill);
  }
  if (!needsPermission) {
    count(e, core, L1_MISSES);
    if (exclusive) count(e, core, L1_WRITE_MISSES);
    if (e.prefetcher.policy !== NO_PREFETCHER) prefetch(e, core, cluster, line, exclusive, isFirst);
  }
  return DONE;
}

/** Gives a fill buffer its answer from an L2 that holds the line. @returns the MSHR to wait for where the line is still on its way, or -1 */
function hitL2(
  e: EngineState,
  core: number,
  cluster: number,
  line: number,
  fill: number,
  l2At: number,
): number {
  const { ints, times, l2, l2PortFreePs } = e;
  const now = times[(core << CORE_SHIFT) + TIME];
  const start = Math.max(l2PortFreePs[cluster], now);
  l2PortFreePs[cluster] = start + e.l2PortPs;
  times[fill + READY] = start + e.l2LatencyPs;
  times[fill + SHARE] = 0;
  ints[fill + SOURCE] = FROM_L2;
  const entry = l2.words[l2At];
  if ((entry & (IN_FLIGHT | PREFETCHED)) === 0) return -1;
  const mshr = (entry & IN_FLIGHT) !== 0 ? mshrOf(e, cluster, line) : -1;
  if ((entry & PREFETCHED) !== 0) countUse(e, core, mshr);
  l2.words[l2At] = entry & (mshr >= 0 ? ~PREFETCHED : ~(IN_FLIGHT | PREFETCHED));
  if (mshr < 0 || times[mshr + READY] <= times[fill + READY]) return -1;
  return copyAnswer(e, fill, mshr);
}

/** A store must ask for the permission to write a line that the last private level holds at `at`: a use, the first of it if it was prefetched. */
function useByUpgrade(e: EngineState, core: number, cluster: number, line: number, at: number): void {
  if ((e.l2.words[at] & PREFETCHED) === 0) return;
  e.l2.words[at] &= ~PREFETCHED;
  countUse(e, core, mshrOf(e, cluster, line));
}

/** The fill buffer gets its answer when the MSHR does. @returns the MSHR where that is not known yet, or -1 */
function copyAnswer(e: EngineState, fill: number, mshr: number): number {
  const { ints, times } = e;
  times[fill + READY] = times[mshr + READY];
  times[fill + SHARE] = times[mshr + SHARE];
  ints[fill + SOURCE] = ints[mshr + SOURCE];
  return times[mshr + READY] === UNKNOWN ? mshr : -1;
}

/** Takes the first free fill buffer for a line. @param waitsFor the MSHR that will answer it; -1 where its answer is known */
function takeFill(e: EngineState, core: number, fill: number, line: number, waitsFor: number): void {
  const { ints } = e;
  takeFree(e.freeFills, core);
  ints[fill + LINE] = line;
  ints[fill + FIRST] = -1;
  ints[fill + STORE] = -1;
  if (waitsFor < 0) {
    putFree(e.freeFills, core, fill);
    return;
  }
  ints[fill + NEXT] = ints[waitsFor + FIRST];
  ints[waitsFor + FIRST] = fill;
}

/** Sends a whole line past the caches, from a write-combining buffer. */
function storeNonTemporal(e: EngineState, core: number, cluster: number, line: number, fill: number): void {
  const { ints, times, l1, l2 } = e;
  takeFree(e.freeFills, core);
  const l1At = find(l1, core, line);
  if (l1At >= 0) takeAway(e, core, l1, l1At);
  const l2At = e.hasL2 ? find(l2, cluster, line) : -1;
  if (l2At >= 0) takeAway(e, core, l2, l2At);
  purgeLine(e.shared, -1, line);
  ints[fill + LINE] = -1;
  ints[fill + SOURCE] = FROM_DRAM;
  times[fill + READY] = UNKNOWN;
  times[fill + START] = e.clock[NOW];
  writeLine(e.memory, core, line, fill);
  times[fill + RETURN] = e.clock[CLOCK_READY];
  count(e, core, NON_TEMPORAL_STORES);
}

/**
 * An L1D hit on a line that a prefetch has sent for, where there is no L2: prefetched lines go to the L1D itself, and an MSHR may be fetching this one. A load then waits for it, through
 * a fill buffer. The first use of a prefetched line is an access below the L1D to the prefetcher; it must come in its order. Done, or nothing has changed but time waited; only a load is
 * ever not done.
 */
export function touchPrefetched(
  e: EngineState,
  core: number,
  l1At: number,
  line: number,
  kind: number,
): number {
  const { times, clock, l1 } = e;
  const c = core << CORE_SHIFT;
  clock[NOW] = times[c + TIME];
  let mshr = mshrOf(e, core, line);
  if (mshr >= 0 && (kind === LOAD || kind === LOAD_DEPENDENT)) {
    const fill = firstFree(e.freeFills, core);
    if (fill < 0) return setWait(e, core, ANYTHING, -1);
    waitFor(e, core, fill, FILL_BUFFERS_FULL_PS);
    if (times[c + TIME] > clock[NOW]) {
      if (times[c + TIME] > clock[HORIZON]) return YIELD;
      clock[NOW] = times[c + TIME];
      mshr = mshrOf(e, core, line);
    }
    if (mshr >= 0) {
      takeFill(e, core, fill, line, copyAnswer(e, fill, mshr));
      attachLoad(e, core, fill);
    }
  }
  const entry = l1.words[l1At];
  l1.words[l1At] = entry & (mshr >= 0 ? ~PREFETCHED : ~(IN_FLIGHT | PREFETCHED));
  if ((entry & PREFETCHED) === 0) return DONE;
  countUse(e, core, mshr);
  prefetch(e, core, core, line, kind === ORDINARY_STORE, true);
  return DONE;
}
