/**
 * Floating-point operations of the mathematics, per operation of a training step. Kernels are held to these counts exactly.
 *
 * Convention: a fused multiply-add counts 2; addition, multiplication, maximum, comparison-and-select, exponential and power count 1. A CONV counts all
 * filter taps of every output pixel, padding included, as the public tallies of multiply-adds do. Work per element of a tensor is counted, work
 * per channel (square roots, divisions, momentum of running statistics) is not. A transform on load counts once per element of the tensor loaded, whatever
 * number of times a kernel repeats it.
 */
import type {
  GradientSource,
  LoadTransform,
  MaskedStore,
  Operation,
  StatisticsEpilogue,
  TrainingStep,
  Window2d,
} from './step.js';
import { tensorElements } from './tensors.js';

/** Operations per element of each elementwise part. */
export const FLOPS_PER_ELEMENT = {
  /** Sum. */
  mean: 1,
  /** x - mean, then a fused multiply-add of its square. */
  twoPassVariance: 3,
  /** Sum, and a fused multiply-add of the square. */
  singlePassMoments: 3,
  /** scale * x + shift, with scale and shift computed per channel. */
  normalise: 2,
  /** max(y, 0), or the choice between dz and 0. */
  relu: 1,
  /** dbeta: addition; dgamma: x - mean, and a fused multiply-add with dy. 1 / sqrt(var + eps) is multiplied in per channel. */
  reduceGradients: 4,
  /** dX = a * dY + b * X + c with coefficients per channel: two fused multiply-adds. */
  propagateGradient: 4,
  /** Scaling by 1 / (1 - ratio), and the choice between that and 0. */
  dropout: 2,
  /** LRN beside its window of sums: square, alpha / n and 1 in a fused multiply-add, power, product. */
  lrnForward: 5,
  /** LRN beside its window of sums: y * dy / scale (2), power and product with dy (2), -2 alpha beta / n * x (2), subtraction from the former (1). */
  lrnBackward: 7,
  /** Maximum, difference to it, exponential, sum, division. */
  softmaxForward: 5,
  /** p - onehot, times 1 / N. */
  softmaxBackward: 2,
  /** decay * W + dW, momentum * v + lr * that (3), W - v. */
  update: 6,
} as const;

class FlopCounter {
  readonly #step: TrainingStep;

  constructor(step: TrainingStep) {
    this.#step = step;
  }

  elements(tensor: string): number {
    const found = this.#step.tensors.get(tensor);
    if (found === undefined) throw new Error(`no tensor "${tensor}"`);
    return tensorElements(found);
  }

  shape(tensor: string): readonly number[] {
    return this.#step.tensors.get(tensor)?.shape ?? [];
  }

  /** 2 * pixels of the CONV's output * weights: [OC, IC / groups, KH, KW] has every tap of every output channel. */
  conv(outputTensor: string, weights: string): number {
    const [images = 1, , height = 1, width = 1] = this.shape(outputTensor);
    return 2 * images * height * width * this.elements(weights);
  }

  load(load: LoadTransform | null, input: string): number {
    if (load === null) return 0;
    const perElement =
      (load.batchNorm === null ? 0 : FLOPS_PER_ELEMENT.normalise) + (load.relu ? FLOPS_PER_ELEMENT.relu : 0);
    return perElement * this.elements(input);
  }

  source(source: GradientSource): number {
    return source.kind === 'stored'
      ? 0
      : FLOPS_PER_ELEMENT.propagateGradient * this.elements(source.gradient);
  }

  /** Tensor in which the gradient of the operation's output has its shape. */
  sourceTensor(source: GradientSource): string {
    return source.kind === 'stored' ? source.tensor : source.gradient;
  }

  store(store: MaskedStore | null, output: string): number {
    if (store === null) return 0;
    let perElement = 0;
    if (store.relu) {
      perElement += FLOPS_PER_ELEMENT.relu;
      // The mask is the sign of Y, which has to be computed from X first.
      if (store.batchNorm !== null) perElement += FLOPS_PER_ELEMENT.normalise;
    }
    if (store.accumulate !== null) perElement += FLOPS_PER_ELEMENT.reduceGradients;
    return perElement * this.elements(output);
  }

  /** Sums over the channels that they name, of an output of N images and H x W pixels. */
  epilogues(epilogues: readonly StatisticsEpilogue[], output: string): number {
    const [images = 1, , height = 1, width = 1] = this.shape(output);
    const channels = epilogues.reduce((total, epilogue) => total + epilogue.channels, 0);
    return FLOPS_PER_ELEMENT.singlePassMoments * channels * images * height * width;
  }

  windowTaps(window: Window2d): number {
    return window.kernelHeight * window.kernelWidth;
  }
}

/**
 * Floating-point operations of one operation of a step.
 *
 * @throws Error if the operation names a tensor that the step does not have
 */
export function flops(operation: Operation, step: TrainingStep): number {
  const count = new FlopCounter(step);
  const per = FLOPS_PER_ELEMENT;
  switch (operation.kind) {
    case 'conv-forward': {
      const bias = operation.bias === null ? 0 : count.elements(operation.output);
      const fused =
        count.load(operation.load, operation.input) + count.epilogues(operation.statistics, operation.output);
      return count.conv(operation.output, operation.weights) + bias + fused;
    }
    case 'conv-backward-data': {
      const fused = count.source(operation.gradient) + count.store(operation.store, operation.output);
      return count.conv(count.sourceTensor(operation.gradient), operation.weights) + fused;
    }
    case 'conv-backward-weights': {
      const gradient = count.sourceTensor(operation.gradient);
      const bias = operation.biasOutput === null ? 0 : count.elements(gradient);
      const fused = count.load(operation.load, operation.input) + count.source(operation.gradient);
      return count.conv(gradient, operation.output) + bias + fused;
    }
    case 'bn-forward': {
      const moments =
        operation.statistics === 'two-pass' ? per.mean + per.twoPassVariance : per.singlePassMoments;
      return (moments + per.normalise + (operation.relu ? per.relu : 0)) * count.elements(operation.input);
    }
    case 'bn-statistics': {
      const moments =
        operation.statistics === 'two-pass' ? per.mean + per.twoPassVariance : per.singlePassMoments;
      return moments * count.elements(operation.input);
    }
    case 'bn-normalise':
      return (per.normalise + (operation.relu ? per.relu : 0)) * count.elements(operation.input);
    case 'bn-backward': {
      // Both loops mask dY as they load it.
      const mask = operation.maskedBy === null ? 0 : 2 * per.relu;
      return (per.reduceGradients + per.propagateGradient + mask) * count.elements(operation.input);
    }
    case 'bn-backward-reduce':
      return per.reduceGradients * count.elements(operation.input);
    case 'bn-backward-data':
      return per.propagateGradient * count.elements(operation.input);
    case 'relu-forward':
    case 'relu-backward':
      return per.relu * count.elements(operation.output);
    case 'pool-forward':
      // A comparison or an addition per tap; the average's division stands for the first tap, which needs no addition.
      return count.windowTaps(operation.window) * count.elements(operation.output);
    case 'pool-backward':
      // Maximum: one addition, to where the maximum was. Average: one addition per tap, and one product.
      return (
        (operation.mode === 'max' ? 1 : count.windowTaps(operation.window) + 1) *
        count.elements(operation.gradient)
      );
    case 'concat-forward':
      return count.epilogues(operation.statistics, operation.output);
    case 'concat-backward':
      return count.source(operation.gradient);
    case 'split-backward': {
      const sources = operation.gradients.reduce((total, gradient) => total + count.source(gradient), 0);
      return sources + (operation.gradients.length - 1) * count.elements(operation.output);
    }
    case 'sum-forward':
      return (operation.inputs.length - 1) * count.elements(operation.output);
    case 'sum-backward':
      return 0;
    case 'fc-forward': {
      const [images = 1] = count.shape(operation.output);
      const bias = operation.bias === null ? 0 : count.elements(operation.output);
      return 2 * images * count.elements(operation.weights) + bias;
    }
    case 'fc-backward-data': {
      const [images = 1] = count.shape(operation.gradient);
      return 2 * images * count.elements(operation.weights);
    }
    case 'fc-backward-weights': {
      const [images = 1] = count.shape(operation.gradient);
      const bias = operation.biasOutput === null ? 0 : count.elements(operation.gradient);
      return 2 * images * count.elements(operation.output) + bias;
    }
    case 'lrn-forward':
      return (operation.localSize + per.lrnForward) * count.elements(operation.output);
    case 'lrn-backward':
      return (operation.localSize + per.lrnBackward) * count.elements(operation.output);
    case 'dropout-forward':
    case 'dropout-backward':
      return per.dropout * count.elements(operation.output);
    case 'softmax-loss-forward':
      return per.softmaxForward * count.elements(operation.probabilities);
    case 'softmax-loss-backward':
      return per.softmaxBackward * count.elements(operation.output);
    case 'update':
      return per.update * count.elements(operation.parameter);
  }
}
