/**
 * The classic patterns of sharing between two sockets of two cores each: cores 0 and 1 on the first socket, whose memory holds the lines, 2 and 3 on the
 * second. The messages and times are reckoned from the protocol (MESI, victim last levels) and the specification.
 */
import { describe, expect, it } from 'vitest';
import { Access } from '../../../../src/kernel/op-stream.js';
import type { MachineSpec } from '../../../../src/machine/spec.js';
import { CYCLE_PS, dramPs, lookupPs, SMALL, type Work } from '../small-machine.js';
import { FORWARD, HOP, SLICE, SNOOP, see, touch, UPGRADE } from './patterns.js';

const CROSSING = 50_000;
const TWO: MachineSpec = {
  ...SMALL,
  sockets: 2,
  coresPerSocket: 2,
  socketLink: { latencyPs: CROSSING, bytesPerSecond: Infinity },
};
/** Core to slice, slice, link, the other socket's slice and the cache that has the line, link, slice to core. */
const REMOTE = lookupPs(TWO) + HOP + SLICE + CROSSING + SLICE + SNOOP + CROSSING + HOP;
/** The same where the other socket's last level has the line: no private cache is asked. */
const REMOTE_LLC = REMOTE - SNOOP;
/** Sharers of both sockets acknowledge: those on the other one over the link. */
const UPGRADE_BOTH = UPGRADE + 2 * CROSSING;
/** ceil(log2 4) rounds of a line passed between two caches, one of them over the link. */
const BARRIER = 2 * (2 * HOP + SLICE + SNOOP) + 2 * CROSSING;

describe('false sharing between sockets', () => {
  it('moves the modified line over the link at each store, past main memory', () => {
    const stores = 12;
    const phases = Array.from({ length: stores }, (_, turn) => touch((turn % 2) * 2, Access.Store));
    const { shared, dramReads, dramWrites, upgrades, timePs } = see(phases, TWO);
    expect(shared).toMatchObject({
      requests: stores,
      misses: 1,
      forwards: 0,
      remoteForwards: stores - 1,
      invalidations: stores - 1,
    });
    expect({ dramReads, dramWrites, upgrades }).toEqual({ dramReads: 1, dramWrites: 0, upgrades: 0 });
    expect(timePs).toBe(dramPs(TWO) + (stores - 1) * REMOTE + stores * BARRIER);
  });
});

describe('a line that migrates between sockets', () => {
  it('takes a forward over the link and a write to memory to read, and an upgrade of both sockets to write', () => {
    const stops = 8;
    const phases = Array.from({ length: stops }, (_, stop) => [
      touch((stop % 2) * 2, Access.Load),
      touch((stop % 2) * 2, Access.Store),
    ]).flat();
    const { shared, dramReads, dramWrites, upgrades, timePs } = see(phases, TWO);
    // The first reader is granted the line exclusively: its store asks nobody.
    expect(shared).toMatchObject({
      requests: 1 + 2 * (stops - 1),
      misses: 1,
      forwards: 0,
      remoteForwards: stops - 1,
      invalidations: stops - 1,
    });
    // MESI has no owned state: a modified line that becomes shared between sockets is written to memory.
    expect({ dramReads, dramWrites, upgrades }).toEqual({
      dramReads: 1,
      dramWrites: stops - 1,
      upgrades: stops - 1,
    });
    expect(timePs).toBe(dramPs(TWO) + CYCLE_PS + (stops - 1) * (REMOTE + UPGRADE_BOTH) + 2 * stops * BARRIER);
  });
});

describe('a producer with consumers on both sockets', () => {
  const round = (lines: number): Work[] => [
    touch(0, Access.Store, lines),
    touch(1, Access.Load, lines),
    touch(2, Access.Load, lines),
    touch(3, Access.Load, lines),
  ];

  it('costs a forward on either side per line and round, a write to memory, and a read of it by the second far consumer', () => {
    const lines = 6;
    const rounds = 4;
    const phases = Array.from({ length: rounds }, () => round(lines)).flat();
    const { shared, dramReads, dramWrites, upgrades } = see(phases, TWO);
    expect(shared).toMatchObject({
      requests: rounds * lines * 4,
      // The producer's first stores; and core 3's loads, since core 2's clean line is not in their socket's last level.
      misses: lines + rounds * lines,
      forwards: rounds * lines,
      remoteForwards: rounds * lines,
      // The producer takes the line away from three consumers.
      invalidations: (rounds - 1) * lines * 3,
    });
    expect(dramReads).toBe(lines + rounds * lines);
    // Core 1's load takes the modified line into the last level, core 2's has it written to memory.
    expect(dramWrites).toBe(rounds * lines);
    expect(upgrades).toBe((rounds - 1) * lines);
  });
});

describe('consumers on both sockets', () => {
  it('wait for the producer, for its last level over the link, and for its memory', () => {
    const { timePs } = see(
      [touch(0, Access.Store), touch(1, Access.Load), touch(2, Access.Load), touch(3, Access.Load)],
      TWO,
    );
    const far = dramPs(TWO) + 2 * CROSSING;
    expect(timePs).toBe(dramPs(TWO) + FORWARD + REMOTE_LLC + far + 4 * BARRIER);
  });
});

describe('read-mostly data on both sockets', () => {
  const everyone = (lines: number): Work[] => [0, 1, 2, 3].map((core) => touch(core, Access.Load, lines));

  it('is fetched once per socket from memory, forwarded once to each other core, and then costs no messages', () => {
    const lines = 6;
    const passes = 3;
    const { shared, dramReads, dramWrites, timePs } = see(
      Array.from({ length: passes }, () => everyone(lines)).flat(),
      TWO,
    );
    expect(shared).toMatchObject({
      requests: 4 * lines,
      misses: 2 * lines,
      forwards: lines,
      remoteForwards: lines,
      invalidations: 0,
    });
    expect({ dramReads, dramWrites }).toEqual({ dramReads: 2 * lines, dramWrites: 0 });
    // The lines of a pass overlap: each is asked for one cycle after the one before.
    const first =
      dramPs(TWO) + FORWARD + REMOTE_LLC + (dramPs(TWO) + 2 * CROSSING) + 4 * (lines - 1) * CYCLE_PS;
    expect(timePs).toBe(first + (passes - 1) * 4 * lines * CYCLE_PS + 4 * passes * BARRIER);
  });

  it('is invalidated on both sockets by one store, and fetched over the link again', () => {
    const { shared, upgrades, dramWrites } = see(
      [...everyone(1), touch(2, Access.Store), touch(0, Access.Load)],
      TWO,
    );
    // Three other cores have the line.
    expect(shared.invalidations).toBe(3);
    expect(upgrades).toBe(1);
    // Core 2's first load and core 0's last one.
    expect(shared.remoteForwards).toBe(2);
    expect(dramWrites).toBe(1);
  });
});
