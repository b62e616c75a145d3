/** What each prefetcher covers, wastes and brings too late on a chip, counted against what its rules say. */
import { describe, expect, it } from 'vitest';
import { loadMachine } from '../../../src/config/load.js';
import { Access, type OpStream } from '../../../src/kernel/op-stream.js';
import { CoreCounter } from '../../../src/machine/core/layout.js';
import type { MachineSpec, PrefetchSpec } from '../../../src/machine/spec.js';
import {
  CYCLE_PS,
  deviation,
  dramPs,
  lookupPs,
  programOf,
  run,
  SMALL,
} from '../../unit/machine/small-machine.js';

const PAGE_LINES = 64;
const PAGES = 20;
const LINES = PAGES * PAGE_LINES;
const pageBytes = PAGE_LINES * 64;
const STREAMER: PrefetchSpec = { kind: 'streamer', streams: 16, degree: 2, distanceLines: 16, pageBytes };
const STRIDE: PrefetchSpec = {
  kind: 'stride',
  index: 'stream',
  entries: 16,
  degree: 2,
  distanceStrides: 8,
  pageBytes,
};
const BY_PAGE: PrefetchSpec = { ...STRIDE, index: 'page' };

function nextLine(degree: number, page = pageBytes): PrefetchSpec {
  return { kind: 'next-line', degree, pageBytes: page };
}

/** The machine with a prefetcher beside its L2, and with one beside its L1D for want of an L2. */
const PLACES = [
  ['with an L2', SMALL],
  ['without an L2', { ...SMALL, l2: null }],
] as const satisfies readonly (readonly [string, MachineSpec])[];

/** So much work a line that two prefetches have time to come meanwhile, cycles. */
const UNHURRIED = dramPs(SMALL) / CYCLE_PS;

/** Counts of what one core does. */
function count(base: MachineSpec, prefetch: PrefetchSpec, work: (out: OpStream) => void) {
  let farthest = 0;
  const pages = new Set<number>();
  const result = run({ ...base, prefetch }, programOf(1, [(_, out) => work(out)]), {
    onMemoryRequest: (line, isWrite) => {
      if (isWrite) return;
      farthest = Math.max(farthest, line);
      pages.add(Math.floor(line / PAGE_LINES));
    },
  });
  const counters = result.kernels[0]?.counters as readonly number[];
  return {
    misses: counters[base.l2 === null ? CoreCounter.L1Misses : CoreCounter.L2Misses] as number,
    issued: counters[CoreCounter.Prefetches] as number,
    useful: counters[CoreCounter.UsefulPrefetches] as number,
    late: counters[CoreCounter.LatePrefetches] as number,
    useless: counters[CoreCounter.UselessPrefetches] as number,
    dropped: counters[CoreCounter.DroppedPrefetches] as number,
    dramReads: result.statistics.memory.readLines,
    timePs: result.timePs,
    farthest,
    pages,
  };
}

/** A sweep over all pages, one access every `stride` lines, from the end where the stride is negative. */
function sweep(out: OpStream, busy: number, stride = 1, kind: Access = Access.Load): void {
  const accesses = Math.ceil(LINES / Math.abs(stride));
  out.run(accesses, busy, 0, 1, 1).stream(kind, stride < 0 ? LINES - 1 : 0, stride);
}

/** Lines that such a sweep touches. */
function touched(stride: number): number {
  return Math.ceil(LINES / Math.abs(stride));
}

describe.each(PLACES)('a sequential sweep %s', (_, base) => {
  it.each([
    ['upwards', Access.Load, 1],
    ['downwards', Access.Load, -1],
    ['for stores', Access.Store, 1],
  ] as const)(
    'with the streamer misses the first two lines of each page, wastes nothing and waits for nothing: %s',
    (_way, kind, stride) => {
      const seen = count(base, STREAMER, (out) => sweep(out, UNHURRIED, stride, kind));
      expect(seen.misses).toBe(2 * PAGES);
      expect(seen.issued).toBe((PAGE_LINES - 2) * PAGES);
      expect(seen.useful).toBe(seen.issued);
      // The third line of a page is sent for together with the second, and comes with it, before it is asked for.
      expect(seen.late).toBe(0);
      expect(seen.dramReads).toBe(LINES);
    },
  );

  it.each([1, 2, 4])('with next-line prefetch of degree %i misses the first line of each page', (degree) => {
    const seen = count(base, nextLine(degree), (out) => sweep(out, UNHURRIED));
    expect(seen.misses).toBe(PAGES);
    expect(seen.issued).toBe((PAGE_LINES - 1) * PAGES);
    expect(seen.useful).toBe(seen.issued);
    // A line is sent for when the one before it is used, a memory latency ago at least.
    expect(seen.late).toBe(0);
    expect(seen.dramReads).toBe(LINES);
  });

  it('downwards gains nothing from next-line prefetch, which fetches each line but the last of a page behind its use', () => {
    const seen = count(base, nextLine(1), (out) => sweep(out, UNHURRIED, -1));
    // The line behind has just been used.
    expect([seen.misses, seen.issued, seen.useful]).toEqual([LINES, 0, 0]);
  });

  it('is late where the core asks faster than memory answers, but no line is fetched twice', () => {
    for (const prefetch of [STREAMER, STRIDE, nextLine(4)]) {
      const seen = count(base, prefetch, (out) => sweep(out, 0.5));
      expect(seen.late).toBeGreaterThan(seen.issued / 2);
      expect(seen.late).toBeLessThanOrEqual(seen.useful);
      expect(seen.misses + seen.issued).toBe(LINES);
      expect(seen.dramReads).toBe(LINES);
    }
  });
});

it('leaves hardly any wait with the streamer: two lines in each page', () => {
  const { timePs } = count(SMALL, STREAMER, (out) => sweep(out, UNHURRIED));
  const work = LINES * UNHURRIED * CYCLE_PS;
  expect(timePs).toBeLessThanOrEqual(work + 2 * PAGES * dramPs(SMALL));
});

it.each([1, 2, 4])(
  'a chase along a sequence is 1 + degree times as fast with next-line prefetch of degree %i',
  (degree) => {
    // Line i + degree is sent for when line i is used, so that each latency brings degree + 1 lines.
    const lines = 2000;
    const { timePs } = count(SMALL, nextLine(degree, 2 ** 20), (out) =>
      out.run(lines, 0, 0, 1, 1).stream(Access.LoadDependent, 0),
    );
    expect(deviation(timePs, (lines * dramPs(SMALL)) / (1 + degree))).toBeLessThan(0.02);
  },
);

describe.each(PLACES)('a strided sweep %s', (_, base) => {
  it.each([3, -2, 5, -7])(
    'is foretold by the stride prefetcher from its second access on, over pages: %i lines',
    (stride) => {
      const seen = count(base, STRIDE, (out) => sweep(out, UNHURRIED, stride));
      // Nothing is fetched across the end of a page: the first access to each misses, and the second of all, which shows the stride.
      expect(seen.misses).toBe(PAGES + 1);
      expect(seen.issued).toBe(touched(stride) - seen.misses);
      expect(seen.useful).toBe(seen.issued);
      expect(seen.late).toBe(0);
      expect(seen.dramReads).toBe(touched(stride));
    },
  );

  it.each([3, -2])('is learnt again on each page where the table goes by page: %i lines', (stride) => {
    const seen = count(base, BY_PAGE, (out) => sweep(out, UNHURRIED, stride));
    expect(seen.misses).toBe(2 * PAGES);
    expect(seen.useful).toBe(touched(stride) - seen.misses);
    expect(seen.dramReads).toBe(touched(stride));
  });

  it.each([3, -2])('has the streamer fetch in vain what it leaves out: %i lines', (stride) => {
    const seen = count(base, STREAMER, (out) => sweep(out, UNHURRIED, stride));
    // The stream covers every line up to the distance, of which one in |stride| is used.
    expect(seen.useful).toBeLessThanOrEqual(seen.issued / Math.abs(stride) + 2 * PAGES);
    expect(seen.dramReads).toBeGreaterThan(touched(stride) + seen.issued / 3);
  });
});

describe('line streams that take turns', () => {
  const STRIDES = [3, -2, 1, 5];
  const ACCESSES = 240;
  /** Each stream in pages of its own, from the end of a page on. */
  const bases = STRIDES.map((stride, index) => (8 * index + 1) * 1024 + (stride < 0 ? 703 : 0));
  const interleaved = (out: OpStream): void => {
    const running = out.run(ACCESSES, 4 * UNHURRIED, 0, 4, 4);
    STRIDES.forEach((stride, index) => void running.stream(Access.Load, bases[index] as number, stride));
  };
  /** Pages that a stream touches. */
  const pagesOf = STRIDES.map((stride, index) => {
    const first = Math.floor((bases[index] as number) / PAGE_LINES);
    const last = Math.floor(((bases[index] as number) + (ACCESSES - 1) * stride) / PAGE_LINES);
    return Math.abs(last - first) + 1;
  });
  const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
  /** An L2 that holds what is fetched ahead for four streams. */
  const roomy: MachineSpec = {
    ...SMALL,
    l2: { ...(SMALL.l2 as NonNullable<MachineSpec['l2']>), capacityBytes: 2 ** 18 },
  };

  it('are told apart by the stride prefetcher, each by its number', () => {
    const seen = count(roomy, STRIDE, interleaved);
    expect(seen.misses).toBe(total(pagesOf) + STRIDES.length);
    expect(seen.useful).toBe(STRIDES.length * ACCESSES - seen.misses);
    expect(seen.late).toBe(0);
  });

  it('are told apart by page where the table goes by page', () => {
    const seen = count(roomy, BY_PAGE, interleaved);
    expect(seen.misses).toBe(2 * total(pagesOf));
    expect(seen.useful).toBe(STRIDES.length * ACCESSES - seen.misses);
  });
});

describe('what a prefetcher may fetch', () => {
  const ALL: readonly (readonly [string, PrefetchSpec])[] = [
    ['next-line', nextLine(8)],
    ['stride', { ...STRIDE, degree: 8, distanceStrides: 32 }],
    ['stride by page', { ...BY_PAGE, degree: 8, distanceStrides: 32 }],
    ['streamer', { ...STREAMER, degree: 8, distanceLines: 32 }],
  ];

  it.each(ALL)('is in the pages that the program touches: %s', (_, prefetch) => {
    for (const [, base] of PLACES) {
      // Every other page, upwards and downwards.
      const seen = count(base, prefetch, (out) => {
        for (let page = 1; page < PAGES; page += 4) {
          out.run(PAGE_LINES, UNHURRIED, 0, 1, 1).stream(Access.Load, page * PAGE_LINES, 1);
          out.run(PAGE_LINES, UNHURRIED, 0, 1, 1).stream(Access.Load, (page + 3) * PAGE_LINES - 1, -1);
        }
      });
      expect(seen.issued).toBeGreaterThan(0);
      expect([...seen.pages].every((page) => page % 2 === 1 || page % 4 === 2)).toBe(true);
      const pages = Array.from({ length: PAGES / 4 }, (_page, index) => [
        4 * index + 1,
        4 * index + 3,
      ]).flat();
      expect([...seen.pages].sort((a, b) => a - b)).toEqual(pages);
    }
  });

  it.each([1, 5, 20])('is no farther ahead than the distance: %i', (distance) => {
    const accesses = 100;
    const page = 2 ** 20;
    const walk = (stride: number) => (out: OpStream) =>
      void out.run(accesses, UNHURRIED, 0, 1, 1).stream(Access.Load, 0, stride);
    const streamer: PrefetchSpec = { ...STREAMER, distanceLines: distance, pageBytes: page };
    expect(count(SMALL, streamer, walk(1)).farthest).toBe(accesses - 1 + distance);
    const strided: PrefetchSpec = { ...STRIDE, distanceStrides: distance, pageBytes: page };
    expect(count(SMALL, strided, walk(3)).farthest).toBe(3 * (accesses - 1 + distance));
    expect(count(SMALL, nextLine(distance, page), walk(1)).farthest).toBe(accesses - 1 + distance);
  });

  it('is nothing where it is off', () => {
    for (const [, base] of PLACES) {
      const seen = count(base, { kind: 'none' }, (out) => sweep(out, UNHURRIED));
      expect([seen.issued, seen.useful, seen.late, seen.useless, seen.dropped]).toEqual([0, 0, 0, 0, 0]);
      expect(seen.misses).toBe(LINES);
    }
  });
});

describe('one core of the shipped Skylake machine', () => {
  const spec = loadMachine('skylake-sp-2s');
  const cores = spec.sockets * spec.coresPerSocket;
  const lines = 40_000;

  /** Bytes per second of a stream of loads on core 0, and what a line of it waits from the L1D on: what is fixed follows from the machine file, the DRAM tells its own part. */
  function stream(prefetch: PrefetchSpec) {
    const work = (thread: number, out: OpStream): void => {
      if (thread === 0) out.run(lines, 0.5, 0, 1, 1).stream(Access.Load, 0);
    };
    const { statistics, timePs } = run({ ...spec, prefetch }, programOf(cores, [work]));
    const { interconnect, llc, memory } = spec;
    if (llc === null || memory.kind !== 'dram') throw new Error('the machine has changed');
    // Core 0 sits in a corner, and lines are spread over all tiles: half of the columns and half of the rows away on average, there and back.
    const hops = 2 * ((interconnect.columns - 1) / 2 + (interconnect.rows - 1) / 2);
    // A request of 8 bytes and a line with its header of 72 take their length on the links, but for the tile's own slice.
    const messagesPs = ((1 - 1 / llc.slicesPerSocket) * 80e12) / interconnect.linkBytesPerSecond;
    const fixedPs =
      lookupPs(spec) + hops * interconnect.hopPs + messagesPs + llc.latencyPs + memory.controllerPs;
    const dramPs = statistics.memory.readLatencyPs / statistics.memory.readLines;
    const { nRP, nRCD, nCL, nBL } = memory.part.timings;
    return {
      bytesPerSecond: (lines * 64e12) / timePs,
      latencyPs: fixedPs + dramPs,
      dramPs,
      rowHitPs: (nCL + nBL) * memory.part.tCKps,
      rowConflictPs: (nRP + nRCD + nCL + nBL) * memory.part.tCKps,
    };
  }

  it('streams at fill buffers x line / latency without a prefetcher: about 9 GB/s', () => {
    const { bytesPerSecond, latencyPs, dramPs, rowHitPs, rowConflictPs } = stream({ kind: 'none' });
    // Six channels have little to do with one core: a read finds its row open or has it opened, and hardly queues.
    expect(dramPs).toBeGreaterThan(rowHitPs);
    expect(dramPs).toBeLessThan(rowConflictPs);
    expect(deviation(bytesPerSecond, (spec.l1d.mshrs * 64e12) / latencyPs)).toBeLessThan(0.01);
    expect(Math.round(bytesPerSecond / 1e9)).toBe(9);
  });

  it('streams at MSHRs of the L2 x line / latency with its streamer: about 12 GB/s, as published', () => {
    const { bytesPerSecond, latencyPs, dramPs, rowHitPs, rowConflictPs } = stream(spec.prefetch);
    expect(dramPs).toBeGreaterThan(rowHitPs);
    expect(dramPs).toBeLessThan(rowConflictPs);
    expect(deviation(bytesPerSecond, ((spec.l2?.mshrs as number) * 64e12) / latencyPs)).toBeLessThan(0.02);
    expect(Math.round(bytesPerSecond / 1e9)).toBe(12);
  });

  it('reaches the same with any prefetcher that keeps the MSHRs busy, and less with a line ahead', () => {
    const { bytesPerSecond } = stream(spec.prefetch);
    const pageBytes = 4096;
    const strided = stream({
      kind: 'stride',
      index: 'stream',
      entries: 16,
      degree: 2,
      distanceStrides: 20,
      pageBytes,
    });
    expect(deviation(strided.bytesPerSecond, bytesPerSecond)).toBeLessThan(0.02);
    expect(deviation(stream(nextLine(20)).bytesPerSecond, bytesPerSecond)).toBeLessThan(0.02);
    // The loads themselves are 12 lines ahead already; one more by the prefetcher is the thirteenth.
    const one = stream(nextLine(1));
    expect(deviation(one.bytesPerSecond, ((spec.l1d.mshrs + 1) * 64e12) / one.latencyPs)).toBeLessThan(0.02);
  });
});
