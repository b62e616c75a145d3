/**
 * The cores of a chip. Read `layout.ts` and `state.ts`, then `advance.ts`, `access.ts`, `miss.ts`, `fetch.ts` and `answer.ts`, in the order in which a
 * line travels. Here is what happens at the ends of phases.
 */
import { CATEGORY_COUNT, Category } from '../../statistics/time-loss.js';
import { Clock } from '../clock.js';
import { updateOrder } from '../event-order.js';
import { CORE } from './layout.js';
import { flushPrivateCaches } from './private-caches.js';
import type { EngineState, Refill } from './state.js';

/** Gives every core its stream source for a phase. */
export function beginPhase(e: EngineState, timePs: number, refill: Refill): void {
  e.refill = refill;
  for (let core = 0; core < e.cores; core++) {
    const c = core * CORE.STRIDE;
    e.times[c + CORE.TIME] = timePs;
    e.ints[c + CORE.FINISHED] = 0;
    e.ints[c + CORE.ASLEEP] = 0;
    e.ints[c + CORE.RUN] = 0;
    e.streams[core].clear();
    e.order.times[core] = timePs;
    updateOrder(e.order, core);
  }
}

/** Latest arrival at the barrier. */
export function lastArrivalPs(e: EngineState): number {
  let last = 0;
  for (let core = 0; core < e.cores; core++) last = Math.max(last, e.times[core * CORE.STRIDE + CORE.TIME]);
  return last;
}

/** Books the wait at a barrier that opens at `openPs`. */
export function releaseCores(e: EngineState, openPs: number): void {
  for (let core = 0; core < e.cores; core++) {
    const time = core * CORE.STRIDE + CORE.TIME;
    e.accounts[core * CATEGORY_COUNT + Category.Barrier] += openPs - e.times[time];
    e.times[time] = openPs;
  }
}

/** Sends every dirty private line down. */
export function flushCores(e: EngineState): void {
  e.clock[Clock.Now] = lastArrivalPs(e);
  flushPrivateCaches(e);
}
