/** Random programs for property tests. */
import fc from 'fast-check';
import { Access, type OpStream } from '../../../src/kernel/op-stream.js';

export interface RandomStream {
  readonly kind: Access;
  readonly base: number;
  readonly stride: number;
}

export interface RandomRun {
  readonly steps: number;
  readonly busy: number;
  readonly fma: number;
  readonly instructions: number;
  readonly extraLoads: number;
  readonly streams: readonly RandomStream[];
}

/** Runs by phase, then by thread. */
export type RandomProgram = readonly (readonly (readonly RandomRun[])[])[];

/** Lines that a random program touches. */
export const RANDOM_LINES = 1024;

const KINDS = [
  Access.Load,
  Access.Load,
  Access.Load,
  Access.Store,
  Access.Store,
  Access.StoreNonTemporal,
  Access.PrefetchL1,
  Access.PrefetchL2,
  Access.LoadDependent,
];

/** Lines up to 300 steps on either side of the base are inside. */
const STREAM = fc.record({
  kind: fc.constantFrom(...KINDS),
  base: fc.oneof(fc.integer({ min: 300, max: RANDOM_LINES - 301 }), fc.integer({ min: 300, max: 340 })),
  stride: fc.constantFrom(1, 1, 1, 0, -1, 2, -3),
});

const RUN = fc.record({
  steps: fc.integer({ min: 1, max: 90 }),
  busy: fc.constantFrom(0, 0.25, 0.5, 1, 7, 100),
  fma: fc.constantFrom(0, 0.25, 1, 50),
  instructions: fc.integer({ min: 1, max: 60 }),
  extraLoads: fc.nat(12),
  streams: fc.array(STREAM, { maxLength: 4 }),
});

export function randomPrograms(cores: number): fc.Arbitrary<RandomProgram> {
  const thread = fc.array(RUN, { maxLength: 5 });
  return fc.array(fc.array(thread, { minLength: cores, maxLength: cores }), { minLength: 1, maxLength: 3 });
}

export function emit(runs: readonly RandomRun[], out: OpStream): void {
  for (const { steps, busy, fma, instructions, extraLoads, streams } of runs) {
    out.run(steps, busy, fma, instructions, streams.length + extraLoads);
    for (const { kind, base, stride } of streams) out.stream(kind, base, stride);
  }
}

/** What a cold machine must move at least, flushed at the end, lines. */
export function compulsoryLines(program: RandomProgram): { read: number; written: number } {
  const loaded = new Set<number>();
  const stored = new Set<number>();
  const storedPast = new Set<number>();
  let pastCaches = 0;
  for (const { steps, streams } of program.flat(2)) {
    for (const { kind, base, stride } of streams) {
      for (let step = 0; step < steps; step++) {
        const line = base + step * stride;
        if (kind === Access.StoreNonTemporal) {
          storedPast.add(line);
          pastCaches++;
        } else {
          loaded.add(line);
          if (kind === Access.Store) stored.add(line);
        }
      }
    }
  }
  const without = (lines: Set<number>): number => [...lines].filter((line) => !storedPast.has(line)).length;
  // A line that is also stored past the caches may never have to be read, and its modified copy may be overtaken.
  return { read: without(loaded), written: pastCaches + without(stored) };
}
