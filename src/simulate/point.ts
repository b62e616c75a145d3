/**
 * One point: a network's training step under a schedule on a machine, from the graph to cycles and bytes. A pure function of its settings.
 */
import type { OperationType, Phase, Program, SoftwareOptions } from '../kernel/kernel.js';
import { lowerProgram } from '../kernel/lower.js';
import { LINE_BYTES } from '../kernel/op-stream.js';
import type { MachineSpec } from '../machine/spec.js';
import type { Network } from '../network/layers.js';
import { applySchedule } from '../schedule/apply.js';
import type { ScheduleOptions, SchedulePass } from '../schedule/pass.js';
import { Category } from '../statistics/time-loss.js';
import { buildTrainingStep } from '../training/build.js';
import type { TrainingStep } from '../training/step.js';
import { type Calibration, calibrate, choosePilots, correctedPs, excerpt, memoryShare, NO_CALIBRATION, type PilotChoice } from './calibration.js';
import { type KernelResult, runProgram } from './run.js';
import { type Sample, shareOf, smallestShare, wholeSample } from './share.js';
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
  /** By how much more time the larger share took, per unit of time that waits for memory (see calibration.ts). */
  readonly coefficient: number;
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

/** One core alone has nobody to contend with. */
const MINIMUM_CORES = 2;
/** Operations of a point that are also simulated on a larger share. */
const PILOTS = 6;

/** The training step of a point, with `images` of its mini-batch. */
export function buildStep(settings: PointSettings, images: number): TrainingStep {
  const baseline = buildTrainingStep(settings.network, { batch: images, fuseBnRelu: settings.software.fuseBnRelu });
  return applySchedule(baseline, settings.schedule, settings.scheduleOptions, settings.userPasses ?? []);
}

function lowerSample(settings: PointSettings, sample: Sample): Program {
  return lowerProgram(buildStep(settings, sample.images), targetOf(settings.machine, sample, settings.batch), settings.software);
}

/** The share that pilots run on: a whole socket where there are two, the whole machine where there is one. */
function pilotSample(settings: PointSettings): Sample {
  const { machine, batch } = settings;
  return shareOf(machine, batch, machine.coresPerSocket) ?? wholeSample(machine, batch);
}

/** Simulates the pilots on the sample and on the larger share. */
function runPilots(settings: PointSettings, sample: Sample, program: Program, kernels: readonly KernelResult[], onPilot: () => void): Calibration {
  const larger = pilotSample(settings);
  const largerProgram = lowerSample(settings, larger);
  const lastOf = (share: Sample, of: Program, choice: PilotChoice): KernelResult =>
    runProgram(settings.machine, share.share, excerpt(of, choice)).kernels.at(-1) as KernelResult;
  const pairs = choosePilots(kernels, PILOTS, settings.seed).map((choice) => {
    const pair = { sample: lastOf(sample, program, choice), larger: lastOf(larger, largerProgram, choice) };
    onPilot();
    return pair;
  });
  return calibrate(pairs, kernels);
}

/** The sample that a point is simulated on. */
export function sampleOf(settings: PointSettings): Sample {
  return settings.exact ? wholeSample(settings.machine, settings.batch) : smallestShare(settings.machine, settings.batch, MINIMUM_CORES);
}

/** Core-seconds of the whole chip by category; what the calibration adds is booked in proportion to the waits for memory that it corrects. */
function lossSeconds(kernel: KernelResult, calibration: Calibration, totalCores: number): number[] {
  const total = kernel.lossPs.reduce((sum, ps) => sum + ps, 0);
  const corrected = correctedPs(kernel, calibration);
  const added = corrected - kernel.timePs;
  const waits = total * memoryShare(kernel);
  return kernel.lossPs.map((ps, category) => {
    const isWait = category === Category.DramLatency || category === Category.DramBandwidth || category === Category.Barrier;
    const share = total === 0 ? 0 : (kernel.timePs * ps) / total + (isWait && waits > 0 ? (added * ps) / waits : 0);
    return share * totalCores * 1e-12;
  });
}

/** Simulates a point. @throws ScheduleError, RangeError, SimulatorBug */
export function simulatePoint(settings: PointSettings, onProgress: Progress = () => {}): PointResult {
  const { machine } = settings;
  const sample = sampleOf(settings);
  const program = lowerSample(settings, sample);
  const isSampled = sample.scale !== 1;
  const steps = program.kernels.length + (isSampled ? PILOTS : 0);
  let done = 0;
  const advance = (): void => onProgress(++done, steps);
  const run = runProgram(machine, sample.share, program, { onKernel: advance });
  const calibration = isSampled ? runPilots(settings, sample, program, run.kernels, advance) : NO_CALIBRATION;
  const { scale } = sample;
  const operations = run.kernels.map((kernel): OperationResult => ({
    name: kernel.name,
    type: kernel.type,
    phase: kernel.phase,
    shape: kernel.shape,
    seconds: correctedPs(kernel, calibration) * 1e-12,
    flops: Math.round(kernel.flops * scale),
    dramReadBytes: Math.round(kernel.dramReadLines * LINE_BYTES * scale),
    dramWriteBytes: Math.round(kernel.dramWrittenLines * LINE_BYTES * scale),
    lossSeconds: lossSeconds(kernel, calibration, sample.share.totalCores),
  }));
  const sumOf = (value: (operation: OperationResult) => number): number => operations.reduce((sum, operation) => sum + value(operation), 0);
  const seconds = run.kernels.reduce((sum, kernel) => sum + correctedPs(kernel, calibration), 0) * 1e-12;
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
    error: calibration.error,
    sampling: {
      cores: sample.share.cores,
      totalCores: sample.share.totalCores,
      images: sample.images,
      channels: sample.share.channels,
      pilots: calibration.pilots,
      pilotCores: isSampled ? pilotSample(settings).share.cores : 0,
      coefficient: calibration.coefficient,
    },
    operations,
  };
}
