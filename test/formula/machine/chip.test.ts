/** Several cores, and the bytes that they move, against closed forms. */
import { describe, expect, it } from 'vitest';
import { Access, type OpStream } from '../../../src/kernel/op-stream.js';
import type { CacheSpec, LlcSpec, MachineSpec } from '../../../src/machine/spec.js';
import { Category } from '../../../src/statistics/time-loss.js';
import { CYCLE_PS, deviation, dramPs, programOf, run, SMALL } from '../../unit/machine/small-machine.js';

const L2_PS = (SMALL.l2 as CacheSpec).latencyCycles * CYCLE_PS;

describe('a barrier', () => {
  const barriersOf = (spec: MachineSpec): number =>
    run(spec, programOf(spec.sockets * spec.coresPerSocket, [() => {}, () => {}])).timePs / 2;

  it.each([
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 2],
    [8, 3],
    [48, 6],
    [64, 6],
  ])('of %i threads takes %i rounds of a line passed between two caches', (cores, rounds) => {
    const round = 2 * SMALL.interconnect.hopPs + (SMALL.llc as LlcSpec).latencyPs + L2_PS;
    expect(barriersOf({ ...SMALL, coresPerSocket: cores })).toBe(rounds * round);
  });

  it('takes its rounds to the farthest tile of a mesh', () => {
    const spec: MachineSpec = {
      ...SMALL,
      coresPerSocket: 16,
      interconnect: { kind: 'mesh', columns: 4, rows: 4, hopPs: 1000, linkBytesPerSecond: Infinity },
    };
    // From corner to corner there are 3 + 3 hops.
    expect(barriersOf(spec)).toBe(4 * (2 * 6000 + (SMALL.llc as LlcSpec).latencyPs + L2_PS));
  });

  it('of two sockets crosses the link once, there and back', () => {
    const one: MachineSpec = { ...SMALL, coresPerSocket: 8 };
    const two: MachineSpec = {
      ...SMALL,
      sockets: 2,
      coresPerSocket: 4,
      socketLink: { latencyPs: 60_000, bytesPerSecond: Infinity },
    };
    expect(barriersOf(two)).toBe(barriersOf(one) + 2 * 60_000);
  });

  it('holds everyone until the last has come', () => {
    const spec: MachineSpec = { ...SMALL, coresPerSocket: 4 };
    const result = run(
      spec,
      programOf(4, [(thread, out) => void out.compute(100 * (thread + 1), 100 * (thread + 1), 10)]),
    );
    const barrier = barriersOf(spec);
    expect(result.timePs).toBe(400 * CYCLE_PS + barrier);
    expect(result.kernels[0]?.lossPs[Category.Barrier]).toBe((300 + 200 + 100) * CYCLE_PS + 4 * barrier);
  });
});

describe('cores on one memory channel', () => {
  const LINES = 3000;
  const BYTES_PER_SECOND = 4e9;
  const CHANNEL: MachineSpec = {
    ...SMALL,
    memory: { kind: 'ideal', latencyPs: 80_000, bytesPerSecond: BYTES_PER_SECOND, channelsPerSocket: 1 },
  };
  const stream = (thread: number, out: OpStream): void => {
    out.run(LINES, 0.5, 0, 1, 1).stream(Access.Load, thread * 2 * LINES);
  };

  it.each([2, 3, 4])('share it evenly: %i of them each take that many times as long', (cores) => {
    const spec: MachineSpec = { ...CHANNEL, coresPerSocket: cores };
    const alone = run(CHANNEL, programOf(1, [stream])).timePs;
    const result = run(spec, programOf(cores, [stream]));
    const barrier = run(spec, programOf(cores, [() => {}])).timePs;
    expect(deviation(alone, (LINES * 64e12) / BYTES_PER_SECOND)).toBeLessThan(0.02);
    expect(deviation(result.timePs - barrier, cores * alone)).toBeLessThan(0.02);
    // Nobody is done long before the others.
    expect((result.kernels[0]?.lossPs[Category.Barrier] as number) - cores * barrier).toBeLessThan(
      0.02 * cores * result.timePs,
    );
  });

  it('do not slow each other down on channels of their own', () => {
    const spec: MachineSpec = {
      ...SMALL,
      coresPerSocket: 2,
      memory: {
        kind: 'ideal',
        latencyPs: 80_000,
        bytesPerSecond: 2 * BYTES_PER_SECOND,
        channelsPerSocket: 2,
      },
    };
    // Lines alternate between the channels: one core has the even lines, the other the odd ones.
    const work = (thread: number, out: OpStream): void =>
      void out.run(LINES, 0.5, 0, 1, 1).stream(Access.Load, thread, 2);
    const barrier = run(spec, programOf(2, [() => {}])).timePs;
    expect(
      deviation(run(spec, programOf(2, [work])).timePs - barrier, (LINES * 64e12) / BYTES_PER_SECOND),
    ).toBeLessThan(0.02);
  });

  it('book what queueing adds as bandwidth, and the rest as latency', () => {
    const result = run(CHANNEL, programOf(1, [stream]));
    const loss = result.kernels[0]?.lossPs as readonly number[];
    const latency = loss[Category.DramLatency] as number;
    const bandwidth = loss[Category.DramBandwidth] as number;
    // With ten fill buffers a line waits nine others' turns before its own latency: the share of the wait that is not queueing is latency / (10 turns).
    const turnPs = 64e12 / BYTES_PER_SECOND;
    expect(
      deviation(latency / (latency + bandwidth), dramPs(CHANNEL) / (SMALL.l1d.mshrs * turnPs)),
    ).toBeLessThan(0.05);
  });
});

describe('main memory traffic after a flush', () => {
  const LINES = 2000;
  const INCLUSIVE: MachineSpec = {
    ...SMALL,
    llc: { ...(SMALL.llc as LlcSpec), inclusion: 'inclusive', snoopFilterWays: 0 },
  };
  const MACHINES: readonly (readonly [string, MachineSpec])[] = [
    ['a victim last level', SMALL],
    ['an inclusive last level', INCLUSIVE],
    ['no last level', { ...SMALL, llc: null }],
    ['no L2', { ...SMALL, l2: null }],
    ['no L2 and no last level', { ...SMALL, l2: null, llc: null }],
    ['two cores to an L2', { ...SMALL, coresPerSocket: 2, l2: { ...(SMALL.l2 as CacheSpec), sharedBy: 2 } }],
  ];

  function traffic(spec: MachineSpec, work: (out: OpStream) => void): { read: number; written: number } {
    const cores = spec.coresPerSocket;
    const program = programOf(cores, [(thread, out) => (thread === 0 ? work(out) : undefined)]);
    const { memory } = run(spec, program, { flush: true }).statistics;
    return { read: memory.readLines, written: memory.writtenLines };
  }

  describe.each(MACHINES)('with %s', (_, spec) => {
    it('is one line read per line loaded', () => {
      expect(traffic(spec, (out) => out.run(LINES, 1, 0, 1, 1).stream(Access.Load, 0))).toEqual({
        read: LINES,
        written: 0,
      });
    });

    it('is one line read for ownership and one written back per line stored', () => {
      expect(traffic(spec, (out) => out.run(LINES, 1, 0, 1, 1).stream(Access.Store, 0))).toEqual({
        read: LINES,
        written: LINES,
      });
    });

    it('is one line written and none read per line stored past the caches', () => {
      expect(traffic(spec, (out) => out.run(LINES, 1, 0, 1, 1).stream(Access.StoreNonTemporal, 0))).toEqual({
        read: 0,
        written: LINES,
      });
    });

    it('is one line read and one written per line updated in place', () => {
      const update = (out: OpStream): void =>
        void out.run(LINES, 1, 0, 2, 1).stream(Access.Load, 0).stream(Access.Store, 0);
      expect(traffic(spec, update)).toEqual({ read: LINES, written: LINES });
    });

    it('is one line read per line prefetched and then loaded', () => {
      const both = (out: OpStream): void => {
        out
          .run(LINES, 1, 0, 2, 1)
          .stream(Access.PrefetchL2, 16)
          .stream(Access.PrefetchL1, 4)
          .stream(Access.Load, 0);
      };
      expect(traffic(spec, both)).toEqual({ read: LINES + 16, written: 0 });
    });

    it('is what was stored past the caches last, when that overtakes a modified line', () => {
      const both = (out: OpStream): void => {
        out.run(8, 1, 0, 1, 1).stream(Access.Store, 0);
        out.run(8, 1, 0, 1, 1).stream(Access.StoreNonTemporal, 0);
      };
      expect(traffic(spec, both)).toEqual({ read: 8, written: 8 });
    });
  });
});
