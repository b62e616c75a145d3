/**
 * Mean and variance of each channel from one reading: the interface that the three ways of accumulating share.
 *
 * A thread feeds one accumulator row by row (a tile); `combine` reduces the threads' accumulators in thread order, which makes the
 * result the same from run to run.
 */
import type { Precision, Real } from '../tensor-store.js';

/** Running moments of every channel, held by one thread. */
export interface MomentAccumulator {
  /** Takes the elements values[from, to) of `channel`. */
  add(channel: number, values: Real, from: number, to: number): void;
}

/** Mean and (biased, never negative) variance per channel. */
export interface Moments {
  readonly mean: Real;
  readonly variance: Real;
}

/** A way to accumulate mean and variance in one pass. */
export interface VarianceForm<Accumulator extends MomentAccumulator = MomentAccumulator> {
  /** One sentence for help texts. */
  readonly summary: string;
  create(channels: number, precision: Precision): Accumulator;
  /** Reduces the partial moments, in order. Channels without an element get NaN. */
  combine(partials: readonly Accumulator[], precision: Precision): Moments;
}
