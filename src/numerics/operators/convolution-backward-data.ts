/**
 * CONV backward-data: the gradient may be taken through a batch normalisation as it is loaded; the result may be masked by a ReLU as it is stored,
 * with dgamma and dbeta of the batch normalisation in front accumulated on the way.
 */

import type { MaskedStore } from '../../training/step.js';
import { normaliserOf, ParameterGradientCollector } from '../batch-norm.js';
import {
  convolveRow,
  createPackedImage,
  packBackwardFilters,
  packedGradientShape,
  packImage,
} from '../convolution.js';
import type { Execution, Operator } from '../execution.js';
import { gradientLoader, maskBySign, normaliseRow } from '../load.js';
import { forEachShare } from '../partition.js';
import { allocateReal, type Real } from '../tensor-store.js';

/** Masks one row of one channel in place and feeds the accumulation, for which the tensor read beside the store is X. */
type RowStore = (thread: number, channel: number, out: Real, from: number, to: number) => void;

function createRowStore(
  execution: Execution,
  store: MaskedStore,
  width: number,
): { row: RowStore; finish: () => void } {
  const tensor = execution.read(store.tensor);
  const normaliser = store.batchNorm === null ? null : normaliserOf(execution, store.batchNorm);
  const collector =
    store.accumulate === null ? null : new ParameterGradientCollector(execution, store.accumulate);
  const recomputed = allocateReal(execution.precision, width);
  return {
    row(thread, channel, out, from, to) {
      if (store.relu) {
        const count = to - from;
        if (normaliser === null) for (let at = from; at < to; at++) out[at] = maskBySign(tensor[at], out[at]);
        else {
          normaliseRow(normaliser, channel, false, tensor, from, recomputed, 0, count);
          for (let at = 0; at < count; at++) out[from + at] = maskBySign(recomputed[at], out[from + at]);
        }
      }
      collector?.add(thread, channel, out, tensor, from, to);
    },
    finish: () => collector?.finish(),
  };
}

export const convolutionBackwardData: Operator<'conv-backward-data'> = (operation, execution) => {
  const { window, groups } = operation;
  const loader = gradientLoader(execution, operation.gradient);
  const gradient = loader.extent;
  const output = execution.extent(operation.output);
  const channels = output.channels / groups;
  const filters = gradient.channels / groups;
  const weights = execution.read(operation.weights);
  const out = execution.write(operation.output);

  const shape = packedGradientShape(window, filters, output.height, output.width);
  const perGroup = Array.from({ length: groups }, (_, group) => ({
    group,
    packed: createPackedImage(shape),
    packedFilters: packBackwardFilters(weights, window, channels, group * filters, filters),
  }));
  const rowOut = new Float64Array(channels * output.width);
  const store = operation.store === null ? null : createRowStore(execution, operation.store, output.width);

  let packedImage = -1;
  forEachShare(
    output.images,
    output.height,
    execution.settings.threads,
    (thread, image, firstRow, endRow) => {
      if (image !== packedImage) {
        const planes = loader.load(image);
        for (const { group, packed } of perGroup) {
          packImage(packed, planes, gradient.height, gradient.width, group * filters);
        }
        packedImage = image;
      }
      for (let row = firstRow; row < endRow; row++) {
        for (const { group, packed, packedFilters } of perGroup) {
          convolveRow(packed, packedFilters, row, 1, output.width, rowOut);
          for (let index = 0; index < channels; index++) {
            const channel = group * channels + index;
            const to = ((image * output.channels + channel) * output.height + row) * output.width;
            for (let x = 0; x < output.width; x++) out[to + x] = rowOut[index * output.width + x];
            store?.row(thread, channel, out, to, to + output.width);
          }
        }
      }
    },
  );
  store?.finish();
};
