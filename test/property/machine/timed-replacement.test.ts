/** Caches with timing replace as plain caches do, policy by policy. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Access } from '../../../src/kernel/op-stream.js';
import { createFunctionalCache } from '../../../src/machine/cache/functional/cache.js';
import { createRandomStream } from '../../../src/machine/cache/replacement/random-stream.js';
import { REPLACEMENTS } from '../../../src/machine/cache/replacement/registry.js';
import {
  createTagArray,
  FLAG_BITS,
  find,
  place,
  promote,
  remove,
  setOf,
  victimOf,
} from '../../../src/machine/cache/tag-array.js';
import { checkCoherence } from '../../../src/machine/check.js';
import { CoreCounter } from '../../../src/machine/core/layout.js';
import type { LlcSpec, MachineSpec, Replacement } from '../../../src/machine/spec.js';
import { chipOf, drive } from '../../unit/machine/drive.js';
import { inclusionOf, SHAPES } from '../../unit/machine/shapes.js';
import { programOf, run, SMALL } from '../../unit/machine/small-machine.js';
import { emit, RANDOM_LINES, randomPrograms } from './programs.js';

const SETS = 4;
const POLICIES = Object.keys(REPLACEMENTS) as Replacement[];
const WAYS = [1, 2, 3, 4, 8, 11, 16];

function draw(): () => number {
  return createRandomStream('seed', 'cache');
}

/** A tag array used as a plain cache: whether a read hits. */
function timedCache(
  kind: Replacement,
  ways: number,
): { read(line: number): boolean; drop(line: number): void } {
  const tags = createTagArray(1, SETS, ways, FLAG_BITS, { kind, random: draw() });
  return {
    read(line) {
      const at = find(tags, 0, line);
      if (at >= 0) {
        promote(tags, at);
        return true;
      }
      const set = setOf(tags, 0, line);
      place(tags, victimOf(tags, set), line, 0);
      return false;
    },
    drop(line) {
      const at = find(tags, 0, line);
      if (at >= 0) remove(tags, at);
    },
  };
}

describe.each(POLICIES)('a tag array with %s', (kind) => {
  it.each(WAYS.filter((ways) => REPLACEMENTS[kind].refuses(ways) === undefined))(
    'of %i ways hits and misses as a plain cache does',
    (ways) => {
      // Twice as many lines as there are ways; small numbers are likelier.
      const line = fc.tuple(fc.nat(8 * ways), fc.nat(8 * ways)).map(([a, b]) => Math.min(a, b));
      fc.assert(
        fc.property(fc.array(line, { minLength: 200, maxLength: 600 }), (lines) => {
          const policy = REPLACEMENTS[kind].create({ sets: SETS, ways, random: draw() });
          const plain = createFunctionalCache(SETS, ways, policy, null);
          const expected = lines.map((read) => {
            const before = plain.counters.readMisses;
            plain.read(read);
            return plain.counters.readMisses === before;
          });
          const timed = timedCache(kind, ways);
          expect(lines.map((read) => timed.read(read))).toEqual(expected);
        }),
        { seed: 7, numRuns: 15 },
      );
    },
  );

  it('fills the place of a line that was taken away before it gives up another', () => {
    const ways = 4;
    const timed = timedCache(kind, ways);
    const held = Array.from({ length: ways }, (_, way) => way * SETS);
    for (const line of held) timed.read(line);
    timed.drop(held[2] as number);
    timed.read(100 * SETS);
    const left = held.filter((_, way) => way !== 2);
    expect(left.map((line) => timed.read(line))).toEqual(left.map(() => true));
  });

  it('misses in the L1D of a core as a plain cache does', () => {
    // All lines stay in the L2, so that nothing is taken from the L1D from below. Chance draws from another seed there.
    if (kind === 'random') return;
    const spec: MachineSpec = { ...SMALL, l1d: { ...SMALL.l1d, replacement: kind } };
    const { ways, capacityBytes } = spec.l1d;
    const sets = capacityBytes / 64 / ways;
    const next = createRandomStream('lines', kind);
    const lines = Array.from({ length: 3000 }, () => Math.min(next() % 160, next() % 160));
    const plain = createFunctionalCache(
      sets,
      ways,
      REPLACEMENTS[kind].create({ sets, ways, random: draw() }),
      null,
    );
    for (const line of lines) plain.read(line);
    const program = programOf(1, [
      (_, out) => {
        for (const line of lines) out.run(1, 1, 1, 1, 1).stream(Access.LoadDependent, line);
      },
    ]);
    const [kernel] = run(spec, program).kernels;
    expect(kernel?.counters[CoreCounter.L1Misses]).toBe(plain.counters.readMisses);
  });

  it('keeps caches coherent at all levels', () => {
    for (const [name, shape] of Object.entries(SHAPES)) {
      const spec: MachineSpec = {
        ...shape,
        l1d: { ...shape.l1d, replacement: kind },
        l2: shape.l2 === null ? null : { ...shape.l2, replacement: kind },
        llc: shape.llc === null ? null : ({ ...shape.llc, replacement: kind } as LlcSpec),
      };
      const cores = spec.sockets * spec.coresPerSocket;
      for (const program of fc.sample(randomPrograms(cores), { seed: 5, numRuns: 2 })) {
        const chip = chipOf(spec, RANDOM_LINES);
        for (const threads of program) {
          drive(chip, (thread, out) => emit(threads[thread] ?? [], out));
          expect(() => checkCoherence(chip, inclusionOf(spec)), name).not.toThrow();
        }
      }
    }
  });
});
