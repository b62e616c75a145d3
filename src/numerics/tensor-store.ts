/**
 * The memory that a training step's tensors live in while it is executed: one typed array per *storage*, in plain (NCHW) order, so that
 * tensors that share their storage (in-place ReLU, Split's forward pointers) really overwrite each other.
 */
import type { Tensor, TrainingStep } from '../training/step.js';

/** Width of the stored numbers. Training runs in float32; float64 tells a wrong rewrite from rounding. */
export type Precision = 'float32' | 'float64';

/** A tensor's elements. */
export type Real = Float32Array | Float64Array;

/** Relative spacing of the numbers near 1 (2^-23 and 2^-52: IEEE 754 binary32 and binary64). */
export const MACHINE_EPSILON: Readonly<Record<Precision, number>> = { float32: 2 ** -23, float64: 2 ** -52 };

/** A feature map's extent; parameters and FC activations fill the missing dimensions with 1. */
export interface Extent {
  readonly images: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Allocates `length` zeros of the given precision. */
export function allocateReal(precision: Precision, length: number): Real {
  return precision === 'float32' ? new Float32Array(length) : new Float64Array(length);
}

/** Rounds an intermediate result to the given precision, as a register of that width would. */
export function roundingOf(precision: Precision): (value: number) => number {
  return precision === 'float32' ? Math.fround : (value) => value;
}

/** Elements of a tensor of the given shape. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** Shape [N, C, H, W] (or [N, C], [C]) as an extent. */
export function extentOf(shape: readonly number[]): Extent {
  const [images = 1, channels = 1, height = 1, width = 1] = shape;
  return { images, channels, height, width };
}

/** Backing arrays of all storages of a step. Elements that nothing has written are NaN, so that reading one shows in every result. */
export class TensorStore {
  readonly precision: Precision;
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #views = new Map<string, Real>();

  constructor(step: TrainingStep, precision: Precision) {
    this.precision = precision;
    this.#tensors = step.tensors;
    const lengths = new Map<string, number>();
    for (const tensor of step.tensors.values()) {
      lengths.set(tensor.storage, Math.max(lengths.get(tensor.storage) ?? 0, elementsOf(tensor.shape)));
    }
    const storages = new Map<string, Real>();
    for (const [storage, length] of lengths)
      storages.set(storage, allocateReal(precision, length).fill(Number.NaN));
    for (const [name, tensor] of step.tensors) {
      this.#views.set(name, (storages.get(tensor.storage) as Real).subarray(0, elementsOf(tensor.shape)));
    }
  }

  /** @throws Error where the step has no such tensor */
  tensor(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`the training step has no tensor "${name}"`);
    return tensor;
  }

  /** The tensor's elements, in plain order; a view, not a copy. */
  values(name: string): Real {
    this.tensor(name);
    return this.#views.get(name) as Real;
  }

  /** Makes every tensor for which `poisoned` holds unwritten again (NaN): between the steps of a training. */
  poison(poisoned: (tensor: Tensor) => boolean): void {
    for (const [name, tensor] of this.#tensors) if (poisoned(tensor)) this.values(name).fill(Number.NaN);
  }
}
