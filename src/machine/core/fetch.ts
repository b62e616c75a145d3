/** Requests of the last private level to what is below it: for misses and for prefetches. */
import { Flag, find } from '../cache/tag-array.js';
import { Clock } from '../clock.js';
import { ANSWER, Source } from '../coherence/layout.js';
import { requestLine } from '../coherence/request.js';
import { readLine } from '../memory-port.js';
import { observe } from '../prefetch/registry.js';
import { acceptOffer, OFFER } from '../prefetch/state.js';
import { firstFree, putFree, takeFree } from './free-list.js';
import { CORE, CoreCounter, UNKNOWN as NOT_KNOWN, REGISTER } from './layout.js';
import { fillL1, fillL2 } from './private-caches.js';
import type { EngineState } from './state.js';
import { count } from './wait.js';

const { Now: NOW, Ready: CLOCK_READY } = Clock;
const { GRANTED, SOURCE: ANSWER_SOURCE, SUPPLIER } = ANSWER;
const { Dram: FROM_DRAM } = Source;
const { Dirty: DIRTY, Writable: WRITABLE, InFlight: IN_FLIGHT, Prefetched: PREFETCHED } = Flag;
const {
  STRIDE: REGISTER_STRIDE,
  READY,
  SHARE,
  START,
  RETURN,
  DELAY,
  SOURCE,
  NEXT,
  FIRST,
  LINE,
  FOLLOWER,
  OWNER,
} = REGISTER;
const { FIRST: OFFER_FIRST, STEP: OFFER_STEP } = OFFER;
const { SHIFT: CORE_SHIFT, STREAM } = CORE;
const {
  Prefetches: PREFETCHES,
  UsefulPrefetches: USEFUL_PREFETCHES,
  LatePrefetches: LATE_PREFETCHES,
} = CoreCounter;
const UNKNOWN = NOT_KNOWN;

/**
 * Sends a request of the last private level out at Clock.Now, with the MSHR that is first in the free list. Its `READY` then tells when it is answered, `UNKNOWN` if
 * that is not known yet; the shared level's answer tells what is granted.
 */
export function fetchLine(
  e: EngineState,
  core: number,
  cluster: number,
  mshr: number,
  line: number,
  exclusive: boolean,
): void {
  const { ints, times, shared, clock } = e;
  takeFree(e.freeMshrs, cluster);
  const known = requestLine(shared, core, cluster, line, exclusive);
  ints[mshr + LINE] = line;
  e.mshrHints[(cluster << 8) | (line & 255)] = mshr;
  const source = shared.answer[ANSWER_SOURCE];
  ints[mshr + SOURCE] = source;
  ints[mshr + FIRST] = -1;
  // Where memory answers, it tells the share; what it does not answer itself comes as from an idle one.
  times[mshr + SHARE] = source === FROM_DRAM ? 1 : 0;
  times[mshr + START] = clock[NOW];
  if (known) {
    if (shared.answer[SUPPLIER] >= 0 && follow(e, mshr, shared.answer[SUPPLIER], line)) return;
  } else if (!readLine(e.memory, core, line, mshr)) {
    // What misses the last private level has been looked up there first, and comes back through it.
    times[mshr + RETURN] = clock[CLOCK_READY] + e.l2LatencyPs;
    times[mshr + READY] = UNKNOWN;
    return;
  }
  times[mshr + READY] = clock[CLOCK_READY] + e.l2LatencyPs;
  putFree(e.freeMshrs, cluster, mshr);
}

/**
 * Data supplied by another cluster cannot arrive before that cluster has it. Moves Clock.Ready accordingly.
 * @returns true where the supplier's own answer is not known yet: the MSHR then waits for it
 */
function follow(e: EngineState, mshr: number, supplier: number, line: number): boolean {
  const { ints, times, clock } = e;
  const first = mshrOf(e, supplier, line);
  if (first < 0) return false;
  const delay = clock[CLOCK_READY] - clock[NOW];
  if (times[first + READY] !== UNKNOWN) {
    clock[CLOCK_READY] = Math.max(clock[CLOCK_READY], times[first + READY] + delay);
    return false;
  }
  times[mshr + READY] = UNKNOWN;
  ints[mshr + SOURCE] = ints[first + SOURCE];
  times[mshr + DELAY] = delay + e.l2LatencyPs;
  ints[mshr + NEXT] = ints[first + FOLLOWER];
  ints[first + FOLLOWER] = mshr;
  return true;
}

/** MSHR of the cluster that is still fetching the line, or -1. */
export function mshrOf(e: EngineState, cluster: number, line: number): number {
  const { ints, times } = e;
  const now = e.clock[NOW];
  const hint = e.mshrHints[(cluster << 8) | (line & 255)];
  if (ints[hint + LINE] === line && ints[hint + OWNER] === cluster)
    return times[hint + READY] > now ? hint : -1;
  const base = e.mshrsAt + cluster * e.mshrs * REGISTER_STRIDE;
  const end = base + e.mshrs * REGISTER_STRIDE;
  for (let at = base; at < end; at += REGISTER_STRIDE)
    if (ints[at + LINE] === line && times[at + READY] > now) return at;
  return -1;
}

/**
 * Lets the prefetcher see an access below the L1D and sends out what it wants, at Clock.Now.
 * @param isFirst the access missed the last private level, or is the first use of a line that was prefetched there
 */
export function prefetch(
  e: EngineState,
  core: number,
  cluster: number,
  line: number,
  exclusive: boolean,
  isFirst: boolean,
): void {
  const { prefetcher } = e;
  const offered = observe(prefetcher, core, e.ints[(core << CORE_SHIFT) + STREAM], line, isFirst);
  if (offered <= 0) return;
  const step = prefetcher.offer[OFFER_STEP];
  let target = prefetcher.offer[OFFER_FIRST];
  let sent = 0;
  for (; sent < offered; sent++, target += step) {
    if (find(e.l2, cluster, target) >= 0) continue;
    const mshr = firstFree(e.freeMshrs, cluster);
    if (mshr < 0 || e.times[mshr + READY] > e.clock[NOW]) break;
    fetchLine(e, core, cluster, mshr, target, exclusive);
    const flags = (e.shared.answer[GRANTED] & (DIRTY | WRITABLE)) | IN_FLIGHT | PREFETCHED;
    if (e.hasL2) fillL2(e, cluster, target, flags);
    else fillL1(e, core, target, flags, -1, -1);
    count(e, core, PREFETCHES);
  }
  acceptOffer(prefetcher, sent);
}

/** A prefetched line is used for the first time. @param mshr that is still fetching it, or -1 */
export function countUse(e: EngineState, core: number, mshr: number): void {
  count(e, core, USEFUL_PREFETCHES);
  if (mshr >= 0) count(e, core, LATE_PREFETCHES);
}
