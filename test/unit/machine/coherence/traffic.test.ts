/** Random traffic of 64 cores through the whole chip, under the paranoid checker. */
import seedrandom from 'seedrandom';
import { describe, expect, it } from 'vitest';
import { Access } from '../../../../src/kernel/op-stream.js';
import { forEachEntry } from '../../../../src/machine/cache/tag-array.js';
import { checkCoherence } from '../../../../src/machine/check.js';
import type { Chip } from '../../../../src/machine/chip.js';
import { sharedCounters, sharersOf } from '../../../../src/machine/coherence/shared-level.js';
import { chipOf, drive } from '../drive.js';
import { inclusionOf, SHAPES, withCores } from '../shapes.js';
import type { Work } from '../small-machine.js';

const CORES = 64;
/** Lines that all cores touch: more than one private cache holds, fewer than all together hold. */
const LINES = 96;
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
] as const;

function randomTraffic(seed: string, runs: number): Work {
  return (core, out) => {
    const random = seedrandom(`${seed}/${core}`);
    const pick = (below: number): number => Math.floor(random() * below);
    for (let index = 0; index < runs; index++) {
      const steps = 1 + pick(6);
      out.run(steps, 1, 0.5, 4, 4);
      const streams = 1 + pick(3);
      for (let stream = 0; stream < streams; stream++) {
        const stride = pick(3) - 1;
        const base = pick(LINES - 2 * steps) + steps;
        out.stream(KINDS[pick(KINDS.length)] as Access, base, stride);
      }
    }
  };
}

/** Lines that the directory says are held, while nobody holds them. */
function forgotten(chip: Chip): number[] {
  const tags = chip.l2 ?? chip.l1;
  const instances = chip.l2 === null ? chip.cores : chip.cores / chip.coresPerCluster;
  const held = new Set<number>();
  for (let instance = 0; instance < instances; instance++)
    forEachEntry(tags, instance, (line) => held.add(line));
  return Array.from({ length: 2 * LINES }, (_, line) => line).filter(
    (line) => !held.has(line) && sharersOf(chip.shared, line).length > 0,
  );
}

describe('random traffic of 64 cores', () => {
  for (const shape of Object.keys(SHAPES)) {
    it(`keeps the caches coherent: ${shape}`, () => {
      const spec = withCores(shape, CORES);
      const chip = chipOf(spec, 4096);
      const inclusion = inclusionOf(spec);
      let checks = 0;
      drive(chip, randomTraffic(shape, 60), (event) => {
        if (event % 151 !== 0) return;
        checkCoherence(chip, inclusion);
        checks++;
      });
      checkCoherence(chip, inclusion);
      expect(forgotten(chip)).toEqual([]);
      expect(checks).toBeGreaterThan(50);
      const { invalidations, forwards } = sharedCounters(chip.shared);
      expect(invalidations).toBeGreaterThan(1000);
      expect(forwards).toBeGreaterThan(100);
    });
  }
});
