/** The study of accuracy over training as a figure and as CSV. */
import type { TopLevelSpec } from 'vega-lite';
import {
  lossDifferences,
  type TrainingStudyOptions,
  type TrainingStudyRow,
} from '../../numerics/studies/training-accuracy.js';
import type { CsvColumn } from '../csv.js';
import { COLOURS, encloseByPowersOfTen } from './theme.js';

/** Columns of the study's CSV. Ten digits of a loss are enough to tell any two float32 numbers apart. */
export const TRAINING_COLUMNS: readonly CsvColumn<TrainingStudyRow>[] = [
  { header: 'run', value: ({ run }) => run },
  { header: 'step', value: ({ step }) => step },
  { header: 'loss_nat', value: ({ loss }) => loss },
  { header: 'accuracy', value: ({ accuracy }) => accuracy },
];

/** What the figure compares: the first run, a restructured one and the first one in another order of additions. */
export interface TrainingFigureRuns {
  readonly baseline: string;
  readonly restructured: string;
  readonly reordered: string;
}

/** Loss of the first two runs above, distance of the last two from the first below. Steps where the distance is 0 have no point: its axis is logarithmic. */
export function trainingFigure(
  rows: readonly TrainingStudyRow[],
  options: TrainingStudyOptions,
  { baseline, restructured, reordered }: TrainingFigureRuns,
): TopLevelSpec {
  const x = {
    field: 'step',
    type: 'quantitative' as const,
    scale: { domain: [0, options.steps], nice: false },
    axis: { title: 'training step', grid: false, tickCount: 6 },
  };
  const lossesOf = (run: string) =>
    rows.filter((row) => row.run === run).map(({ step, loss }) => ({ step, loss, run }));
  const differences = [restructured, reordered].flatMap((run) =>
    lossDifferences(rows, run)
      .map((difference, step) => ({ step, difference, run }))
      .filter(({ difference }) => difference > 0),
  );
  const differenceAxis = encloseByPowersOfTen(differences.map(({ difference }) => difference));
  const colour = (domain: string[], range: string[]) => ({
    field: 'run',
    type: 'nominal' as const,
    scale: { domain, range },
    legend: { title: null, symbolSize: 260 },
  });
  const curve = (run: string, strokeWidth: number) => ({
    data: { name: `loss of ${run}`, values: lossesOf(run) },
    mark: { type: 'line' as const, strokeWidth, strokeJoin: 'round' as const },
    encoding: {
      x,
      y: {
        field: 'loss',
        type: 'quantitative' as const,
        axis: { title: 'loss of the mini-batch (nat)', tickCount: 5 },
      },
      color: colour([baseline, restructured], [COLOURS.orange, COLOURS.black]),
    },
  });
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    description: `Loss of ${baseline} and ${restructured} over ${options.steps} training steps, and how far ${restructured} and ${reordered} are from ${baseline}`,
    spacing: 28,
    resolve: { scale: { color: 'independent', shape: 'independent' } },
    vconcat: [
      {
        title: {
          text: 'Restructured training follows the same loss curve',
          subtitle: `${options.steps} steps of ${options.batch} generated images, float32, the same parameters and images for every run`,
        },
        width: 520,
        height: 200,
        layer: [curve(baseline, 5), curve(restructured, 1.2)],
      },
      {
        title: {
          text: 'Difference from the baseline: restructuring and mere reordering',
          subtitle: 'steps with a difference of exactly 0 have no mark',
        },
        width: 520,
        height: 200,
        data: { name: 'differences', values: differences },
        mark: { type: 'point', size: 26, strokeWidth: 1.3, opacity: 1 },
        encoding: {
          x,
          y: {
            field: 'difference',
            type: 'quantitative' as const,
            scale: differenceAxis.scale,
            axis: { title: '|loss − baseline’s| (nat)', ...differenceAxis.ticks },
          },
          color: {
            ...colour([restructured, reordered], [COLOURS.blue, COLOURS.vermilion]),
            legend: { title: null, symbolSize: 90 },
          },
          shape: {
            field: 'run',
            type: 'nominal',
            scale: { domain: [restructured, reordered], range: ['circle', 'cross'] },
            legend: { title: null, symbolSize: 90 },
          },
        },
      },
    ],
  };
}
