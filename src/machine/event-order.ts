import { Clock, type ClockRegisters } from './clock.js';

const { Horizon: HORIZON } = Clock;
/** Leaves of a tree over two entities, one core and one channel: no tree at all. */
const PAIR = 2;

/**
 * The event order: which of n entities (cores, memory channels) acts next. A tournament tree over one time per entity; the earliest wins, the lower
 * index among equals, so that the order never depends on anything but the times.
 */
export interface EventOrder {
  /** By entity; Infinity: it waits for another's doing. After setting one, call `updateOrder`. */
  readonly times: Float64Array;
  /** Winner of each inner node; node 1 is the root, node n has children 2n and 2n + 1, leaf i is node leaves + i. */
  readonly winners: Int32Array;
  readonly leaves: number;
}

export function createEventOrder(entities: number): EventOrder {
  let leaves = 1;
  while (leaves < entities) leaves *= 2;
  const winners = new Int32Array(2 * leaves);
  for (let leaf = 0; leaf < leaves; leaf++) winners[leaves + leaf] = leaf;
  for (let node = leaves - 1; node >= 1; node--) winners[node] = winners[2 * node];
  return { times: new Float64Array(leaves).fill(Infinity), winners, leaves };
}

/** Takes note that `times[entity]` was set. */
export function updateOrder(order: EventOrder, entity: number): void {
  const { times, winners, leaves } = order;
  if (leaves === PAIR) {
    winners[1] = times[1] < times[0] ? 1 : 0;
    return;
  }
  for (let node = (leaves + entity) >> 1; node >= 1; node >>= 1) {
    const left = winners[2 * node];
    const right = winners[2 * node + 1];
    winners[node] = times[right] < times[left] ? right : left;
  }
}

/** The entity that acts next. */
export function nextEntity(order: EventOrder): number {
  return order.winners[1];
}

/** Sets Clock.Horizon to the earliest time among all entities but `entity`, which must be the one that acts next. */
export function setHorizon(order: EventOrder, entity: number, clock: ClockRegisters): void {
  const { times, winners, leaves } = order;
  if (leaves === PAIR) {
    clock[HORIZON] = times[1 - entity];
    return;
  }
  let earliest = Infinity;
  for (let node = leaves + entity; node > 1; node >>= 1) {
    const time = times[winners[node ^ 1]];
    if (time < earliest) earliest = time;
  }
  clock[HORIZON] = earliest;
}
