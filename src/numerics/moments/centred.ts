/**
 * Partial moments as (count, mean, M2 = sum of squared deviations from the mean), and how two of them add up.
 *
 * Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
 */
import { allocateReal, type Precision } from '../tensor-store.js';
import type { Moments } from './accumulator.js';

/** What a thread knows of one channel. */
export interface CentredMoments {
  readonly count: number;
  readonly mean: number;
  readonly m2: number;
}

/** Adds the partial moments of every channel up, in order. */
export function combineCentred(
  channels: number,
  partials: number,
  momentsOf: (partial: number, channel: number) => CentredMoments,
  precision: Precision,
): Moments {
  const mean = allocateReal(precision, channels);
  const variance = allocateReal(precision, channels);
  const total = allocateReal(precision, 2);
  for (let channel = 0; channel < channels; channel++) {
    let count = 0;
    total[0] = 0;
    total[1] = 0;
    for (let partial = 0; partial < partials; partial++) {
      const part = momentsOf(partial, channel);
      if (part.count === 0) continue;
      const joint = count + part.count;
      const delta = part.mean - total[0];
      total[1] += part.m2 + (delta * delta * count * part.count) / joint;
      total[0] += (delta * part.count) / joint;
      count = joint;
    }
    mean[channel] = count === 0 ? Number.NaN : total[0];
    variance[channel] = Math.max(0, total[1] / count);
  }
  return { mean, variance };
}
