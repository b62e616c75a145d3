/** CONV forward: optional normalise and clip in the load, optional statistics in the epilogue of each output row. */
import { StatisticsCollector } from '../batch-norm.js';
import {
  convolveRow,
  createPackedImage,
  packedInputShape,
  packForwardFilters,
  packImage,
} from '../convolution.js';
import type { Operator } from '../execution.js';
import { activationLoader } from '../load.js';
import { forEachShare } from '../partition.js';

export const convolutionForward: Operator<'conv-forward'> = (operation, execution) => {
  const { window, groups } = operation;
  const loader = activationLoader(execution, operation.input, operation.load);
  const input = loader.extent;
  const output = execution.extent(operation.output);
  const channels = input.channels / groups;
  const filters = output.channels / groups;
  const weights = execution.read(operation.weights);
  const bias = operation.bias === null ? null : execution.read(operation.bias);
  const out = execution.write(operation.output);

  const shape = packedInputShape(window, channels, output.height, output.width);
  const perGroup = Array.from({ length: groups }, (_, group) => ({
    group,
    packed: createPackedImage(shape),
    packedFilters: packForwardFilters(weights, window, channels, group * filters, filters),
  }));
  const rowOut = new Float64Array(filters * output.width);
  const collectors = operation.statistics.map(
    ({ batchNorm, channelOffset, channels: count }) =>
      [new StatisticsCollector(execution, batchNorm, channelOffset, count), count] as const,
  );

  let packedImage = -1;
  forEachShare(
    output.images,
    output.height,
    execution.settings.threads,
    (thread, image, firstRow, endRow) => {
      if (image !== packedImage) {
        const planes = loader.load(image);
        for (const { group, packed } of perGroup)
          packImage(packed, planes, input.height, input.width, group * channels);
        packedImage = image;
      }
      for (let row = firstRow; row < endRow; row++) {
        for (const { group, packed, packedFilters } of perGroup) {
          convolveRow(
            packed,
            packedFilters,
            row * window.strideHeight,
            window.strideWidth,
            output.width,
            rowOut,
          );
          for (let filter = 0; filter < filters; filter++) {
            const channel = group * filters + filter;
            const offset = bias === null ? 0 : bias[channel];
            const to = ((image * output.channels + channel) * output.height + row) * output.width;
            for (let x = 0; x < output.width; x++) out[to + x] = rowOut[filter * output.width + x] + offset;
          }
        }
        for (const [collector, count] of collectors) {
          for (let channel = 0; channel < count; channel++) {
            const from = ((image * output.channels + channel) * output.height + row) * output.width;
            collector.add(thread, channel, out, from, from + output.width);
          }
        }
      }
    },
  );
  for (const [collector] of collectors) collector.finish();
};
