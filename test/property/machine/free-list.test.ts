import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFreeList, firstFree, putFree, takeFree } from '../../../src/machine/core/free-list.js';

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
        // Registers stand as in a core's state: some words behind others, some apart.
        const offsetOf = (index: number): number => 24 + index * 8;
        const readyPs = new Float64Array(offsetOf(instances * size));
        const list = createFreeList(instances, size, readyPs, offsetOf(0), 8);
        const free = Array.from({ length: instances }, (_, instance) =>
          Array.from({ length: size }, (__, index) => offsetOf(instance * size + index)),
        );
        const waiting: number[][] = Array.from({ length: instances }, () => []);
        for (const step of steps) {
          const instance = step.instance % instances;
          const freeHere = free[instance] as number[];
          const waitingHere = waiting[instance] as number[];
          if (step.takes && freeHere.length > 0) {
            const register = firstFree(list, instance);
            freeHere.splice(freeHere.indexOf(register), 1);
            waitingHere.push(register);
            takeFree(list, instance);
          } else if (!step.takes && waitingHere.length > 0) {
            const [register] = waitingHere.splice(step.which % waitingHere.length, 1) as [number];
            readyPs[register] = step.readyPs;
            putFree(list, instance, register);
            freeHere.push(register);
          }
          const first = firstFree(list, instance);
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
