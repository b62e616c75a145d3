/** The study of single-pass variance as a figure and as CSV. */
import type { TopLevelSpec } from 'vega-lite';
import {
  STUDIED_FORMS,
  type StudiedForm,
  type VarianceStudyOptions,
  type VarianceStudyRow,
} from '../../numerics/studies/single-pass-variance.js';
import { MACHINE_EPSILON } from '../../numerics/tensor-store.js';
import type { CsvColumn } from '../csv.js';
import { COLOURS, encloseByPowersOfTen, REFERENCE_GREY } from './theme.js';

const LOOKS: Readonly<Record<StudiedForm, { label: string; colour: string; shape: string }>> = {
  'two-pass': { label: 'two passes', colour: COLOURS.black, shape: 'square' },
  plain: { label: 'E[X²] − E[X]²', colour: COLOURS.vermilion, shape: 'circle' },
  shifted: { label: 'shifted', colour: COLOURS.blue, shape: 'triangle-up' },
  welford: { label: 'Welford', colour: COLOURS.green, shape: 'diamond' },
};

/** From the largest error to the smallest, as the lines lie in the figure. */
const LEGEND_ORDER: readonly StudiedForm[] = ['plain', 'welford', 'shifted', 'two-pass'];

/** Columns of the study's CSV; all quantities are ratios except the variance, which is in units of the elements squared. */
export const VARIANCE_COLUMNS: readonly CsvColumn<VarianceStudyRow>[] = [
  { header: 'mean_over_std', value: ({ ratio }) => ratio },
  { header: 'form', value: ({ form }) => form },
  { header: 'median_relative_error', value: ({ medianError }) => medianError },
  { header: 'worst_relative_error', value: ({ worstError }) => worstError },
  { header: 'channels_with_variance_0', value: ({ zeroVariances }) => zeroVariances },
  { header: 'smallest_variance', value: ({ smallestVariance }) => smallestVariance },
];

/** Error against mean / std, both logarithmic: a mean of 0 and errors of 0 have no place on the axes and are in the CSV only. */
export function varianceFigure(
  rows: readonly VarianceStudyRow[],
  options: VarianceStudyOptions,
): TopLevelSpec {
  const ratios = options.ratios.filter((ratio) => ratio > 0);
  const points = rows
    .filter(({ ratio }) => ratio > 0)
    .flatMap(({ ratio, form, medianError, worstError }) => [
      { ratio, form: LOOKS[form].label, error: medianError, of: 'median' },
      { ratio, form: LOOKS[form].label, error: worstError, of: 'worst' },
    ])
    .filter(({ error }) => error > 0);
  const predicted = ratios.map((ratio) => ({ ratio, error: MACHINE_EPSILON.float32 * ratio ** 2 }));
  const ratioAxis = encloseByPowersOfTen(ratios);
  const errorAxis = encloseByPowersOfTen(points.map(({ error }) => error));
  const looks = LEGEND_ORDER.map((form) => LOOKS[form]);
  const x = {
    field: 'ratio',
    type: 'quantitative' as const,
    scale: ratioAxis.scale,
    axis: { title: '|mean| / standard deviation', grid: false, ...ratioAxis.ticks },
  };
  const y = {
    field: 'error',
    type: 'quantitative' as const,
    scale: errorAxis.scale,
    axis: { title: 'relative error of the variance', ...errorAxis.ticks },
  };
  const colour = {
    field: 'form',
    type: 'nominal' as const,
    scale: { domain: looks.map(({ label }) => label), range: looks.map(({ colour }) => colour) },
    legend: { title: null },
  };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    description: `Relative error of float32 variance against mean / standard deviation for ${STUDIED_FORMS.length} ways to accumulate it`,
    title: {
      text: 'E[X²] − E[X]² loses digits with the square of mean / std',
      subtitle: [
        `float32, ${options.channels} channels of ${options.rows} × ${options.rowLength} elements, ${options.threads} threads`,
        'solid: median of the channels; dashed: worst of them; grey: eps · (mean / std)²',
      ],
    },
    width: 520,
    height: 340,
    layer: [
      {
        data: { name: 'predicted', values: predicted },
        mark: { type: 'line', color: REFERENCE_GREY, strokeWidth: 5, opacity: 0.35 },
        encoding: { x, y },
      },
      {
        data: { name: 'worst', values: points.filter(({ of }) => of === 'worst') },
        mark: { type: 'line', strokeDash: [3, 3], strokeWidth: 1.2 },
        encoding: { x, y, color: colour },
      },
      {
        data: { name: 'median', values: points.filter(({ of }) => of === 'median') },
        mark: { type: 'line', strokeWidth: 2 },
        encoding: { x, y, color: colour },
      },
      {
        data: { name: 'marks', values: points.filter(({ of }) => of === 'median') },
        mark: { type: 'point', filled: true, size: 55, opacity: 1 },
        encoding: {
          x,
          y,
          color: colour,
          shape: {
            field: 'form',
            type: 'nominal',
            scale: { domain: looks.map(({ label }) => label), range: looks.map(({ shape }) => shape) },
            legend: { title: null },
          },
        },
      },
    ],
  };
}
