/** E[X^2] - E[X]^2 from the sum and the sum of squares: what MVF and the fused epilogues compute. */
import { allocateReal, type Precision, type Real } from '../tensor-store.js';
import type { MomentAccumulator, Moments, VarianceForm } from './accumulator.js';

class PlainAccumulator implements MomentAccumulator {
  readonly count: Float64Array;
  readonly sum: Real;
  readonly sumOfSquares: Real;
  /** Sum and sum of squares of the tile at hand: as wide as the stored numbers, so that every addition rounds. */
  readonly #tile: Real;

  constructor(channels: number, precision: Precision) {
    this.count = new Float64Array(channels);
    this.sum = allocateReal(precision, channels);
    this.sumOfSquares = allocateReal(precision, channels);
    this.#tile = allocateReal(precision, 2);
  }

  add(channel: number, values: Real, from: number, to: number): void {
    const tile = this.#tile;
    tile[0] = 0;
    tile[1] = 0;
    for (let at = from; at < to; at++) {
      const value = values[at];
      tile[0] += value;
      tile[1] += value * value;
    }
    this.count[channel] += to - from;
    this.sum[channel] += tile[0];
    this.sumOfSquares[channel] += tile[1];
  }
}

export const plainVariance: VarianceForm<PlainAccumulator> = {
  summary: 'sum and sum of squares: variance = E[X^2] - E[X]^2, clipped at 0',
  create: (channels, precision) => new PlainAccumulator(channels, precision),
  combine(partials, precision): Moments {
    const channels = partials[0]?.sum.length ?? 0;
    const mean = allocateReal(precision, channels);
    const variance = allocateReal(precision, channels);
    const total = allocateReal(precision, 2);
    for (let channel = 0; channel < channels; channel++) {
      let count = 0;
      total[0] = 0;
      total[1] = 0;
      for (const partial of partials) {
        count += partial.count[channel];
        total[0] += partial.sum[channel];
        total[1] += partial.sumOfSquares[channel];
      }
      mean[channel] = total[0] / count;
      // The square of the mean is rounded before it is subtracted, as in a register: this is where the digits are lost.
      total[1] = total[1] / count;
      total[0] = mean[channel] * mean[channel];
      variance[channel] = Math.max(0, total[1] - total[0]);
    }
    return { mean, variance };
  },
};
