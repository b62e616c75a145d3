/**
 * The parts of a point: pure functions of their own, simulated side by side and shared by points that have a part in common.
 *
 * An exact point is one part, in which cache contents carry over from the first operation to the last. A sampled point is three: the forward pass; the backward pass
 * with the weight update, from empty caches (what the forward pass leaves in them is less than a thousandth of what the backward pass of the shipped networks moves); and the
 * pilots, which tell what the sample gets wrong. Pilots are drawn from the network's baseline step, whatever the schedule: what they measure belongs to the machine.
 */
import { operationTraffic } from '../bound/sweeps.js';
import type { SoftwareOptions } from '../kernel/kernel.js';
import { lowerProgram } from '../kernel/lower.js';
import { LINE_BYTES } from '../kernel/op-stream.js';
import type { MachineSpec } from '../machine/spec.js';
import type { Network } from '../network/layers.js';
import { applySchedule } from '../schedule/apply.js';
import type { ScheduleOptions, SchedulePass } from '../schedule/pass.js';
import { type InterconnectUse, interconnectUse } from '../statistics/link-use.js';
import { buildTrainingStep } from '../training/build.js';
import type { Operation, TrainingStep } from '../training/step.js';
import { choosePilots, cutShort, PILOT_LINES, type PilotPair } from './calibration.js';
import { type KernelResult, runProgram } from './run.js';
import { type Sample, shareOf, smallestShare, wholeSample } from './share.js';
import { targetOf } from './target.js';

/** A point: all that its result depends on. */
export interface PointSettings {
  readonly network: Network;
  readonly machine: MachineSpec;
  /** Name of a schedule, or names joined by `+`. */
  readonly schedule: string;
  /** Images of the mini-batch. */
  readonly batch: number;
  /** Simulate every core and every image. */
  readonly exact: boolean;
  /** Draws the operations that the sampling error is measured on. */
  readonly seed: string;
  /** How the modelled software behaves where that is not known. */
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
  /** Of the whole machine; null for parts that simulate a share of it. */
  readonly interconnect: InterconnectUse | null;
}

/** Called with the operations (or pilots) of a part that are done, of all. */
export type Progress = (done: number, total: number) => void;

/** The smallest share is a core (or a tile) with its images: what neighbours do to it, the pilots tell. */
const MINIMUM_CORES = 1;
/** Operations of a point that are also simulated on a larger share. */
export const PILOTS = 12;

/** The sample that a point is simulated on. */
export function sampleOf(settings: PointSettings): Sample {
  return settings.exact
    ? wholeSample(settings.machine, settings.batch)
    : smallestShare(settings.machine, settings.batch, MINIMUM_CORES);
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

function baselineStep(settings: PointSettings, images: number): TrainingStep {
  return buildTrainingStep(settings.network, { batch: images, fuseBnRelu: settings.software.fuseBnRelu });
}

/** The training step of a point, with `images` of its mini-batch. @throws ScheduleError, UnknownScheduleError */
export function buildStep(settings: PointSettings, images: number): TrainingStep {
  return applySchedule(
    baselineStep(settings, images),
    settings.schedule,
    settings.scheduleOptions,
    settings.userPasses ?? [],
  );
}

function belongsTo(operation: Operation, part: PartName): boolean {
  if (part === 'forward') return operation.phase === 'forward';
  if (part === 'backward') return operation.phase !== 'forward';
  return true;
}

/** The step with the operations of one part only. */
function stepOfPart(step: TrainingStep, part: PartName): TrainingStep {
  return { ...step, operations: step.operations.filter((operation) => belongsTo(operation, part)) };
}

/**
 * Everything that can change the result of a part, as a string: parts with the same identity have the same result, whatever points they belong to. (MVF changes
 * nothing backward: `rcf` and `rcf+mvf` share their backward part.)
 * @param step the point's training step, built with the sample's images
 */
export function partIdentity(settings: PointSettings, part: PartName, step: TrainingStep): string {
  const sample = sampleOf(settings);
  const { machine, batch, software } = settings;
  const isPilots = part === 'pilots';
  const { operations, tensors, batchNorms } = isPilots
    ? baselineStep(settings, sample.images)
    : stepOfPart(step, part);
  const seed = isPilots ? settings.seed : '';
  const { name: _name, description: _description, ...behaviour } = machine;
  return JSON.stringify(
    [part, behaviour, sample, batch, software, seed, operations, [...tensors], [...batchNorms]],
    (_key, value) => (value === Infinity ? 'infinite' : value),
  );
}

/** Simulates a part. @throws ScheduleError, RangeError, SimulatorBug */
export function simulatePart(
  settings: PointSettings,
  part: PartName,
  onProgress: Progress = () => {},
): PartResult {
  const { machine, batch, software } = settings;
  const sample = sampleOf(settings);
  if (part === 'pilots')
    return { name: part, kernels: [], pilots: runPilots(settings, sample, onProgress), interconnect: null };
  const program = lowerProgram(
    stepOfPart(buildStep(settings, sample.images), part),
    targetOf(machine, sample, batch),
    software,
  );
  const total = program.kernels.length;
  const run = runProgram(machine, sample.share, program, { onKernel: (done) => onProgress(done, total) });
  const interconnect = part === 'whole' ? interconnectUse(run.statistics, run.timePs) : null;
  return { name: part, kernels: run.kernels, pilots: [], interconnect };
}

/**
 * Simulates the pilots on the sample and on the larger share. One that sweeps more than the caches of its core hold is cut short; a smaller one runs whole behind the
 * operation before it, which fills the caches.
 */
function runPilots(settings: PointSettings, sample: Sample, onProgress: Progress): PilotPair[] {
  const { machine, batch, software } = settings;
  const larger = pilotSampleOf(settings);
  const step = baselineStep(settings, sample.images);
  const largerStep = baselineStep(settings, larger.images);
  const linesPerCore = step.operations.map((operation) => {
    const { readBytes, writeBytes } = operationTraffic(operation, step, software);
    return (readBytes + writeBytes) / LINE_BYTES / sample.share.cores;
  });
  const chosen = choosePilots(step.operations, linesPerCore, PILOTS, settings.seed);
  const target = targetOf(machine, sample, batch);
  const cacheLines = (target.l2Bytes + target.llcBytesPerThread) / LINE_BYTES;
  const isLong = new Set(chosen.filter((index) => (linesPerCore[index] as number) > cacheLines));
  const picked = [
    ...new Set(chosen.flatMap((index) => (isLong.has(index) || index === 0 ? [index] : [index - 1, index]))),
  ];
  const names = new Set(chosen.map((index) => (step.operations[index] as Operation).name));
  const measure = (of: TrainingStep, on: Sample, before: number): KernelResult[] => {
    const operations = picked.map((index) => of.operations[index] as Operation);
    const program = lowerProgram({ ...of, operations }, targetOf(machine, on, batch), software);
    const kernels = program.kernels.map((kernel, place) =>
      isLong.has(picked[place] as number) ? cutShort(kernel, PILOT_LINES) : kernel,
    );
    const run = runProgram(
      machine,
      on.share,
      { ...program, kernels },
      {
        onKernel: (done) => onProgress(before + done, 2 * kernels.length),
      },
    );
    return run.kernels.filter(({ name }) => names.has(name));
  };
  const onSample = measure(step, sample, 0);
  const onLarger = measure(largerStep, larger, picked.length);
  return onSample.map((kernel, index) => ({ sample: kernel, larger: onLarger[index] as KernelResult }));
}
