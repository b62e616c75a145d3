import { Clock, type ClockRegisters } from './clock.js';

/**
 * The event order: which of n entities (cores, memory channels) acts next. A tournament tree over one time per entity; the earliest wins, the lower
 * index among equals, so that the order never depends on anything but the times.
 */
export interface EventOrder {
  /** Takes note that `times[entity]` was set (Infinity: it waits for another's doing). */
  update(entity: number): void;
  /** The entity that acts next. */
  winner(): number;
  /** Sets Clock.Horizon to the earliest time among all entities but `entity`, which must be the winner. */
  horizon(entity: number, clock: ClockRegisters): void;
  readonly times: Float64Array;
}

export function createEventOrder(entities: number): EventOrder {
  let leaves = 1;
  while (leaves < entities) leaves *= 2;
  const times = new Float64Array(leaves).fill(Infinity);
  // Winner of each inner node; node 1 is the root, node n has children 2n and 2n + 1, leaf i is node leaves + i.
  const winners = new Int32Array(2 * leaves);
  for (let leaf = 0; leaf < leaves; leaf++) winners[leaves + leaf] = leaf;
  for (let node = leaves - 1; node >= 1; node--) winners[node] = winners[2 * node] as number;

  function update(entity: number): void {
    for (let node = (leaves + entity) >> 1; node >= 1; node >>= 1) {
      const left = winners[2 * node] as number;
      const right = winners[2 * node + 1] as number;
      winners[node] = (times[right] as number) < (times[left] as number) ? right : left;
    }
  }

  function winner(): number {
    return winners[1] as number;
  }

  function horizon(entity: number, clock: ClockRegisters): void {
    let earliest = Infinity;
    for (let node = leaves + entity; node > 1; node >>= 1) {
      const time = times[winners[node ^ 1] as number] as number;
      if (time < earliest) earliest = time;
    }
    clock[Clock.Horizon] = earliest;
  }

  return { update, winner, horizon, times };
}
