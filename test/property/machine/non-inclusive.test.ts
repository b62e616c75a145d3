/** A non-inclusive last level keeps lines as a plain cache does that knows nothing of those above it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Access } from '../../../src/kernel/op-stream.js';
import { CoreCounter } from '../../../src/machine/core/layout.js';
import type { Inclusion, LlcSpec, MachineSpec } from '../../../src/machine/spec.js';
import { type AccessBatch, TraceAccess, type TraceReader } from '../../../src/trace/access.js';
import { replayFunctional } from '../../../src/trace/functional-replay.js';
import { replayTimed } from '../../../src/trace/timed-replay.js';
import { programOf, run, SMALL } from '../../unit/machine/small-machine.js';

const L1_WAYS = 2;
const L1_SETS = 4;
const LLC_WAYS = 4;
const LLC_SETS = 8;

/** One core, 8 lines above 32. At most 2 of the lines above fall into one set of the snoop filter, which never displaces any. */
function machineWith(llc: Partial<LlcSpec>): MachineSpec {
  return {
    ...SMALL,
    l1d: { ...SMALL.l1d, capacityBytes: L1_SETS * L1_WAYS * 64, ways: L1_WAYS },
    l2: null,
    llc: {
      ...(SMALL.llc as LlcSpec),
      sliceBytes: LLC_SETS * LLC_WAYS * 64,
      ways: LLC_WAYS,
      inclusion: 'non-inclusive',
      snoopFilterWays: 8,
      ...llc,
    },
  };
}

function readerOf(accesses: readonly (readonly [isWrite: boolean, line: number])[]): TraceReader {
  let at = 0;
  return {
    read({ kinds, lines }: AccessBatch) {
      const part = accesses.slice(at, at + kinds.length);
      part.forEach(([isWrite, line], index) => {
        kinds[index] = isWrite ? TraceAccess.Write : TraceAccess.Read;
        lines[index] = line;
      });
      at += part.length;
      return part.length;
    },
    close() {},
  };
}

describe('a non-inclusive last level', () => {
  it.each(['lru', 'fifo'] as const)('counts with timing what plain caches count, with %s', (replacement) => {
    const spec = machineWith({ replacement });
    const geometry = [
      { name: 'L1D', sets: L1_SETS, ways: L1_WAYS, replacement: 'lru', sharedBy: 1 },
      { name: 'LLC', sets: LLC_SETS, ways: LLC_WAYS, replacement, sharedBy: 1 },
    ] as const;
    // Three times as many lines as the last level holds; small numbers are likelier.
    const line = fc
      .tuple(fc.nat(3 * LLC_SETS * LLC_WAYS), fc.nat(3 * LLC_SETS * LLC_WAYS))
      .map(([a, b]) => Math.min(a, b));
    let lastLevelHits = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), line), { minLength: 300, maxLength: 900 }),
        fc.boolean(),
        (accesses, flush) => {
          const timed = replayTimed(spec, [readerOf(accesses)], { flush });
          const plain = replayFunctional(geometry, [readerOf(accesses)], { flush, seed: 'none' });
          const [l1, llc] = plain.levels as [(typeof plain.levels)[0], (typeof plain.levels)[0]];
          expect(timed.levels[0]).toMatchObject({
            reads: l1.reads,
            writes: l1.writes,
            readMisses: l1.readMisses,
            writeMisses: l1.writeMisses,
            writebacks: l1.writebacks,
          });
          const { reads, writes, readMisses, writebacks } = llc;
          expect(timed.levels[1]).toMatchObject({ reads, writes, readMisses, writebacks });
          lastLevelHits += reads - readMisses;
        },
      ),
      { seed: 11, numRuns: 40 },
    );
    expect(lastLevelHits).toBeGreaterThan(0);
  });

  /** L1D misses of reading 8 lines, which the L1D just holds, a second time: through a last level of one set and 4 ways. */
  function missesOfSecondPass(inclusion: Inclusion, snoopFilterWays: number): number {
    const lines = L1_SETS * L1_WAYS;
    const spec = machineWith({ inclusion, snoopFilterWays, sliceBytes: LLC_WAYS * 64 });
    const passes = [1, 2].map((count) => {
      const { kernels } = run(
        spec,
        programOf(
          1,
          Array.from({ length: count }, () => (_: number, out) => {
            out.run(lines, 1, 1, 1, 1).stream(Access.Load, 0, 1);
          }),
        ),
      );
      return kernels[0]?.counters[CoreCounter.L1Misses] as number;
    });
    return (passes[1] as number) - (passes[0] as number);
  }

  it('leaves above what it gives up itself', () => {
    expect(missesOfSecondPass('non-inclusive', 8)).toBe(0);
    // An inclusive one takes away what it gives up: of 8 lines in order, none is there when its turn comes again.
    expect(missesOfSecondPass('inclusive', 0)).toBe(8);
  });

  it('takes away above what its snoop filter gives up', () => {
    expect(missesOfSecondPass('non-inclusive', 4)).toBe(8);
  });
});
