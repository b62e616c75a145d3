import { describe, expect, it } from 'vitest';
import { CORE_COUNTERS, CoreCounter } from '../../../src/machine/core/layout.js';
import { prefetchUse } from '../../../src/statistics/prefetch-use.js';

function counters(values: Partial<Record<keyof typeof CoreCounter, number>>): number[] {
  const sums = new Array<number>(CORE_COUNTERS).fill(0);
  for (const [name, value] of Object.entries(values))
    sums[CoreCounter[name as keyof typeof CoreCounter]] = value;
  return sums;
}

const KERNELS = [
  counters({
    Prefetches: 60,
    UsefulPrefetches: 40,
    LatePrefetches: 4,
    UselessPrefetches: 10,
    L2Misses: 20,
    L1Misses: 100,
  }),
  counters({
    Prefetches: 20,
    UsefulPrefetches: 20,
    LatePrefetches: 8,
    DroppedPrefetches: 1,
    L2Misses: 0,
    L1Misses: 80,
  }),
];

describe('the use of prefetches', () => {
  it('is counted over all kernels and put in relation to the misses of their level', () => {
    expect(prefetchUse(KERNELS, true)).toEqual({
      issued: 60 + 20,
      useful: 40 + 20,
      late: 4 + 8,
      useless: 10,
      dropped: 1,
      coverage: 60 / (60 + 20),
      accuracy: 60 / 80,
      lateness: 12 / 60,
    });
    expect(prefetchUse(KERNELS, false).coverage).toBe(60 / (60 + 180));
  });

  it('of a share of the chip stands for the whole: counts grow, ratios stay', () => {
    const share = prefetchUse(KERNELS, true);
    const { issued, useful, coverage, accuracy, lateness } = prefetchUse(KERNELS, true, 2.5);
    expect({ issued, useful }).toEqual({ issued: 200, useful: 150 });
    expect({ coverage, accuracy, lateness }).toEqual({
      coverage: share.coverage,
      accuracy: share.accuracy,
      lateness: share.lateness,
    });
  });

  it('has no ratio where there is nothing to relate', () => {
    expect(prefetchUse([counters({})], true)).toMatchObject({
      coverage: null,
      accuracy: null,
      lateness: null,
    });
    expect(prefetchUse([counters({ L2Misses: 3 })], true)).toMatchObject({
      coverage: 0,
      accuracy: null,
      lateness: null,
    });
    expect(prefetchUse([counters({ Prefetches: 3 })], true)).toMatchObject({
      coverage: null,
      accuracy: 0,
      lateness: null,
    });
  });
});
