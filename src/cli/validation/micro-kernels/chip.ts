/** Micro-kernels of several cores: barriers, and two cores on one memory channel. */
import { Access } from '../../../kernel/op-stream.js';
import type { MachineSpec } from '../../../machine/spec.js';
import { Category } from '../../../statistics/time-loss.js';
import { cyclePs, type MicroKernel, oneCore, runAll, timePs, type Work, withManyMshrs } from './bench.js';
import { oneChannel, PART } from './memory.js';

function barrier(threads: number): MicroKernel {
  const spec = oneCore();
  const { hopPs } = spec.interconnect;
  const roundPs = 2 * hopPs + spec.llc.latencyPs + spec.l2.latencyCycles * cyclePs(spec);
  const phases = 10;
  return {
    name: `barrier of ${threads} threads`,
    law: 'ceil(log2 threads) x a line passed between two caches',
    unit: 'ns',
    expected: (Math.ceil(Math.log2(threads)) * roundPs) / 1000,
    simulate: () =>
      runAll(
        { ...spec, coresPerSocket: threads },
        Array.from({ length: phases }, () => () => {}),
      ).timePs /
      phases /
      1000,
  };
}

const LINES = 10_000;

/** Lines from one core's region to the other's. */
const REGION = 2 ** 20;

const PATTERNS: readonly (readonly [string, (out: Parameters<Work>[0], base: number) => void])[] = [
  ['streams of loads', (out, base) => void out.run(LINES, 0.1, 0, 1, 1).stream(Access.Load, base)],
  [
    'loads with a stride of 1 KiB',
    (out, base) => void out.run(LINES, 0.1, 0, 1, 1).stream(Access.Load, base, 16),
  ],
  [
    'updates in place',
    (out, base) => void out.run(LINES, 0.1, 0, 2, 1).stream(Access.Load, base).stream(Access.Store, base),
  ],
];

/**
 * Two cores do the same on lines of their own behind one channel. When the first is done, the other has as much left as it then does alone in the time
 * that remains: from that follows what each had of the channel while both ran.
 */
function contention(pattern: (typeof PATTERNS)[number]): MicroKernel {
  const [name, emit] = pattern;
  // So many misses at once that one core alone keeps the channel busy.
  const one: MachineSpec = { ...withManyMshrs(oneCore()), memory: oneChannel(true) };
  const two: MachineSpec = { ...one, coresPerSocket: 2 };
  return {
    name: `two cores on one channel of ${PART}, ${name}`,
    law: 'half of the channel each: share of the faster one',
    unit: '%',
    expected: 50,
    tolerance: 0.05,
    simulate() {
      const alonePs = timePs(one, (out) => emit(out, 0)) / LINES;
      const {
        timePs: togetherPs,
        kernels,
        barrierPs,
      } = runAll(two, [(out, thread) => emit(out, thread * REGION)]);
      const waitedPs = (kernels[0]?.lossPs[Category.Barrier] ?? Number.NaN) - 2 * barrierPs;
      const left = waitedPs / alonePs;
      if (togetherPs - waitedPs < 1.5 * LINES * alonePs) throw new Error('the channel is not the bound');
      return (100 * LINES) / (2 * LINES - left);
    },
  };
}

export function chipMicroKernels(): MicroKernel[] {
  return [...[2, 3, 4, 8, 16, 32, 64].map(barrier), ...PATTERNS.map(contention)];
}
