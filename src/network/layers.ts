/**
 * A network: a forward graph of layers with shapes, in an order in which every layer follows its inputs.
 *
 * A layer's name is also the name of its output. Shapes are per image; the mini-batch comes in with the training step.
 */

/** Channels of one line in the blocked layout nChw16c: 16 single-precision numbers are 64 bytes. */
export const CHANNEL_BLOCK = 16;

/** Channels, height and width of one image's feature map. A vector has height and width 1. */
export interface FeatureShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** A sliding window, in input elements. Padding is symmetric unless the output's rounding leaves the far edge short or over. */
export interface Window {
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly padHeight: number;
  readonly padWidth: number;
}

interface LayerBase {
  /** Unique, for example `conv2_1/x1`. */
  readonly name: string;
  /** Names of the layers whose outputs it takes, in order. */
  readonly inputs: readonly string[];
  readonly output: FeatureShape;
}

export interface InputLayer extends LayerBase {
  readonly type: 'input';
}

export interface ConvLayer extends LayerBase {
  readonly type: 'conv';
  readonly window: Window;
  readonly groups: number;
  readonly bias: boolean;
}

/** Batch normalisation with scale and shift (Caffe's BatchNorm and Scale in one). */
export interface BnLayer extends LayerBase {
  readonly type: 'bn';
  readonly epsilon: number;
  /** Share of the old running statistics that an iteration keeps: running = momentum * running + (1 - momentum) * batch. */
  readonly momentum: number;
}

export interface ReluLayer extends LayerBase {
  readonly type: 'relu';
}

export interface PoolLayer extends LayerBase {
  readonly type: 'pool';
  /** Average pooling divides by kernelHeight * kernelWidth, padding included. */
  readonly mode: 'max' | 'average';
  readonly window: Window;
}

/** Average over the whole plane. */
export interface GlobalPoolLayer extends LayerBase {
  readonly type: 'global-pool';
}

/** Joins its inputs along the channels. */
export interface ConcatLayer extends LayerBase {
  readonly type: 'concat';
}

/** Adds its inputs element by element. */
export interface SumLayer extends LayerBase {
  readonly type: 'sum';
}

export interface FcLayer extends LayerBase {
  readonly type: 'fc';
  readonly bias: boolean;
}

/** Local response normalisation across channels: y = x / (1 + alpha / localSize * sum x^2)^beta. */
export interface LrnLayer extends LayerBase {
  readonly type: 'lrn';
  readonly localSize: number;
  readonly alpha: number;
  readonly beta: number;
}

export interface DropoutLayer extends LayerBase {
  readonly type: 'dropout';
  /** Probability that an element is dropped; the others are scaled by 1 / (1 - ratio). */
  readonly ratio: number;
}

/** Softmax and cross-entropy; the output is the probabilities. */
export interface SoftmaxLossLayer extends LayerBase {
  readonly type: 'softmax-loss';
}

/** A layer of any type, told apart by `type`. */
export type Layer =
  | InputLayer
  | ConvLayer
  | BnLayer
  | ReluLayer
  | PoolLayer
  | GlobalPoolLayer
  | ConcatLayer
  | SumLayer
  | FcLayer
  | LrnLayer
  | DropoutLayer
  | SoftmaxLossLayer;

export type LayerType = Layer['type'];

/** A CNN as a graph of layers with shapes. */
export interface Network {
  readonly name: string;
  readonly description: string;
  /** In topological order; the first is the only `input` layer. */
  readonly layers: readonly Layer[];
}

/** Elements of one image's feature map. */
export function featureElements(shape: FeatureShape): number {
  return shape.channels * shape.height * shape.width;
}

/** `64x56x56`: channels, height, width. */
export function formatShape(shape: FeatureShape): string {
  return `${shape.channels}x${shape.height}x${shape.width}`;
}
