/**
 * One point: a network's training step under a schedule on a machine, from the graph to cycles and bytes. A pure function of its settings.
 */
import type { OperationType, Phase } from '../kernel/kernel.js';
import { LINE_BYTES } from '../kernel/op-stream.js';
import { BUS_CAUSES } from '../machine/dram/bus-time.js';
import { CORE_STATES, correctCoreTime } from '../statistics/core-time.js';
import type { InterconnectUse } from '../statistics/link-use.js';
import { type PrefetchUse, prefetchUse } from '../statistics/prefetch-use.js';
import { Category } from '../statistics/time-loss.js';
import { type Calibration, calibrate, correctedPs, memoryShare } from './calibration.js';
import {
  type PartResult,
  type PointSettings,
  type Progress,
  partsOf,
  pilotSampleOf,
  sampleOf,
  simulatePart,
} from './part.js';
import type { KernelResult } from './run.js';
import { peakBandwidth, peakFlops } from './target.js';

export type { PointSettings, Progress } from './part.js';
export { sampleOf } from './part.js';

/** What one operation took, on the whole machine with the whole mini-batch. */
export interface OperationResult {
  readonly name: string;
  readonly type: OperationType;
  readonly phase: Phase;
  readonly shape: string;
  readonly seconds: number;
  readonly flops: number;
  readonly dramReadBytes: number;
  readonly dramWriteBytes: number;
  /** Core-seconds by time-loss category (see TIME_CATEGORIES), of the whole chip. */
  readonly lossSeconds: readonly number[];
}

/** How a point was sampled. */
export interface Sampling {
  /** That were simulated. */
  readonly cores: number;
  readonly totalCores: number;
  /** Of the mini-batch, that were simulated. */
  readonly images: number;
  /** Of main memory, that were simulated. */
  readonly channels: number;
  /** Operations that were also simulated on a larger share to learn the error; 0 in exact mode. */
  readonly pilots: number;
  /** Cores of that larger share. */
  readonly pilotCores: number;
  /** By how much more time the larger share took, per unit of time that waits for memory (see calibration.ts). */
  readonly coefficient: number;
}

/** What a point took, on the whole machine with the whole mini-batch, whether all of it was simulated or a share. */
export interface PointResult {
  readonly network: string;
  readonly machine: string;
  readonly schedule: string;
  /** Images of the mini-batch. */
  readonly batch: number;
  /** Of the cores' clock. */
  readonly cycles: number;
  readonly seconds: number;
  readonly forwardSeconds: number;
  /** Backward pass and weight update. */
  readonly backwardSeconds: number;
  readonly dramReadBytes: number;
  readonly dramWriteBytes: number;
  /** Floating-point operations; a fused multiply-add counts two. */
  readonly flops: number;
  /** Of the machine's peak memory bandwidth, 0 to 1. */
  readonly bandwidthShare: number;
  /** Of the machine's peak FLOP rate, 0 to 1. */
  readonly flopsShare: number;
  /**
   * Shares of the time of the memory's data buses by cause, in the order of BUS_CAUSES; add up to 1. The first, data bursts, is `bandwidthShare`; the others are shared out as in the
   * simulated channels.
   */
  readonly busShares: readonly number[];
  /** Shares of the cores' time by state, in the order of CORE_STATES; add up to 1. */
  readonly coreShares: readonly number[];
  readonly prefetch: PrefetchUse;
  /** Stated sampling error of `seconds`, as a fraction; 0 in exact mode. */
  readonly error: number;
  readonly sampling: Sampling;
  /** How busy the links were; null in a sampled point, in which only pilots load them (docs/sampling.md). */
  readonly interconnect: InterconnectUse | null;
  readonly operations: readonly OperationResult[];
}

/** Core-seconds of the whole chip by category; what the calibration adds is booked in proportion to the waits for memory that it corrects. */
function lossSeconds(kernel: KernelResult, calibration: Calibration, totalCores: number): number[] {
  const total = kernel.lossPs.reduce((sum, ps) => sum + ps, 0);
  const added = correctedPs(kernel, calibration) - kernel.timePs;
  const waits = total * memoryShare(kernel);
  return kernel.lossPs.map((ps, category) => {
    const isWait =
      category === Category.DramLatency ||
      category === Category.DramBandwidth ||
      category === Category.Barrier;
    const share =
      total === 0 ? 0 : (kernel.timePs * ps) / total + (isWait && waits > 0 ? (added * ps) / waits : 0);
    return share * totalCores * 1e-12;
  });
}

/** Shares by cause: data bursts as given, the rest in proportion to what the simulated channels lost; all of it is idleness where they lost nothing. */
function busShares(kernels: readonly KernelResult[], dataShare: number): number[] {
  const sums = BUS_CAUSES.map((_, cause) => sumOf(kernels, ({ busPs }) => busPs[cause] as number));
  const lost = sums.slice(1).reduce((sum, ps) => sum + ps, 0);
  return sums.map((ps, cause) => {
    if (cause === 0) return dataShare;
    if (lost > 0) return ((1 - dataShare) * ps) / lost;
    return cause === BUS_CAUSES.length - 1 ? 1 - dataShare : 0;
  });
}

/** Shares of the cores' time by state, with what the calibration adds. */
function coreShares(kernels: readonly KernelResult[], calibration: Calibration, cores: number): number[] {
  const times = kernels.map((kernel) =>
    correctCoreTime(kernel, (correctedPs(kernel, calibration) - kernel.timePs) * cores),
  );
  const sums = CORE_STATES.map((_, state) => sumOf(times, (time) => time[state] as number));
  const total = sums.reduce((sum, ps) => sum + ps, 0);
  return sums.map((ps) => (total === 0 ? 0 : ps / total));
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}

/** Puts a point together from its parts, which must be those that `partsOf` names, in its order. */
export function assemblePoint(settings: PointSettings, parts: readonly PartResult[]): PointResult {
  const { machine } = settings;
  const sample = sampleOf(settings);
  const { scale, share } = sample;
  const kernels = parts.flatMap((part) => part.kernels);
  const calibration = calibrate(
    parts.flatMap((part) => part.pilots),
    kernels,
  );
  const operations = kernels.map(
    (kernel): OperationResult => ({
      name: kernel.name,
      type: kernel.type,
      phase: kernel.phase,
      shape: kernel.shape,
      seconds: correctedPs(kernel, calibration) * 1e-12,
      flops: Math.round(kernel.flops * scale),
      dramReadBytes: Math.round(kernel.dramReadLines * LINE_BYTES * scale),
      dramWriteBytes: Math.round(kernel.dramWrittenLines * LINE_BYTES * scale),
      lossSeconds: lossSeconds(kernel, calibration, share.totalCores),
    }),
  );
  const secondsOf = (isWanted: (phase: Phase) => boolean): number =>
    sumOf(kernels, (kernel) => (isWanted(kernel.phase) ? correctedPs(kernel, calibration) : 0)) * 1e-12;
  const seconds = secondsOf(() => true);
  const dramReadBytes = sumOf(operations, (operation) => operation.dramReadBytes);
  const dramWriteBytes = sumOf(operations, (operation) => operation.dramWriteBytes);
  const bandwidthShare = (dramReadBytes + dramWriteBytes) / seconds / peakBandwidth(machine);
  const flops = sumOf(operations, (operation) => operation.flops);
  return {
    network: settings.network.name,
    machine: machine.name,
    schedule: settings.schedule,
    batch: settings.batch,
    cycles: Math.round(seconds * machine.core.frequencyHz),
    seconds,
    forwardSeconds: secondsOf((phase) => phase === 'forward'),
    backwardSeconds: secondsOf((phase) => phase !== 'forward'),
    dramReadBytes,
    dramWriteBytes,
    flops,
    bandwidthShare,
    flopsShare: flops / seconds / peakFlops(machine),
    busShares: busShares(kernels, bandwidthShare),
    coreShares: coreShares(kernels, calibration, share.cores),
    prefetch: prefetchUse(
      kernels.map(({ counters }) => counters),
      machine.l2 !== null,
      scale,
    ),
    error: calibration.error,
    sampling: {
      cores: share.cores,
      totalCores: share.totalCores,
      images: sample.images,
      channels: share.channels,
      pilots: calibration.pilots,
      pilotCores: scale === 1 ? 0 : pilotSampleOf(settings).share.cores,
      coefficient: calibration.coefficient,
    },
    interconnect: parts.find(({ name }) => name === 'whole')?.interconnect ?? null,
    operations,
  };
}

/**
 * Simulates a point, part after part, in the calling thread; the same settings give the same result on every host.
 * @param settings network, schedule and machine, and what share of them to simulate
 * @param onProgress called now and then with how many parts are done (fractions between) and how many there are
 * @returns times in seconds, bytes and operations of the whole machine with the whole mini-batch
 * @throws ScheduleError for a schedule that does not fit the network, RangeError for settings that do not fit each other, SimulatorBug
 */
export function simulatePoint(settings: PointSettings, onProgress: Progress = () => {}): PointResult {
  const names = partsOf(settings);
  const parts = names.map((name, index) =>
    simulatePart(settings, name, (done, total) => onProgress(index + done / total, names.length)),
  );
  return assemblePoint(settings, parts);
}
