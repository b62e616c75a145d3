/**
 * A training step: one forward and backward pass and the weight update, as a list of operations on named tensors.
 *
 * Every operation says which tensors it sweeps; the schedule's passes rewrite the list, the kernels lower it, the numerics execute it. Batch
 * normalisation is described once (`BatchNorm`) and referred to by name, because fission spreads its parts over several operations.
 */
import type { OperationType, Phase } from '../kernel/kernel.js';

export type TensorRole =
  | 'feature'
  | 'feature-gradient'
  | 'parameter'
  | 'parameter-gradient'
  | 'optimiser-state'
  /** Per-channel vectors: mean, variance, sums. */
  | 'statistics'
  /** Small integers saved for the backward pass (max pooling's argmax, dropout's mask). */
  | 'mask'
  | 'label';

export interface Tensor {
  readonly name: string;
  readonly role: TensorRole;
  /** Feature maps: [N, C, H, W] (nChw16c in memory, C rounded up to 16, except the network's input: see `layout`). Parameters: their own shape. */
  readonly shape: readonly number[];
  readonly layout: 'nChw16c' | 'nchw' | 'plain';
  /** Bytes per element. */
  readonly elementBytes: 1 | 4;
  /** Tensors with the same storage share their memory: in-place ReLU, Split's forward pointers, reshapes. */
  readonly storage: string;
}

/** One BN layer and its per-channel tensors, all of shape [C]. m = N*H*W elements are reduced per channel. */
export interface BatchNorm {
  readonly layer: string;
  readonly channels: number;
  /** Elements per channel over the mini-batch. */
  readonly elements: number;
  readonly epsilon: number;
  readonly momentum: number;
  readonly mean: string;
  readonly variance: string;
  readonly gamma: string;
  readonly beta: string;
  readonly gammaGradient: string;
  readonly betaGradient: string;
  readonly runningMean: string;
  readonly runningVariance: string;
}

/** What a consumer applies to an element as it loads it: z = clip(normalise(x)); either part may be absent, not both. */
export interface LoadTransform {
  /** BN layer whose normalise, scale and shift is applied. */
  readonly batchNorm: string | null;
  readonly relu: boolean;
  /** Tensor that the transformed values are also written to as they are computed (Z stored for the backward pass). */
  readonly storeTo: string | null;
}

/** Sum and sum of squares of channels [from, to) of the tensor just written (or copied), for BN layer `batchNorm`; `from` is that BN's own channel index. */
export interface StatisticsEpilogue {
  readonly batchNorm: string;
  /** First channel, in the BN's channels, that the sums go to. */
  readonly channelOffset: number;
  readonly channels: number;
}

/**
 * Where a backward operation takes the gradient of its output from: a stored tensor, or dY and X from which it computes
 * dX = gamma / sqrt(var + eps) * (dY - dbeta/m - xhat * dgamma/m) as it loads them.
 */
export type GradientSource =
  | { readonly kind: 'stored'; readonly tensor: string }
  | {
      readonly kind: 'through-batch-norm';
      readonly batchNorm: string;
      /** dY */
      readonly gradient: string;
      /** X, the BN's input */
      readonly input: string;
      /** Tensor that dX is also written to (materialised once), or null. */
      readonly storeTo: string | null;
    };

/** How a backward-data result is masked by ReLU as it is stored: by the sign of Y (recomputed from X where `batchNorm` is set). */
export interface MaskedStore {
  /** Y, or X where `batchNorm` is set: read once, beside the store. */
  readonly tensor: string;
  /** BN through which Y is recomputed from X. Null: the tensor's own sign is the mask. */
  readonly batchNorm: string | null;
  /** Whether a ReLU clips (false: BN without ReLU, only dgamma and dbeta are accumulated). */
  readonly relu: boolean;
  /** BN whose dgamma and dbeta are accumulated from the masked result and X; null for none. */
  readonly accumulate: string | null;
}

export interface Window2d {
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
}

interface OperationBase {
  /** Unique, for example `conv2_1/x1.forward`. */
  readonly name: string;
  /** Layer of the network that it (or its host) comes from. */
  readonly layer: string;
  readonly type: OperationType;
  readonly phase: Phase;
}

export interface ConvForward extends OperationBase {
  readonly kind: 'conv-forward';
  readonly window: Window2d;
  readonly groups: number;
  readonly input: string;
  readonly load: LoadTransform | null;
  readonly weights: string;
  readonly bias: string | null;
  readonly output: string;
  readonly statistics: readonly StatisticsEpilogue[];
}

export interface ConvBackwardData extends OperationBase {
  readonly kind: 'conv-backward-data';
  readonly window: Window2d;
  readonly groups: number;
  readonly gradient: GradientSource;
  readonly weights: string;
  /** Gradient of the CONV's input; of the transformed input's pre-ReLU value where `store` is set. */
  readonly output: string;
  readonly store: MaskedStore | null;
}

export interface ConvBackwardWeights extends OperationBase {
  readonly kind: 'conv-backward-weights';
  readonly window: Window2d;
  readonly groups: number;
  readonly input: string;
  /** Recomputes Z from X (or Y) as it loads it. */
  readonly load: LoadTransform | null;
  readonly gradient: GradientSource;
  readonly output: string;
  readonly biasOutput: string | null;
}

/** BN forward, whole (baseline): mean, variance, normalise. */
export interface BnForward extends OperationBase {
  readonly kind: 'bn-forward';
  readonly batchNorm: string;
  /** Two-pass: mean, then sum of (x - mean)^2: 2R. Single-pass (MVF): 1R. */
  readonly statistics: 'two-pass' | 'single-pass';
  readonly input: string;
  readonly output: string;
  /** BN + ReLU already fused by the baseline software. */
  readonly relu: boolean;
}

/** Sub-BN1 forward on its own. */
export interface BnStatistics extends OperationBase {
  readonly kind: 'bn-statistics';
  readonly batchNorm: string;
  readonly statistics: 'two-pass' | 'single-pass';
  readonly input: string;
}

/** Sub-BN2 forward on its own: normalise, scale, shift. */
export interface BnNormalise extends OperationBase {
  readonly kind: 'bn-normalise';
  readonly batchNorm: string;
  readonly input: string;
  readonly output: string;
  readonly relu: boolean;
}

/** BN backward, whole: loop 1 reads X and dY for dgamma and dbeta, loop 2 reads both again and writes dX. */
export interface BnBackward extends OperationBase {
  readonly kind: 'bn-backward';
  readonly batchNorm: string;
  readonly input: string;
  readonly gradient: string;
  readonly output: string;
  /** With `bn-forward.relu`: Y's tensor, whose sign masks dY as it is loaded; else null. */
  readonly maskedBy: string | null;
}

/** Sub-BN2 backward on its own: dgamma and dbeta from X and dY. */
export interface BnBackwardReduce extends OperationBase {
  readonly kind: 'bn-backward-reduce';
  readonly batchNorm: string;
  readonly input: string;
  readonly gradient: string;
}

/** Sub-BN1 backward on its own: dX from X, dY and the complete dgamma and dbeta. */
export interface BnBackwardData extends OperationBase {
  readonly kind: 'bn-backward-data';
  readonly batchNorm: string;
  readonly input: string;
  readonly gradient: string;
  readonly output: string;
}

export interface ReluForward extends OperationBase {
  readonly kind: 'relu-forward';
  readonly input: string;
  readonly output: string;
}

export interface ReluBackward extends OperationBase {
  readonly kind: 'relu-backward';
  /** Z (or Y): its sign is the mask. */
  readonly value: string;
  readonly gradient: string;
  readonly output: string;
}

export interface PoolForward extends OperationBase {
  readonly kind: 'pool-forward';
  readonly mode: 'max' | 'average';
  readonly window: Window2d;
  readonly input: string;
  readonly output: string;
  /** Argmax of max pooling, saved for the backward pass; null for average pooling. */
  readonly mask: string | null;
}

export interface PoolBackward extends OperationBase {
  readonly kind: 'pool-backward';
  readonly mode: 'max' | 'average';
  readonly window: Window2d;
  readonly gradient: string;
  readonly mask: string | null;
  readonly output: string;
}

/** Copies every input into its channel range of the output, in order. */
export interface ConcatForward extends OperationBase {
  readonly kind: 'concat-forward';
  readonly inputs: readonly string[];
  readonly output: string;
  /** ICF: statistics of the copied channels that ride on the copy. */
  readonly statistics: readonly StatisticsEpilogue[];
}

/** Copies each channel range of the gradient out to the input it belongs to. */
export interface ConcatBackward extends OperationBase {
  readonly kind: 'concat-backward';
  /** Stored by the training step. ICF: may be `through-batch-norm`, for a BN that alone consumes the Concat. */
  readonly gradient: GradientSource;
  readonly outputs: readonly string[];
}

/** Sums the gradients of a tensor with several consumers. Forward, Split is by pointer and no operation. */
export interface SplitBackward extends OperationBase {
  readonly kind: 'split-backward';
  /** ICF: a source may be `through-batch-norm`. */
  readonly gradients: readonly GradientSource[];
  readonly output: string;
}

export interface SumForward extends OperationBase {
  readonly kind: 'sum-forward';
  readonly inputs: readonly string[];
  readonly output: string;
}

/** The gradient of an element-wise sum, copied to every input that does not share its storage. */
export interface SumBackward extends OperationBase {
  readonly kind: 'sum-backward';
  readonly gradient: string;
  readonly outputs: readonly string[];
}

export interface FcForward extends OperationBase {
  readonly kind: 'fc-forward';
  readonly input: string;
  readonly weights: string;
  readonly bias: string | null;
  readonly output: string;
}

export interface FcBackwardData extends OperationBase {
  readonly kind: 'fc-backward-data';
  readonly gradient: string;
  readonly weights: string;
  readonly output: string;
}

export interface FcBackwardWeights extends OperationBase {
  readonly kind: 'fc-backward-weights';
  readonly input: string;
  readonly gradient: string;
  readonly output: string;
  readonly biasOutput: string | null;
}

export interface LrnForward extends OperationBase {
  readonly kind: 'lrn-forward';
  readonly localSize: number;
  readonly alpha: number;
  readonly beta: number;
  readonly input: string;
  readonly output: string;
  /** Scale saved for the backward pass. */
  readonly scale: string;
}

export interface LrnBackward extends OperationBase {
  readonly kind: 'lrn-backward';
  readonly localSize: number;
  readonly alpha: number;
  readonly beta: number;
  readonly input: string;
  readonly output: string;
  readonly scale: string;
  /** Forward output. */
  readonly value: string;
  readonly gradient: string;
}

export interface DropoutForward extends OperationBase {
  readonly kind: 'dropout-forward';
  readonly ratio: number;
  readonly input: string;
  readonly output: string;
  readonly mask: string;
}

export interface DropoutBackward extends OperationBase {
  readonly kind: 'dropout-backward';
  readonly ratio: number;
  readonly gradient: string;
  readonly mask: string;
  readonly output: string;
}

/** Softmax and cross-entropy over the mini-batch: probabilities and loss forward, (p - onehot) / N backward. */
export interface SoftmaxLossForward extends OperationBase {
  readonly kind: 'softmax-loss-forward';
  readonly input: string;
  readonly labels: string;
  readonly probabilities: string;
  readonly loss: string;
}

export interface SoftmaxLossBackward extends OperationBase {
  readonly kind: 'softmax-loss-backward';
  readonly probabilities: string;
  readonly labels: string;
  readonly output: string;
}

/** SGD with momentum and weight decay on one parameter: v = momentum*v + lr*(dW + decay*W); W -= v. Reads W, dW, v; writes v, W. */
export interface Update extends OperationBase {
  readonly kind: 'update';
  readonly parameter: string;
  readonly gradient: string;
  readonly velocity: string;
}

/** An operation of any kind, told apart by `kind`: the tensors that it reads and writes, by name. */
export type Operation =
  | ConvForward
  | ConvBackwardData
  | ConvBackwardWeights
  | BnForward
  | BnStatistics
  | BnNormalise
  | BnBackward
  | BnBackwardReduce
  | BnBackwardData
  | ReluForward
  | ReluBackward
  | PoolForward
  | PoolBackward
  | ConcatForward
  | ConcatBackward
  | SplitBackward
  | SumForward
  | SumBackward
  | FcForward
  | FcBackwardData
  | FcBackwardWeights
  | LrnForward
  | LrnBackward
  | DropoutForward
  | DropoutBackward
  | SoftmaxLossForward
  | SoftmaxLossBackward
  | Update;

export type OperationKind = Operation['kind'];

/** A training step (see the top of this file). Plain data; passes make new ones. */
export interface TrainingStep {
  readonly network: string;
  readonly batch: number;
  /** Name of the list of passes applied so far; `baseline` for none. */
  readonly schedule: string;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly batchNorms: ReadonlyMap<string, BatchNorm>;
  /** In execution order: forward, backward, update. */
  readonly operations: readonly Operation[];
}
