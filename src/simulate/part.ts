/**
 * The parts of a point: pure functions of their own, simulated side by side and shared by points that have a part in common.
 *
 * An exact point is one part, in which cache contents carry over from the first operation to the last. A sampled point is three: the forward pass; the backward pass
 * with the weight update, from empty caches (what the forward pass leaves in them is less than a thousandth of what the backward pass of the shipped networks moves); and the
 * pilots, which tell the sampling error.
 */
import { operationTraffic } from '../bound/sweeps.js';
import type { SoftwareOptions } from '../kernel/kernel.js';
import { lowerProgram } from '../kernel/lower.js';
import { LINE_BYTES } from '../kernel/op-stream.js';
import type { MachineSpec } from '../machine/spec.js';
import type { Network } from '../network/layers.js';
import { applySchedule } from '../schedule/apply.js';
import type { ScheduleOptions, SchedulePass } from '../schedule/pass.js';
import { buildTrainingStep } from '../training/build.js';
import type { Operation, TrainingStep } from '../training/step.js';
import { choosePilots, type PilotPair } from './calibration.js';
import { type KernelResult, runProgram } from './run.js';
import { type Sample, shareOf, smallestShare, wholeSample } from './share.js';
import { targetOf } from './target.js';

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

export type PartName = 'whole' | 'forward' | 'backward' | 'pilots';

/** What a part gives: the kernels that it simulated, or the pairs of pilots. Plain data. */
export interface PartResult {
  readonly name: PartName;
  readonly kernels: readonly KernelResult[];
  readonly pilots: readonly PilotPair[];
}

/** Called with the operations (or pilots) of a part that are done, of all. */
export type Progress = (done: number, total: number) => void;

/** One core alone has nobody to contend with. */
const MINIMUM_CORES = 2;
/** Operations of a point that are also simulated on a larger share. */
export const PILOTS = 8;

/** The sample that a point is simulated on. */
export function sampleOf(settings: PointSettings): Sample {
  return settings.exact ? wholeSample(settings.machine, settings.batch) : smallestShare(settings.machine, settings.batch, MINIMUM_CORES);
}

/** The share that pilots run on: a whole socket where there are two, the whole machine where there is one. */
export function pilotSampleOf(settings: PointSettings): Sample {
  const { machine, batch } = settings;
  return shareOf(machine, batch, machine.coresPerSocket) ?? wholeSample(machine, batch);
}

/** The parts that a point is made of. */
export function partsOf(settings: PointSettings): readonly PartName[] {
  return sampleOf(settings).scale === 1 ? ['whole'] : ['forward', 'backward', 'pilots'];
}

/** The training step of a point, with `images` of its mini-batch. @throws ScheduleError, UnknownScheduleError */
export function buildStep(settings: PointSettings, images: number): TrainingStep {
  const baseline = buildTrainingStep(settings.network, { batch: images, fuseBnRelu: settings.software.fuseBnRelu });
  return applySchedule(baseline, settings.schedule, settings.scheduleOptions, settings.userPasses ?? []);
}

function belongsTo(operation: Operation, part: PartName): boolean {
  if (part === 'forward') return operation.phase === 'forward';
  if (part === 'backward') return operation.phase !== 'forward';
  return true;
}

/** The step with the operations of one part only. */
function stepOfPart(settings: PointSettings, part: PartName, images: number): TrainingStep {
  const step = buildStep(settings, images);
  return { ...step, operations: step.operations.filter((operation) => belongsTo(operation, part)) };
}

/**
 * Everything that can change the result of a part, as a string: parts with the same identity have the same result, whatever points they belong to. (MVF changes
 * nothing backward: `rcf` and `rcf+mvf` share their backward part.)
 */
export function partIdentity(settings: PointSettings, part: PartName): string {
  const sample = sampleOf(settings);
  const { operations, tensors, batchNorms } = stepOfPart(settings, part, sample.images);
  const { machine, batch, software } = settings;
  const seed = part === 'pilots' ? settings.seed : '';
  const { name: _name, description: _description, ...behaviour } = machine;
  return JSON.stringify([part, behaviour, sample, batch, software, seed, operations, [...tensors], [...batchNorms]], (_key, value) =>
    value === Infinity ? 'infinite' : value,
  );
}

/** Simulates a part. @throws ScheduleError, RangeError, SimulatorBug */
export function simulatePart(settings: PointSettings, part: PartName, onProgress: Progress = () => {}): PartResult {
  const { machine, batch, software } = settings;
  const sample = sampleOf(settings);
  if (part === 'pilots') return { name: part, kernels: [], pilots: runPilots(settings, sample, onProgress) };
  const program = lowerProgram(stepOfPart(settings, part, sample.images), targetOf(machine, sample, batch), software);
  const total = program.kernels.length;
  const run = runProgram(machine, sample.share, program, { onKernel: (done) => onProgress(done, total) });
  return { name: part, kernels: run.kernels, pilots: [] };
}

/** Simulates the pilots on the sample and on the larger share, each behind the operation before it. */
function runPilots(settings: PointSettings, sample: Sample, onProgress: Progress): PilotPair[] {
  const { machine, batch, software } = settings;
  const larger = pilotSampleOf(settings);
  const step = buildStep(settings, sample.images);
  const largerStep = buildStep(settings, larger.images);
  const linesPerCore = step.operations.map((operation) => {
    const { readBytes, writeBytes } = operationTraffic(operation, step, software);
    return (readBytes + writeBytes) / LINE_BYTES / sample.share.cores;
  });
  const chosen = choosePilots(step.operations, linesPerCore, PILOTS, settings.seed);
  const last = (of: TrainingStep, on: Sample, index: number): KernelResult => {
    const operations = of.operations.slice(Math.max(0, index - 1), index + 1);
    const program = lowerProgram({ ...of, operations }, targetOf(machine, on, batch), software);
    return runProgram(machine, on.share, program).kernels.at(-1) as KernelResult;
  };
  return chosen.map((index, done) => {
    const pair = { sample: last(step, sample, index), larger: last(largerStep, larger, index) };
    onProgress(done + 1, chosen.length);
    return pair;
  });
}
