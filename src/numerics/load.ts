/**
 * What fused operations do to an element as they load it: normalise and clip an activation, or take a gradient back through a batch
 * normalisation. Each element is transformed once, image by image, into a buffer of the caller's (a thread's strip buffer).
 */
import type { GradientSource, LoadTransform } from '../training/step.js';
import { type DataGradient, dataGradientOf, type Normaliser, normaliserOf } from './batch-norm.js';
import type { Execution } from './execution.js';
import { allocateReal, type Extent, type Real } from './tensor-store.js';

/** Max(value, 0); keeps NaN, so that an unwritten element shows. */
export function clip(value: number): number {
  return value <= 0 ? 0 : value;
}

/** The gradient where `value` is positive, else 0; NaN where `value` is NaN. */
export function maskBySign(value: number, gradient: number): number {
  if (value > 0) return gradient;
  return value <= 0 ? 0 : Number.NaN;
}

/** Writes y = scale * (x - mean) + beta, clipped if `relu`, for elements [from, to) of one channel. */
export function normaliseRow(
  { mean, scale, beta }: Normaliser,
  channel: number,
  relu: boolean,
  input: Real,
  inputFrom: number,
  output: Real,
  outputFrom: number,
  count: number,
): void {
  const m = mean[channel];
  const s = scale[channel];
  const b = beta[channel];
  for (let at = 0; at < count; at++) {
    const value = s * (input[inputFrom + at] - m) + b;
    output[outputFrom + at] = relu ? clip(value) : value;
  }
}

/** Writes dX = factor * (dY - shift - (x - mean) * slope) for elements [from, from + count) of one channel. */
export function gradientRow(
  { mean, factor, shift, slope }: DataGradient,
  channel: number,
  gradient: Real,
  input: Real,
  from: number,
  output: Real,
  outputFrom: number,
  count: number,
): void {
  const m = mean[channel];
  const f = factor[channel];
  const offset = shift[channel];
  const k = slope[channel];
  for (let at = 0; at < count; at++) {
    output[outputFrom + at] = f * (gradient[from + at] - offset - (input[from + at] - m) * k);
  }
}

/** Loads images of a tensor, transformed. */
export interface ImageLoader {
  readonly extent: Extent;
  /** The planes of one image, [C, H, W]; valid until the next call. Stores the transformed values where the operation says so. */
  load(image: number): Real;
}

/** Loader of an activation with an optional normalise and clip. */
export function activationLoader(
  execution: Execution,
  tensor: string,
  transform: LoadTransform | null,
): ImageLoader {
  const extent = execution.extent(tensor);
  const input = execution.read(tensor);
  const plane = extent.height * extent.width;
  const size = extent.channels * plane;
  if (transform === null)
    return { extent, load: (image) => input.subarray(image * size, (image + 1) * size) };
  const buffer = allocateReal(execution.precision, size);
  const normaliser = transform.batchNorm === null ? null : normaliserOf(execution, transform.batchNorm);
  const stored = transform.storeTo === null ? null : execution.write(transform.storeTo);
  return {
    extent,
    load(image) {
      const base = image * size;
      if (normaliser === null) {
        for (let at = 0; at < size; at++)
          buffer[at] = transform.relu ? clip(input[base + at]) : input[base + at];
      } else {
        for (let channel = 0; channel < extent.channels; channel++) {
          const from = channel * plane;
          normaliseRow(normaliser, channel, transform.relu, input, base + from, buffer, from, plane);
        }
      }
      stored?.set(buffer, base);
      return buffer;
    },
  };
}

/** Loader of a gradient, either stored or taken through a batch normalisation on the fly. */
export function gradientLoader(execution: Execution, source: GradientSource): ImageLoader {
  if (source.kind === 'stored') return activationLoader(execution, source.tensor, null);
  const extent = execution.extent(source.gradient);
  const gradient = execution.read(source.gradient);
  const input = execution.read(source.input);
  const coefficients = dataGradientOf(execution, source.batchNorm);
  const stored = source.storeTo === null ? null : execution.write(source.storeTo);
  const plane = extent.height * extent.width;
  const size = extent.channels * plane;
  const buffer = allocateReal(execution.precision, size);
  return {
    extent,
    load(image) {
      const base = image * size;
      for (let channel = 0; channel < extent.channels; channel++) {
        const from = channel * plane;
        gradientRow(coefficients, channel, gradient, input, base + from, buffer, from, plane);
      }
      stored?.set(buffer, base);
      return buffer;
    },
  };
}
