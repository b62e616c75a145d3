/** Fully connected layers: a 1x1 convolution whose pixels are the images of the mini-batch. */

import type { Window2d } from '../../training/step.js';
import {
  accumulateFilterGradients,
  convolveRow,
  createPackedImage,
  type PackedFilters,
  type PackedImage,
  packImage,
} from '../convolution.js';
import type { Execution, Operator } from '../execution.js';
import { elementsOf, type Real } from '../tensor-store.js';

const ONE_BY_ONE: Window2d = {
  kernelHeight: 1,
  kernelWidth: 1,
  strideHeight: 1,
  strideWidth: 1,
  padTop: 0,
  padLeft: 0,
};

/** Images and features per image of an activation of any rank. */
function matrixOf(execution: Execution, name: string): { images: number; features: number } {
  const shape = execution.shape(name);
  const images = shape[0] as number;
  return { images, features: elementsOf(shape) / images };
}

/** [columns][rows] of a matrix [rows][columns]. */
function transpose(values: Real, rows: number, columns: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      out[column * rows + row] = values[row * columns + column];
  }
  return out;
}

/** A mini-batch [N][features] as one row of N pixels. */
function packBatch(values: Real, images: number, features: number): PackedImage {
  const packed = createPackedImage({
    channels: features,
    height: 1,
    width: images,
    top: 0,
    left: 0,
    spreadHeight: 1,
    spreadWidth: 1,
  });
  packImage(packed, transpose(values, images, features), 1, images, 0);
  return packed;
}

/** out[image][filter] = sum over features of input[image][feature] * filters[filter][feature], plus the filter's bias. */
function multiply(
  input: Real,
  images: number,
  features: number,
  filters: PackedFilters,
  bias: Real | null,
  out: Real,
): void {
  const product = new Float64Array(filters.filters * images);
  convolveRow(packBatch(input, images, features), filters, 0, 1, images, product);
  for (let image = 0; image < images; image++) {
    for (let filter = 0; filter < filters.filters; filter++) {
      out[image * filters.filters + filter] = product[filter * images + image] + (bias?.[filter] ?? 0);
    }
  }
}

export const fcForward: Operator<'fc-forward'> = (operation, execution) => {
  const { images, features } = matrixOf(execution, operation.input);
  const filters = matrixOf(execution, operation.output).features;
  const values = Float64Array.from(execution.read(operation.weights));
  const bias = operation.bias === null ? null : execution.read(operation.bias);
  multiply(
    execution.read(operation.input),
    images,
    features,
    { filters, kernelHeight: 1, rowLength: features, values },
    bias,
    execution.write(operation.output),
  );
};

export const fcBackwardData: Operator<'fc-backward-data'> = (operation, execution) => {
  const { images, features } = matrixOf(execution, operation.gradient);
  const inputs = matrixOf(execution, operation.output).features;
  const values = transpose(execution.read(operation.weights), features, inputs);
  multiply(
    execution.read(operation.gradient),
    images,
    features,
    { filters: inputs, kernelHeight: 1, rowLength: features, values },
    null,
    execution.write(operation.output),
  );
};

export const fcBackwardWeights: Operator<'fc-backward-weights'> = (operation, execution) => {
  const { images, features } = matrixOf(execution, operation.input);
  const outputs = matrixOf(execution, operation.gradient).features;
  const gradient = execution.read(operation.gradient);
  const sums = new Float64Array(outputs * features);
  const packed = packBatch(execution.read(operation.input), images, features);
  const planes = transpose(gradient, images, outputs);
  accumulateFilterGradients(packed, planes, 0, outputs, 0, 1, images, ONE_BY_ONE, sums);
  execution.write(operation.output).set(sums);
  if (operation.biasOutput === null) return;
  const bias = execution.write(operation.biasOutput).fill(0);
  for (let image = 0; image < images; image++) {
    for (let output = 0; output < outputs; output++) bias[output] += gradient[image * outputs + output];
  }
};
