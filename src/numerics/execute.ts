/** Executes a training step, any schedule, forward, backward and update, on real numbers. */
import type { Operation } from '../training/step.js';
import type { Execution, Operator, OperatorRegistry } from './execution.js';
import {
  bnBackward,
  bnBackwardData,
  bnBackwardReduce,
  bnForward,
  bnNormalise,
  bnStatistics,
} from './operators/batch-normalisation.js';
import {
  concatBackward,
  concatForward,
  splitBackward,
  sumBackward,
  sumForward,
} from './operators/concat-split.js';
import { convolutionBackwardData } from './operators/convolution-backward-data.js';
import { convolutionBackwardWeights } from './operators/convolution-backward-weights.js';
import { convolutionForward } from './operators/convolution-forward.js';
import { dropoutBackward, dropoutForward } from './operators/dropout.js';
import { fcBackwardData, fcBackwardWeights, fcForward } from './operators/fully-connected.js';
import { softmaxLossBackward, softmaxLossForward } from './operators/loss.js';
import { lrnBackward, lrnForward } from './operators/lrn.js';
import { poolBackward, poolForward } from './operators/pooling.js';
import { reluBackward, reluForward } from './operators/relu.js';
import { update } from './operators/update.js';

/** Literal registry: an operation kind is executed by the operator of its name. */
export const OPERATORS: OperatorRegistry = {
  'conv-forward': convolutionForward,
  'conv-backward-data': convolutionBackwardData,
  'conv-backward-weights': convolutionBackwardWeights,
  'bn-forward': bnForward,
  'bn-statistics': bnStatistics,
  'bn-normalise': bnNormalise,
  'bn-backward': bnBackward,
  'bn-backward-reduce': bnBackwardReduce,
  'bn-backward-data': bnBackwardData,
  'relu-forward': reluForward,
  'relu-backward': reluBackward,
  'pool-forward': poolForward,
  'pool-backward': poolBackward,
  'concat-forward': concatForward,
  'concat-backward': concatBackward,
  'split-backward': splitBackward,
  'sum-forward': sumForward,
  'sum-backward': sumBackward,
  'fc-forward': fcForward,
  'fc-backward-data': fcBackwardData,
  'fc-backward-weights': fcBackwardWeights,
  'lrn-forward': lrnForward,
  'lrn-backward': lrnBackward,
  'dropout-forward': dropoutForward,
  'dropout-backward': dropoutBackward,
  'softmax-loss-forward': softmaxLossForward,
  'softmax-loss-backward': softmaxLossBackward,
  update,
};

/** Called after each operation with the names of the tensors that it wrote, while they still hold what it wrote. */
export type Observer = (operation: Operation, written: readonly string[]) => void;

/**
 * Executes every operation of the step once, in order.
 * @param operators operators other than the shipped ones, for kinds that a caller executes in a way of its own
 * @throws Error where an operation names a tensor or BN layer that the step lacks
 */
export function executeStep(
  execution: Execution,
  observe?: Observer,
  operators: Partial<OperatorRegistry> = {},
): void {
  const registry: OperatorRegistry = { ...OPERATORS, ...operators };
  execution.takeWritten();
  for (const operation of execution.step.operations) {
    // The registry pairs each kind with an operator for exactly that kind, which the index access cannot express.
    (registry[operation.kind] as Operator<Operation['kind']>)(operation, execution);
    const written = execution.takeWritten();
    observe?.(operation, written);
  }
}
