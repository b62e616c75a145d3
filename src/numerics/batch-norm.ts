/**
 * The arithmetic of batch normalisation, shared by the whole BN operations and by the parts that fission spreads over others.
 *
 * Forward y = gamma / sqrt(var + eps) * (x - mean) + beta; backward dX = gamma / sqrt(var + eps) * (dY - dbeta/m - xhat * dgamma/m)
 * (Ioffe and Szegedy 2015, arXiv 1502.03167).
 */
import seedrandom from 'seedrandom';
import type { BatchNorm } from '../training/step.js';
import type { Disturbance, Execution } from './execution.js';
import type { MomentAccumulator } from './moments/accumulator.js';
import { VARIANCE_FORMS } from './moments/registry.js';
import { forEachShare } from './partition.js';
import { allocateReal, type Extent, type Real } from './tensor-store.js';

/** Per-channel coefficients of y = scale * (x - mean) + beta. */
export interface Normaliser {
  readonly mean: Real;
  readonly scale: Real;
  readonly beta: Real;
}

/** Per-channel coefficients of dX = factor * (dY - shift - (x - mean) * slope). */
export interface DataGradient {
  readonly mean: Real;
  readonly factor: Real;
  readonly shift: Real;
  readonly slope: Real;
}

function inverseDeviations(execution: Execution, batchNorm: BatchNorm): Real {
  const inverse = allocateReal(execution.precision, batchNorm.channels);
  const variance = execution.read(batchNorm.variance);
  for (let channel = 0; channel < inverse.length; channel++) {
    inverse[channel] = 1 / Math.sqrt(variance[channel] + batchNorm.epsilon);
  }
  return inverse;
}

/** Coefficients of the normalisation of a BN layer whose statistics are complete. */
export function normaliserOf(execution: Execution, layer: string): Normaliser {
  const batchNorm = execution.batchNorm(layer);
  const scale = inverseDeviations(execution, batchNorm);
  const gamma = execution.read(batchNorm.gamma);
  for (let channel = 0; channel < scale.length; channel++) scale[channel] *= gamma[channel];
  return {
    mean: execution.read(batchNorm.mean).slice(),
    scale,
    beta: execution.read(batchNorm.beta).slice(),
  };
}

/** Coefficients of a BN layer's input gradient, for which dgamma and dbeta must be complete. */
export function dataGradientOf(execution: Execution, layer: string): DataGradient {
  const batchNorm = execution.batchNorm(layer);
  const inverse = inverseDeviations(execution, batchNorm);
  const { gamma, gammaGradient, betaGradient, elements, channels } = batchNorm;
  const gammas = execution.read(gamma);
  const gammaGradients = execution.read(gammaGradient);
  const betaGradients = execution.read(betaGradient);
  const coefficients = {
    mean: execution.read(batchNorm.mean).slice(),
    factor: allocateReal(execution.precision, channels),
    shift: allocateReal(execution.precision, channels),
    slope: allocateReal(execution.precision, channels),
  };
  for (let channel = 0; channel < channels; channel++) {
    coefficients.factor[channel] = gammas[channel] * inverse[channel];
    coefficients.shift[channel] = betaGradients[channel] / elements;
    coefficients.slope[channel] = (gammaGradients[channel] * inverse[channel]) / elements;
  }
  return coefficients;
}

/**
 * Statistics of channels [channelOffset, channelOffset + channels) of a BN, fed row by row by whatever operation produces or copies those
 * channels, in per-thread partial moments.
 */
export class StatisticsCollector {
  readonly #execution: Execution;
  readonly #layer: string;
  readonly #channelOffset: number;
  readonly #partials: MomentAccumulator[];

  constructor(execution: Execution, layer: string, channelOffset: number, channels: number) {
    this.#execution = execution;
    this.#layer = layer;
    this.#channelOffset = channelOffset;
    const form = VARIANCE_FORMS[execution.settings.variance];
    this.#partials = Array.from({ length: execution.settings.threads }, () =>
      form.create(channels, execution.precision),
    );
  }

  /** Takes one row; `channel` counts from the collector's first. */
  add(thread: number, channel: number, values: Real, from: number, to: number): void {
    (this.#partials[thread] as MomentAccumulator).add(channel, values, from, to);
  }

  /** Reduces the threads' partial moments in order, and writes mean, variance and the running statistics of the channels. */
  finish(): void {
    const execution = this.#execution;
    const form = VARIANCE_FORMS[execution.settings.variance];
    const { mean, variance } = form.combine(this.#partials, execution.precision);
    storeStatistics(execution, this.#layer, this.#channelOffset, mean, variance);
  }
}

/** Sum over all images and rows of each channel, in per-thread partial sums; `term` gives the sum of one row, already rounded. */
function reduceRows(
  execution: Execution,
  extent: Extent,
  term: (channel: number, from: number, to: number) => number,
): Real {
  const { images, channels, height, width } = extent;
  const threads = execution.settings.threads;
  const partials = Array.from({ length: threads }, () => allocateReal(execution.precision, channels));
  forEachShare(images, height, threads, (thread, image, firstRow, endRow) => {
    const sums = partials[thread] as Real;
    for (let channel = 0; channel < channels; channel++) {
      const plane = (image * channels + channel) * height;
      for (let row = firstRow; row < endRow; row++) {
        sums[channel] += term(channel, (plane + row) * width, (plane + row + 1) * width);
      }
    }
  });
  const total = partials[0] as Real;
  for (const partial of partials.slice(1)) {
    for (let channel = 0; channel < channels; channel++) total[channel] += partial[channel];
  }
  return total;
}

/** Sub-BN1 as the baseline software runs it: one pass for the mean, one for sum of (x - mean)^2. */
export function twoPassStatistics(execution: Execution, layer: string, input: string): void {
  const extent = execution.extent(input);
  const values = execution.read(input);
  const elements = extent.images * extent.height * extent.width;
  const tile = allocateReal(execution.precision, 2);
  const mean = reduceRows(execution, extent, (_channel, from, to) => {
    tile[0] = 0;
    for (let at = from; at < to; at++) tile[0] += values[at];
    return tile[0];
  });
  for (let channel = 0; channel < mean.length; channel++) mean[channel] /= elements;
  const variance = reduceRows(execution, extent, (channel, from, to) => {
    tile[0] = 0;
    for (let at = from; at < to; at++) {
      tile[1] = values[at] - mean[channel];
      tile[0] += tile[1] * tile[1];
    }
    return tile[0];
  });
  for (let channel = 0; channel < variance.length; channel++) variance[channel] /= elements;
  storeStatistics(execution, layer, 0, mean, variance);
}

/** Sub-BN1 from one reading (MVF), in the variance form of the settings. */
export function singlePassStatistics(execution: Execution, layer: string, input: string): void {
  const { images, channels, height, width } = execution.extent(input);
  const values = execution.read(input);
  const collector = new StatisticsCollector(execution, layer, 0, channels);
  forEachShare(images, height, execution.settings.threads, (thread, image, firstRow, endRow) => {
    for (let channel = 0; channel < channels; channel++) {
      const plane = (image * channels + channel) * height;
      for (let row = firstRow; row < endRow; row++) {
        collector.add(thread, channel, values, (plane + row) * width, (plane + row + 1) * width);
      }
    }
  });
  collector.finish();
}

function storeStatistics(
  execution: Execution,
  layer: string,
  offset: number,
  mean: Real,
  variance: Real,
): void {
  const batchNorm = execution.batchNorm(layer);
  if (execution.settings.disturbance !== null) disturb(execution.settings.disturbance, layer, mean, variance);
  execution.write(batchNorm.mean).set(mean, offset);
  execution.write(batchNorm.variance).set(variance, offset);
  updateRunning(execution, batchNorm, batchNorm.runningMean, offset, mean, 1);
  const { elements } = batchNorm;
  // The running variance estimates the population's: biased times m / (m - 1).
  const unbiased = elements > 1 ? elements / (elements - 1) : 1;
  updateRunning(execution, batchNorm, batchNorm.runningVariance, offset, variance, unbiased);
}

/** Adds the random errors that the settings ask for. */
function disturb({ size, stream }: Disturbance, layer: string, mean: Real, variance: Real): void {
  const random = seedrandom(`${stream}/${layer}`);
  for (let channel = 0; channel < mean.length; channel++) {
    const square = mean[channel] * mean[channel] + variance[channel];
    mean[channel] += (2 * random() - 1) * size * Math.sqrt(square);
    variance[channel] = Math.max(0, variance[channel] + (2 * random() - 1) * size * square);
  }
}

function updateRunning(
  execution: Execution,
  { momentum }: BatchNorm,
  name: string,
  offset: number,
  batch: Real,
  correction: number,
): void {
  const running = execution.write(name);
  for (let channel = 0; channel < batch.length; channel++) {
    const at = offset + channel;
    running[at] = momentum * running[at] + (1 - momentum) * correction * batch[channel];
  }
}

/** dgamma and dbeta of a BN, fed row by row with dY and X, in per-thread partial sums. */
export class ParameterGradientCollector {
  readonly #execution: Execution;
  readonly #batchNorm: BatchNorm;
  readonly #mean: Real;
  readonly #beta: Real[];
  readonly #gamma: Real[];
  readonly #tile: Real;

  constructor(execution: Execution, layer: string) {
    this.#execution = execution;
    const batchNorm = execution.batchNorm(layer);
    this.#batchNorm = batchNorm;
    this.#mean = execution.read(batchNorm.mean);
    const { threads } = execution.settings;
    this.#beta = Array.from({ length: threads }, () => allocateReal(execution.precision, batchNorm.channels));
    this.#gamma = Array.from({ length: threads }, () =>
      allocateReal(execution.precision, batchNorm.channels),
    );
    this.#tile = allocateReal(execution.precision, 3);
  }

  /** Takes the elements [from, to) of dY and X, which belong to `channel`. */
  add(thread: number, channel: number, gradient: Real, input: Real, from: number, to: number): void {
    const tile = this.#tile;
    const mean = this.#mean[channel];
    tile[0] = 0;
    tile[1] = 0;
    for (let at = from; at < to; at++) {
      const value = gradient[at];
      tile[0] += value;
      tile[2] = input[at] - mean;
      tile[1] += tile[2] * value;
    }
    (this.#beta[thread] as Real)[channel] += tile[0];
    (this.#gamma[thread] as Real)[channel] += tile[1];
  }

  /** Reduces the threads' partial sums in order, and writes dgamma and dbeta. */
  finish(): void {
    const inverse = inverseDeviations(this.#execution, this.#batchNorm);
    const beta = this.#execution.write(this.#batchNorm.betaGradient).fill(0);
    const gamma = this.#execution.write(this.#batchNorm.gammaGradient).fill(0);
    for (let thread = 0; thread < this.#beta.length; thread++) {
      for (let channel = 0; channel < beta.length; channel++) {
        beta[channel] += (this.#beta[thread] as Real)[channel];
        gamma[channel] += (this.#gamma[thread] as Real)[channel];
      }
    }
    for (let channel = 0; channel < gamma.length; channel++) gamma[channel] *= inverse[channel];
  }
}
