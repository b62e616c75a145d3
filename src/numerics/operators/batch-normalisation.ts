/** Batch normalisation: the whole layers of the baseline and the parts into which fission takes them apart. */
import {
  dataGradientOf,
  normaliserOf,
  ParameterGradientCollector,
  singlePassStatistics,
  twoPassStatistics,
} from '../batch-norm.js';
import type { Execution, Operator } from '../execution.js';
import { gradientRow, maskBySign, normaliseRow } from '../load.js';
import { forEachShare } from '../partition.js';
import { allocateReal, type Extent, type Real } from '../tensor-store.js';

function forEachPlane(
  { images, channels, height, width }: Extent,
  visit: (channel: number, from: number) => void,
): void {
  for (let image = 0; image < images; image++) {
    for (let channel = 0; channel < channels; channel++) {
      visit(channel, (image * channels + channel) * height * width);
    }
  }
}

function computeStatistics(
  execution: Execution,
  layer: string,
  passes: 'two-pass' | 'single-pass',
  input: string,
): void {
  if (passes === 'two-pass') twoPassStatistics(execution, layer, input);
  else singlePassStatistics(execution, layer, input);
}

function normalise(execution: Execution, layer: string, input: string, output: string, relu: boolean): void {
  const extent = execution.extent(input);
  const normaliser = normaliserOf(execution, layer);
  const from = execution.read(input);
  const to = execution.write(output);
  const plane = extent.height * extent.width;
  forEachPlane(extent, (channel, at) => normaliseRow(normaliser, channel, relu, from, at, to, at, plane));
}

function reduceParameterGradients(
  execution: Execution,
  layer: string,
  inputName: string,
  gradient: Real,
): void {
  const { images, channels, height, width } = execution.extent(inputName);
  const input = execution.read(inputName);
  const collector = new ParameterGradientCollector(execution, layer);
  forEachShare(images, height, execution.settings.threads, (thread, image, firstRow, endRow) => {
    for (let channel = 0; channel < channels; channel++) {
      const plane = (image * channels + channel) * height;
      for (let row = firstRow; row < endRow; row++) {
        collector.add(thread, channel, gradient, input, (plane + row) * width, (plane + row + 1) * width);
      }
    }
  });
  collector.finish();
}

function writeDataGradient(
  execution: Execution,
  layer: string,
  inputName: string,
  gradient: Real,
  output: string,
): void {
  const extent = execution.extent(inputName);
  const coefficients = dataGradientOf(execution, layer);
  const input = execution.read(inputName);
  const to = execution.write(output);
  const plane = extent.height * extent.width;
  forEachPlane(extent, (channel, at) =>
    gradientRow(coefficients, channel, gradient, input, at, to, at, plane),
  );
}

export const bnForward: Operator<'bn-forward'> = (operation, execution) => {
  computeStatistics(execution, operation.batchNorm, operation.statistics, operation.input);
  normalise(execution, operation.batchNorm, operation.input, operation.output, operation.relu);
};

export const bnStatistics: Operator<'bn-statistics'> = (operation, execution) => {
  computeStatistics(execution, operation.batchNorm, operation.statistics, operation.input);
};

export const bnNormalise: Operator<'bn-normalise'> = (operation, execution) => {
  normalise(execution, operation.batchNorm, operation.input, operation.output, operation.relu);
};

export const bnBackward: Operator<'bn-backward'> = (operation, execution) => {
  let gradient = execution.read(operation.gradient);
  if (operation.maskedBy !== null) {
    const value = execution.read(operation.maskedBy);
    const masked = allocateReal(execution.precision, gradient.length);
    for (let at = 0; at < masked.length; at++) masked[at] = maskBySign(value[at], gradient[at]);
    gradient = masked;
  }
  reduceParameterGradients(execution, operation.batchNorm, operation.input, gradient);
  writeDataGradient(execution, operation.batchNorm, operation.input, gradient, operation.output);
};

export const bnBackwardReduce: Operator<'bn-backward-reduce'> = (operation, execution) => {
  reduceParameterGradients(
    execution,
    operation.batchNorm,
    operation.input,
    execution.read(operation.gradient),
  );
};

export const bnBackwardData: Operator<'bn-backward-data'> = (operation, execution) => {
  const gradient = execution.read(operation.gradient);
  writeDataGradient(execution, operation.batchNorm, operation.input, gradient, operation.output);
};
