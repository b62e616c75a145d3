/** Concat, Split's gradient sums and the element-wise sum. */
import { StatisticsCollector } from '../batch-norm.js';
import type { Operator } from '../execution.js';
import { gradientLoader } from '../load.js';
import { forEachShare } from '../partition.js';

export const concatForward: Operator<'concat-forward'> = (operation, execution) => {
  const { images, channels, height, width } = execution.extent(operation.output);
  const plane = height * width;
  const sources = operation.inputs.map((name) => ({
    values: execution.read(name),
    size: execution.extent(name).channels * plane,
  }));
  const output = execution.write(operation.output);
  const collectors = operation.statistics.map((epilogue) => ({
    ...epilogue,
    collector: new StatisticsCollector(
      execution,
      epilogue.batchNorm,
      epilogue.channelOffset,
      epilogue.channels,
    ),
  }));
  for (let image = 0; image < images; image++) {
    let to = image * channels * plane;
    for (const { values, size } of sources) {
      output.set(values.subarray(image * size, (image + 1) * size), to);
      to += size;
    }
  }
  forEachShare(images, height, execution.settings.threads, (thread, image, firstRow, endRow) => {
    for (const { collector, channelOffset, channels: count } of collectors) {
      for (let channel = 0; channel < count; channel++) {
        const from = (image * channels + channelOffset + channel) * plane;
        for (let row = firstRow; row < endRow; row++) {
          collector.add(thread, channel, output, from + row * width, from + (row + 1) * width);
        }
      }
    }
  });
  for (const { collector } of collectors) collector.finish();
};

export const concatBackward: Operator<'concat-backward'> = (operation, execution) => {
  const loader = gradientLoader(execution, operation.gradient);
  const { images, height, width } = loader.extent;
  const targets = operation.outputs.map((name) => ({
    values: execution.write(name),
    size: execution.extent(name).channels * height * width,
  }));
  for (let image = 0; image < images; image++) {
    const planes = loader.load(image);
    let from = 0;
    for (const { values, size } of targets) {
      values.set(planes.subarray(from, from + size), image * size);
      from += size;
    }
  }
};

export const splitBackward: Operator<'split-backward'> = (operation, execution) => {
  const loaders = operation.gradients.map((source) => gradientLoader(execution, source));
  const output = execution.write(operation.output);
  const { images } = execution.extent(operation.output);
  const size = output.length / images;
  for (let image = 0; image < images; image++) {
    const planes = loaders.map((loader) => loader.load(image));
    const base = image * size;
    for (let at = 0; at < size; at++) {
      // The output may share its storage with a source, so an element is written once all sources are read.
      let sum = 0;
      for (const plane of planes) sum = execution.round(sum + plane[at]);
      output[base + at] = sum;
    }
  }
};

export const sumForward: Operator<'sum-forward'> = (operation, execution) => {
  const inputs = operation.inputs.map((name) => execution.read(name));
  const output = execution.write(operation.output);
  for (let at = 0; at < output.length; at++) {
    let sum = 0;
    for (const input of inputs) sum = execution.round(sum + input[at]);
    output[at] = sum;
  }
};

export const sumBackward: Operator<'sum-backward'> = (operation, execution) => {
  const gradient = execution.read(operation.gradient);
  for (const name of operation.outputs) execution.write(name).set(gradient);
};
