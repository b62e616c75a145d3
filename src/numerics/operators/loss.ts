/** Softmax and cross-entropy, averaged over the mini-batch. */
import type { Operator } from '../execution.js';

export const softmaxLossForward: Operator<'softmax-loss-forward'> = (operation, execution) => {
  const images = execution.shape(operation.input)[0] as number;
  const logits = execution.read(operation.input);
  const labels = execution.read(operation.labels);
  const probabilities = execution.write(operation.probabilities);
  const loss = execution.write(operation.loss);
  const classes = logits.length / images;
  let total = 0;
  for (let image = 0; image < images; image++) {
    const from = image * classes;
    const row = logits.subarray(from, from + classes);
    // Subtracting the maximum keeps the exponentials finite and changes nothing else.
    let highest = Number.NEGATIVE_INFINITY;
    for (let index = 0; index < classes; index++) highest = Math.max(highest, row[index]);
    let sum = 0;
    for (let index = 0; index < classes; index++) sum += Math.exp(row[index] - highest);
    for (let index = 0; index < classes; index++) {
      probabilities[from + index] = Math.exp(row[index] - highest) / sum;
    }
    total += Math.log(sum) + highest - row[labels[image]];
  }
  loss[0] = total / images;
};

export const softmaxLossBackward: Operator<'softmax-loss-backward'> = (operation, execution) => {
  const images = execution.shape(operation.probabilities)[0] as number;
  const probabilities = execution.read(operation.probabilities);
  const labels = execution.read(operation.labels);
  const output = execution.write(operation.output);
  const classes = probabilities.length / images;
  for (let at = 0; at < output.length; at++) {
    const image = Math.floor(at / classes);
    const target = at % classes === labels[image] ? 1 : 0;
    output[at] = (probabilities[at] - target) / images;
  }
};
