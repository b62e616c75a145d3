/** Small training steps written by hand: tensors with their shapes, BN layers and operations. */
import { executeStep } from '../../../src/numerics/execute.js';
import { Execution, type ExecutionSettings } from '../../../src/numerics/execution.js';
import { fillNormal } from '../../../src/numerics/initialise.js';
import type { Precision, Real } from '../../../src/numerics/tensor-store.js';
import type {
  BatchNorm,
  Operation,
  Tensor,
  TensorRole,
  TrainingStep,
  Window2d,
} from '../../../src/training/step.js';

/** A tensor's shape, or its shape, role and storage where they are not a feature map's own. */
export type TensorSketch =
  | readonly number[]
  | { readonly shape: readonly number[]; readonly role?: TensorRole; readonly storage?: string };

/** An operation without the fields that the numerics do not look at. */
type Sketch<T> = T extends Operation
  ? Omit<T, 'name' | 'layer' | 'type' | 'phase'> & { readonly name?: string }
  : never;
export type OperationSketch = Sketch<Operation>;

export const EPSILON = 1e-5;

/** The per-channel tensors of BN layer `layer`, and its description. */
export function sketchBatchNorm(
  layer: string,
  channels: number,
  elements: number,
): { batchNorm: BatchNorm; tensors: Record<string, TensorSketch> } {
  const batchNorm: BatchNorm = {
    layer,
    channels,
    elements,
    epsilon: EPSILON,
    momentum: 0.9,
    mean: `${layer}.mean`,
    variance: `${layer}.variance`,
    gamma: `${layer}.gamma`,
    beta: `${layer}.beta`,
    gammaGradient: `${layer}.gamma.gradient`,
    betaGradient: `${layer}.beta.gradient`,
    runningMean: `${layer}.running-mean`,
    runningVariance: `${layer}.running-variance`,
  };
  const shape = [channels];
  return {
    batchNorm,
    tensors: {
      [batchNorm.mean]: { shape, role: 'statistics' },
      [batchNorm.variance]: { shape, role: 'statistics' },
      [batchNorm.gamma]: { shape, role: 'parameter' },
      [batchNorm.beta]: { shape, role: 'parameter' },
      [batchNorm.gammaGradient]: { shape, role: 'parameter-gradient' },
      [batchNorm.betaGradient]: { shape, role: 'parameter-gradient' },
      [batchNorm.runningMean]: { shape, role: 'statistics' },
      [batchNorm.runningVariance]: { shape, role: 'statistics' },
    },
  };
}

export function makeStep(
  tensors: Readonly<Record<string, TensorSketch>>,
  operations: readonly OperationSketch[],
  batchNorms: readonly BatchNorm[] = [],
): TrainingStep {
  const table = new Map<string, Tensor>();
  for (const [name, sketch] of Object.entries(tensors)) {
    const { shape, role = 'feature', storage = name } = 'shape' in sketch ? sketch : { shape: sketch };
    table.set(name, { name, role, shape, layout: 'plain', elementBytes: 4, storage });
  }
  return {
    network: 'hand-made',
    batch: 1,
    schedule: 'baseline',
    tensors: table,
    batchNorms: new Map(batchNorms.map((batchNorm) => [batchNorm.layer, batchNorm])),
    operations: operations.map(
      (sketch, index) =>
        ({
          layer: 'layer',
          type: 'CONV',
          phase: 'forward',
          name: `${index}.${sketch.kind}`,
          ...sketch,
        }) as Operation,
    ),
  };
}

export interface RunOptions {
  readonly precision?: Precision;
  readonly settings?: Partial<ExecutionSettings>;
}

/** Executes a step in which the tensors of `values` have been set; running statistics start at 0 and 1. */
export function runStep(
  step: TrainingStep,
  values: Readonly<Record<string, ArrayLike<number>>>,
  { precision = 'float32', settings = {} }: RunOptions = {},
): Execution {
  const execution = new Execution(step, precision, settings);
  for (const { runningMean, runningVariance } of step.batchNorms.values()) {
    execution.read(runningMean).fill(0);
    execution.read(runningVariance).fill(1);
  }
  for (const [name, numbers] of Object.entries(values)) execution.read(name).set(numbers);
  executeStep(execution);
  return execution;
}

/** Normally distributed numbers, the same for the same stream. */
export function normals(count: number, stream: string, mean = 0, deviation = 1): Float32Array {
  const values = new Float32Array(count);
  fillNormal(values, stream, mean, deviation);
  return values;
}

/** Square window. */
export function squareWindow(kernel: number, stride = 1, pad = 0): Window2d {
  return {
    kernelHeight: kernel,
    kernelWidth: kernel,
    strideHeight: stride,
    strideWidth: stride,
    padTop: pad,
    padLeft: pad,
  };
}

/** Largest |a - b|, relative to the largest |b| (or to 1 where b is all zeros). */
export function maximumError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let size = 0;
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  for (let at = 0; at < a.length; at++) {
    const distance = Math.abs((a[at] as number) - (b[at] as number));
    if (Number.isNaN(distance)) return Number.NaN;
    difference = Math.max(difference, distance);
    size = Math.max(size, Math.abs(b[at] as number));
  }
  return difference / (size === 0 ? 1 : size);
}

/** A tensor's elements as plain numbers. */
export function numbersOf(values: Real): number[] {
  return [...values];
}
