/**
 * One point: a network's training step under a schedule on a machine, from the graph to cycles and bytes. A pure function of its settings.
 */
import seedrandom from 'seedrandom';
import type { OperationType, Phase, Program, SoftwareOptions } from '../kernel/kernel.js';
import { lowerProgram } from '../kernel/lower.js';
import { LINE_BYTES } from '../kernel/op-stream.js';
import type { MachineSpec } from '../machine/spec.js';
import type { Network } from '../network/layers.js';
import { applySchedule } from '../schedule/apply.js';
import type { ScheduleOptions, SchedulePass } from '../schedule/pass.js';
import { CATEGORY_COUNT } from '../statistics/time-loss.js';
import { buildTrainingStep } from '../training/build.js';
import type { TrainingStep } from '../training/step.js';
import { type KernelResult, type RunResult, runProgram } from './run.js';
import { type Sample, smallestShare, wholeSample } from './share.js';
import { peakBandwidth, peakFlops, targetOf } from './target.js';

export interface PointSettings {
  readonly network: Network;
  readonly machine: MachineSpec;
  /** Name of a schedule, or names joined by `+`. */
  readonly schedule: string;
  readonly batch: number;
  /** Simulate every core and every image. */
  readonly exact: boolean;
  readonly seed: string;
  readonly software: SoftwareOptions & { readonly fuseBnRelu: boolean };
  readonly scheduleOptions: ScheduleOptions;
  /** Passes that the schedule may name beside those shipped. */
  readonly userPasses?: readonly SchedulePass[];
}

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
  readonly cores: number;
  readonly totalCores: number;
  readonly images: number;
  readonly channels: number;
  /** Operations that were also simulated on a larger share to learn the error; 0 in exact mode. */
  readonly pilots: number;
  /** Cores of that larger share. */
  readonly pilotCores: number;
}

export interface PointResult {
  readonly network: string;
  readonly machine: string;
  readonly schedule: string;
  readonly batch: number;
  readonly cycles: number;
  readonly seconds: number;
  readonly forwardSeconds: number;
  /** Backward pass and weight update. */
  readonly backwardSeconds: number;
  readonly dramReadBytes: number;
  readonly dramWriteBytes: number;
  readonly flops: number;
  readonly bandwidthShare: number;
  readonly flopsShare: number;
  /** Stated sampling error of `seconds`, as a fraction; 0 in exact mode. */
  readonly error: number;
  readonly sampling: Sampling;
  readonly operations: readonly OperationResult[];
}

export interface Progress {
  /** Operations simulated so far, pilots included, of all. */
  (done: number, total: number): void;
}

/** Shares smaller than this leave too few neighbours to share a cache slice with and to contend for a channel. */
const MINIMUM_CORES = 3;
/** Operations of a point that are also simulated on a larger share, as a fraction of its operations. */
const PILOT_FRACTION = 1 / 64;
/** The larger share has at least this many times the cores of the sample. */
const PILOT_GROWTH = 3;

/** The training step of a point, with `images` of its mini-batch. */
export function buildStep(settings: PointSettings, images: number): TrainingStep {
  const baseline = buildTrainingStep(settings.network, { batch: images, fuseBnRelu: settings.software.fuseBnRelu });
  return applySchedule(baseline, settings.schedule, settings.scheduleOptions, settings.userPasses ?? []);
}

function lowerSample(settings: PointSettings, sample: Sample): Program {
  return lowerProgram(buildStep(settings, sample.images), targetOf(settings.machine, sample, settings.batch), settings.software);
}

/** Kernels [first, last] of a program as a program of its own. */
function excerpt(program: Program, first: number, last: number): Program {
  return { ...program, kernels: program.kernels.slice(first, last + 1) };
}

interface Pilots {
  readonly error: number;
  readonly count: number;
  readonly cores: number;
}

/**
 * Learns the sampling error: some operations, drawn by the seed, run again (behind the operation before them, which fills the caches) on the sample and on a
 * larger share. The stated error is the mean relative difference, weighted by time, plus twice its standard error.
 */
function measureError(settings: PointSettings, sample: Sample, program: Program, kernels: readonly KernelResult[], onPilot: () => void): Pilots {
  const larger = smallestShare(settings.machine, settings.batch, sample.share.cores * PILOT_GROWTH);
  const count = pilotCount(program);
  const largerProgram = lowerSample(settings, larger);
  const random = seedrandom(`${settings.seed}/pilots`);
  // Systematic sampling over the running sum of time, from a random start: long operations are drawn in proportion.
  const total = kernels.reduce((sum, kernel) => sum + kernel.timePs, 0);
  let threshold = (random() * total) / count;
  let sum = 0;
  const differences: number[] = [];
  kernels.forEach((kernel, index) => {
    sum += kernel.timePs;
    if (sum < threshold) return;
    threshold += total / count;
    if (differences.length >= count) return;
    const first = Math.max(0, index - 1);
    const last = (run: RunResult): number => (run.kernels.at(-1) as KernelResult).timePs;
    const small = last(runProgram(settings.machine, sample.share, excerpt(program, first, index)));
    const large = last(runProgram(settings.machine, larger.share, excerpt(largerProgram, first, index)));
    differences.push(small / large - 1);
    onPilot();
  });
  const mean = differences.reduce((a, b) => a + b, 0) / differences.length;
  const variance = differences.reduce((a, b) => a + (b - mean) ** 2, 0) / Math.max(1, differences.length - 1);
  return {
    error: Math.abs(mean) + 2 * Math.sqrt(variance / differences.length),
    count: differences.length,
    cores: larger.share.cores,
  };
}

function pilotCount(program: Program): number {
  return Math.max(3, Math.round(program.kernels.length * PILOT_FRACTION));
}

/** The sample that a point is simulated on. */
export function sampleOf(settings: PointSettings): Sample {
  return settings.exact ? wholeSample(settings.machine, settings.batch) : smallestShare(settings.machine, settings.batch, MINIMUM_CORES);
}

/** Simulates a point. @throws ScheduleError, RangeError, SimulatorBug */
export function simulatePoint(settings: PointSettings, onProgress: Progress = () => {}): PointResult {
  const { machine } = settings;
  const sample = sampleOf(settings);
  const program = lowerSample(settings, sample);
  const isSampled = sample.scale !== 1;
  const steps = program.kernels.length + (isSampled ? pilotCount(program) : 0);
  let done = 0;
  const advance = (): void => onProgress(++done, steps);
  const run = runProgram(machine, sample.share, program, { onKernel: advance });
  const pilots = isSampled ? measureError(settings, sample, program, run.kernels, advance) : { error: 0, count: 0, cores: 0 };
  const { scale } = sample;
  const operations = run.kernels.map((kernel): OperationResult => ({
    name: kernel.name,
    type: kernel.type,
    phase: kernel.phase,
    shape: kernel.shape,
    seconds: kernel.timePs * 1e-12,
    flops: Math.round(kernel.flops * scale),
    dramReadBytes: Math.round(kernel.dramReadLines * LINE_BYTES * scale),
    dramWriteBytes: Math.round(kernel.dramWrittenLines * LINE_BYTES * scale),
    lossSeconds: kernel.lossPs.slice(0, CATEGORY_COUNT).map((ps) => ps * 1e-12 * scale),
  }));
  const sumOf = (value: (operation: OperationResult) => number): number => operations.reduce((sum, operation) => sum + value(operation), 0);
  const seconds = run.timePs * 1e-12;
  const forwardSeconds = sumOf((operation) => (operation.phase === 'forward' ? operation.seconds : 0));
  const dramReadBytes = sumOf((operation) => operation.dramReadBytes);
  const dramWriteBytes = sumOf((operation) => operation.dramWriteBytes);
  const flops = sumOf((operation) => operation.flops);
  return {
    network: settings.network.name,
    machine: machine.name,
    schedule: settings.schedule,
    batch: settings.batch,
    cycles: Math.round(seconds * machine.core.frequencyHz),
    seconds,
    forwardSeconds,
    backwardSeconds: seconds - forwardSeconds,
    dramReadBytes,
    dramWriteBytes,
    flops,
    bandwidthShare: (dramReadBytes + dramWriteBytes) / seconds / peakBandwidth(machine),
    flopsShare: flops / seconds / peakFlops(machine),
    error: pilots.error,
    sampling: {
      cores: sample.share.cores,
      totalCores: sample.share.totalCores,
      images: sample.images,
      channels: sample.share.channels,
      pilots: pilots.count,
      pilotCores: pilots.cores,
    },
    operations,
  };
}
