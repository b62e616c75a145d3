/** The page on single-pass variance, written from the study's rows. */
import { MACHINE_EPSILON } from '../tensor-store.js';
import {
  STUDIED_FORMS,
  type StudiedForm,
  type VarianceStudyOptions,
  type VarianceStudyRow,
} from './single-pass-variance.js';

/** What the BN inputs of a network look like: largest |mean| / std over its BN layers and channels. */
export interface NetworkRatio {
  readonly network: string;
  readonly batchNorms: number;
  readonly largestRatio: number;
  readonly layer: string;
}

const HEADINGS: Readonly<Record<StudiedForm, string>> = {
  'two-pass': 'two passes',
  plain: 'E[X²] − E[X]²',
  shifted: 'shifted',
  welford: 'Welford',
};

function formatError(value: number): string {
  return value === 0 ? '0' : value.toExponential(1);
}

/** Renders `docs/studies/single-pass-variance.md`. */
export function renderSinglePassVariance(
  rows: readonly VarianceStudyRow[],
  options: VarianceStudyOptions,
  networks: readonly NetworkRatio[],
): string {
  const byForm = (ratio: number, form: StudiedForm) =>
    rows.find((row) => row.ratio === ratio && row.form === form) as VarianceStudyRow;
  const table = options.ratios.map((ratio) => {
    const cells = STUDIED_FORMS.map((form) => {
      const { medianError, worstError } = byForm(ratio, form);
      return `${formatError(medianError)} (${formatError(worstError)})`;
    });
    const predicted = formatError(MACHINE_EPSILON.float32 * ratio * ratio);
    const zeros = byForm(ratio, 'plain').zeroVariances;
    return `| ${ratio} | ${cells.join(' | ')} | ${predicted} | ${zeros} of ${options.channels} |`;
  });
  const steady = rows.filter(({ form, ratio }) => form !== 'plain' && ratio >= 10);
  const growth = Math.max(
    ...steady.map(({ worstError, ratio }) => worstError / (MACHINE_EPSILON.float32 * ratio)),
  );
  const largest = Math.max(...networks.map(({ largestRatio }) => largestRatio));
  const smallest = Math.min(...rows.map((row) => row.smallestVariance));
  const useless = options.ratios.find((ratio) => byForm(ratio, 'plain').worstError >= 1);
  return `# Single-pass variance: how much is lost

MVF and the fused epilogues take mean and variance from one reading of the data. Normcore's numerics know three ways to do that
(\`variance\` in the execution settings) beside the baseline's two passes:

- **plain**: sum and sum of squares, variance = E[X²] − E[X]², clipped at 0. This is what the restructured kernels cost in the simulation.
- **shifted**: the same sums of x − K, K being the first element that a thread sees of the channel; threads combine by Chan's formula.
- **Welford**: running mean and sum of squared deviations, element by element; threads combine by Chan's formula.

Elements are normal with standard deviation 1 and the mean in the first column, ${options.rows} × ${options.rowLength} of them per channel,
${options.channels} channels, ${options.threads} threads, float32 throughout. An entry is the relative error of the variance against the exact variance of the same
float32 elements: median (worst) over the channels.

![Relative error of the variance against mean / standard deviation](single-pass-variance.png)

([SVG](single-pass-variance.svg), [numbers as CSV](single-pass-variance.csv))

| mean / std | ${STUDIED_FORMS.map((form) => HEADINGS[form]).join(' | ')} | eps · (mean / std)² | plain variance is 0 |
| ---: | ${STUDIED_FORMS.map(() => '---:').join(' | ')} | ---: | ---: |
${table.join('\n')}

E[X²] − E[X]² subtracts two numbers near mean², each with a relative rounding error of the order of eps = 2⁻²³, so its error grows as eps · (mean / std)²,
which the last column but one gives for comparison.${
    useless === undefined
      ? ''
      : ` From mean / std = ${useless} on it can lose every digit of the variance; clipping keeps the result from becoming negative.`
  } The worst error of the other forms is at most ${growth.toFixed(1)} eps · mean / std from mean / std = 10 on,
which is how far an element itself is rounded in relation to the standard deviation. The smallest variance of all rows is ${formatError(smallest)}: none is negative.

## Does it matter here?

Largest |mean| / std of any channel that a batch normalisation normalises, in one training step of the scaled-down networks with their initial weights:

| network | BN layers | largest mean / std | at |
| --- | ---: | ---: | --- |
${networks
  .map(
    ({ network, batchNorms, largestRatio, layer }) =>
      `| ${network} | ${batchNorms} | ${largestRatio.toFixed(1)} | ${layer} |`,
  )
  .join('\n')}

At the largest of these, eps · (mean / std)² is ${formatError(MACHINE_EPSILON.float32 * largest * largest)}: the plain form loses a digit or two of seven. What counts are the inputs of a batch
normalisation, which come from a CONV, a Concat or a pooling of normalised maps; a network that normalises data with a large constant offset is
the case in which to choose another form.

This page is generated: \`npm run build && node docs/studies/generate.mjs\`.
`;
}
