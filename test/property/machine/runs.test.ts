/** What holds of every run, on machines of every shape. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CoreCounter } from '../../../src/machine/core/layout.js';
import type { LlcSpec, MachineSpec } from '../../../src/machine/spec.js';
import type { RunResult } from '../../../src/simulate/run.js';
import { SHAPES } from '../../unit/machine/shapes.js';
import { programOf, run } from '../../unit/machine/small-machine.js';
import { compulsoryLines, emit, RANDOM_LINES, type RandomProgram, randomPrograms } from './programs.js';

function runRandom(spec: MachineSpec, program: RandomProgram): RunResult {
  const cores = spec.sockets * spec.coresPerSocket;
  const phases = program.map(
    (threads) => (thread: number, out: Parameters<typeof emit>[1]) => emit(threads[thread] ?? [], out),
  );
  return run(spec, programOf(cores, phases, RANDOM_LINES), { flush: true });
}

/** Beside the shapes: slow channels, so that queues build up. */
const MACHINES: readonly (readonly [string, MachineSpec])[] = Object.entries(SHAPES).flatMap(
  ([name, spec], index) => {
    const slow: MachineSpec = {
      ...spec,
      memory: { kind: 'ideal', latencyPs: 61_000, bytesPerSecond: 3e9, channelsPerSocket: 2 },
    };
    return [[name, spec] as const, ...(index % 2 === 0 ? [[`${name}, slow memory`, slow] as const] : [])];
  },
);

describe.each(MACHINES)('any program on a machine with %s', (_, spec) => {
  const cores = spec.sockets * spec.coresPerSocket;

  it('accounts for all of every core, moves what it must, and runs the same again', () => {
    fc.assert(
      fc.property(randomPrograms(cores), (program) => {
        // The account of each kernel against its time is asserted inside; here once more over the run.
        const result = runRandom(spec, program);
        const accounted = result.kernels.flatMap(({ lossPs }) => lossPs).reduce((sum, ps) => sum + ps, 0);
        expect(accounted).toBe(result.timePs * cores);
        expect(result.kernels.flatMap(({ lossPs }) => lossPs).every((ps) => ps >= 0)).toBe(true);

        const { read, written } = compulsoryLines(program);
        const { memory, shared } = result.statistics;
        expect(memory.readLines).toBeGreaterThanOrEqual(read);
        expect(memory.writtenLines).toBeGreaterThanOrEqual(written);

        // What comes down from the last level goes to memory, beside what is stored past the caches and what sharing writes back.
        const past = result.kernels.reduce(
          (sum, { counters }) => sum + (counters[CoreCounter.NonTemporalStores] as number),
          0,
        );
        expect(memory.writtenLines).toBeGreaterThanOrEqual(past + shared.writebacksOut);
        expect(memory.readLines).toBe(shared.misses);
        expect(shared.hits + shared.misses).toBe(shared.requests);

        expect(runRandom(spec, program)).toEqual(result);
      }),
      { seed: 11, numRuns: 8 },
    );
  });
});

describe('times that are no whole number of picoseconds', () => {
  it('do not upset the account', () => {
    const base = SHAPES['two sockets, victim last levels'] as MachineSpec;
    const spec: MachineSpec = {
      ...base,
      core: { ...base.core, frequencyHz: 1.3e9 },
      llc: { ...(base.llc as LlcSpec), latencyPs: 18_000.1, occupancyPs: 333.3 },
      interconnect: { ...base.interconnect, hopPs: 625.7 },
      socketLink: { latencyPs: 25_000.3, bytesPerSecond: 20.8e9 },
      memory: { kind: 'ideal', latencyPs: 61_000.7, bytesPerSecond: 3e9, channelsPerSocket: 2 },
    };
    for (const program of fc.sample(randomPrograms(8), { seed: 11, numRuns: 10 }))
      expect(runRandom(spec, program).timePs).toBeGreaterThan(0);
  });
});
