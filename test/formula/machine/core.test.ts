/** Programs bound by one thing each, against the closed form of that thing, within 2 %. */
import { describe, expect, it } from 'vitest';
import { Access, type OpStream } from '../../../src/kernel/op-stream.js';
import type { CacheSpec, CoreSpec, MachineSpec } from '../../../src/machine/spec.js';
import {
  CYCLE_PS,
  deviation,
  dramPs,
  llcPs,
  programOf,
  run,
  SMALL,
  timeOf,
} from '../../unit/machine/small-machine.js';

const TOLERANCE = 0.02;
/** 64-byte lines in the L1D, the L2 and the last level. */
const L1_LINES = SMALL.l1d.capacityBytes / 64;
const L2_LINES = (SMALL.l2 as CacheSpec).capacityBytes / 64;
const LLC_LINES = 65536 / 64;
const L2_PS = (SMALL.l2 as CacheSpec).latencyCycles * CYCLE_PS;

function withCore(changes: Partial<CoreSpec>, spec = SMALL): MachineSpec {
  return { ...spec, core: { ...spec.core, ...changes } };
}

/** Time of work alone, or after a warm-up in the phases before it, on one core, ps; without the barriers. */
function timed(
  spec: MachineSpec,
  work: (out: OpStream) => void,
  ...before: readonly ((out: OpStream) => void)[]
): number {
  const phases = [...before, work].map((each) => (_: number, out: OpStream) => each(out));
  const all = timeOf(spec, programOf(1, phases));
  return before.length === 0 ? all : all - timeOf(spec, programOf(1, phases.slice(0, -1)));
}

/** Loads lines [base, base + count), one a step. */
function load(count: number, { base = 0, busy = 0.5, instructions = 1, kind = Access.Load as Access } = {}) {
  return (out: OpStream): void => {
    out.run(count, busy, 0, instructions, 1).stream(kind, base);
  };
}

describe('a core bound by', () => {
  it('its FMA units takes the lumps that the kernel costed, all of it booked as compute', () => {
    const result = run(
      SMALL,
      programOf(1, [(_, out) => void Array.from({ length: 50 }, () => out.compute(14, 14, 30))]),
    );
    expect(result.timePs).toBe(50 * 14 * CYCLE_PS);
    expect(result.kernels[0]?.lossPs[0]).toBe(result.timePs);
  });

  it('its issue width takes what the kernel costed, the part beyond the FMAs booked as issue', () => {
    const result = run(SMALL, programOf(1, [(_, out) => void out.run(1000, 2, 0.5, 8, 0)]));
    expect(result.timePs).toBe(1000 * 2 * CYCLE_PS);
    expect(result.kernels[0]?.lossPs.slice(0, 2)).toEqual([result.timePs / 4, (result.timePs * 3) / 4]);
  });

  it('its L1D takes nothing beyond the costed steps while lines hit', () => {
    const sweep = load(L1_LINES, { busy: 0.5 });
    const hits = timed(SMALL, (out) => Array.from({ length: 40 }, () => sweep(out)), sweep);
    expect(hits).toBe(40 * L1_LINES * 0.5 * CYCLE_PS);
  });
});

describe('a pointer chase', () => {
  const chase = (lines: number) => load(lines, { kind: Access.LoadDependent, busy: 0 });

  it('takes the L1D latency a step where the lines fit it', () => {
    const lines = L1_LINES / 2;
    expect(timed(SMALL, chase(lines), load(lines))).toBe(lines * SMALL.l1d.latencyCycles * CYCLE_PS);
  });

  it('takes the L2 latency a step where the lines fit that', () => {
    expect(
      deviation(timed(SMALL, chase(L2_LINES), load(L2_LINES), load(L2_LINES)), L2_LINES * L2_PS),
    ).toBeLessThan(TOLERANCE);
  });

  it('takes two ways and a slice access where the lines fit the last level', () => {
    const lines = LLC_LINES / 2;
    expect(deviation(timed(SMALL, chase(lines), load(lines)), lines * llcPs(SMALL))).toBeLessThan(TOLERANCE);
  });

  it('takes that and the memory latency where they fit nowhere', () => {
    expect(deviation(timed(SMALL, chase(4000)), 4000 * dramPs(SMALL))).toBeLessThan(TOLERANCE);
  });

  it('takes the longer of its latency and of the work of a step', () => {
    const lines = 1000;
    const busyCycles = (2 * dramPs(SMALL)) / CYCLE_PS;
    const work = load(lines, { kind: Access.LoadDependent, busy: busyCycles });
    expect(deviation(timed(SMALL, work), lines * busyCycles * CYCLE_PS)).toBeLessThan(TOLERANCE);
  });
});

describe('a stream of loads', () => {
  it.each([1, 4, 10, 16])(
    'without a prefetcher has fill buffers x line / latency: %i fill buffers',
    (mshrs) => {
      const spec = withCore(
        { windowEntries: 400, loadQueueEntries: 200 },
        { ...SMALL, l1d: { ...SMALL.l1d, mshrs } },
      );
      const lines = 4000;
      expect(deviation(timed(spec, load(lines)), (lines * dramPs(spec)) / mshrs)).toBeLessThan(TOLERANCE);
    },
  );

  it('is held by the MSHRs of the L2 where those are fewer than the fill buffers', () => {
    const spec: MachineSpec = { ...SMALL, l2: { ...(SMALL.l2 as CacheSpec), mshrs: 6 } };
    const lines = 4000;
    expect(deviation(timed(spec, load(lines)), (lines * dramPs(spec)) / 6)).toBeLessThan(TOLERANCE);
  });

  it('with the streamer has MSHRs x line / latency, where its distance and degree reach so far', () => {
    const mshrs = 24;
    const spec: MachineSpec = {
      ...SMALL,
      l2: { ...(SMALL.l2 as CacheSpec), mshrs },
      prefetch: { kind: 'streamer', streams: 8, degree: 4, distanceLines: 64, pageBytes: 2 ** 20 },
    };
    const lines = 12_000;
    expect(deviation(timed(spec, load(lines)), (lines * dramPs(spec)) / mshrs)).toBeLessThan(TOLERANCE);
  });

  it('with the streamer has the bandwidth of main memory where that is less', () => {
    const bytesPerSecond = 10e9;
    const spec: MachineSpec = {
      ...SMALL,
      l2: { ...(SMALL.l2 as CacheSpec), mshrs: 24 },
      prefetch: { kind: 'streamer', streams: 8, degree: 4, distanceLines: 64, pageBytes: 2 ** 20 },
      memory: { kind: 'ideal', latencyPs: 80_000, bytesPerSecond, channelsPerSocket: 1 },
    };
    const lines = 12_000;
    expect(deviation(timed(spec, load(lines)), (lines * 64e12) / bytesPerSecond)).toBeLessThan(TOLERANCE);
  });

  describe('with the streamer', () => {
    /** What a chase takes that ends on the last line of the first prefetches, and what it must take. */
    const prefetchedChase = (base: MachineSpec): readonly [number, number] => {
      const bytesPerSecond = 4e9;
      const degree = 8;
      const spec: MachineSpec = {
        ...base,
        prefetch: { kind: 'streamer', streams: 8, degree, distanceLines: 64, pageBytes: 2 ** 20 },
        memory: { kind: 'ideal', latencyPs: 80_000, bytesPerSecond, channelsPerSocket: 1 },
      };
      // Two misses, the second of which sends for `degree` more lines: the last of them comes that many turns behind it.
      const chase = load(2 + degree, { kind: Access.LoadDependent, busy: 0 });
      return [timed(spec, chase), 2 * dramPs(spec) + (degree * 64e12) / bytesPerSecond];
    };

    it('waits for a prefetched line that is still on its way to the L2', () => {
      const [taken, least] = prefetchedChase(SMALL);
      expect(taken).toBeGreaterThanOrEqual(least);
    });

    it('waits for a prefetched line that is still on its way to the L1D, without an L2', () => {
      const [taken, least] = prefetchedChase({ ...SMALL, l2: null });
      expect(taken).toBeGreaterThanOrEqual(least);
    });
  });

  it('has the bandwidth of main memory without a prefetcher too, where the fill buffers suffice', () => {
    const bytesPerSecond = 4e9;
    const spec: MachineSpec = {
      ...SMALL,
      memory: { kind: 'ideal', latencyPs: 80_000, bytesPerSecond, channelsPerSocket: 1 },
    };
    const lines = 4000;
    expect(deviation(timed(spec, load(lines)), (lines * 64e12) / bytesPerSecond)).toBeLessThan(TOLERANCE);
  });

  it('from the L2 has the port time of the L2 where the fill buffers suffice', () => {
    for (const cyclesPerLine of [2, 4]) {
      const spec: MachineSpec = { ...SMALL, l2: { ...(SMALL.l2 as CacheSpec), cyclesPerLine } };
      const again = timed(
        spec,
        (out) => Array.from({ length: 10 }, () => load(L2_LINES)(out)),
        load(L2_LINES),
        load(L2_LINES),
      );
      expect(deviation(again, 10 * L2_LINES * cyclesPerLine * CYCLE_PS)).toBeLessThan(TOLERANCE);
    }
  });

  it('from the L2 has fill buffers x line / latency where its port is faster', () => {
    const mshrs = 3;
    const spec: MachineSpec = { ...SMALL, l1d: { ...SMALL.l1d, mshrs } };
    const again = timed(
      spec,
      (out) => Array.from({ length: 10 }, () => load(L2_LINES)(out)),
      load(L2_LINES),
      load(L2_LINES),
    );
    expect(deviation(again, (10 * L2_LINES * L2_PS) / mshrs)).toBeLessThan(TOLERANCE);
  });

  it('from the last level has fill buffers x line / latency', () => {
    const lines = LLC_LINES / 2;
    const again = timed(
      SMALL,
      (out) => Array.from({ length: 5 }, () => load(lines)(out)),
      load(lines),
      load(lines),
    );
    expect(deviation(again, (5 * lines * llcPs(SMALL)) / SMALL.l1d.mshrs)).toBeLessThan(TOLERANCE);
  });

  it('from the last level has the occupancy of its slices where that is more', () => {
    const occupancyPs = 8000;
    const spec: MachineSpec = {
      ...SMALL,
      llc: { ...(SMALL.llc as NonNullable<MachineSpec['llc']>), occupancyPs },
    };
    const lines = LLC_LINES / 2;
    const again = timed(
      spec,
      (out) => Array.from({ length: 5 }, () => load(lines)(out)),
      load(lines),
      load(lines),
    );
    expect(deviation(again, 5 * lines * occupancyPs)).toBeLessThan(TOLERANCE);
  });
});

/** A machine whose fill buffers are never the bound. */
const WIDE: MachineSpec = {
  ...SMALL,
  l1d: { ...SMALL.l1d, mshrs: 64 },
  l2: { ...(SMALL.l2 as CacheSpec), mshrs: 64 },
};

describe('loads with work between them', () => {
  it.each([20, 40, 50, 100])(
    'overlap as far as the window reaches: %i instructions a load',
    (instructions) => {
      const window = 200;
      const spec = withCore({ windowEntries: window }, WIDE);
      const lines = 3000;
      expect(
        deviation(
          timed(spec, load(lines, { instructions, busy: 0.1 })),
          (lines * dramPs(spec)) / (window / instructions),
        ),
      ).toBeLessThan(TOLERANCE);
    },
  );

  it('overlap as far as the window reaches where the work is a lump of its own', () => {
    const window = 200;
    const instructions = 49;
    const spec = withCore({ windowEntries: window }, WIDE);
    const lines = 1000;
    const work = (out: OpStream): void => {
      for (let line = 0; line < lines; line++)
        out.run(1, 0.1, 0, 1, 1).stream(Access.Load, line).compute(0.5, 0.5, instructions);
    };
    expect(deviation(timed(spec, work), (lines * dramPs(spec)) / (window / (instructions + 1)))).toBeLessThan(
      TOLERANCE,
    );
  });

  it.each([4, 8, 16])('overlap as far as the load queue reaches: %i entries', (loadQueueEntries) => {
    const spec = withCore({ windowEntries: 1000, loadQueueEntries }, WIDE);
    const lines = 3000;
    expect(
      deviation(timed(spec, load(lines, { busy: 0.1 })), (lines * dramPs(spec)) / loadQueueEntries),
    ).toBeLessThan(TOLERANCE);
  });

  it('hide their latency wholly where the window holds as much work', () => {
    const latencyCycles = dramPs(SMALL) / CYCLE_PS;
    // Ten loads in the window, each followed by a little more than a tenth of the latency in work.
    const busy = latencyCycles / 9;
    const spec = withCore({ windowEntries: 200 }, WIDE);
    const lines = 2000;
    expect(
      deviation(timed(spec, load(lines, { instructions: 20, busy })), lines * busy * CYCLE_PS),
    ).toBeLessThan(TOLERANCE);
  });
});

describe('stores', () => {
  const store = (lines: number, kind: Access = Access.Store) => load(lines, { kind, busy: 0.1 });

  it.each([4, 8, 16])(
    'to lines elsewhere overlap as far as the store queue reaches: %i entries',
    (storeQueueEntries) => {
      const spec = withCore({ storeQueueEntries }, WIDE);
      const lines = 3000;
      expect(deviation(timed(spec, store(lines)), (lines * dramPs(spec)) / storeQueueEntries)).toBeLessThan(
        TOLERANCE,
      );
    },
  );

  it('of narrow vectors take several entries a line', () => {
    const spec = withCore({ storeQueueEntries: 16, vectorBits: 256 }, WIDE);
    const lines = 3000;
    expect(deviation(timed(spec, store(lines)), (lines * dramPs(spec)) / (16 / 2))).toBeLessThan(TOLERANCE);
  });

  it('overlap as far as the fill buffers reach where those are fewer', () => {
    const lines = 3000;
    expect(deviation(timed(SMALL, store(lines)), (lines * dramPs(SMALL)) / SMALL.l1d.mshrs)).toBeLessThan(
      TOLERANCE,
    );
  });

  it('past the caches overlap as far as the write-combining buffers reach, each held until the memory has taken the line', () => {
    // Memory answers a write when it takes it: at once, after the way there and back.
    const lines = 3000;
    const perLine = 2 * SMALL.interconnect.hopPs;
    expect(
      deviation(
        timed({ ...SMALL, l1d: { ...SMALL.l1d, mshrs: 1 } }, store(lines, Access.StoreNonTemporal)),
        lines * perLine,
      ),
    ).toBeLessThan(TOLERANCE);
  });

  it('past the caches have the bandwidth of main memory', () => {
    const bytesPerSecond = 4e9;
    const spec: MachineSpec = {
      ...SMALL,
      memory: { kind: 'ideal', latencyPs: 80_000, bytesPerSecond, channelsPerSocket: 1 },
    };
    const lines = 3000;
    expect(
      deviation(timed(spec, store(lines, Access.StoreNonTemporal)), (lines * 64e12) / bytesPerSecond),
    ).toBeLessThan(TOLERANCE);
  });

  it('in place cost no more than the loads before them', () => {
    const lines = 3000;
    const inPlace = (out: OpStream): void => {
      out.run(lines, 0.5, 0, 2, 1).stream(Access.Load, 0).stream(Access.Store, 0);
    };
    expect(deviation(timed(SMALL, inPlace), timed(SMALL, load(lines)))).toBeLessThan(TOLERANCE);
  });
});
