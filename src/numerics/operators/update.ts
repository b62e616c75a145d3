/** Stochastic gradient descent with momentum and weight decay, as Caffe's solver: v = momentum*v + lr*(dW + decay*W); W -= v. */
import type { Operator } from '../execution.js';

export const update: Operator<'update'> = (operation, execution) => {
  const { learningRate, momentum, weightDecay } = execution.settings.optimiser;
  const gradient = execution.read(operation.gradient);
  const parameter = execution.write(operation.parameter);
  const velocity = execution.write(operation.velocity);
  for (let at = 0; at < parameter.length; at++) {
    velocity[at] = momentum * velocity[at] + learningRate * (gradient[at] + weightDecay * parameter[at]);
    parameter[at] -= velocity[at];
  }
};
