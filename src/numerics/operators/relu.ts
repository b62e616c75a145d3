/** Rectified linear unit on its own. */
import type { Operator } from '../execution.js';
import { clip, maskBySign } from '../load.js';

export const reluForward: Operator<'relu-forward'> = (operation, execution) => {
  const input = execution.read(operation.input);
  const output = execution.write(operation.output);
  for (let at = 0; at < output.length; at++) output[at] = clip(input[at]);
};

export const reluBackward: Operator<'relu-backward'> = (operation, execution) => {
  const value = execution.read(operation.value);
  const gradient = execution.read(operation.gradient);
  const output = execution.write(operation.output);
  for (let at = 0; at < output.length; at++) output[at] = maskBySign(value[at], gradient[at]);
};
