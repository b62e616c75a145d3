/** Two cores that share an L2 stay coherent below the directory's sight. */
import { describe, expect, it } from 'vitest';
import { Access } from '../../../../src/kernel/op-stream.js';
import { Flag, find } from '../../../../src/machine/cache/tag-array.js';
import { checkCoherence } from '../../../../src/machine/check.js';
import { sharedCounters, sharersOf } from '../../../../src/machine/coherence/shared-level.js';
import { chipOf, drive } from '../drive.js';
import { withCores } from '../shapes.js';

const LINE = 5;

function afterAccesses(...accesses: readonly (readonly [core: number, kind: Access])[]) {
  const chip = chipOf(withCores('L2 shared by 2, victim last level', 4));
  for (const [core, kind] of accesses) {
    drive(chip, (thread, out) => {
      if (thread === core) out.run(1, 1, 1, 1, 1).stream(kind, LINE);
    });
  }
  return chip;
}

function flagsOf(chip: ReturnType<typeof chipOf>, core: number): number | null {
  const at = find(chip.l1, core, LINE);
  return at < 0 ? null : (chip.l1.words[at] as number) & (Flag.Dirty | Flag.Writable);
}

describe('two cores on one L2', () => {
  it('may neither write silently after both have read a line', () => {
    const chip = afterAccesses([0, Access.Load], [1, Access.Load]);
    expect(flagsOf(chip, 0)).toBe(0);
    expect(flagsOf(chip, 1)).toBe(0);
  });

  it('see a store of one take the copy of the other, without asking the shared level', () => {
    const chip = afterAccesses([0, Access.Load], [1, Access.Store]);
    expect(flagsOf(chip, 0)).toBeNull();
    expect(flagsOf(chip, 1)).toBe(Flag.Dirty | Flag.Writable);
    expect(sharedCounters(chip.shared).requests).toBe(1);
    checkCoherence(chip, 'victim');
  });

  it('hand a modified line on through the L2', () => {
    const chip = afterAccesses([0, Access.Store], [1, Access.Load]);
    const l2 = chip.l2 as typeof chip.l1;
    expect((l2.words[find(l2, 0, LINE)] as number) & Flag.Dirty).toBe(Flag.Dirty);
    expect((flagsOf(chip, 0) as number) & Flag.Dirty).toBe(0);
    expect(sharedCounters(chip.shared).requests).toBe(1);
  });

  it('lose their copies together when another cluster writes', () => {
    const chip = afterAccesses([0, Access.Load], [1, Access.Load], [2, Access.Store]);
    expect([0, 1, 3].map((core) => flagsOf(chip, core))).toEqual([null, null, null]);
    expect(flagsOf(chip, 2)).toBe(Flag.Dirty | Flag.Writable);
    expect(sharersOf(chip.shared, LINE)).toEqual([1]);
  });
});
