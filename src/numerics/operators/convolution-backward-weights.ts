/** CONV backward-weights: each thread sums its rows' contributions, then the threads' partial gradients are reduced in order. */
import {
  accumulateFilterGradients,
  addFilterGradients,
  createPackedImage,
  packedInputShape,
  packImage,
} from '../convolution.js';
import type { Operator } from '../execution.js';
import { activationLoader, gradientLoader } from '../load.js';
import { forEachShare } from '../partition.js';
import { allocateReal, type Real } from '../tensor-store.js';

export const convolutionBackwardWeights: Operator<'conv-backward-weights'> = (operation, execution) => {
  const { window, groups } = operation;
  const loader = activationLoader(execution, operation.input, operation.load);
  const gradientSource = gradientLoader(execution, operation.gradient);
  const input = loader.extent;
  const gradient = gradientSource.extent;
  const channels = input.channels / groups;
  const filters = gradient.channels / groups;
  const { threads } = execution.settings;

  const shape = packedInputShape(window, channels, gradient.height, gradient.width);
  const packed = Array.from({ length: groups }, () => createPackedImage(shape));
  const filterSize = window.kernelHeight * window.kernelWidth * channels;
  const partials = Array.from({ length: threads }, () =>
    packed.map(() => new Float64Array(filters * filterSize)),
  );
  const biasPartials = partials.map(() => allocateReal(execution.precision, gradient.channels));

  let packedImage = -1;
  let gradientPlanes: Real = new Float64Array(0);
  forEachShare(gradient.images, gradient.height, threads, (thread, image, firstRow, endRow) => {
    if (image !== packedImage) {
      const planes = loader.load(image);
      packed.forEach((target, group) => {
        packImage(target, planes, input.height, input.width, group * channels);
      });
      gradientPlanes = gradientSource.load(image);
      packedImage = image;
    }
    const sums = partials[thread] as Float64Array[];
    for (let row = firstRow; row < endRow; row++) {
      packed.forEach((source, group) => {
        accumulateFilterGradients(
          source,
          gradientPlanes,
          group * filters,
          filters,
          row,
          gradient.height,
          gradient.width,
          window,
          sums[group] as Float64Array,
        );
      });
      if (operation.biasOutput !== null) {
        addRowSums(biasPartials[thread] as Real, gradientPlanes, gradient.height, gradient.width, row);
      }
    }
  });

  const output = execution.write(operation.output).fill(0);
  for (const sums of partials) {
    sums.forEach((groupSums, group) => {
      addFilterGradients(groupSums, window, channels, group * filters, filters, output);
    });
  }
  if (operation.biasOutput === null) return;
  const bias = execution.write(operation.biasOutput).fill(0);
  for (const partial of biasPartials) for (let at = 0; at < bias.length; at++) bias[at] += partial[at];
};

function addRowSums(sums: Real, planes: Real, height: number, width: number, row: number): void {
  for (let channel = 0; channel < sums.length; channel++) {
    const from = (channel * height + row) * width;
    for (let x = 0; x < width; x++) sums[channel] += planes[from + x];
  }
}
