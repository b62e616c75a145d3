/** The paranoid checker sees each contradiction that it is there for. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Access } from '../../../src/kernel/op-stream.js';
import { Flag, find, place, remove, setOf, victimOf } from '../../../src/machine/cache/tag-array.js';
import { CoherenceViolation, checkCoherence } from '../../../src/machine/check.js';
import type { Chip } from '../../../src/machine/chip.js';
import { cachedAt } from '../../../src/machine/coherence/shared-level.js';
import { chipOf, drive } from './drive.js';
import { withCores } from './shapes.js';

const LINE = 12;

/** Cores 0 and 1 share a line; core 2 has one of its own that it may write. */
function prepared(shape: string): Chip {
  const chip = chipOf(withCores(shape, 4));
  for (const core of [0, 1, 2]) {
    drive(chip, (thread, out) => {
      if (thread === core)
        out.run(1, 1, 1, 1, 1).stream(core === 2 ? Access.Store : Access.Load, core === 2 ? LINE + 1 : LINE);
    });
  }
  return chip;
}

describe('the checker', () => {
  let chip: Chip;
  beforeEach(() => {
    chip = prepared('private L2, inclusive last level');
  });

  const complaint = (): string => {
    try {
      checkCoherence(chip, 'inclusive');
    } catch (error) {
      if (error instanceof CoherenceViolation) return error.message;
      throw error;
    }
    return '';
  };
  const addFlags = (tags: Chip['l1'], instance: number, line: number, flags: number): void => {
    const at = find(tags, instance, line);
    tags.words[at] = (tags.words[at] as number) | flags;
  };

  it('is content with a chip that runs as it should', () => {
    expect(complaint()).toBe('');
  });

  it('sees a writer beside a reader', () => {
    addFlags(chip.l1, 0, LINE, Flag.Writable);
    expect(complaint()).toMatch(/Line 12 has a writer beside other copies in the L1Ds: 0 writable, 1/);
  });

  it('sees a modified copy beside another in the L2s', () => {
    addFlags(chip.l2 as Chip['l1'], 1, LINE, Flag.Dirty);
    expect(complaint()).toMatch(/Line 12 has a writer beside other copies in the L2s: 0, 1 modified/);
  });

  it('sees a line of an L1D that its L2 lacks', () => {
    const l2 = chip.l2 as Chip['l1'];
    remove(l2, find(l2, 0, LINE));
    expect(complaint()).toMatch(/Line 12 is in L1D 0, but not in its L2/);
  });

  it('sees a permission that the L2 does not have', () => {
    const l2 = chip.l2 as Chip['l1'];
    const at = find(l2, 2, LINE + 1);
    l2.words[at] = (l2.words[at] as number) & ~Flag.Writable;
    expect(complaint()).toMatch(/Line 13 may be written in L1D 2, but not in its L2/);
  });

  it('sees a line that the directory does not know of', () => {
    const l2 = chip.l2 as Chip['l1'];
    const set = setOf(l2, 3, LINE);
    place(l2, victimOf(l2, set), LINE, 0);
    expect(complaint()).toMatch(/Line 12 is held by clusters \[0, 1, 3\]; the directory knows \[0, 1\]/);
  });

  it('sees a line that an inclusive last level lacks', () => {
    remove(chip.shared.cache, cachedAt(chip.shared, 0, LINE));
    expect(complaint()).toMatch(/Line 12 .* not in the inclusive last level/);
  });
});
