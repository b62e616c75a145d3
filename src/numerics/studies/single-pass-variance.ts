/**
 * Study: how far float32 single-pass variance is off when the mean is large against the standard deviation.
 *
 * E[X^2] - E[X]^2 subtracts two numbers near mean^2; each carries a relative rounding error of the order of eps, so the relative error of the
 * variance grows as eps * (mean / std)^2, where Welford's grows as eps * mean / std (Chan, Golub, LeVeque, "Algorithms for computing the
 * sample variance: analysis and recommendations", The American Statistician 37, 1983).
 */

import { fillNormal } from '../initialise.js';
import type { VarianceForm } from '../moments/accumulator.js';
import { VARIANCE_FORMS, type VarianceFormName } from '../moments/registry.js';
import { forEachShare } from '../partition.js';
import type { Real } from '../tensor-store.js';

export type StudiedForm = VarianceFormName | 'two-pass';

export const STUDIED_FORMS: readonly StudiedForm[] = ['two-pass', 'plain', 'shifted', 'welford'];

export interface VarianceStudyOptions {
  /** Values of |mean| / standard deviation. */
  readonly ratios: readonly number[];
  /** Channels, each with numbers of its own, over which an error's median and maximum are taken. */
  readonly channels: number;
  /** Rows per channel and elements per row: a thread adds row by row. */
  readonly rows: number;
  readonly rowLength: number;
  readonly threads: number;
  readonly seed: string;
}

/** 56 rows of 56 pixels: one image of DenseNet-121's first block; enough channels for a median. */
export const DEFAULT_VARIANCE_STUDY: VarianceStudyOptions = {
  ratios: [0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 100_000],
  channels: 33,
  rows: 56,
  rowLength: 56,
  threads: 4,
  seed: 'single-pass variance',
};

/** Error of one form at one ratio. */
export interface VarianceStudyRow {
  /** |mean| / standard deviation of the distribution that the elements are drawn from. */
  readonly ratio: number;
  readonly form: StudiedForm;
  /** Relative error of the variance: median and maximum over the channels. */
  readonly medianError: number;
  readonly worstError: number;
  /** Channels whose variance came out as exactly 0. */
  readonly zeroVariances: number;
  /** Smallest variance of all channels; never negative. */
  readonly smallestVariance: number;
}

/** Runs the study. Elements are float32; the exact variance is that of these very elements, computed in float64 with two passes. */
export function studySinglePassVariance(
  options: VarianceStudyOptions = DEFAULT_VARIANCE_STUDY,
): VarianceStudyRow[] {
  return options.ratios.flatMap((ratio) => {
    const channels = Array.from({ length: options.channels }, (_, channel) => {
      const values = new Float32Array(options.rows * options.rowLength);
      fillNormal(values, `${options.seed}/${ratio}/${channel}`, ratio, 1);
      return values;
    });
    const exact = channels.map(exactVariance);
    return STUDIED_FORMS.map((form) => {
      const variances = channels.map((values) => varianceOf(form, values, options));
      const errors = variances
        .map(
          (variance, channel) => Math.abs(variance - (exact[channel] as number)) / (exact[channel] as number),
        )
        .sort((a, b) => a - b);
      return {
        ratio,
        form,
        medianError: errors[Math.floor(errors.length / 2)] as number,
        worstError: errors.at(-1) as number,
        zeroVariances: variances.filter((variance) => variance === 0).length,
        smallestVariance: Math.min(...variances),
      };
    });
  });
}

function exactVariance(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return squares / values.length;
}

function varianceOf(form: StudiedForm, values: Float32Array, options: VarianceStudyOptions): number {
  return form === 'two-pass'
    ? twoPassVariance(values, options)
    : singlePassVariance(VARIANCE_FORMS[form], values, options);
}

function singlePassVariance(form: VarianceForm, values: Real, options: VarianceStudyOptions): number {
  const { rows, rowLength, threads } = options;
  const partials = Array.from({ length: threads }, () => form.create(1, 'float32'));
  forEachShare(1, rows, threads, (thread, _image, firstRow, endRow) => {
    for (let row = firstRow; row < endRow; row++) {
      partials[thread]?.add(0, values, row * rowLength, (row + 1) * rowLength);
    }
  });
  return form.combine(partials, 'float32').variance[0] as number;
}

/** The baseline's form, thread by thread and row by row in float32: the plain sum of x, then that of (x - mean)^2. */
function twoPassVariance(values: Float32Array, options: VarianceStudyOptions): number {
  const { rows, rowLength, threads } = options;
  const sumOf = (term: (value: number) => number) => {
    const partials = new Float32Array(threads);
    const tile = new Float32Array(1);
    forEachShare(1, rows, threads, (thread, _image, firstRow, endRow) => {
      for (let row = firstRow; row < endRow; row++) {
        tile[0] = 0;
        for (let at = row * rowLength; at < (row + 1) * rowLength; at++) tile[0] += term(values[at]);
        partials[thread] += tile[0];
      }
    });
    return partials.reduce((sum, partial) => Math.fround(sum + partial), 0);
  };
  const mean = Math.fround(sumOf((value) => value) / values.length);
  return Math.fround(sumOf((value) => Math.fround(value - mean) ** 2) / values.length);
}
