/** The event loop: cores and memory channels act in the order of their times. */
import { among } from '../among.js';
import { nextEntity, setHorizon } from '../event-order.js';
import { advance } from './advance.js';
import type { EngineState } from './state.js';
import { stepMemory } from './turn.js';

/** What `runEvents` returns when nothing can move. */
export const STUCK = -1;

/**
 * Lets whoever comes first act, so many times at most.
 * @param running cores that have not finished their phase
 * @returns how many still have not; `STUCK` when all wait for others
 */
export function runEvents(e: EngineState, events: number, running: number): number {
  const { order, clock, cores } = e;
  let left = running;
  for (let event = 0; event < events && left > 0; event++) {
    const next = nextEntity(order);
    if (order.times[next] === Infinity) return STUCK;
    if (next < cores) {
      const core = among(cores, next);
      setHorizon(order, core, clock);
      if (advance(e, core)) left--;
    } else {
      stepMemory(e, next);
    }
  }
  return left;
}
