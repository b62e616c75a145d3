/** The page on accuracy over training, written from the study's rows. */
import { DEFAULT_SETTINGS } from '../execution.js';
import {
  buildStudyStep,
  curveDistances,
  lossDifferences,
  type TrainingStudyOptions,
  type TrainingStudyRow,
} from './training-accuracy.js';

/** Steps at the end over which losses and accuracies of the table are averaged. */
const LAST_STEPS = 50;

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Renders `docs/studies/training-accuracy.md`. */
export function renderTrainingAccuracy(
  rows: readonly TrainingStudyRow[],
  options: TrainingStudyOptions,
): string {
  const [baseline] = options.runs;
  const step = buildStudyStep(options.batch);
  const rowsOf = (run: string) => rows.filter((row) => row.run === run);
  const distances = curveDistances(rows);
  const table = options.runs.map(({ name, schedule, settings }) => {
    const own = rowsOf(name);
    const last = own.slice(-LAST_STEPS);
    const distance = distances.find(({ run }) => run === name);
    const differences = lossDifferences(rows, name);
    const cells = [
      name,
      schedule,
      String(settings?.threads ?? DEFAULT_SETTINGS.threads),
      (own[0] as TrainingStudyRow).loss.toFixed(4),
      mean(last.map(({ loss }) => loss)).toFixed(4),
      `${(100 * mean(last.map(({ accuracy }) => accuracy))).toFixed(1)} %`,
      ...(distance === undefined
        ? ['-', '-', '-']
        : [
            distance.largestEarly.toExponential(1),
            distance.largest.toExponential(1),
            `${differences.filter((difference) => difference === 0).length} of ${options.steps}`,
          ]),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const restructured = distances.filter(({ run }) => scheduleOf(options, run) !== baseline?.schedule);
  const reordered = distances.filter(({ run }) => scheduleOf(options, run) === baseline?.schedule);
  const largest = Math.max(...restructured.map((distance) => distance.largest));
  const noise = Math.max(...reordered.map((distance) => distance.largest));
  const same = findSameCurves(restructured.map(({ run }) => [run, rowsOf(run)]));
  return `# Accuracy over training: does restructuring change what is learnt?

\`normcore verify\` compares one training step. Here a small network is trained for ${options.steps} steps, with the baseline's numerics and with those of restructured schedules, from the
same parameters on the same images: ${options.batch} generated images of 12 × 12 pixels per step, stripes in ${countClasses(step)} directions and colours under noise of twice their size. The network
has ${step.batchNorms.size} batch normalisations, of which one is wholly between two CONVs, and a Concat, so that each kind of fusion takes part. Everything is float32; threads have partial sums of their own.

In exact arithmetic all curves would be one. In float32 the order of additions matters, and what rounding changes in one step feeds back through all later ones. How
far that goes without any restructuring shows the baseline on another number of threads: nothing differs but how its sums are split.

![Loss of baseline and bnff over training, and the differences from the baseline](training-accuracy.png)

([SVG](training-accuracy.svg), [numbers as CSV](training-accuracy.csv))

| run | schedule | threads | first loss (nat) | loss, mean of the last ${LAST_STEPS} steps (nat) | accuracy, the same | largest difference from baseline, first tenth (nat) | largest difference, all steps (nat) | steps without any difference |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${table.join('\n')}

The loss of a restructured schedule is never further than ${largest.toExponential(1)} nat from the baseline's; with another number of threads alone it is up to ${noise.toExponential(1)} nat:
restructuring disturbs the loss ${(largest / noise).toFixed(2)} times as much as splitting the sums differently does.${same}

This page is generated: \`npm run build && node docs/studies/generate.mjs\`. Any other length, batch, schedule or seed: \`studyTraining\` in \`src/numerics/studies/training-accuracy.ts\`.
`;
}

function scheduleOf(options: TrainingStudyOptions, run: string): string | undefined {
  return options.runs.find(({ name }) => name === run)?.schedule;
}

function countClasses(step: ReturnType<typeof buildStudyStep>): number {
  const loss = step.operations.find((operation) => operation.kind === 'softmax-loss-forward');
  const shape = loss === undefined ? undefined : step.tensors.get(loss.probabilities)?.shape;
  if (shape === undefined) throw new Error('the network of the study has no loss');
  return shape[1] as number;
}

/** A sentence on the first runs whose curves are one and the same, or nothing. */
function findSameCurves(runs: readonly (readonly [string, readonly TrainingStudyRow[]])[]): string {
  const [first, ...others] = runs;
  const same = others.filter(([, rows]) => rows.every(({ loss }, index) => loss === first?.[1][index]?.loss));
  return same.length === 0
    ? ''
    : ` The losses of ${[first?.[0], ...same.map(([name]) => name)].join(' and ')} are the same to the last bit: ICF changes where sums are taken, not in which order.`;
}
