/** Max and average pooling. A window that reaches over the border takes the elements that exist. */

import type { Window2d } from '../../training/step.js';
import type { Operator } from '../execution.js';
import type { Extent } from '../tensor-store.js';

/** The part of one window that lies on the image. */
interface Clipped {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

function clipWindow(window: Window2d, input: Extent, row: number, column: number): Clipped {
  const top = row * window.strideHeight - window.padTop;
  const left = column * window.strideWidth - window.padLeft;
  return {
    top: Math.max(top, 0),
    bottom: Math.min(top + window.kernelHeight, input.height),
    left: Math.max(left, 0),
    right: Math.min(left + window.kernelWidth, input.width),
  };
}

/** Visits every output element with its clipped window; `plane` is the first element of its input plane. */
function forEachWindow(
  window: Window2d,
  input: Extent,
  output: Extent,
  visit: (at: number, plane: number, clipped: Clipped) => void,
): void {
  for (let row = 0; row < output.height; row++) {
    for (let column = 0; column < output.width; column++) {
      const clipped = clipWindow(window, input, row, column);
      for (let plane = 0; plane < output.images * output.channels; plane++) {
        visit(
          (plane * output.height + row) * output.width + column,
          plane * input.height * input.width,
          clipped,
        );
      }
    }
  }
}

export const poolForward: Operator<'pool-forward'> = (operation, execution) => {
  const extent = execution.extent(operation.input);
  const input = execution.read(operation.input);
  const output = execution.write(operation.output);
  const mask = operation.mask === null ? null : execution.write(operation.mask);
  const { width } = extent;
  const max = operation.mode === 'max';
  // An average divides by the whole window, padding included (the network's definition of average pooling).
  const size = operation.window.kernelHeight * operation.window.kernelWidth;
  const outputExtent = execution.extent(operation.output);
  forEachWindow(operation.window, extent, outputExtent, (at, plane, { top, bottom, left, right }) => {
    let best = max ? Number.NEGATIVE_INFINITY : 0;
    let bestAt = 0;
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const value = input[plane + row * width + column];
        if (!max) best += value;
        else if (value > best || Number.isNaN(value)) {
          best = value;
          // Position within the clipped window: fits a byte, as the software's workspace does.
          bestAt = (row - top) * (right - left) + column - left;
        }
      }
    }
    output[at] = max ? best : best / size;
    if (mask !== null) mask[at] = bestAt;
  });
};

export const poolBackward: Operator<'pool-backward'> = (operation, execution) => {
  const extent = execution.extent(operation.output);
  const gradient = execution.read(operation.gradient);
  const mask = operation.mask === null ? null : execution.read(operation.mask);
  const output = execution.write(operation.output);
  const gradientExtent = execution.extent(operation.gradient);
  const { width } = extent;
  const size = operation.window.kernelHeight * operation.window.kernelWidth;
  const sums = new Float64Array(output.length);
  forEachWindow(operation.window, extent, gradientExtent, (at, plane, { top, bottom, left, right }) => {
    if (mask !== null) {
      const columns = right - left;
      const row = top + Math.floor(mask[at] / columns);
      sums[plane + row * width + left + (mask[at] % columns)] += gradient[at];
      return;
    }
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++)
        sums[plane + row * width + column] += gradient[at] / size;
    }
  });
  output.set(sums);
};
