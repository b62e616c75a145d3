/** Hand-made convolutions for the kernel tests: one conv operation, its tensors, and the context to lower it in. */
import { createAddressMap } from '../../../../src/kernel/address-map.js';
import type { LoweringContext } from '../../../../src/kernel/context.js';
import { lowerConvBackwardData } from '../../../../src/kernel/convolution/backward-data.js';
import { lowerConvBackwardWeights } from '../../../../src/kernel/convolution/backward-weights.js';
import { lowerConvForward } from '../../../../src/kernel/convolution/forward.js';
import type { Kernel, SoftwareOptions, Target } from '../../../../src/kernel/kernel.js';
import type {
  BatchNorm,
  GradientSource,
  LoadTransform,
  MaskedStore,
  StatisticsEpilogue,
  Tensor,
  TensorRole,
  TrainingStep,
} from '../../../../src/training/step.js';

/** One core of docs/paper.md's Skylake machine. */
export const SKYLAKE: Target = {
  threads: 1,
  totalThreads: 1,
  totalBatch: 120,
  issueWidth: 4,
  vectorBits: 512,
  vectorRegisters: 32,
  fmaUnits: 2,
  fmaLatencyCycles: 4,
  loadPorts: 2,
  storePorts: 1,
  l1Bytes: 32 * 1024,
  l2Bytes: 1024 * 1024,
  llcBytesPerThread: 1408 * 1024,
};

/** A thread of docs/paper.md's Knights Landing machine: 2-wide, two cores to an L2. */
export const KNIGHTS_LANDING: Target = {
  ...SKYLAKE,
  issueWidth: 2,
  fmaLatencyCycles: 6,
  l2Bytes: 512 * 1024,
  llcBytesPerThread: 0,
};

/** A small 256-bit core. */
export const TEACHING: Target = { ...SKYLAKE, vectorBits: 256, vectorRegisters: 16, l2Bytes: 256 * 1024 };

export const SOFTWARE: SoftwareOptions = {
  bnBlocking: 'streaming',
  nonTemporalStores: true,
  softwarePrefetch: false,
};

export interface Shape {
  readonly images: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly height: number;
  readonly width: number;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
  readonly groups?: number;
  readonly planar?: boolean;
  readonly bias?: boolean;
}

export interface Fusion {
  /** Tensor of the input's shape that forward and backward-weights read in the input's place. */
  readonly input?: 'in' | 'in.y' | 'in.z';
  readonly load?: LoadTransform;
  readonly statistics?: readonly StatisticsEpilogue[];
  readonly gradient?: GradientSource;
  readonly store?: MaskedStore;
}

export const outSize = (size: number, shape: Shape): number =>
  Math.floor((size + 2 * shape.pad - shape.kernel) / shape.stride) + 1;

/** 2 * N * OC * OH * OW * IC / groups * KH * KW. */
export function convFlops(shape: Shape): number {
  return (
    2 *
    shape.images *
    shape.outChannels *
    outSize(shape.height, shape) *
    outSize(shape.width, shape) *
    (shape.inChannels / (shape.groups ?? 1)) *
    shape.kernel ** 2
  );
}

function batchNorm(layer: string, channels: number): BatchNorm {
  return {
    layer,
    channels,
    elements: 1,
    epsilon: 1e-5,
    momentum: 0.9,
    mean: `${layer}.mean`,
    variance: `${layer}.variance`,
    gamma: `${layer}.gamma`,
    beta: `${layer}.beta`,
    gammaGradient: `${layer}.gammaGradient`,
    betaGradient: `${layer}.betaGradient`,
    runningMean: `${layer}.runningMean`,
    runningVariance: `${layer}.runningVariance`,
  };
}

/**
 * A step with X, Y, Z and their gradients on both sides of one convolution: `in` (X before it), `in.y`, `in.z`, `in.gradient`; `out`, `out.y`,
 * `out.dy`, `out.gradient`; `weights`, `weights.gradient`, `bias`, `bias.gradient`; BN layers `in.bn` and `out.bn`.
 */
export function makeContext(
  shape: Shape,
  target: Target,
  software: SoftwareOptions = SOFTWARE,
): LoweringContext {
  const tensors = new Map<string, Tensor>();
  const add = (name: string, tensorShape: number[], layout: Tensor['layout'], role: TensorRole): void => {
    tensors.set(name, { name, role, shape: tensorShape, layout, elementBytes: 4, storage: name });
  };
  const inputShape = [shape.images, shape.inChannels, shape.height, shape.width];
  const outputShape = [
    shape.images,
    shape.outChannels,
    outSize(shape.height, shape),
    outSize(shape.width, shape),
  ];
  const inputLayout = shape.planar ? 'nchw' : 'nChw16c';
  for (const name of ['in', 'in.y', 'in.z', 'in.gradient']) add(name, inputShape, inputLayout, 'feature');
  for (const name of ['out', 'out.dy', 'out.gradient']) add(name, outputShape, 'nChw16c', 'feature');
  const weightShape = [shape.outChannels, shape.inChannels / (shape.groups ?? 1), shape.kernel, shape.kernel];
  add('weights', weightShape, 'plain', 'parameter');
  add('weights.gradient', weightShape, 'plain', 'parameter-gradient');
  add('bias', [shape.outChannels], 'plain', 'parameter');
  add('bias.gradient', [shape.outChannels], 'plain', 'parameter-gradient');
  const batchNorms = new Map<string, BatchNorm>();
  for (const bn of [batchNorm('in.bn', shape.inChannels), batchNorm('out.bn', shape.outChannels)]) {
    batchNorms.set(bn.layer, bn);
    for (const name of Object.values(bn)) {
      if (typeof name === 'string' && name !== bn.layer) add(name, [bn.channels], 'plain', 'statistics');
    }
  }
  const step: TrainingStep = {
    network: 'test',
    batch: shape.images,
    schedule: 'baseline',
    tensors,
    batchNorms,
    operations: [],
  };
  const map = createAddressMap(step);
  return { step, target, software, baseOf: map.baseOf, linesOf: map.linesOf, scratch: map.scratch };
}

const windowOf = (shape: Shape) => ({
  kernelHeight: shape.kernel,
  kernelWidth: shape.kernel,
  strideHeight: shape.stride,
  strideWidth: shape.stride,
  padTop: shape.pad,
  padLeft: shape.pad,
});

export type Direction = 'forward' | 'backward-data' | 'backward-weights';

/** Lowers the convolution of a context from `makeContext` in one direction. */
export function lowerCase(
  shape: Shape,
  direction: Direction,
  context: LoweringContext,
  fusion: Fusion = {},
): Kernel {
  const common = {
    name: `conv.${direction}`,
    layer: 'conv',
    type: 'CONV' as const,
    phase: direction === 'forward' ? ('forward' as const) : ('backward' as const),
    window: windowOf(shape),
    groups: shape.groups ?? 1,
  };
  const gradient = fusion.gradient ?? { kind: 'stored', tensor: 'out.gradient' };
  switch (direction) {
    case 'forward':
      return lowerConvForward(
        {
          ...common,
          kind: 'conv-forward',
          input: fusion.input ?? 'in',
          load: fusion.load ?? null,
          weights: 'weights',
          bias: shape.bias ? 'bias' : null,
          output: 'out',
          statistics: fusion.statistics ?? [],
        },
        context,
      );
    case 'backward-data':
      return lowerConvBackwardData(
        {
          ...common,
          kind: 'conv-backward-data',
          gradient,
          weights: 'weights',
          output: 'in.gradient',
          store: fusion.store ?? null,
        },
        context,
      );
    case 'backward-weights':
      return lowerConvBackwardWeights(
        {
          ...common,
          kind: 'conv-backward-weights',
          input: fusion.input ?? 'in',
          load: fusion.load ?? null,
          gradient,
          output: 'weights.gradient',
          biasOutput: shape.bias ? 'bias.gradient' : null,
        },
        context,
      );
  }
}

export const DIRECTIONS: readonly Direction[] = ['forward', 'backward-data', 'backward-weights'];

const base: Shape = {
  images: 2,
  inChannels: 32,
  outChannels: 48,
  height: 14,
  width: 14,
  kernel: 3,
  stride: 1,
  pad: 1,
};

/** Shapes that exercise every path: filters, strides, paddings, tails, groups, the planar input. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  '3x3': base,
  '3x3, odd plane': { ...base, height: 13, width: 11 },
  '3x3, one row': { ...base, height: 1, width: 9 },
  '3x3 stride 2, even plane': { ...base, stride: 2 },
  '3x3 stride 2, odd plane': { ...base, stride: 2, height: 15, width: 13 },
  '3x3 without padding': { ...base, pad: 0 },
  '5x5': { ...base, kernel: 5, pad: 2, height: 9, width: 9 },
  '7x7 stride 2, planar RGB': {
    ...base,
    inChannels: 3,
    kernel: 7,
    stride: 2,
    pad: 3,
    height: 31,
    width: 30,
    planar: true,
  },
  '11x11 stride 4, planar RGB': {
    ...base,
    inChannels: 3,
    kernel: 11,
    stride: 4,
    pad: 0,
    height: 47,
    width: 47,
    planar: true,
  },
  '2x2 stride 3': { ...base, kernel: 2, stride: 3, pad: 0, height: 12, width: 13 },
  '1x1': { ...base, kernel: 1, pad: 0 },
  '1x1, wide plane': { ...base, kernel: 1, pad: 0, height: 30, width: 29, images: 1 },
  '1x1, prime plane': { ...base, kernel: 1, pad: 0, height: 5, width: 5 },
  '1x1 stride 2, even plane': { ...base, kernel: 1, pad: 0, stride: 2 },
  '1x1 stride 2, odd plane': { ...base, kernel: 1, pad: 0, stride: 2, height: 9, width: 7 },
  '1x1, padded': { ...base, kernel: 1, pad: 1, height: 5, width: 6 },
  '1x1, deep reduction': { ...base, kernel: 1, pad: 0, inChannels: 1024, height: 3, width: 3 },
  '1x1, deep reduction backward': { ...base, kernel: 1, pad: 0, outChannels: 1040, height: 3, width: 3 },
  '1x1 stride 2, deep reduction': {
    ...base,
    kernel: 1,
    pad: 0,
    stride: 2,
    inChannels: 1024,
    height: 4,
    width: 4,
  },
  '1x1 stride 2, deep reduction backward': {
    ...base,
    kernel: 1,
    pad: 0,
    stride: 2,
    outChannels: 1024,
    height: 4,
    width: 4,
  },
  '3x3, channel tails': { ...base, inChannels: 40, outChannels: 24 },
  '1x1, channel tails': { ...base, kernel: 1, pad: 0, inChannels: 24, outChannels: 70 },
  '3x3, two groups': { ...base, groups: 2, inChannels: 64, outChannels: 96 },
  '3x3, bias': { ...base, bias: true },
  '1x1, bias': { ...base, kernel: 1, pad: 0, bias: true },
  '3x3, many output blocks': { ...base, outChannels: 160, height: 7, width: 7 },
};
