/** Contention for the links of a socket, seen from whole machines. */
import { describe, expect, it } from 'vitest';
import { Access, type OpStream } from '../../../src/kernel/op-stream.js';
import { hashLine, rangeOfHash } from '../../../src/machine/coherence/line-hash.js';
import type { InterconnectSpec, LlcSpec, MachineSpec } from '../../../src/machine/spec.js';
import { deviation, programOf, run, SMALL, type Work } from '../../unit/machine/small-machine.js';

const CORES = 4;
/** A line with its header takes a link for 10 ns, an address message for a ninth of that. */
const BANDWIDTH = 7.2e9;
const LINE_PS = 10_000;
const LINE_BYTES = 72;
const ADDRESS_BYTES = 8;

const KINDS = {
  mesh: { kind: 'mesh', columns: 4, rows: 1, hopPs: 1000, linkBytesPerSecond: BANDWIDTH },
  ring: { kind: 'ring', columns: 0, rows: 0, hopPs: 1000, linkBytesPerSecond: BANDWIDTH },
  crossbar: { kind: 'crossbar', columns: 0, rows: 0, hopPs: 1000, linkBytesPerSecond: BANDWIDTH },
} as const satisfies Record<string, InterconnectSpec>;

type L2Spec = NonNullable<MachineSpec['l2']>;

/** Four tiles in a row or round a ring, each a core with an L2 of 32 lines and a slice of an inclusive last level. */
function machine(interconnect: InterconnectSpec): MachineSpec {
  return {
    ...SMALL,
    coresPerSocket: CORES,
    l1d: { ...SMALL.l1d, capacityBytes: 512, ways: 2 },
    l2: { ...(SMALL.l2 as L2Spec), capacityBytes: 2048, ways: 4 },
    interconnect,
    llc: { ...(SMALL.llc as LlcSpec), slicesPerSocket: CORES, inclusion: 'inclusive', snoopFilterWays: 0 },
  };
}

/** The first lines that live in the slice of tile 0. */
function linesOfSlice0(count: number): number[] {
  const lines: number[] = [];
  for (let line = 0; lines.length < count; line++)
    if (rangeOfHash(hashLine(line), CORES) === 0) lines.push(line);
  return lines;
}

function read(lines: readonly number[], out: OpStream): void {
  for (const line of lines) out.run(1, 0.5, 0, 1, 1).stream(Access.Load, line);
}

function timeOfLast(spec: MachineSpec, phases: readonly Work[]): number {
  return run(spec, programOf(CORES, phases)).timePs - run(spec, programOf(CORES, phases.slice(0, -1))).timePs;
}

describe('a hot slice', () => {
  // Each core sweeps lines of its own, more than its L2 holds; together they are fewer than the 1024 of the slice: every second sweep misses the L2 and hits the slice.
  const COUNT = 200;
  const lines = linesOfSlice0(CORES * COUNT);
  const sweepsOf =
    (times: number, ...cores: number[]): Work =>
    (thread, out) => {
      const own = lines.slice(thread * COUNT, (thread + 1) * COUNT);
      for (let time = 0; time < times; time++) if (cores.includes(thread)) read(own, out);
    };
  /** Time of a sweep by these cores that hits the slice. */
  const sweepPs = (spec: MachineSpec, ...cores: number[]): number =>
    timeOfLast(spec, [sweepsOf(1, ...cores), sweepsOf(10, ...cores)]) / 10;

  // Cores 1 to 3 read it. Along the row all lines leave tile 0 by one link; round the ring, those of tiles 1 and 2 clockwise and those of tile 3 the other way; through a crossbar every core has
  // its own port.
  it.each([
    ['mesh', 3],
    ['ring', 2],
    ['crossbar', 1],
  ] as const)(
    'on a %s gives its readers what the busiest link carries: the lines of %i of them',
    (kind, shares) => {
      expect(deviation(sweepPs(machine(KINDS[kind]), 1, 2, 3), shares * COUNT * LINE_PS)).toBeLessThan(0.02);
    },
  );

  it('is as fast as its readers can ask on links without limit', () => {
    const spec = machine({ ...KINDS.mesh, linkBytesPerSecond: Infinity });
    expect(sweepPs(spec, 1, 2, 3)).toBeLessThan(COUNT * LINE_PS);
  });

  it('gives two readers behind one link as much each', () => {
    const spec = machine(KINDS.mesh);
    // Both end when both are through: twice the time that the link needs for one.
    expect(deviation(sweepPs(spec, 2, 3), 2 * COUNT * LINE_PS)).toBeLessThan(0.02);
    expect(deviation(sweepPs(spec, 2), COUNT * LINE_PS)).toBeLessThan(0.02);
  });
});

describe('the links of a socket', () => {
  const own: Work = (thread, out) => void out.run(30, 0.5, 0, 1, 1).stream(Access.Load, thread * 1024);

  it('carry a request and a line for each line that comes from memory', () => {
    const { links } = run(machine(KINDS.crossbar), programOf(CORES, [own])).statistics;
    expect(links?.bytes).toBe(CORES * 30 * (ADDRESS_BYTES + LINE_BYTES));
  });

  it('are not there, and cost nothing, without a limit', () => {
    const spec = machine({ ...KINDS.crossbar, linkBytesPerSecond: Infinity });
    expect(run(spec, programOf(CORES, [own])).statistics.links).toBe(null);
  });

  it('add the length of the messages to an idle latency, once each', () => {
    const chase: Work = (thread, out) => {
      if (thread === 0) out.run(500, 0, 0, 1, 1).stream(Access.LoadDependent, 0);
    };
    const time = (linkBytesPerSecond: number): number =>
      timeOfLast(machine({ ...KINDS.crossbar, linkBytesPerSecond }), [chase]);
    // A request of 8 bytes and a line of 72; evictions travel beside them.
    const messagesPs = Math.round((ADDRESS_BYTES * 1e12) / BANDWIDTH) + LINE_PS;
    expect(deviation(time(BANDWIDTH) - time(Infinity), 500 * messagesPs)).toBeLessThan(0.01);
  });

  it('are shared with the lines that are given up: what leaves an L2 of a victim level goes over them, too', () => {
    const spec: MachineSpec = {
      ...machine(KINDS.crossbar),
      llc: { ...(SMALL.llc as LlcSpec), slicesPerSocket: CORES },
    };
    const many: Work = (thread, out) => {
      if (thread === 0) out.run(1000, 0.5, 0, 1, 1).stream(Access.Load, 0);
    };
    const { links } = run(spec, programOf(CORES, [many])).statistics;
    // The L2 of 32 lines keeps the last ones.
    expect(links?.bytes).toBe(1000 * (ADDRESS_BYTES + LINE_BYTES) + (1000 - 32) * LINE_BYTES);
  });
});
