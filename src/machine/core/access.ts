/** One access of a core. */
import { Access } from '../../kernel/op-stream.js';
import { CATEGORY_COUNT, Category } from '../../statistics/time-loss.js';
import { among } from '../among.js';
import { Flag, find, promote } from '../cache/tag-array.js';
import { Clock } from '../clock.js';
import { CORE, OUTCOME, REGISTER } from './layout.js';
import { miss, touchPrefetched } from './miss.js';
import type { EngineState } from './state.js';
import { attachLoad, waitForLoads, waitForStoreQueue } from './window.js';

const {
  Load: LOAD,
  Store: STORE,
  StoreNonTemporal: STORE_NON_TEMPORAL,
  PrefetchL2: PREFETCH_L2,
  LoadDependent: LOAD_DEPENDENT,
} = Access;
const { Dirty: DIRTY, Writable: WRITABLE, InFlight: IN_FLIGHT, Prefetched: PREFETCHED } = Flag;
const { Horizon: HORIZON } = Clock;
const { SHIFT: CORE_SHIFT, TIME, CLUSTER, STORE_HEAD, STORE_TAIL } = CORE;
const { READY, LINE } = REGISTER;
const { DONE, YIELD } = OUTCOME;
const { L1: L1_CATEGORY } = Category;
const CATEGORIES = CATEGORY_COUNT;

/**
 * Does an access of which nothing is to be said but that it hits the L1D: a load of a line that is there, or a store that may write it and waits for no other.
 * @param at where the L1D holds the line, or -1
 * @param now the core's time
 * @returns false where there is more to it, and nothing has been done
 */
export function hitsPlainly(
  e: EngineState,
  core: number,
  line: number,
  kind: number,
  at: number,
  now: number,
): boolean {
  const { ints, l1 } = e;
  if (at < 0) return false;
  const entry = l1.words[at];
  if (isOnItsWay(e, at, line, now) || (!e.hasL2 && (entry & IN_FLIGHT) !== 0)) return false;
  if (kind !== LOAD) {
    const c = core << CORE_SHIFT;
    if (kind !== STORE || (entry & WRITABLE) === 0 || ints[c + STORE_HEAD] !== ints[c + STORE_TAIL])
      return false;
    l1.words[at] = entry | DIRTY;
  }
  promote(l1, at);
  return true;
}

/** Whether a fill buffer is still bringing the line of a position in an L1D. Looked up, not noted with the line: what has arrived is the rule, and a note would have to be taken off. */
function isOnItsWay(e: EngineState, at: number, line: number, now: number): boolean {
  const fill = e.fillAt[at];
  return e.ints[fill + LINE] === line && e.times[fill + READY] > now;
}

/**
 * Does one access of a step at the core's time. Where the outcome is not done, nothing has changed but time waited, and it is to be tried again.
 * @param at where the L1D holds the line, or -1
 */
export function access(e: EngineState, core: number, line: number, kind: number, at: number): number {
  const { ints, l1 } = e;
  if (kind === STORE_NON_TEMPORAL) return miss(e, core, line, kind, -1);
  const c = core << CORE_SHIFT;
  if (kind === STORE && ints[c + STORE_HEAD] !== ints[c + STORE_TAIL]) {
    const outcome = waitForStoreQueue(e, core);
    if (outcome !== DONE) return outcome;
  }
  if (kind === LOAD_DEPENDENT) {
    const outcome = waitForLoads(e, core);
    if (outcome !== DONE) return outcome;
  }
  if (at < 0) {
    if (kind === PREFETCH_L2 && e.hasL2 && find(e.l2, among(e.clusters, ints[c + CLUSTER]), line) >= 0)
      return DONE;
    return miss(e, core, line, kind, -1);
  }
  const entry = l1.words[at];
  if ((entry & PREFETCHED) !== 0 && e.times[c + TIME] > e.clock[HORIZON]) return YIELD;
  if (kind === STORE) {
    if ((entry & WRITABLE) === 0) return miss(e, core, line, kind, at);
    l1.words[at] = entry | DIRTY;
  }
  promote(l1, at);
  if (isOnItsWay(e, at, line, e.times[c + TIME])) {
    if (kind === LOAD || kind === LOAD_DEPENDENT) attachLoad(e, core, e.fillAt[at]);
  } else if (!e.hasL2 && (entry & IN_FLIGHT) !== 0) {
    const outcome = touchPrefetched(e, core, at, line, kind);
    if (outcome !== DONE) return outcome;
  }
  if (kind === LOAD_DEPENDENT) {
    e.accounts[core * CATEGORIES + L1_CATEGORY] += e.l1LatencyPs;
    e.times[c + TIME] += e.l1LatencyPs;
  }
  return DONE;
}
