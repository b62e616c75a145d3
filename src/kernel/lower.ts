/** Lowering: a training step to a program, one kernel per operation. */
import type { Operation, OperationKind, TrainingStep } from '../training/step.js';
import { createAddressMap } from './address-map.js';
import type { Lowering, LoweringContext } from './context.js';
import { lowerConvBackwardData } from './convolution/backward-data.js';
import { lowerConvBackwardWeights } from './convolution/backward-weights.js';
import { lowerConvForward } from './convolution/forward.js';
import { lowerFcBackwardData, lowerFcForward } from './fully-connected/data.js';
import { lowerFcBackwardWeights } from './fully-connected/weights.js';
import type { Kernel, Program, SoftwareOptions, Target } from './kernel.js';
import { lowerBnBackward, lowerBnBackwardData, lowerBnBackwardReduce } from './streaming/bn-backward.js';
import { lowerBnForward, lowerBnNormalise, lowerBnStatistics } from './streaming/bn-forward.js';
import { lowerConcatBackward, lowerConcatForward } from './streaming/concat.js';
import {
  lowerDropoutBackward,
  lowerDropoutForward,
  lowerReluBackward,
  lowerReluForward,
  lowerSumBackward,
} from './streaming/elementwise.js';
import { lowerLrnBackward, lowerLrnForward } from './streaming/lrn.js';
import { lowerPoolBackward, lowerPoolForward } from './streaming/pooling.js';
import { lowerSoftmaxLossBackward, lowerSoftmaxLossForward } from './streaming/softmax-loss.js';
import { lowerSplitBackward, lowerSumForward } from './streaming/sum.js';
import { lowerUpdate } from './streaming/update.js';

type LoweringByKind = { readonly [Kind in OperationKind]: Lowering<Extract<Operation, { kind: Kind }>> };

/** The kernel family of every kind of operation. */
export const LOWERINGS: LoweringByKind = {
  'conv-forward': lowerConvForward,
  'conv-backward-data': lowerConvBackwardData,
  'conv-backward-weights': lowerConvBackwardWeights,
  'bn-forward': lowerBnForward,
  'bn-statistics': lowerBnStatistics,
  'bn-normalise': lowerBnNormalise,
  'bn-backward': lowerBnBackward,
  'bn-backward-reduce': lowerBnBackwardReduce,
  'bn-backward-data': lowerBnBackwardData,
  'relu-forward': lowerReluForward,
  'relu-backward': lowerReluBackward,
  'pool-forward': lowerPoolForward,
  'pool-backward': lowerPoolBackward,
  'concat-forward': lowerConcatForward,
  'concat-backward': lowerConcatBackward,
  'split-backward': lowerSplitBackward,
  'sum-forward': lowerSumForward,
  'sum-backward': lowerSumBackward,
  'fc-forward': lowerFcForward,
  'fc-backward-data': lowerFcBackwardData,
  'fc-backward-weights': lowerFcBackwardWeights,
  'lrn-forward': lowerLrnForward,
  'lrn-backward': lowerLrnBackward,
  'dropout-forward': lowerDropoutForward,
  'dropout-backward': lowerDropoutBackward,
  'softmax-loss-forward': lowerSoftmaxLossForward,
  'softmax-loss-backward': lowerSoftmaxLossBackward,
  update: lowerUpdate,
};

/** Lowers one operation. */
export function lowerOperation(operation: Operation, context: LoweringContext): Kernel {
  // The registry pairs every kind with a function of that kind; the compiler cannot follow the pairing through the union.
  const lower = LOWERINGS[operation.kind] as Lowering<Operation>;
  return lower(operation, context);
}

/**
 * Lowers a training step for a machine: lays out its tensors and gives every operation its kernel, in order.
 * Throws a RangeError where tensors do not fit the address space (2^31 lines) or an operation has a tensor of a shape or layout that its kernel cannot take.
 * @param step built with the simulated images; `target.totalBatch` is the whole mini-batch
 */
export function lowerProgram(step: TrainingStep, target: Target, software: SoftwareOptions): Program {
  const map = createAddressMap(step);
  const context: LoweringContext = {
    step,
    target,
    software,
    baseOf: map.baseOf,
    linesOf: map.linesOf,
    scratch: map.scratch,
  };
  const kernels = step.operations.map((operation) => lowerOperation(operation, context));
  return {
    name: `${step.network}, ${step.schedule}, batch ${step.batch}`,
    threads: target.threads,
    kernels,
    lines: map.lines(),
    parameterBase: map.parameterBase,
    parameterEnd: map.parameterEnd,
  };
}
