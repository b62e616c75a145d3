/** Patterns of sharing as phases of accesses, what a run of them is seen to do, and the times of the protocol's messages on the small machine. */
import type { Access } from '../../../../src/kernel/op-stream.js';
import { CoreCounter } from '../../../../src/machine/core/layout.js';
import type { MachineSpec } from '../../../../src/machine/spec.js';
import { CYCLE_PS, lookupPs, programOf, run, SMALL, type Work } from '../small-machine.js';

export const HOP = SMALL.interconnect.hopPs;
/** A private cache's answer to a snoop: the L2's latency. */
export const SNOOP = (SMALL.l2?.latencyCycles ?? 0) * CYCLE_PS;
export const SLICE = SMALL.llc?.latencyPs ?? 0;
/** Core to slice, slice, slice to owner, owner's cache, owner to core. */
export const FORWARD = lookupPs(SMALL) + HOP + SLICE + HOP + SNOOP + HOP;
/** Core to slice, slice, invalidation and acknowledgement of all others, back. */
export const UPGRADE = lookupPs(SMALL) + HOP + SLICE + 2 * HOP + SNOOP + HOP;

/** The line that patterns of one line share. */
export const LINE = 7;

/** One core touches `lines` lines from LINE on. */
export function touch(core: number, kind: Access, lines = 1): Work {
  return (thread, out) => {
    if (thread === core) out.run(lines, 1, 1, 1, 1).stream(kind, LINE);
  };
}

/** What a run of phases did. */
export interface Seen {
  readonly shared: ReturnType<typeof run>['statistics']['shared'];
  readonly dramReads: number;
  readonly dramWrites: number;
  readonly upgrades: number;
  readonly timePs: number;
}

/** Runs phases, each on all cores of the machine with a barrier behind it. */
export function see(phases: readonly Work[], spec: MachineSpec): Seen {
  const result = run(spec, programOf(spec.sockets * spec.coresPerSocket, phases));
  const upgrades = result.kernels.reduce(
    (sum, { counters }) => sum + (counters[CoreCounter.Upgrades] as number),
    0,
  );
  const { shared, memory } = result.statistics;
  return {
    shared,
    dramReads: memory.readLines,
    dramWrites: memory.writtenLines,
    upgrades,
    timePs: result.timePs,
  };
}
