/**
 * Local response normalisation across channels: out = x * scale^-beta, scale = 1 + alpha / n * sum of x^2 over n neighbouring channels
 * (Krizhevsky et al. 2012, with Caffe's division of alpha by n).
 */
import type { Execution, Operator } from '../execution.js';

/** Visits every element with the elements of its channel window, given as first, one past last and distance. */
function forEachChannelWindow(
  execution: Execution,
  tensor: string,
  localSize: number,
  visit: (at: number, first: number, end: number, stride: number) => void,
): void {
  const { images, channels, height, width } = execution.extent(tensor);
  const plane = height * width;
  const reach = Math.floor(localSize / 2);
  for (let image = 0; image < images; image++) {
    for (let channel = 0; channel < channels; channel++) {
      const low = Math.max(0, channel - reach);
      const high = Math.min(channels, channel + reach + 1);
      for (let pixel = 0; pixel < plane; pixel++) {
        const base = image * channels * plane + pixel;
        visit(base + channel * plane, base + low * plane, base + high * plane, plane);
      }
    }
  }
}

export const lrnForward: Operator<'lrn-forward'> = (operation, execution) => {
  const { localSize, alpha, beta } = operation;
  const input = execution.read(operation.input);
  const output = execution.write(operation.output);
  const scale = execution.write(operation.scale);
  forEachChannelWindow(execution, operation.input, localSize, (at, first, end, stride) => {
    let squares = 0;
    for (let other = first; other < end; other += stride) squares += input[other] * input[other];
    scale[at] = 1 + (alpha / localSize) * squares;
    output[at] = input[at] * scale[at] ** -beta;
  });
};

export const lrnBackward: Operator<'lrn-backward'> = (operation, execution) => {
  const { localSize, alpha, beta } = operation;
  const input = execution.read(operation.input);
  const value = execution.read(operation.value);
  const scale = execution.read(operation.scale);
  const gradient = execution.read(operation.gradient);
  const output = execution.write(operation.output);
  forEachChannelWindow(execution, operation.input, localSize, (at, first, end, stride) => {
    let sum = 0;
    for (let other = first; other < end; other += stride)
      sum += (gradient[other] * value[other]) / scale[other];
    output[at] = gradient[at] * scale[at] ** -beta - ((2 * alpha * beta) / localSize) * input[at] * sum;
  });
};
