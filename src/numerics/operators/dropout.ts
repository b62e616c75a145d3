/** Inverted dropout: kept elements are scaled by 1 / (1 - ratio). The mask comes from the run's seed and the mask's name. */
import seedrandom from 'seedrandom';
import type { Operator } from '../execution.js';

export const dropoutForward: Operator<'dropout-forward'> = (operation, execution) => {
  const random = seedrandom(`${execution.settings.seed}/${operation.mask}`);
  const input = execution.read(operation.input);
  const output = execution.write(operation.output);
  const mask = execution.write(operation.mask);
  for (let at = 0; at < output.length; at++) {
    mask[at] = random() < operation.ratio ? 0 : 1;
    output[at] = (input[at] * mask[at]) / (1 - operation.ratio);
  }
};

export const dropoutBackward: Operator<'dropout-backward'> = (operation, execution) => {
  const gradient = execution.read(operation.gradient);
  const mask = execution.read(operation.mask);
  const output = execution.write(operation.output);
  for (let at = 0; at < output.length; at++) output[at] = (gradient[at] * mask[at]) / (1 - operation.ratio);
};
