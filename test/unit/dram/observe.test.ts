import { expect, it } from 'vitest';
import { createIdealMemory } from '../../../src/machine/dram/ideal.js';
import { observeMemory } from '../../../src/machine/dram/observe.js';

it('tells of every request, and hides the state by which one could be handed over unseen', () => {
  const spec = { kind: 'ideal', latencyPs: 1000, bytesPerSecond: 64e9, channelsPerSocket: 1 } as const;
  const seen: [number, boolean][] = [];
  const memory = observeMemory(createIdealMemory(spec, 1), (line, isWrite) => seen.push([line, isWrite]));
  memory.enqueue(0, 7, false, 0, 1);
  memory.enqueue(0, 9, true, 0, 2);
  expect(seen).toEqual([
    [7, false],
    [9, true],
  ]);
  expect(memory.data).toBe(null);
});
