/** What crosses between sockets, and what a share of a chip stands for. */
import { describe, expect, it } from 'vitest';
import type { Program } from '../../../src/kernel/kernel.js';
import { Access, type OpStream } from '../../../src/kernel/op-stream.js';
import { type ChipShare, wholeChip } from '../../../src/machine/chip.js';
import type { CacheSpec, LlcSpec, MachineSpec } from '../../../src/machine/spec.js';
import { runProgram } from '../../../src/simulate/run.js';
import { shareOf } from '../../../src/simulate/share.js';
import { deviation, dramPs, programOf, run, SMALL, type Work } from '../../unit/machine/small-machine.js';

const CROSSING = 50_000;

function twoSockets(changes: Partial<MachineSpec> = {}, bytesPerSecond = Infinity): MachineSpec {
  return {
    ...SMALL,
    sockets: 2,
    pagePlacement: 'first-socket',
    socketLink: { latencyPs: CROSSING, bytesPerSecond },
    ...changes,
  };
}

/** A line with its header on the link, and a message without one: a request or an acknowledgement. */
const LINE_BYTES = 72;
const ADDRESS_BYTES = 8;

/** Work of one of the two cores. */
function only(core: number, work: (out: OpStream) => void): Work {
  return (thread, out) => {
    if (thread === core) work(out);
  };
}

function timeOf(spec: MachineSpec, work: Work): number {
  return run(spec, programOf(2, [work])).timePs - run(spec, programOf(2, [() => {}])).timePs;
}

describe('memory of the other socket', () => {
  const LINES = 2000;
  const chase = (out: OpStream): void => void out.run(LINES, 0, 0, 1, 1).stream(Access.LoadDependent, 0);
  const stream = (kind: Access) => (out: OpStream) => void out.run(LINES, 0.5, 0, 1, 1).stream(kind, 0);

  it('is two crossings farther', () => {
    const spec = twoSockets();
    expect(deviation(timeOf(spec, only(0, chase)), LINES * dramPs(spec))).toBeLessThan(0.02);
    expect(deviation(timeOf(spec, only(1, chase)), LINES * (dramPs(spec) + 2 * CROSSING))).toBeLessThan(0.02);
  });

  it.each([Access.Load, Access.StoreNonTemporal])(
    'is read and written at the bandwidth of the link: access %i',
    (kind) => {
      const bytesPerSecond = 2e9;
      const spec = twoSockets({}, bytesPerSecond);
      expect(
        deviation(timeOf(spec, only(1, stream(kind))), (LINES * LINE_BYTES * 1e12) / bytesPerSecond),
      ).toBeLessThan(0.02);
      expect(timeOf(spec, only(0, stream(kind)))).toBeLessThan(timeOf(spec, only(1, stream(kind))) / 2);
    },
  );

  it('is read by both sockets at once at the full bandwidth of either direction, which carries the lines of one and the requests of the other', () => {
    // Slow enough that ten lines under way fill it: 160 ns of link against 215 ns of way.
    const bytesPerSecond = 0.5e9;
    const spec = twoSockets({ pagePlacement: 'first-touch' }, bytesPerSecond);
    const touch = (thread: number, out: OpStream): void =>
      void out.run(LINES, 0.5, 0, 1, 1).stream(Access.Load, thread * 4096);
    const swap = (thread: number, out: OpStream): void => touch(1 - thread, out);
    const [both, first, barrier] = [[touch, swap], [touch], [() => {}]].map(
      (phases) => run(spec, programOf(2, phases)).timePs,
    ) as [number, number, number];
    const linePs = ((LINE_BYTES + ADDRESS_BYTES) * 1e12) / bytesPerSecond;
    expect(deviation(both - first - barrier, LINES * linePs)).toBeLessThan(0.02);
  });

  it('is counted line by line, in its direction', () => {
    const spec = twoSockets();
    const read = run(spec, programOf(2, [only(1, stream(Access.Load))])).statistics;
    expect([read.linkLinesIn, read.linkLinesOut]).toEqual([LINES, 0]);
    const written = run(spec, programOf(2, [only(1, stream(Access.StoreNonTemporal))])).statistics;
    expect([written.linkLinesIn, written.linkLinesOut]).toEqual([0, LINES]);
    const near = run(spec, programOf(2, [only(0, stream(Access.Load))])).statistics;
    expect([near.linkLinesIn, near.linkLinesOut]).toEqual([0, 0]);
  });

  it('is not needed where every core touches its own pages first', () => {
    const work = (thread: number, out: OpStream): void =>
      void out.run(LINES, 0.5, 0, 1, 1).stream(Access.Load, thread * 4096);
    const { linkLinesIn } = run(
      twoSockets({ pagePlacement: 'first-touch' }),
      programOf(2, [work]),
    ).statistics;
    expect(linkLinesIn).toBe(0);
  });
});

describe('lines in the caches of the other socket', () => {
  // They fit the last level of 1024 lines that core 0's socket has.
  const LINES = 600;
  const bytesPerSecond = 0.1e9;
  const spec = twoSockets({ pagePlacement: 'first-touch' }, bytesPerSecond);
  const sweep =
    (core: number, kind: Access): Work =>
    (thread, out) => {
      if (thread === core) out.run(LINES, 0.5, 0, 1, 1).stream(kind, 0);
    };
  const timeOfLast = (phases: readonly Work[]): number =>
    run(spec, programOf(2, phases)).timePs - run(spec, programOf(2, phases.slice(0, -1))).timePs;

  it('come over the link at its bandwidth', () => {
    const phases = [sweep(0, Access.Store), sweep(1, Access.Load)];
    expect(run(spec, programOf(2, phases)).statistics.shared.remoteForwards).toBe(LINES);
    expect(deviation(timeOfLast(phases), (LINES * LINE_BYTES * 1e12) / bytesPerSecond)).toBeLessThan(0.02);
  });

  it('are given up for a write of the other by an address message each way, a ninth of a line', () => {
    const phases = [sweep(0, Access.Store), sweep(1, Access.Load), sweep(0, Access.Store)];
    expect(deviation(timeOfLast(phases), (LINES * ADDRESS_BYTES * 1e12) / bytesPerSecond)).toBeLessThan(0.05);
  });
});

/** 8 cores with a slice each and 4 channels, and what bandwidth they have. */
const EIGHT: MachineSpec = {
  ...SMALL,
  coresPerSocket: 8,
  llc: { ...(SMALL.llc as LlcSpec), slicesPerSocket: 8, sliceBytes: 16_384, ways: 16 },
  memory: { kind: 'ideal', latencyPs: 80_000, bytesPerSecond: 16e9, channelsPerSocket: 4 },
};

function onShare(spec: MachineSpec, cores: number): ChipShare {
  const sample = shareOf(spec, 8 * spec.sockets, cores);
  if (sample === null) throw new Error(`no share of ${cores} cores`);
  return sample.share;
}

describe('a share of a chip', () => {
  /** Data of each thread: more than the caches hold per core, read twice and updated once. */
  const LINES = 1500;
  const work = (thread: number, out: OpStream): void => {
    const base = 8192 + thread * 4096;
    out.run(LINES, 0.5, 0, 1, 1).stream(Access.Load, base);
    out.run(LINES, 0.5, 0, 2, 1).stream(Access.Load, base).stream(Access.Store, base);
  };

  it.each([1, 2, 4])(
    'of %i cores moves as many bytes per core as the whole, in about the same time',
    (cores) => {
      const whole = runProgram(EIGHT, wholeChip(EIGHT), programOf(8, [work]), { flush: true });
      const part = runProgram(EIGHT, onShare(EIGHT, cores), programOf(cores, [work]), { flush: true });
      expect(
        deviation(part.statistics.memory.readLines / cores, whole.statistics.memory.readLines / 8),
      ).toBeLessThan(0.03);
      expect(
        deviation(part.statistics.memory.writtenLines / cores, whole.statistics.memory.writtenLines / 8),
      ).toBeLessThan(0.03);
      expect(deviation(part.timePs, whole.timePs)).toBeLessThan(0.06);
    },
  );

  it('waits at the barriers of the whole chip', () => {
    const empty = (share: ChipShare): number =>
      runProgram(EIGHT, share, programOf(share.cores, [() => {}])).timePs;
    expect(empty(onShare(EIGHT, 2))).toBe(empty(wholeChip(EIGHT)));
  });

  it('of a chip of two sockets reads far pages over its part of the link', () => {
    const spec: MachineSpec = {
      ...EIGHT,
      sockets: 2,
      pagePlacement: 'interleave',
      socketLink: { latencyPs: CROSSING, bytesPerSecond: 8e9 },
    };
    const whole = runProgram(spec, wholeChip(spec), programOf(16, [work]), { flush: true });
    for (const cores of [2, 4, 8]) {
      const part = runProgram(spec, onShare(spec, cores), programOf(cores, [work]), { flush: true });
      expect(deviation(part.statistics.linkLinesIn / cores, whole.statistics.linkLinesIn / 16)).toBeLessThan(
        0.15,
      );
      expect(deviation(part.timePs, whole.timePs)).toBeLessThan(0.1);
    }
  });

  it('fetches parameters that every thread reads once for all shares', () => {
    const PARAMETERS = 3000;
    const program = (cores: number, parameters: 'whole' | 'share'): Program => {
      const plain = programOf(cores, [
        (_, out) => void out.run(PARAMETERS, 0.5, 0, 1, 1).stream(Access.Load, 0),
      ]);
      return {
        ...plain,
        parameterEnd: PARAMETERS,
        kernels: plain.kernels.map((kernel) => ({ ...kernel, parameters })),
      };
    };
    // Caches that hold the parameters: each line comes to the chip once.
    const spec: MachineSpec = {
      ...EIGHT,
      l2: { ...(EIGHT.l2 as CacheSpec), capacityBytes: 2 ** 20, ways: 16 },
      llc: { ...(EIGHT.llc as LlcSpec), sliceBytes: 2 ** 20 },
    };
    const readBy = (share: ChipShare, parameters: 'whole' | 'share'): number =>
      runProgram(spec, share, program(share.cores, parameters)).statistics.memory.readLines;
    expect(readBy(wholeChip(spec), 'whole')).toBe(PARAMETERS);
    expect(deviation(readBy(onShare(spec, 2), 'whole'), PARAMETERS / 4)).toBeLessThan(0.05);
    expect(readBy(onShare(spec, 2), 'share')).toBe(PARAMETERS);
  });
});
