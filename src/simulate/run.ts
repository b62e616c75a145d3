/**
 * One run: a program on a machine (or on a share of it). A pure, deterministic function of its arguments.
 */
import type { Kernel, OperationType, Phase, Program } from '../kernel/kernel.js';
import { type Chip, type ChipShare, type ChipStatistics, createChip } from '../machine/chip.js';
import { flushSharedLevel } from '../machine/coherence/shared-level.js';
import { compileChip, type EventRunner } from '../machine/compiled/chip.js';
import { MACHINE_CODE } from '../machine/compiled/code.js';
import type { MachineCode } from '../machine/compiled/layout.js';
import { flushCores } from '../machine/core/engine.js';
import { CORE_COUNTERS } from '../machine/core/layout.js';
import type { MemoryObserver } from '../machine/memory-port.js';
import type { MachineSpec } from '../machine/spec.js';
import { coreTimePs } from '../statistics/core-time.js';
import { CATEGORY_COUNT } from '../statistics/time-loss.js';
import { drainMemory, interpret, runPhase, SimulatorBug } from './phase.js';

/** What one kernel took, on the simulated cores. */
export interface KernelResult {
  readonly name: string;
  readonly type: OperationType;
  readonly phase: Phase;
  readonly shape: string;
  readonly timePs: number;
  readonly flops: number;
  /** Lines on the data buses of the simulated channels while the kernel ran. */
  readonly dramReadLines: number;
  readonly dramWrittenLines: number;
  /** Picoseconds by category, summed over the simulated cores: adds up to cores x timePs. */
  readonly lossPs: readonly number[];
  /**
   * Picoseconds of the simulated channels' data buses by cause (see BUS_CAUSES): adds up to channels x timePs. A loss is booked when the burst that ends it is
   * scheduled, so that one at the border of two kernels may stand in either.
   */
  readonly busPs: readonly number[];
  /** Core counters (see CoreCounter), summed over the simulated cores. */
  readonly counters: readonly number[];
  readonly sharedHits: number;
  readonly sharedMisses: number;
}

/** What a run took, in picoseconds and lines of 64 bytes, of the share of the chip that was simulated. */
export interface RunResult {
  readonly kernels: readonly KernelResult[];
  readonly timePs: number;
  /** Cores that were simulated. */
  readonly cores: number;
  readonly statistics: ChipStatistics;
  /** Lines written to memory after the last kernel, by a flush that was asked for. */
  readonly flushedLines: number;
  /** Core counters of that flush, summed over the simulated cores. */
  readonly flushCounters: readonly number[];
  /** What every phase's closing barrier takes beyond the last arrival, ps. */
  readonly barrierPs: number;
}

/** What a run does beside running the kernels. */
export interface RunOptions {
  /** Write everything dirty to memory at the end and count it to the last kernel. */
  readonly flush?: boolean;
  /** Sees every line that is handed to main memory, the flush's included. */
  readonly onMemoryRequest?: MemoryObserver;
  /** The compiled machine that runs what it can; null: all runs as JavaScript, which gives the same. By default that of the build. */
  readonly code?: MachineCode | null;
  /** Called after each kernel with the simulated kernels so far. */
  readonly onKernel?: (done: number, kernel: Kernel) => void;
}

function sumBy(values: Float64Array, stride: number): number[] {
  const sums = new Array<number>(stride).fill(0);
  for (let at = 0; at < values.length; at++)
    sums[at % stride] = (sums[at % stride] as number) + (values[at] as number);
  return sums;
}

function difference(after: readonly number[], before: readonly number[]): number[] {
  return after.map((value, index) => value - (before[index] as number));
}

/** Every picosecond of every core and of every data bus is accounted for once. @throws SimulatorBug */
function checkAccounts(kernel: KernelResult, chip: Chip): void {
  const { name, timePs, lossPs, busPs } = kernel;
  const accounts: readonly (readonly [string, readonly number[], number])[] = [
    ['time-loss account', lossPs, chip.cores],
    ['account of what held the cores up', coreTimePs(kernel), chip.cores],
    ['account of the data buses', busPs, chip.channels],
  ];
  for (const [account, parts, members] of accounts) {
    const accounted = parts.reduce((sum, ps) => sum + ps, 0);
    if (accounted !== timePs * members) {
      throw new SimulatorBug(
        `The ${account} of ${name} adds up to ${accounted} ps, but ${members} members ran ${timePs} ps each.`,
      );
    }
  }
}

/**
 * Runs the kernels of a program in order; cache contents carry over from one to the next.
 * @throws SimulatorBug when the time-loss accounts do not add up or the machine is stuck
 */
export function runProgram(
  spec: MachineSpec,
  share: ChipShare,
  program: Program,
  options: RunOptions = {},
): RunResult {
  const { onMemoryRequest, code = MACHINE_CODE } = options;
  const chip = createChip(spec, share, program);
  const { engine } = chip;
  if (onMemoryRequest !== undefined) {
    engine.memory.isObserved = true;
    engine.memory.observe = onMemoryRequest;
  }
  const run: EventRunner = (code === null ? null : compileChip(chip, code)) ?? interpret(chip);
  const kernels: KernelResult[] = [];
  let timePs = 0;
  let loss = sumBy(engine.accounts, CATEGORY_COUNT);
  let counters = sumBy(engine.counters, CORE_COUNTERS);
  let before = chip.statistics();
  let bus = chip.busTimePs(0);
  program.kernels.forEach((kernel, index) => {
    const startPs = timePs;
    for (const stream of chip.streams) stream.flops = 0;
    chip.shareParameters(kernel.parameters === 'whole');
    for (const phase of kernel.phases) timePs = runPhase(chip, phase, timePs, run);
    const nextLoss = sumBy(engine.accounts, CATEGORY_COUNT);
    const nextCounters = sumBy(engine.counters, CORE_COUNTERS);
    const after = chip.statistics();
    const nextBus = chip.busTimePs(timePs);
    const lossPs = difference(nextLoss, loss);
    const result: KernelResult = {
      name: kernel.name,
      type: kernel.type,
      phase: kernel.phase,
      shape: kernel.shape,
      timePs: timePs - startPs,
      flops: chip.streams.reduce((sum, stream) => sum + stream.flops, 0),
      dramReadLines: after.memory.readLines - before.memory.readLines,
      dramWrittenLines: after.memory.writtenLines - before.memory.writtenLines,
      lossPs,
      busPs: difference(nextBus, bus),
      counters: difference(nextCounters, counters),
      sharedHits: after.shared.hits - before.shared.hits,
      sharedMisses: after.shared.misses - before.shared.misses,
    };
    checkAccounts(result, chip);
    kernels.push(result);
    loss = nextLoss;
    counters = nextCounters;
    before = after;
    bus = nextBus;
    options.onKernel?.(index + 1, kernel);
  });
  if (options.flush === true) {
    flushCores(engine);
    flushSharedLevel(chip.shared);
  }
  drainMemory(chip);
  const statistics = chip.statistics();
  return {
    kernels,
    timePs,
    cores: chip.cores,
    statistics,
    flushedLines: statistics.memory.writtenLines - before.memory.writtenLines,
    flushCounters: difference(sumBy(engine.counters, CORE_COUNTERS), counters),
    barrierPs: chip.barrierPs,
  };
}
