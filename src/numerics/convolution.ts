/**
 * Direct convolution on one image at a time, without im2col.
 *
 * The input image is packed pixel by pixel (channels innermost, zero padding included), so that the channels of a filter row's taps lie side by
 * side and the inner loop is one long dot product, whatever the size of the image. A dot product is accumulated in double precision and rounded once when it is
 * stored: the order of a convolution's own reduction is the same under every schedule, so its rounding is not what a schedule changes.
 */
import type { Window2d } from '../training/step.js';
import type { Real } from './tensor-store.js';

/** Geometry of a packed image: where pixel (0, 0) goes, how far apart pixels are put, and the packed size. */
export interface PackedShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Row and column of the first pixel; negative where the image is cropped. */
  readonly top: number;
  readonly left: number;
  /** Distance of neighbouring pixels: above 1, zeros are put between (gradients of a strided convolution). */
  readonly spreadHeight: number;
  readonly spreadWidth: number;
}

/** A packed image and the rows of it that hold any pixel. */
export interface PackedImage {
  readonly shape: PackedShape;
  /** [height][width][channels] */
  readonly values: Float64Array;
  /** 1 for a row that holds pixels, 0 for one that is all zeros. */
  readonly occupied: Uint8Array;
}

/** An all-zero packed image; its padding stays zero, since packing writes pixels only. */
export function createPackedImage(shape: PackedShape): PackedImage {
  return {
    shape,
    values: new Float64Array(shape.height * shape.width * shape.channels),
    occupied: new Uint8Array(shape.height),
  };
}

/** Packed shape of the input of a convolution with the given output size. */
export function packedInputShape(
  window: Window2d,
  channels: number,
  outputHeight: number,
  outputWidth: number,
): PackedShape {
  return {
    channels,
    height: (outputHeight - 1) * window.strideHeight + window.kernelHeight,
    width: (outputWidth - 1) * window.strideWidth + window.kernelWidth,
    top: window.padTop,
    left: window.padLeft,
    spreadHeight: 1,
    spreadWidth: 1,
  };
}

/** Packed shape of the output gradient, over which backward-data slides the mirrored filter at stride 1. */
export function packedGradientShape(
  window: Window2d,
  channels: number,
  inputHeight: number,
  inputWidth: number,
): PackedShape {
  return {
    channels,
    height: inputHeight + window.kernelHeight - 1,
    width: inputWidth + window.kernelWidth - 1,
    top: window.kernelHeight - 1 - window.padTop,
    left: window.kernelWidth - 1 - window.padLeft,
    spreadHeight: window.strideHeight,
    spreadWidth: window.strideWidth,
  };
}

/**
 * Packs channels [firstChannel, firstChannel + shape.channels) of the planes of an image. Pixels that fall outside are left out.
 * @param planes [C, height, width]
 */
export function packImage(
  packed: PackedImage,
  planes: Real,
  height: number,
  width: number,
  firstChannel: number,
): void {
  const { shape, values, occupied } = packed;
  const { channels } = shape;
  for (let row = 0; row < height; row++) {
    const packedRow = shape.top + row * shape.spreadHeight;
    if (packedRow < 0 || packedRow >= shape.height) continue;
    occupied[packedRow] = 1;
    for (let channel = 0; channel < channels; channel++) {
      const from = ((firstChannel + channel) * height + row) * width;
      let packedColumn = shape.left;
      let at = (packedRow * shape.width + packedColumn) * channels + channel;
      const step = shape.spreadWidth * channels;
      for (let column = 0; column < width; column++) {
        if (packedColumn >= 0 && packedColumn < shape.width) values[at] = planes[from + column];
        at += step;
        packedColumn += shape.spreadWidth;
      }
    }
  }
}

/** Filters in the order of a packed image: [filters][kernelHeight][kernelWidth * channels]. */
export interface PackedFilters {
  readonly filters: number;
  readonly kernelHeight: number;
  /** kernelWidth * channels */
  readonly rowLength: number;
  readonly values: Float64Array;
}

/**
 * Packs filters [firstFilter, firstFilter + filters) of weights [OC, IC/g, KH, KW] for the forward pass: one filter per output channel.
 */
export function packForwardFilters(
  weights: Real,
  window: Window2d,
  channels: number,
  firstFilter: number,
  filters: number,
): PackedFilters {
  const { kernelHeight, kernelWidth } = window;
  const values = new Float64Array(filters * kernelHeight * kernelWidth * channels);
  let at = 0;
  for (let filter = firstFilter; filter < firstFilter + filters; filter++) {
    for (let row = 0; row < kernelHeight; row++) {
      for (let column = 0; column < kernelWidth; column++) {
        for (let channel = 0; channel < channels; channel++) {
          values[at++] = weights[((filter * channels + channel) * kernelHeight + row) * kernelWidth + column];
        }
      }
    }
  }
  return { filters, kernelHeight, rowLength: kernelWidth * channels, values };
}

/**
 * Packs the same weights for backward-data: one mirrored filter per input channel of the group, over the group's output channels.
 */
export function packBackwardFilters(
  weights: Real,
  window: Window2d,
  channels: number,
  firstFilter: number,
  filters: number,
): PackedFilters {
  const { kernelHeight, kernelWidth } = window;
  const values = new Float64Array(filters * kernelHeight * kernelWidth * channels);
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let row = kernelHeight - 1; row >= 0; row--) {
      for (let column = kernelWidth - 1; column >= 0; column--) {
        for (let filter = firstFilter; filter < firstFilter + filters; filter++) {
          values[at++] = weights[((filter * channels + channel) * kernelHeight + row) * kernelWidth + column];
        }
      }
    }
  }
  return { filters: channels, kernelHeight, rowLength: kernelWidth * filters, values };
}

/**
 * One output row of all filters: out[filter][x] = sum over the taps at packed rows [startRow, startRow + kernelHeight).
 * Two pixels and four filters are computed together; the last odd ones are computed twice over, which changes nothing.
 * @param out [filters][columns]
 */
export function convolveRow(
  packed: PackedImage,
  filters: PackedFilters,
  startRow: number,
  strideWidth: number,
  columns: number,
  out: Float64Array,
): void {
  const x = packed.values;
  const w = filters.values;
  const { occupied } = packed;
  const { channels, width } = packed.shape;
  const { kernelHeight, rowLength } = filters;
  const filterSize = kernelHeight * rowLength;
  const lastFilter = filters.filters - 1;
  const step = strideWidth * channels;
  for (let filter = 0; filter <= lastFilter; filter += 4) {
    const filter1 = Math.min(filter + 1, lastFilter);
    const filter2 = Math.min(filter + 2, lastFilter);
    const filter3 = Math.min(filter + 3, lastFilter);
    for (let column = 0; column < columns; column += 2) {
      const second = Math.min(column + 1, columns - 1);
      let a0 = 0;
      let a1 = 0;
      let a2 = 0;
      let a3 = 0;
      let b0 = 0;
      let b1 = 0;
      let b2 = 0;
      let b3 = 0;
      for (let row = 0; row < kernelHeight; row++) {
        const packedRow = startRow + row;
        if (occupied[packedRow] === 0) continue;
        let atA = packedRow * width * channels + column * step;
        let atB = packedRow * width * channels + second * step;
        let w0 = filter * filterSize + row * rowLength;
        let w1 = filter1 * filterSize + row * rowLength;
        let w2 = filter2 * filterSize + row * rowLength;
        let w3 = filter3 * filterSize + row * rowLength;
        for (const end = atA + rowLength; atA < end; ) {
          const valueA = x[atA++];
          const valueB = x[atB++];
          const weight0 = w[w0++];
          const weight1 = w[w1++];
          const weight2 = w[w2++];
          const weight3 = w[w3++];
          a0 += valueA * weight0;
          a1 += valueA * weight1;
          a2 += valueA * weight2;
          a3 += valueA * weight3;
          b0 += valueB * weight0;
          b1 += valueB * weight1;
          b2 += valueB * weight2;
          b3 += valueB * weight3;
        }
      }
      out[filter * columns + column] = a0;
      out[filter * columns + second] = b0;
      out[filter1 * columns + column] = a1;
      out[filter1 * columns + second] = b1;
      out[filter2 * columns + column] = a2;
      out[filter2 * columns + second] = b2;
      out[filter3 * columns + column] = a3;
      out[filter3 * columns + second] = b3;
    }
  }
}

/**
 * Adds the contribution of one output row to the filter gradients: dW[filter][tap] += dY[filter][x] * input[tap at x].
 * @param gradient planes of the output gradient, from which row `gradientRow` of `height` rows is taken
 * @param sums [filters][kernelHeight][rowLength], as packed by {@link packForwardFilters}
 */
export function accumulateFilterGradients(
  packed: PackedImage,
  gradient: Real,
  firstFilter: number,
  filters: number,
  gradientRow: number,
  height: number,
  columns: number,
  window: Window2d,
  sums: Float64Array,
): void {
  const x = packed.values;
  const { channels, width } = packed.shape;
  const { kernelHeight } = window;
  const rowLength = window.kernelWidth * channels;
  const step = window.strideWidth * channels;
  for (let row = 0; row < kernelHeight; row++) {
    const packedRow = gradientRow * window.strideHeight + row;
    if (packed.occupied[packedRow] === 0) continue;
    const rowBase = packedRow * width * channels;
    for (let filter = 0; filter < filters; filter++) {
      const base = ((firstFilter + filter) * height + gradientRow) * columns;
      const sumBase = (filter * kernelHeight + row) * rowLength;
      for (let column = 0; column < columns; column += 4) {
        const left = columns - column;
        const g0 = gradient[base + column];
        const g1 = left > 1 ? gradient[base + column + 1] : 0;
        const g2 = left > 2 ? gradient[base + column + 2] : 0;
        const g3 = left > 3 ? gradient[base + column + 3] : 0;
        let x0 = rowBase + column * step;
        let x1 = left > 1 ? x0 + step : x0;
        let x2 = left > 2 ? x0 + 2 * step : x0;
        let x3 = left > 3 ? x0 + 3 * step : x0;
        for (let at = sumBase; at < sumBase + rowLength; at++) {
          sums[at] += g0 * x[x0++] + g1 * x[x1++] + g2 * x[x2++] + g3 * x[x3++];
        }
      }
    }
  }
}

/** Adds packed filter gradients to weights' gradients in plain order [OC, IC/g, KH, KW]. */
export function addFilterGradients(
  sums: Float64Array,
  window: Window2d,
  channels: number,
  firstFilter: number,
  filters: number,
  output: Real,
): void {
  const { kernelHeight, kernelWidth } = window;
  let at = 0;
  for (let filter = firstFilter; filter < firstFilter + filters; filter++) {
    for (let row = 0; row < kernelHeight; row++) {
      for (let column = 0; column < kernelWidth; column++) {
        for (let channel = 0; channel < channels; channel++) {
          output[((filter * channels + channel) * kernelHeight + row) * kernelWidth + column] += sums[at++];
        }
      }
    }
  }
}
