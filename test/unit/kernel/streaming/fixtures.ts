/** Small steps and targets for the kernel tests. */
import { createAddressMap } from '../../../../src/kernel/address-map.js';
import type { LoweringContext } from '../../../../src/kernel/context.js';
import type { LineRange, SoftwareOptions, Target } from '../../../../src/kernel/kernel.js';
import type { BatchNorm, Operation, Tensor, TrainingStep } from '../../../../src/training/step.js';

/** A Skylake-like core; `threads` of `totalThreads` simulated. */
export function makeTarget(overrides: Partial<Target> = {}): Target {
  const threads = overrides.threads ?? 2;
  return {
    threads,
    totalThreads: threads,
    totalBatch: 4,
    issueWidth: 4,
    vectorBits: 512,
    vectorRegisters: 32,
    fmaUnits: 2,
    fmaLatencyCycles: 4,
    loadPorts: 2,
    storePorts: 1,
    l1Bytes: 32 * 1024,
    l2Bytes: 1024 * 1024,
    llcBytesPerThread: 1.375 * 1024 * 1024,
    ...overrides,
  };
}

export const SOFTWARE: SoftwareOptions = {
  bnBlocking: 'streaming',
  nonTemporalStores: true,
  softwarePrefetch: true,
};

export function feature(name: string, shape: readonly number[], overrides: Partial<Tensor> = {}): Tensor {
  return { name, role: 'feature', shape, layout: 'nChw16c', elementBytes: 4, storage: name, ...overrides };
}

export function plain(name: string, role: Tensor['role'], shape: readonly number[]): Tensor {
  return { name, role, shape, layout: 'plain', elementBytes: 4, storage: name };
}

/** A BN layer and its per-channel tensors. */
export function batchNorm(
  layer: string,
  channels: number,
  elements: number,
): { norm: BatchNorm; tensors: Tensor[] } {
  const norm: BatchNorm = {
    layer,
    channels,
    elements,
    epsilon: 1e-5,
    momentum: 0.1,
    mean: `${layer}.mean`,
    variance: `${layer}.variance`,
    gamma: `${layer}.gamma`,
    beta: `${layer}.beta`,
    gammaGradient: `${layer}.gamma.gradient`,
    betaGradient: `${layer}.beta.gradient`,
    runningMean: `${layer}.running-mean`,
    runningVariance: `${layer}.running-variance`,
  };
  const tensors = [
    ...[norm.mean, norm.variance, norm.runningMean, norm.runningVariance].map((name) =>
      plain(name, 'statistics', [channels]),
    ),
    ...[norm.gamma, norm.beta].map((name) => plain(name, 'parameter', [channels])),
    ...[norm.gammaGradient, norm.betaGradient].map((name) => plain(name, 'parameter-gradient', [channels])),
  ];
  return { norm, tensors };
}

export function makeStep(
  tensors: readonly Tensor[],
  norms: readonly BatchNorm[] = [],
  operations: readonly Operation[] = [],
): TrainingStep {
  return {
    network: 'test',
    batch: 4,
    schedule: 'baseline',
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    batchNorms: new Map(norms.map((norm) => [norm.layer, norm])),
    operations,
  };
}

export function makeContext(
  step: TrainingStep,
  target: Target = makeTarget(),
  software: SoftwareOptions = SOFTWARE,
): LoweringContext {
  const { baseOf, linesOf, scratch } = createAddressMap(step);
  return { step, target, software, baseOf, linesOf, scratch };
}

/** All lines of a tensor. */
export function wholeRange(context: LoweringContext, tensor: string): LineRange {
  return { tensor, base: context.baseOf(tensor), lines: context.linesOf(tensor) };
}

/** Common fields of an operation. */
export function named<T extends OperationType>(
  name: string,
  type: T,
  phase: 'forward' | 'backward' | 'update',
) {
  return { name, layer: name, type, phase };
}
type OperationType = Operation['type'];
