/** Counts at each level of a run with timing, in the terms of plain caches. */
import { CoreCounter } from '../machine/core/layout.js';
import type { MachineSpec } from '../machine/spec.js';
import type { RunResult } from '../simulate/run.js';
import type { TraceCounts } from './trace-program.js';

/** Lines counted at a level with timing; null where the timing model does not tell. */
export interface TimedLevel {
  readonly name: string;
  /** By the cores, or fetches of the level above, prefetches included. */
  readonly reads: number | null;
  readonly writes: number | null;
  readonly readMisses: number | null;
  readonly writeMisses: number | null;
  /** Dirty lines written to the level below. */
  readonly writebacks: number | null;
}

/**
 * In order from the core. A store that misses fetches its line, and so is a read of the level below; what the level above writes down are writes.
 */
export function timedLevels(spec: MachineSpec, run: RunResult, counts: TraceCounts): TimedLevel[] {
  const sumOf = (counter: number): number =>
    [...run.kernels.map(({ counters }) => counters), run.flushCounters].reduce(
      (sum, counters) => sum + (counters[counter] ?? 0),
      0,
    );
  const { shared } = run.statistics;
  const l1Misses = sumOf(CoreCounter.L1Misses);
  const writeMisses = sumOf(CoreCounter.L1WriteMisses);
  const l1: TimedLevel = {
    name: 'L1D',
    reads: counts.reads,
    writes: counts.writes,
    readMisses: l1Misses - writeMisses,
    writeMisses,
    writebacks: sumOf(CoreCounter.L1Writebacks),
  };
  const levels = [l1];
  if (spec.l2 !== null) {
    levels.push({
      name: 'L2',
      reads: l1Misses,
      writes: l1.writebacks,
      readMisses: sumOf(CoreCounter.L2Misses),
      // The L2 holds every line of the L1Ds above it.
      writeMisses: 0,
      writebacks: shared.writebacksIn,
    });
  }
  if (spec.llc !== null) {
    levels.push({
      name: 'LLC',
      reads: shared.requests,
      writes: shared.writebacksIn,
      readMisses: shared.misses,
      writeMisses: spec.llc.inclusion === 'inclusive' ? 0 : null,
      writebacks: shared.writebacksOut,
    });
  }
  return levels;
}
