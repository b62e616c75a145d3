/**
 * What fusion adds to a convolution: transforms of what it loads, and work on what it stores.
 *
 * A transformed operand goes through a strip buffer: each element is loaded, transformed and stored to the buffer once, and the convolution's inner
 * loop reads the buffer (docs/paper.md, "What fusion costs in real kernels"). An epilogue works on accumulators that are still in registers.
 */
import type { GradientSource, LoadTransform, MaskedStore, StatisticsEpilogue } from '../../training/step.js';
import type { LoweringContext } from '../context.js';
import { batchNormOf, rangeOf } from '../context.js';
import type { LineRange, Target } from '../kernel.js';
import type { Cost, InstructionMix } from '../micro-kernel.js';
import { costOf, LOOP_MICRO_OPS, NO_INSTRUCTIONS, vectorsPerLine } from '../micro-kernel.js';
import type { FeatureMap } from './geometry.js';
import { BLOCK_CHANNELS, featureMapOf } from './geometry.js';

/** Lines handled per turn of a transform loop: enough to keep the FMA latency hidden. */
const TRANSFORM_UNROLL = 8;

/** An operand that is transformed into a strip buffer as it is loaded. */
export interface StripSource {
  /** Maps read line by line: X, or dY and X. */
  readonly maps: readonly FeatureMap[];
  /** Map that the transformed lines are written to as well, or null. */
  readonly storeTo: FeatureMap | null;
  /** Per-channel vectors read once per strip and block. */
  readonly vectors: readonly LineRange[];
  /** Cost of one line. */
  readonly lineCost: Cost;
  /** Cost of a line that is not stored to `storeTo` (another thread owns it). */
  readonly haloCost: Cost;
}

function transformCost(maps: number, arithmetic: number, stores: number, target: Target): Cost {
  const width = vectorsPerLine(target);
  // The first multiply-add takes its operand from memory; every further stream is a load of its own.
  const separateLoads = arithmetic === 0 ? maps : maps - 1;
  return costOf(
    {
      arithmetic: arithmetic * width,
      loads: maps * width,
      stores: stores * width,
      microOps: (arithmetic + separateLoads + stores) * width + LOOP_MICRO_OPS / TRANSFORM_UNROLL,
    },
    target,
  );
}

function stripSource(
  maps: readonly FeatureMap[],
  storeTo: FeatureMap | null,
  vectors: readonly LineRange[],
  arithmetic: number,
  target: Target,
): StripSource {
  return {
    maps,
    storeTo,
    vectors,
    lineCost: transformCost(maps.length, arithmetic, storeTo === null ? 1 : 2, target),
    haloCost: transformCost(maps.length, arithmetic, 1, target),
  };
}

/** Normalise (one multiply-add with scale and shift per channel) and clip (one maximum) on load; null where nothing is transformed. */
export function loadSource(
  context: LoweringContext,
  input: FeatureMap,
  load: LoadTransform | null,
): StripSource | null {
  if (load === null) return null;
  const vectors: LineRange[] = [];
  if (load.batchNorm !== null) {
    const { mean, variance, gamma, beta } = batchNormOf(context, load.batchNorm);
    for (const name of [mean, variance, gamma, beta]) vectors.push(rangeOf(context, name));
  }
  const storeTo = load.storeTo === null ? null : featureMapOf(context, load.storeTo);
  const arithmetic = (load.batchNorm === null ? 0 : 1) + (load.relu ? 1 : 0);
  return stripSource([input], storeTo, vectors, arithmetic, context.target);
}

/** dX = a * dY + b * X + c on load, two multiply-adds; null for a stored gradient. */
export function gradientSource(context: LoweringContext, source: GradientSource): StripSource | null {
  if (source.kind === 'stored') return null;
  const batchNorm = batchNormOf(context, source.batchNorm);
  const vectors = [
    batchNorm.mean,
    batchNorm.variance,
    batchNorm.gamma,
    batchNorm.gammaGradient,
    batchNorm.betaGradient,
  ].map((name) => rangeOf(context, name));
  const maps = [featureMapOf(context, source.gradient), featureMapOf(context, source.input)];
  const storeTo = source.storeTo === null ? null : featureMapOf(context, source.storeTo);
  return stripSource(maps, storeTo, vectors, 2, context.target);
}

/** The map that has the shape of the gradient (dX of a BN has the shape of dY). */
export function gradientMap(context: LoweringContext, source: GradientSource): FeatureMap {
  return featureMapOf(context, source.kind === 'stored' ? source.tensor : source.gradient);
}

/** A per-channel vector that a reduce phase writes. */
export interface ReducedVector {
  readonly range: LineRange;
  /** First channel of `range` that the sums go to. */
  readonly channelOffset: number;
  readonly channels: number;
  /** Whether its old value takes part (running statistics). */
  readonly isUpdated: boolean;
}

/** Work on the output as it is stored. */
export interface Epilogue {
  /** Map read line by line beside the store (Y or X), or null. */
  readonly beside: FeatureMap | null;
  /** Per-channel vectors read. */
  readonly vectors: readonly LineRange[];
  /** Whether two sums per channel are accumulated, to be reduced over the threads afterwards. */
  readonly accumulates: boolean;
  readonly reduced: readonly ReducedVector[];
  /** Instructions per output line, in line-wide vectors, of a register tile of `pixels` pixels. */
  mix(pixels: number): InstructionMix;
}

/** A register tile loads and stores its two running sums once: too few registers are left to keep them. */
function sumTraffic(pixels: number): InstructionMix {
  return { arithmetic: 0, loads: 2 / pixels, stores: 2 / pixels, microOps: 4 / pixels };
}

/** Sum and sum of squares of what is stored: one addition and one multiply-add per line; null without statistics. */
export function statisticsEpilogue(
  context: LoweringContext,
  statistics: readonly StatisticsEpilogue[],
): Epilogue | null {
  if (statistics.length === 0) return null;
  const width = vectorsPerLine(context.target);
  const reduced = statistics.flatMap(({ batchNorm, channelOffset, channels }): ReducedVector[] => {
    const names = batchNormOf(context, batchNorm);
    const vector = (name: string, isUpdated: boolean): ReducedVector => ({
      range: rangeOf(context, name),
      channelOffset,
      channels,
      isUpdated,
    });
    return [
      vector(names.mean, false),
      vector(names.variance, false),
      vector(names.runningMean, true),
      vector(names.runningVariance, true),
    ];
  });
  return {
    beside: null,
    vectors: [],
    accumulates: true,
    reduced,
    mix(pixels) {
      const sums = sumTraffic(pixels);
      return {
        arithmetic: 2 * width,
        loads: sums.loads * width,
        stores: sums.stores * width,
        microOps: (2 + sums.microOps) * width,
      };
    },
  };
}

/**
 * Mask of ReLU's backward pass and the sums of dgamma and dbeta. Per line: load Y or X; recompute Y (one multiply-add); compare, and move what the
 * mask lets through; add to dbeta, multiply-add to dgamma. Null without a masked store.
 */
export function maskEpilogue(context: LoweringContext, store: MaskedStore | null): Epilogue | null {
  if (store === null) return null;
  const width = vectorsPerLine(context.target);
  const vectors: LineRange[] = [];
  if (store.batchNorm !== null && store.relu) {
    const { mean, variance, gamma, beta } = batchNormOf(context, store.batchNorm);
    for (const name of [mean, variance, gamma, beta]) vectors.push(rangeOf(context, name));
  }
  const reduced: ReducedVector[] = [];
  if (store.accumulate !== null) {
    const sums = batchNormOf(context, store.accumulate);
    for (const name of [sums.gammaGradient, sums.betaGradient]) {
      reduced.push({
        range: rangeOf(context, name),
        channelOffset: 0,
        channels: sums.channels,
        isUpdated: false,
      });
    }
    // dgamma's sum of dy * x becomes one of dy * xhat with mean and variance, once per channel.
    for (const name of [sums.mean, sums.variance]) {
      const range = rangeOf(context, name);
      if (!vectors.some((known) => known.tensor === range.tensor)) vectors.push(range);
    }
  }
  const recompute = store.batchNorm !== null && store.relu ? 1 : 0;
  const accumulate = store.accumulate === null ? 0 : 2;
  const arithmetic = recompute + (store.relu ? 2 : 0) + accumulate;
  return {
    beside: featureMapOf(context, store.tensor),
    vectors,
    accumulates: store.accumulate !== null,
    reduced,
    mix(pixels) {
      const sums = store.accumulate === null ? NO_INSTRUCTIONS : sumTraffic(pixels);
      return {
        arithmetic: arithmetic * width,
        loads: (1 + sums.loads) * width,
        stores: sums.stores * width,
        microOps: (1 + arithmetic + sums.microOps) * width,
      };
    },
  };
}

/** Lines of a per-channel vector that hold channels [from, to): 16 to a line, those of another block's channels included. */
export function vectorLines(range: LineRange, from: number, to: number): { base: number; lines: number } {
  const first = Math.min(Math.floor(from / BLOCK_CHANNELS), range.lines);
  const last = Math.min(Math.ceil(to / BLOCK_CHANNELS), range.lines);
  return { base: range.base + first, lines: Math.max(0, last - first) };
}
