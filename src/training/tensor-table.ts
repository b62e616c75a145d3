/** The tensors of a training step while it is being written down, and how they are named. */
import { type BnLayer, CHANNEL_BLOCK, type FeatureShape, type Layer } from '../network/layers.js';
import type { BatchNorm, Tensor, TensorRole } from './step.js';

/** Name of the mini-batch's labels. A layer's name has no dot, so no tensor of a layer can have this one. */
export const LABELS = 'input.labels';

/** Name of a layer's parameter: `conv1.weights`. */
export function parameterName(layer: string, role: string): string {
  return `${layer}.${role}`;
}

/** Name of the gradient of a tensor: `conv1.gradient`, `conv1.weights.gradient`. */
export function gradientName(tensor: string): string {
  return `${tensor}.gradient`;
}

/** Name of a parameter's momentum. */
export function velocityName(parameter: string): string {
  return `${parameter}.velocity`;
}

/** The per-channel tensors of a BN layer; all of shape [C]. */
export function describeBatchNorm(layer: BnLayer, batch: number): BatchNorm {
  const gamma = parameterName(layer.name, 'gamma');
  const beta = parameterName(layer.name, 'beta');
  return {
    layer: layer.name,
    channels: layer.output.channels,
    elements: batch * layer.output.height * layer.output.width,
    epsilon: layer.epsilon,
    momentum: layer.momentum,
    mean: parameterName(layer.name, 'mean'),
    variance: parameterName(layer.name, 'variance'),
    gamma,
    beta,
    gammaGradient: gradientName(gamma),
    betaGradient: gradientName(beta),
    runningMean: parameterName(layer.name, 'running-mean'),
    runningVariance: parameterName(layer.name, 'running-variance'),
  };
}

/** Grows tensor by tensor; a name that is given twice is a bug. */
export class TensorTable {
  readonly tensors = new Map<string, Tensor>();
  readonly #batch: number;

  constructor(batch: number) {
    this.#batch = batch;
  }

  get(name: string): Tensor {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) throw new Error(`no tensor "${name}"`);
    return tensor;
  }

  #add(tensor: Tensor): string {
    if (this.tensors.has(tensor.name)) throw new Error(`two tensors of the name "${tensor.name}"`);
    this.tensors.set(tensor.name, tensor);
    return tensor.name;
  }

  /** The images. Channels that do not fill lines (RGB) stay in the order in which they are read from disk. */
  addImages(layer: Layer): string {
    const layout = layer.output.channels % CHANNEL_BLOCK === 0 ? 'nChw16c' : 'nchw';
    return this.addFeature(layer.name, layer.output, layout);
  }

  /** A feature map of its own storage. */
  addFeature(name: string, shape: FeatureShape, layout: Tensor['layout'] = 'nChw16c'): string {
    const extents = [this.#batch, shape.channels, shape.height, shape.width];
    return this.#add({ name, role: 'feature', shape: extents, layout, elementBytes: 4, storage: name });
  }

  /** A tensor shaped like another, in its own storage or in `storage`. */
  addLike(
    name: string,
    like: string,
    role: TensorRole,
    storage = name,
    elementBytes: Tensor['elementBytes'] = 4,
  ): string {
    const { shape, layout } = this.get(like);
    return this.#add({ name, role, shape, layout, elementBytes, storage });
  }

  /** A tensor that is not a feature map. */
  addPlain(name: string, role: TensorRole, shape: readonly number[]): string {
    return this.#add({ name, role, shape, layout: 'plain', elementBytes: 4, storage: name });
  }
}
