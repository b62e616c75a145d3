/**
 * Running mean and M2, updated element by element within a thread; threads combine by Chan's formula.
 *
 * Source: Welford, "Note on a method for calculating corrected sums of squares and products" (Technometrics 4, 1962).
 */
import { allocateReal, type Precision, type Real } from '../tensor-store.js';
import type { MomentAccumulator, VarianceForm } from './accumulator.js';
import { type CentredMoments, combineCentred } from './centred.js';

class WelfordAccumulator implements MomentAccumulator {
  readonly count: Float64Array;
  readonly #mean: Real;
  readonly #m2: Real;
  /** The deviations before and after the update, each rounded. */
  readonly #delta: Real;

  constructor(channels: number, precision: Precision) {
    this.count = new Float64Array(channels);
    this.#mean = allocateReal(precision, channels);
    this.#m2 = allocateReal(precision, channels);
    this.#delta = allocateReal(precision, 2);
  }

  add(channel: number, values: Real, from: number, to: number): void {
    const delta = this.#delta;
    let count = this.count[channel];
    for (let at = from; at < to; at++) {
      const value = values[at];
      count++;
      delta[0] = value - this.#mean[channel];
      this.#mean[channel] += delta[0] / count;
      delta[1] = value - this.#mean[channel];
      this.#m2[channel] += delta[0] * delta[1];
    }
    this.count[channel] = count;
  }

  momentsOf(channel: number): CentredMoments {
    return { count: this.count[channel], mean: this.#mean[channel], m2: this.#m2[channel] };
  }
}

export const welfordVariance: VarianceForm<WelfordAccumulator> = {
  summary: "running mean and sum of squared deviations, element by element, combined by Chan's formula",
  create: (channels, precision) => new WelfordAccumulator(channels, precision),
  combine: (partials, precision) =>
    combineCentred(
      partials[0]?.count.length ?? 0,
      partials.length,
      (partial, channel) => (partials[partial] as WelfordAccumulator).momentsOf(channel),
      precision,
    ),
};
