import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFreeList } from '../../../src/machine/core/free-list.js';

describe('a list of miss registers', () => {
  it('gives the one that is free first, of each instance, and none while all wait for an answer', () => {
    const shape = fc.record({
      instances: fc.integer({ min: 1, max: 3 }),
      size: fc.integer({ min: 1, max: 17 }),
    });
    const step = fc.record({
      instance: fc.nat(2),
      takes: fc.boolean(),
      which: fc.nat(16),
      readyPs: fc.nat(50),
    });
    fc.assert(
      fc.property(shape, fc.array(step, { maxLength: 300 }), ({ instances, size }, steps) => {
        const readyPs = new Float64Array(instances * size);
        const list = createFreeList(instances, size, readyPs);
        const free = Array.from({ length: instances }, (_, instance) =>
          Array.from({ length: size }, (__, index) => instance * size + index),
        );
        const waiting: number[][] = Array.from({ length: instances }, () => []);
        for (const step of steps) {
          const instance = step.instance % instances;
          const freeHere = free[instance] as number[];
          const waitingHere = waiting[instance] as number[];
          if (step.takes && freeHere.length > 0) {
            const register = list.first(instance);
            freeHere.splice(freeHere.indexOf(register), 1);
            waitingHere.push(register);
            list.take(instance);
          } else if (!step.takes && waitingHere.length > 0) {
            const [register] = waitingHere.splice(step.which % waitingHere.length, 1) as [number];
            readyPs[register] = step.readyPs;
            list.put(instance, register);
            freeHere.push(register);
          }
          const first = list.first(instance);
          if (freeHere.length === 0) expect(first).toBe(-1);
          else {
            expect(freeHere).toContain(first);
            expect(readyPs[first]).toBe(Math.min(...freeHere.map((register) => readyPs[register] as number)));
          }
        }
      }),
      { seed: 7, numRuns: 200 },
    );
  });
});
