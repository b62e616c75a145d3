/** Verifies schedules of a network against its baseline, and sums the result up for people: what `normcore verify` prints. */

import type { Network } from '../network/layers.js';
import type { NetworkOptions } from '../network/parse.js';
import { applySchedule } from '../schedule/apply.js';
import type { ScheduleOptions, SchedulePass } from '../schedule/pass.js';
import { NAMED_SCHEDULES } from '../schedule/registry.js';
import { buildTrainingStep } from '../training/build.js';
import type { TrainingOptions } from '../training/plan.js';
import {
  compareWith,
  type ScheduleComparison,
  TENSOR_CLASSES,
  type TensorClass,
  type TensorComparison,
} from './compare.js';
import { type CompareOptions, executeReference } from './reference.js';
import type { Precision } from './tensor-store.js';

/**
 * How far networks are scaled down where nothing else is asked for. The depth stays. With an image of 64 pixels and 4 images the last maps of
 * DenseNet-121 and ResNet-50 still give each batch normalisation 16 elements per channel; with two or three it would turn almost any input into the
 * same values and its gradient into rounding errors.
 */
export const VERIFY_DEFAULTS = { batch: 4, imageSize: 64, channelDivisor: 4 } as const;

/** Named schedules that differ from the baseline. */
export const VERIFIED_SCHEDULES: readonly string[] = NAMED_SCHEDULES.filter(
  ({ passes }) => passes.length > 0,
).map(({ name }) => name);

/**
 * Options with which to read a network's file so that it is small enough to execute.
 * @param image height and width of the file's own image, which is never enlarged
 */
export function scaledDown(
  image: { readonly height: number; readonly width: number },
  imageSize: number = VERIFY_DEFAULTS.imageSize,
  channelDivisor: number = VERIFY_DEFAULTS.channelDivisor,
): NetworkOptions {
  const height = Math.min(imageSize, image.height);
  return { imageSize: { height, width: Math.min(imageSize, image.width) }, channelDivisor };
}

/** What is compared, with which numbers. */
export interface VerifyOptions extends CompareOptions {
  /** Names of schedules or passes; default: every named schedule except the baseline itself. */
  readonly schedules?: readonly string[];
  /** Images of the mini-batch; default 4. */
  readonly batch?: number;
  readonly training?: Omit<TrainingOptions, 'batch'>;
  readonly scheduleOptions?: Partial<ScheduleOptions>;
  readonly userPasses?: readonly SchedulePass[];
  /** Called when a schedule has been compared, with the share of the work that is done. */
  readonly progress?: (schedule: string, done: number) => void;
}

/** One class of tensors of one schedule. */
export interface VerifyRow {
  readonly network: string;
  readonly schedule: string;
  readonly class: TensorClass;
  /** Tensors of the class that were compared. */
  readonly tensors: number;
  readonly failed: number;
  /** Worst relative error in float32, and the tolerance of the tensor that comes closest to its own tolerance. */
  readonly float32: PrecisionSummary;
  /** The same in float64, where only a wrong rewrite differs visibly. */
  readonly float64: PrecisionSummary;
  /** Whether rounding alone may change a tensor of the class wholly in float32, so that only float64 tells right from wrong. */
  readonly lostInFloat32: boolean;
  readonly passed: boolean;
}

export interface PrecisionSummary {
  /** Largest relative error of the class. */
  readonly worstRelativeError: number;
  /** Tensor whose error is the largest part of its tolerance; empty where all are 0. */
  readonly closestTensor: string;
  /** That part: above 1 is a failure. */
  readonly shareOfTolerance: number;
}

/** How the schedules of a network compare with its baseline; passed where no tensor differs by more than rounding explains. */
export interface VerifyReport {
  readonly network: string;
  readonly passed: boolean;
  readonly comparisons: readonly ScheduleComparison[];
  readonly rows: readonly VerifyRow[];
}

/**
 * Executes the baseline and each schedule of a network and compares them.
 * @param network scaled down by the caller (see {@link scaledDown}); at full size this takes hours
 * @throws ScheduleError where a pass is illegal on this network, UnknownScheduleError for an unknown name
 */
export function verifyNetwork(network: Network, options: VerifyOptions = {}): VerifyReport {
  const baseline = buildTrainingStep(network, {
    ...options.training,
    batch: options.batch ?? VERIFY_DEFAULTS.batch,
  });
  const schedules = options.schedules ?? VERIFIED_SCHEDULES;
  const steps = schedules.map((name) =>
    applySchedule(baseline, name, options.scheduleOptions, options.userPasses),
  );
  const reference = executeReference(baseline, options);
  options.progress?.('baseline', 1 / (steps.length + 1));
  const comparisons = steps.map((step, index) => {
    const comparison = compareWith(reference, step);
    options.progress?.(step.schedule, (index + 2) / (steps.length + 1));
    return comparison;
  });
  return {
    network: network.name,
    passed: comparisons.every((comparison) => comparison.passed),
    comparisons,
    rows: comparisons.flatMap(summariseClasses),
  };
}

/** One row per class of tensors, in the order of {@link TENSOR_CLASSES}. */
export function summariseClasses(comparison: ScheduleComparison): VerifyRow[] {
  return TENSOR_CLASSES.flatMap((tensorClass) => {
    const members = comparison.tensors.filter((tensor) => tensor.class === tensorClass);
    if (members.length === 0) return [];
    const single = members.filter(({ precision }) => precision === 'float32');
    const failed = members.filter(({ passed }) => !passed);
    return [
      {
        network: comparison.network,
        schedule: comparison.schedule,
        class: tensorClass,
        tensors: single.length,
        failed: new Set(failed.map(({ tensor }) => tensor)).size,
        float32: summarisePrecision(members, 'float32'),
        float64: summarisePrecision(members, 'float64'),
        lostInFloat32: single.some(({ tolerance }) => tolerance >= 1),
        passed: failed.length === 0,
      },
    ];
  });
}

function summarisePrecision(members: readonly TensorComparison[], precision: Precision): PrecisionSummary {
  const ofPrecision = members.filter((member) => member.precision === precision);
  const [closest] = worstFirst(ofPrecision);
  const share = closest === undefined ? 0 : shareOfTolerance(closest);
  return {
    worstRelativeError: ofPrecision.reduce(
      (worst, { relativeError }) => largerOrNaN(worst, relativeError),
      0,
    ),
    closestTensor: share === 0 ? '' : (closest?.tensor ?? ''),
    shareOfTolerance: share,
  };
}

function largerOrNaN(a: number, b: number): number {
  return Number.isNaN(a) || a > b ? a : b;
}

/** Error as a part of the tolerance; infinite for an unwritten (NaN) tensor. */
export function shareOfTolerance({ relativeError, tolerance }: TensorComparison): number {
  if (relativeError === 0) return 0;
  const share = relativeError / tolerance;
  return Number.isNaN(share) ? Number.POSITIVE_INFINITY : share;
}

/** Tensors in the order of how much of their tolerance their error takes up, the worst first; ties in execution order. */
export function worstFirst(tensors: readonly TensorComparison[]): TensorComparison[] {
  return tensors
    .map((tensor) => ({ tensor, share: shareOfTolerance(tensor) }))
    .sort((a, b) => (a.share === b.share ? 0 : b.share - a.share))
    .map(({ tensor }) => tensor);
}
