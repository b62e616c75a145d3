/** The files of docs/studies: a study is a page, its numbers as CSV, and a figure as SVG and PNG. */
import type { TopLevelSpec } from 'vega-lite';
import type { Network } from '../../network/layers.js';
import { DEFAULT_SETTINGS } from '../../numerics/execution.js';
import { findLargestRatio } from '../../numerics/studies/mean-to-deviation.js';
import { renderSinglePassVariance } from '../../numerics/studies/render-single-pass-variance.js';
import { renderTrainingAccuracy } from '../../numerics/studies/render-training-accuracy.js';
import {
  DEFAULT_VARIANCE_STUDY,
  type VarianceStudyRow,
} from '../../numerics/studies/single-pass-variance.js';
import { DEFAULT_TRAINING_STUDY, type TrainingStudyRow } from '../../numerics/studies/training-accuracy.js';
import { VERIFY_DEFAULTS } from '../../numerics/verify.js';
import { buildTrainingStep } from '../../training/build.js';
import { renderCsv } from '../csv.js';
import { renderPng, renderSvg } from './render.js';
import { VARIANCE_COLUMNS, varianceFigure } from './single-pass-variance.js';
import { TRAINING_COLUMNS, trainingFigure } from './training-accuracy.js';

/** Contents by file name. */
export type StudyFiles = Readonly<Record<string, string | Uint8Array>>;

async function filesOf(name: string, page: string, csv: string, figure: TopLevelSpec): Promise<StudyFiles> {
  const svg = await renderSvg(figure);
  return {
    [`${name}.md`]: page,
    [`${name}.csv`]: csv,
    [`${name}.svg`]: svg,
    [`${name}.png`]: await renderPng(svg),
  };
}

/**
 * The study of single-pass variance.
 * @param rows of the default study
 * @param networks scaled down, whose BN inputs are compared with the study's
 */
export function varianceFiles(
  rows: readonly VarianceStudyRow[],
  networks: readonly Network[],
): Promise<StudyFiles> {
  const ratios = networks.map((network) =>
    findLargestRatio(buildTrainingStep(network, { batch: VERIFY_DEFAULTS.batch }), DEFAULT_SETTINGS.seed),
  );
  return filesOf(
    'single-pass-variance',
    renderSinglePassVariance(rows, DEFAULT_VARIANCE_STUDY, ratios),
    renderCsv(VARIANCE_COLUMNS, rows),
    varianceFigure(rows, DEFAULT_VARIANCE_STUDY),
  );
}

/**
 * The study of accuracy over training.
 * @param rows of the default study
 */
export function trainingFiles(rows: readonly TrainingStudyRow[]): Promise<StudyFiles> {
  const runs = { baseline: 'baseline', restructured: 'bnff', reordered: 'baseline on 3 threads' };
  return filesOf(
    'training-accuracy',
    renderTrainingAccuracy(rows, DEFAULT_TRAINING_STUDY),
    renderCsv(TRAINING_COLUMNS, rows),
    trainingFigure(rows, DEFAULT_TRAINING_STUDY, runs),
  );
}
