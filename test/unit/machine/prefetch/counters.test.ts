/** What becomes of prefetched lines: each is in exactly one place. */
import { describe, expect, it } from 'vitest';
import { Access, type OpStream } from '../../../../src/kernel/op-stream.js';
import { Flag, forEachEntry } from '../../../../src/machine/cache/tag-array.js';
import type { Chip } from '../../../../src/machine/chip.js';
import { CORE_COUNTERS, CoreCounter } from '../../../../src/machine/core/layout.js';
import type { MachineSpec, PrefetchSpec } from '../../../../src/machine/spec.js';
import { chipOf, drive } from '../drive.js';
import { SHAPES } from '../shapes.js';
import { dramPs, SMALL } from '../small-machine.js';

const PREFETCHERS: readonly PrefetchSpec[] = [
  { kind: 'next-line', degree: 2, pageBytes: 1024 },
  { kind: 'stride', index: 'stream', entries: 4, degree: 2, distanceStrides: 4, pageBytes: 1024 },
  { kind: 'stride', index: 'page', entries: 4, degree: 2, distanceStrides: 4, pageBytes: 1024 },
  { kind: 'streamer', streams: 4, degree: 2, distanceLines: 4, pageBytes: 1024 },
];

function sumOf(chip: Chip, counter: number): number {
  let sum = 0;
  for (let at = counter; at < chip.engine.counters.length; at += CORE_COUNTERS)
    sum += chip.engine.counters[at] as number;
  return sum;
}

/** Lines of the prefetchers' level that no access has used. */
function unusedLines({ l1, l2, cores, coresPerCluster }: Chip): number {
  const tags = l2 ?? l1;
  let unused = 0;
  for (let instance = 0; instance < cores / (l2 === null ? 1 : coresPerCluster); instance++)
    forEachEntry(tags, instance, (_line, flags) => {
      if ((flags & Flag.Prefetched) !== 0) unused++;
    });
  return unused;
}

function countsOf(chip: Chip) {
  return {
    issued: sumOf(chip, CoreCounter.Prefetches),
    useful: sumOf(chip, CoreCounter.UsefulPrefetches),
    late: sumOf(chip, CoreCounter.LatePrefetches),
    useless: sumOf(chip, CoreCounter.UselessPrefetches),
    dropped: sumOf(chip, CoreCounter.DroppedPrefetches),
    unused: unusedLines(chip),
  };
}

/** Numbers below a bound, the same each time: a linear congruential generator (Knuth, TAOCP 2, 3.3.4). */
function drawer(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const KINDS = [
  Access.Load,
  Access.Load,
  Access.Store,
  Access.LoadDependent,
  Access.PrefetchL1,
  Access.PrefetchL2,
  Access.StoreNonTemporal,
];

/** Runs of up to four streams over lines that all cores share. */
function randomRuns(draw: (below: number) => number, out: OpStream): void {
  for (let index = 0; index < 40; index++) {
    out.run(1 + draw(40), [0, 1, 20][draw(3)] as number, 0, 1 + draw(8), 4);
    for (let streams = 1 + draw(4); streams > 0; streams--) {
      const stride = [1, 1, -1, 3, -2][draw(5)] as number;
      out.stream(KINDS[draw(KINDS.length)] as Access, 200 + draw(600), stride);
    }
  }
}

describe('the lines that prefetchers send for', () => {
  const shapes = Object.entries(SHAPES);
  it.each(shapes)(
    'are used, gone unused, dropped, or still there unused, and each that was sent for is one of these: %s',
    (_, shape) => {
      for (const prefetch of PREFETCHERS) {
        const chip = chipOf({ ...shape, prefetch }, 1024);
        const draw = drawer(3);
        drive(chip, (_thread, out) => randomRuns(draw, out));
        const { issued, useful, late, useless, dropped, unused } = countsOf(chip);
        expect(issued).toBeGreaterThan(100);
        expect(useful + useless + dropped + unused).toBe(issued);
        expect(late).toBeLessThanOrEqual(useful);
        // Lines are shared and stored to, and the caches are small: each of these happens.
        for (const count of [useful, late, useless, dropped]) expect(count).toBeGreaterThan(0);
      }
    },
  );
});

/** One trigger sends for the next line, in pages of 1 KiB. */
const NEXT: PrefetchSpec = { kind: 'next-line', degree: 1, pageBytes: 1024 };
const PLACES: readonly (readonly [string, MachineSpec])[] = [
  ['with an L2', { ...SMALL, prefetch: NEXT }],
  ['without an L2', { ...SMALL, l2: null, prefetch: NEXT }],
];
/** Time for everything asked for to arrive, cycles. */
const PAUSE = (3 * dramPs(SMALL) * SMALL.core.frequencyHz) / 1e12;

describe.each(PLACES)('a prefetched line %s', (_, spec) => {
  /** Loads line 0, which has line 1 sent for; then does what is to be counted. */
  function behindALoad(work: (out: OpStream) => void, pause: number, cores = 1) {
    const chip = chipOf({ ...spec, coresPerSocket: cores });
    drive(chip, (thread, out) => {
      if (thread > 0) return;
      out.run(1, 0, 0, 1, 1).stream(Access.Load, 0);
      if (pause > 0) out.compute(pause, 0, 0);
      work(out);
    });
    return { chip, counts: countsOf(chip) };
  }
  const touch = (kind: Access) => (out: OpStream) => void out.run(1, 0, 0, 1, 1).stream(kind, 1);

  it.each([
    ['a load', Access.Load],
    ['a dependent load', Access.LoadDependent],
    ['a store', Access.Store],
    ['a software prefetch', Access.PrefetchL1],
  ] as const)(
    'is useful when %s touches it, in time if it has arrived, and late if it has not',
    (_kind, kind) => {
      // Its first use has line 2 sent for.
      expect(behindALoad(touch(kind), PAUSE).counts).toEqual({
        issued: 2,
        useful: 1,
        late: 0,
        useless: 0,
        dropped: 0,
        unused: 1,
      });
      // A dependent load waits for the load before it, which is sent for at the same time and comes at the same time.
      const late = kind === Access.LoadDependent ? 0 : 1;
      expect(behindALoad(touch(kind), 0).counts).toEqual({
        issued: 2,
        useful: 1,
        late,
        useless: 0,
        dropped: 0,
        unused: 1,
      });
    },
  );

  it('is useful once, however often it is used', () => {
    const { counts } = behindALoad((out) => {
      for (let use = 0; use < 3; use++) touch(Access.Load)(out);
    }, 0);
    expect(counts).toMatchObject({ useful: 1, late: 1 });
  });

  it('is unused while nothing touches it', () => {
    expect(behindALoad(() => {}, PAUSE).counts).toEqual({
      issued: 1,
      useful: 0,
      late: 0,
      useless: 0,
      dropped: 0,
      unused: 1,
    });
  });

  it('is dropped when it is stored to past the caches', () => {
    expect(behindALoad(touch(Access.StoreNonTemporal), PAUSE).counts).toEqual({
      issued: 1,
      useful: 0,
      late: 0,
      useless: 0,
      dropped: 1,
      unused: 0,
    });
  });

  it('is dropped when another core stores to it', () => {
    const { chip } = behindALoad(() => {}, PAUSE, 2);
    drive(chip, (thread, out) => {
      if (thread === 1) touch(Access.Store)(out);
    });
    expect(countsOf(chip)).toMatchObject({ useful: 0, useless: 0, dropped: 1 });
  });

  it('is useless when other lines take its place', () => {
    const level = spec.l2 ?? spec.l1d;
    const sets = level.capacityBytes / 64 / level.ways;
    // Twice as many lines of its set as there are ways. What they have sent for falls into the next set, and is not used either.
    const { counts } = behindALoad((out) => {
      out.run(2 * level.ways, PAUSE, 0, 1, 1).stream(Access.Load, 1 + sets, sets);
    }, PAUSE);
    expect(counts.useless).toBeGreaterThanOrEqual(1);
    expect(counts.useful).toBe(0);
    expect(counts.issued).toBe(counts.useless + counts.unused);
  });
});

describe('a prefetched line that two cores share', () => {
  it('is useful when a store asks for the permission to write it', () => {
    // Core 1 loads line 1; core 0's prefetch of it then is shared, and its store must ask.
    for (const [, spec] of PLACES) {
      const chip = chipOf({ ...spec, coresPerSocket: 2 });
      drive(chip, (thread, out) => {
        if (thread === 1) out.run(1, 0, 0, 1, 1).stream(Access.Load, 1);
      });
      drive(chip, (thread, out) => {
        if (thread === 0)
          out
            .run(1, 0, 0, 1, 1)
            .stream(Access.Load, 0)
            .compute(PAUSE, 0, 0)
            .run(1, 0, 0, 1, 0)
            .stream(Access.Store, 1);
      });
      expect(sumOf(chip, CoreCounter.Upgrades)).toBe(1);
      // Core 1's load had line 2 sent for, core 0's line 1.
      expect(countsOf(chip)).toEqual({ issued: 2, useful: 1, late: 0, useless: 0, dropped: 0, unused: 1 });
    }
  });
});
