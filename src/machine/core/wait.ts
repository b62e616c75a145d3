/** How cores wait: what a wait is booked under, and how a core goes to sleep and wakes. */
import { CATEGORY_COUNT, Category } from '../../statistics/time-loss.js';
import { Source } from '../coherence/layout.js';
import { updateOrder } from '../event-order.js';
import { CORE, CORE_COUNTERS as COUNTERS_OF_CORE, OUTCOME, REGISTER } from './layout.js';
import type { EngineState } from './state.js';

const { SHIFT: CORE_SHIFT, TIME, ASLEEP, WAIT_KIND, WAIT_AT } = CORE;
const { READY, SHARE, SOURCE } = REGISTER;
const { SLEEP } = OUTCOME;
const { Dram: FROM_DRAM } = Source;
const { DramLatency: DRAM_LATENCY, DramBandwidth: DRAM_BANDWIDTH } = Category;
const CATEGORIES = CATEGORY_COUNT;
const CORE_COUNTERS = COUNTERS_OF_CORE;

/** Adds 1 to a counter of a core. */
export function count(e: EngineState, core: number, counter: number): void {
  e.counters[core * CORE_COUNTERS + counter]++;
}

/**
 * Moves the core's time to when a register has its answer, which must be known, and books the wait for its source; a wait for DRAM is split by the share that an
 * idle memory would take. Without a branch: whether there is a wait, and for what, cannot be foreseen.
 * @param reason counter that says what was full
 */
export function waitFor(e: EngineState, core: number, register: number, reason: number): void {
  const { times, accounts } = e;
  const c = core << CORE_SHIFT;
  const now = times[c + TIME];
  const until = Math.max(now, times[register + READY]);
  const ps = until - now;
  const latency = Math.floor(ps * times[register + SHARE] + 0.5);
  const base = core * CATEGORIES;
  const from = e.ints[register + SOURCE];
  times[c + TIME] = until;
  e.counters[core * CORE_COUNTERS + reason] += ps;
  accounts[base + DRAM_LATENCY] += latency;
  accounts[base + (from === FROM_DRAM ? DRAM_BANDWIDTH : from)] += ps - latency;
}

/** Says what a core is about to sleep for. */
export function setWait(e: EngineState, core: number, kind: number, register: number): number {
  const c = core << CORE_SHIFT;
  e.ints[c + WAIT_KIND] = kind;
  e.ints[c + WAIT_AT] = register;
  return SLEEP;
}

export function sleep(e: EngineState, core: number): void {
  e.ints[(core << CORE_SHIFT) + ASLEEP] = 1;
  e.order.times[core] = Infinity;
  updateOrder(e.order, core);
}

/** A sleeping core looks again at the earliest time at which something that it waits for arrives. */
export function wake(e: EngineState, core: number, register: number): void {
  const { times } = e.order;
  const ready = e.times[register + READY];
  if (e.ints[(core << CORE_SHIFT) + ASLEEP] !== 0 && ready < times[core]) {
    times[core] = ready;
    updateOrder(e.order, core);
  }
}
