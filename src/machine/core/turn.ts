/** The memory channels' turns, and a core's wait for its own. */
import { nextEntity, setHorizon, updateOrder } from '../event-order.js';
import { answer } from './answer.js';
import { CORE } from './layout.js';
import type { EngineState } from './state.js';

const { SHIFT: CORE_SHIFT, TIME } = CORE;

/** Lets a memory channel take its next decision. @param entity of the channel in the event order */
export function stepMemory(e: EngineState, entity: number): void {
  const { order } = e;
  const { memory } = e.memory;
  const channel = entity - e.cores;
  const tag = memory.step(channel);
  order.times[entity] = memory.nextPs[channel];
  updateOrder(order, entity);
  if (tag >= 0) answer(e, tag, memory.answerPs, memory.unloadedPs);
}

/**
 * A core is about to do something ordered, later than something else happens. Where it is the only core, what happens earlier is the channels' doing, and is done here.
 * @returns false where there are other cores: the core must let them act
 */
export function waitForTurn(e: EngineState, core: number): boolean {
  if (e.cores > 1) return false;
  const { order } = e;
  order.times[core] = e.times[(core << CORE_SHIFT) + TIME];
  updateOrder(order, core);
  for (let next = nextEntity(order); next !== core; next = nextEntity(order)) stepMemory(e, next);
  setHorizon(order, core, e.clock);
  return true;
}
