/** Sums of (x - K) and (x - K)^2 with K the first element that the thread sees of the channel; threads combine by Chan's formula. */
import { allocateReal, type Precision, type Real } from '../tensor-store.js';
import type { MomentAccumulator, VarianceForm } from './accumulator.js';
import { type CentredMoments, combineCentred } from './centred.js';

class ShiftedAccumulator implements MomentAccumulator {
  readonly count: Float64Array;
  readonly #shift: Real;
  readonly #sum: Real;
  readonly #sumOfSquares: Real;
  readonly #tile: Real;

  constructor(channels: number, precision: Precision) {
    this.count = new Float64Array(channels);
    this.#shift = allocateReal(precision, channels);
    this.#sum = allocateReal(precision, channels);
    this.#sumOfSquares = allocateReal(precision, channels);
    this.#tile = allocateReal(precision, 3);
  }

  add(channel: number, values: Real, from: number, to: number): void {
    if (to <= from) return;
    if (this.count[channel] === 0) this.#shift[channel] = values[from];
    const shift = this.#shift[channel];
    const tile = this.#tile;
    tile[0] = 0;
    tile[1] = 0;
    for (let at = from; at < to; at++) {
      tile[2] = values[at] - shift;
      tile[0] += tile[2];
      tile[1] += tile[2] * tile[2];
    }
    this.count[channel] += to - from;
    this.#sum[channel] += tile[0];
    this.#sumOfSquares[channel] += tile[1];
  }

  momentsOf(channel: number): CentredMoments {
    const count = this.count[channel];
    const offset = count === 0 ? 0 : this.#sum[channel] / count;
    return {
      count,
      mean: this.#shift[channel] + offset,
      m2: Math.max(0, this.#sumOfSquares[channel] - this.#sum[channel] * offset),
    };
  }
}

export const shiftedVariance: VarianceForm<ShiftedAccumulator> = {
  summary: "sums of the differences from each thread's first element, combined by Chan's formula",
  create: (channels, precision) => new ShiftedAccumulator(channels, precision),
  combine: (partials, precision) =>
    combineCentred(
      partials[0]?.count.length ?? 0,
      partials.length,
      (partial, channel) => (partials[partial] as ShiftedAccumulator).momentsOf(channel),
      precision,
    ),
};
