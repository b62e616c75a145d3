/** The classic patterns of sharing, with the messages and the times that they take reckoned from the protocol and the specification. */
import { describe, expect, it } from 'vitest';
import { Access } from '../../../../src/kernel/op-stream.js';
import type { LlcSpec, MachineSpec } from '../../../../src/machine/spec.js';
import { Category } from '../../../../src/statistics/time-loss.js';
import { CYCLE_PS, dramPs, llcPs, programOf, run, SMALL, type Work } from '../small-machine.js';
import { FORWARD, HOP, LINE, SLICE, SNOOP, see, touch, UPGRADE } from './patterns.js';

const CORES = 4;
const FOUR: MachineSpec = { ...SMALL, coresPerSocket: CORES };
/** ceil(log2 4) rounds of a line passed between two caches. */
const BARRIER = 2 * (2 * HOP + SLICE + SNOOP);

describe('false sharing', () => {
  it('moves the line from writer to writer, one forward and one invalidation a store', () => {
    const stores = 12;
    const { shared, dramReads, timePs } = see(
      Array.from({ length: stores }, (_, turn) => touch(turn % 2, Access.Store)),
      FOUR,
    );
    expect(shared.requests).toBe(stores);
    expect(shared.misses).toBe(1);
    expect(shared.forwards).toBe(stores - 1);
    expect(shared.invalidations).toBe(stores - 1);
    expect(dramReads).toBe(1);
    expect(shared.writebacksIn + shared.writebacksOut).toBe(0);
    expect(timePs).toBe(dramPs(FOUR) + (stores - 1) * FORWARD + stores * BARRIER);
  });

  it('costs nothing where each core has a line of its own', () => {
    const stores = 12;
    const apart = Array.from(
      { length: stores },
      (_, turn): Work =>
        (thread, out) => {
          if (thread === turn % 2) out.run(1, 1, 1, 1, 1).stream(Access.Store, LINE + thread);
        },
    );
    const { shared, timePs } = see(apart, FOUR);
    expect(shared).toMatchObject({ requests: 2, misses: 2, forwards: 0, invalidations: 0 });
    expect(timePs).toBe(2 * dramPs(FOUR) + (stores - 2) * CYCLE_PS + stores * BARRIER);
  });
});

describe('a migratory line', () => {
  it('takes a forward to read and an upgrade to write at each stop', () => {
    const stops = 8;
    const phases = Array.from({ length: stops }, (_, stop) => [
      touch(stop % CORES, Access.Load),
      touch(stop % CORES, Access.Store),
    ]).flat();
    const { shared, upgrades, dramReads, timePs } = see(phases, FOUR);
    // The first reader is granted the line exclusively: its store asks nobody.
    expect(shared.requests).toBe(1 + 2 * (stops - 1));
    expect(shared.forwards).toBe(stops - 1);
    expect(shared.invalidations).toBe(stops - 1);
    expect(upgrades).toBe(stops - 1);
    expect(dramReads).toBe(1);
    expect(timePs).toBe(dramPs(FOUR) + CYCLE_PS + (stops - 1) * (FORWARD + UPGRADE) + 2 * stops * BARRIER);
  });
});

describe('producer and consumers', () => {
  it('cost a forward per line and round, and an invalidation per line and consumer from the second round on', () => {
    const lines = 6;
    const rounds = 4;
    const consumers = CORES - 1;
    const phases: Work[] = [];
    for (let round = 0; round < rounds; round++) {
      phases.push(touch(0, Access.Store, lines));
      for (let core = 1; core < CORES; core++) phases.push(touch(core, Access.Load, lines));
    }
    const { shared, upgrades, dramReads } = see(phases, FOUR);
    expect(shared.requests).toBe(rounds * lines * (1 + consumers));
    expect(shared.misses).toBe(lines);
    expect(shared.forwards).toBe(rounds * lines);
    expect(shared.invalidations).toBe((rounds - 1) * lines * consumers);
    expect(upgrades).toBe((rounds - 1) * lines);
    expect(dramReads).toBe(lines);
    // The first consumer is answered by the producer, the others by the last level, which took the modified line in.
    expect(shared.hits).toBe(shared.requests - shared.misses);
  });

  it('wait for a forward the first time, for the last level after that', () => {
    const { timePs } = see(
      [touch(0, Access.Store), touch(1, Access.Load), touch(2, Access.Load), touch(3, Access.Load)],
      FOUR,
    );
    expect(timePs).toBe(dramPs(FOUR) + FORWARD + 2 * llcPs(FOUR) + 4 * BARRIER);
  });
});

describe('read-mostly data', () => {
  it('is fetched once and then served on the chip, without further messages once every core has it', () => {
    const lines = 6;
    const everyone = Array.from({ length: CORES }, (_, core) => touch(core, Access.Load, lines));
    const { shared, dramReads, timePs } = see([...everyone, ...everyone, ...everyone], FOUR);
    expect(shared.requests).toBe(CORES * lines);
    expect(shared.misses).toBe(lines);
    expect(shared.forwards).toBe(lines);
    expect(shared.hits).toBe((CORES - 1) * lines);
    expect(shared.invalidations).toBe(0);
    expect(dramReads).toBe(lines);
    // The lines of a pass overlap: each is asked for one cycle after the one before.
    const tail = (lines - 1) * CYCLE_PS;
    expect(timePs).toBe(
      dramPs(FOUR) +
        FORWARD +
        2 * llcPs(FOUR) +
        CORES * tail +
        2 * CORES * lines * CYCLE_PS +
        3 * CORES * BARRIER,
    );
  });

  it('is invalidated everywhere by one store, and read again by everyone', () => {
    const readers = Array.from({ length: CORES }, (_, core) => touch(core, Access.Load));
    const { shared, upgrades } = see([...readers, touch(2, Access.Store), ...readers], FOUR);
    expect(shared.invalidations).toBe(CORES - 1);
    expect(upgrades).toBe(1);
    // The writer still has the line.
    expect(shared.requests).toBe(CORES + 1 + (CORES - 1));
    expect(shared.misses).toBe(1);
    expect(shared.forwards).toBe(2);
  });

  describe('reaches no core before main memory has delivered it, however many ask at once', () => {
    const expectNoneEarly = (spec: MachineSpec): void => {
      for (let readers = 1; readers <= CORES; readers++) {
        const work: Work = (thread, out) => {
          if (thread < readers) out.run(1, 1, 1, 1, 1).stream(Access.Load, LINE);
        };
        const { kernels } = run(spec, programOf(CORES, [work]));
        const lossPs = kernels[0]?.lossPs ?? [];
        const waits = [Category.Llc, Category.DramLatency, Category.DramBandwidth];
        // A core begins to wait when its load is dispatched.
        const waited = waits.reduce((sum, category) => sum + (lossPs[category] ?? 0), 0);
        expect(waited).toBeGreaterThanOrEqual(readers * (dramPs(spec) - CYCLE_PS));
      }
    };

    it('with a directory only', () => expectNoneEarly({ ...FOUR, llc: null }));

    it('with a victim last level', () => expectNoneEarly(FOUR));

    it('with an inclusive last level', () =>
      expectNoneEarly({
        ...FOUR,
        llc: { ...(FOUR.llc as LlcSpec), inclusion: 'inclusive', snoopFilterWays: 0 },
      }));
  });
});
