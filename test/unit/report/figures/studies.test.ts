/** The files in docs/studies are what the code gives today. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseNetwork } from '../../../../src/network/parse.js';
import { studySinglePassVariance } from '../../../../src/numerics/studies/single-pass-variance.js';
import {
  DEFAULT_TRAINING_STUDY,
  studyTraining,
  type TrainingStudyRow,
} from '../../../../src/numerics/studies/training-accuracy.js';
import { scaledDown } from '../../../../src/numerics/verify.js';
import { renderCsv } from '../../../../src/report/csv.js';
import { type StudyFiles, trainingFiles, varianceFiles } from '../../../../src/report/figures/studies.js';
import { TRAINING_COLUMNS } from '../../../../src/report/figures/training-accuracy.js';

const folder = new URL('../../../../docs/studies/', import.meta.url);
const shipped = (name: string) => readFileSync(new URL(name, folder));

/** Steps of the training that are done again here; the whole of it takes too long for a unit test. */
const REPEATED_STEPS = 40;

/** The rows that the shipped CSV was written from: float32 losses survive ten decimal digits. */
function readTrainingRows(): TrainingStudyRow[] {
  const [, ...lines] = shipped('training-accuracy.csv').toString().trimEnd().split('\n');
  return lines.map((line) => {
    const [run = '', step, loss, accuracy] = line.split(',');
    return { run, step: Number(step), loss: Math.fround(Number(loss)), accuracy: Number(accuracy) };
  });
}

function expectShipped(files: StudyFiles): void {
  for (const [name, content] of Object.entries(files)) {
    const same = Buffer.from(content).equals(shipped(name));
    expect(
      same,
      `docs/studies/${name} is not up to date: npm run build && node docs/studies/generate.mjs`,
    ).toBe(true);
  }
}

describe('the study of single-pass variance', () => {
  it('has the page, the numbers and the figures that the code gives', async () => {
    const networks = ['densenet121', 'resnet50'].map((name) => {
      const text = readFileSync(new URL(`../../workloads/networks/${name}.yaml`, folder), 'utf8');
      return parseNetwork(text, name, scaledDown({ height: 224, width: 224 }));
    });
    expectShipped(await varianceFiles(studySinglePassVariance(), networks));
  });
});

describe('the study of accuracy over training', () => {
  const rows = readTrainingRows();

  it('has the page and the figures that its numbers give', async () => {
    expectShipped(await trainingFiles(rows));
  });

  it('has every step of every run', () => {
    const { runs, steps } = DEFAULT_TRAINING_STUDY;
    expect(rows.map(({ run, step }) => `${run} ${step}`)).toEqual(
      runs.flatMap(({ name }) => Array.from({ length: steps }, (_, step) => `${name} ${step}`)),
    );
  });

  it(`has the numbers that the code gives, as far as its first ${REPEATED_STEPS} steps show`, () => {
    const again = studyTraining({ ...DEFAULT_TRAINING_STUDY, steps: REPEATED_STEPS });
    const first = rows.filter(({ step }) => step < REPEATED_STEPS);
    expect(renderCsv(TRAINING_COLUMNS, again)).toBe(renderCsv(TRAINING_COLUMNS, first));
  });
});

it('the folder holds nothing but studies and what generates them', () => {
  const kinds = ['csv', 'md', 'png', 'svg'];
  const names = ['single-pass-variance', 'training-accuracy'];
  const expected = [...names.flatMap((name) => kinds.map((kind) => `${name}.${kind}`)), 'generate.mjs'];
  expect(readdirSync(folder).sort()).toEqual(expected.sort());
});
