/** What the streamer covers, wastes and brings too late on a chip, counted against what its rules say. */
import { describe, expect, it } from 'vitest';
import { Access } from '../../../src/kernel/op-stream.js';
import { CoreCounter } from '../../../src/machine/core/layout.js';
import type { MachineSpec } from '../../../src/machine/spec.js';
import { CYCLE_PS, dramPs, programOf, run, SMALL } from '../../unit/machine/small-machine.js';

const PAGE_LINES = 64;
const PAGES = 20;
const STREAMER: MachineSpec = {
  ...SMALL,
  prefetch: { kind: 'streamer', streams: 16, degree: 2, distanceLines: 16, pageBytes: PAGE_LINES * 64 },
};

/** Counters of a sweep over whole pages, `busy` cycles a line. */
function sweep(spec: MachineSpec, busy: number, kind: Access = Access.Load, stride = 1) {
  const lines = (PAGES * PAGE_LINES) / Math.abs(stride);
  const base = stride < 0 ? PAGES * PAGE_LINES - 1 : 0;
  const result = run(
    spec,
    programOf(1, [(_, out) => void out.run(lines, busy, 0, 1, 1).stream(kind, base, stride)]),
  );
  const counters = result.kernels[0]?.counters as readonly number[];
  return {
    misses: counters[CoreCounter.L2Misses] as number,
    prefetches: counters[CoreCounter.Prefetches] as number,
    useful: counters[CoreCounter.UsefulPrefetches] as number,
    late: counters[CoreCounter.LatePrefetches] as number,
    dramReads: result.statistics.memory.readLines,
    timePs: result.timePs,
  };
}

/** So much work a line that two prefetches have time to come meanwhile. */
const UNHURRIED = dramPs(SMALL) / CYCLE_PS;

describe('the streamer on a chip', () => {
  it.each([
    ['upwards', Access.Load, 1],
    ['downwards', Access.Load, -1],
    ['for stores', Access.Store, 1],
  ] as const)(
    'covers all but the first two lines of each page, wastes nothing and is in time: %s',
    (_, kind, stride) => {
      const seen = sweep(STREAMER, UNHURRIED, kind, stride);
      expect(seen.misses).toBe(2 * PAGES);
      expect(seen.prefetches).toBe((PAGE_LINES - 2) * PAGES);
      expect(seen.useful).toBe(seen.prefetches);
      // The third line of a page is sent for together with the second, and comes with it, before it is asked for.
      expect(seen.late).toBe(0);
      expect(seen.dramReads).toBe(PAGES * PAGE_LINES);
    },
  );

  it('leaves hardly any wait: two lines in each page', () => {
    const { timePs } = sweep(STREAMER, UNHURRIED);
    const work = PAGES * PAGE_LINES * UNHURRIED * CYCLE_PS;
    expect(timePs).toBeLessThanOrEqual(work + 2 * PAGES * dramPs(SMALL));
  });

  it('is late where the core asks faster than memory answers, but fetches no line twice', () => {
    const seen = sweep(STREAMER, 0.5);
    expect(seen.late).toBeGreaterThan(seen.prefetches / 2);
    expect(seen.misses + seen.prefetches).toBe(PAGES * PAGE_LINES);
    expect(seen.dramReads).toBe(PAGES * PAGE_LINES);
  });

  it('fetches in vain what a stride leaves out', () => {
    const seen = sweep(STREAMER, UNHURRIED, Access.Load, 2);
    expect(seen.useful).toBeLessThanOrEqual(seen.prefetches / 2 + PAGES);
    expect(seen.dramReads).toBeGreaterThan(1.5 * ((PAGES * PAGE_LINES) / 2));
  });

  it('is not there where it is off', () => {
    const seen = sweep(SMALL, UNHURRIED);
    expect([seen.prefetches, seen.useful, seen.late]).toEqual([0, 0, 0]);
    expect(seen.misses).toBe(PAGES * PAGE_LINES);
  });
});
