/** From a network to the operations of one training iteration, as the baseline software runs them. */
import type { Network } from '../network/layers.js';
import { BackwardPass } from './backward.js';
import { buildForward } from './forward.js';
import { planTraining, type TrainingOptions } from './plan.js';
import type { BatchNorm, Operation, TrainingStep, Update } from './step.js';
import { describeBatchNorm, gradientName, TensorTable, velocityName } from './tensor-table.js';

function buildUpdates(table: TensorTable): Update[] {
  const parameters = [...table.tensors.values()].filter((tensor) => tensor.role === 'parameter');
  return parameters.map(({ name }) => ({
    name: `${name}.update`,
    layer: name.slice(0, name.lastIndexOf('.')),
    type: 'Update',
    phase: 'update',
    kind: 'update',
    parameter: name,
    gradient: gradientName(name),
    velocity: velocityName(name),
  }));
}

/**
 * Builds the baseline training step: forward in the network's order, backward in reverse, then one SGD update per parameter.
 *
 * Follows Intel Caffe on MKL-DNN: ReLU and dropout work in place where they are the only user of their input; Concat copies; Split is by pointer
 * and sums its gradients in one operation, just before the backward pass of the layer whose output was split; the inputs of an element-wise sum
 * share its gradient; CONV and FC compute the gradient of their input before that of their weights, and not at all where nothing before them learns.
 *
 * Names: a layer's output has the layer's name, its gradient `layer.gradient` (`layer.gradient.consumer` for a part that Split sums), parameters
 * `layer.weights`, `.bias`, `.gamma`, `.beta`, with `.gradient` and `.velocity` behind; operations `layer.forward`, `.backward`, `.backward-data`,
 * `.backward-weights`, `.split-backward` and `parameter.update`.
 *
 * @throws RangeError if the batch is not a positive whole number
 */
export function buildTrainingStep(network: Network, options: TrainingOptions): TrainingStep {
  if (!Number.isInteger(options.batch) || options.batch < 1) {
    throw new RangeError(`the batch must be a whole number of at least 1, not ${options.batch}`);
  }
  const plan = planTraining(network, options);
  const table = new TensorTable(options.batch);
  const batchNorms = new Map<string, BatchNorm>();
  const forward: Operation[] = [];
  for (const layer of network.layers) {
    const operation = buildForward(layer, plan, table);
    if (operation !== null) forward.push(operation);
    if (layer.type === 'bn') batchNorms.set(layer.name, describeBatchNorm(layer, options.batch));
  }
  const backward = new BackwardPass(plan, table);
  for (const layer of network.layers.toReversed()) backward.add(layer);
  return {
    network: network.name,
    batch: options.batch,
    schedule: 'baseline',
    tensors: table.tensors,
    batchNorms,
    operations: [...forward, ...backward.operations, ...buildUpdates(table)],
  };
}
