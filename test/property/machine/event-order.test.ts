import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Clock, createClock } from '../../../src/machine/clock.js';
import { createEventOrder, nextEntity, setHorizon, updateOrder } from '../../../src/machine/event-order.js';

/** Few different times, so that there are ties, and entities that wait. */
const TIME = fc.oneof({ weight: 5, arbitrary: fc.nat(12) }, { weight: 1, arbitrary: fc.constant(Infinity) });

function firstOf(times: readonly number[]): number {
  return times.reduce((best, time, entity) => (time < (times[best] as number) ? entity : best), 0);
}

describe('the event order', () => {
  it('gives entities by time, the lower index among equals, as sorting does', () => {
    fc.assert(
      fc.property(fc.array(TIME, { minLength: 1, maxLength: 70 }), (times) => {
        const order = createEventOrder(times.length);
        times.forEach((time, entity) => {
          order.times[entity] = time;
          updateOrder(order, entity);
        });
        const sorted = times
          .map((time, entity) => ({ time, entity }))
          .filter(({ time }) => time < Infinity)
          .sort((a, b) => a.time - b.time || a.entity - b.entity);
        for (const { entity } of sorted) {
          expect(nextEntity(order)).toBe(entity);
          order.times[entity] = Infinity;
          updateOrder(order, entity);
        }
        expect(order.times[nextEntity(order)]).toBe(Infinity);
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it('follows times that are set again in any order, and sees the horizon of the winner', () => {
    const change = fc.record({ entity: fc.nat(1000), time: TIME });
    fc.assert(
      fc.property(
        // Two have no tree.
        fc.oneof(fc.constant(2), fc.integer({ min: 2, max: 40 })),
        fc.array(change, { maxLength: 200 }),
        (entities, changes) => {
          const order = createEventOrder(entities);
          const clock = createClock();
          const times = new Array<number>(entities).fill(Infinity);
          for (const { entity: any, time } of changes) {
            const entity = any % entities;
            times[entity] = time;
            order.times[entity] = time;
            updateOrder(order, entity);
            const winner = firstOf(times);
            expect(order.times[nextEntity(order)]).toBe(times[winner]);
            if (times[winner] === Infinity) continue;
            expect(nextEntity(order)).toBe(winner);
            setHorizon(order, winner, clock);
            expect(clock[Clock.Horizon]).toBe(Math.min(...times.filter((_, other) => other !== winner)));
          }
        },
      ),
      { seed: 7, numRuns: 200 },
    );
  });
});
