import { describe, expect, it } from 'vitest';
import {
  type StudiedForm,
  studySinglePassVariance,
} from '../../../src/numerics/studies/single-pass-variance.js';
import { curveDistances, studyTraining } from '../../../src/numerics/studies/training-accuracy.js';
import { MACHINE_EPSILON } from '../../../src/numerics/tensor-store.js';

describe('study of single-pass variance', () => {
  const rows = studySinglePassVariance();
  const rowOf = (ratio: number, form: StudiedForm) => {
    const row = rows.find((candidate) => candidate.ratio === ratio && candidate.form === form);
    if (row === undefined) throw new Error(`no row for ${ratio}, ${form}`);
    return row;
  };

  it('never gives a negative variance', () => {
    for (const { smallestVariance } of rows) expect(smallestVariance).toBeGreaterThanOrEqual(0);
  });

  it('shows the plain form losing digits with the square of the ratio', () => {
    for (const ratio of [10, 100, 1000]) {
      const { medianError } = rowOf(ratio, 'plain');
      const predicted = MACHINE_EPSILON.float32 * ratio ** 2;
      expect(medianError).toBeGreaterThan(predicted / 30);
      expect(medianError).toBeLessThan(predicted * 30);
    }
  });

  it('shows the plain form as good as the others where the mean is not large', () => {
    for (const form of ['two-pass', 'plain', 'shifted', 'welford'] as const) {
      expect(rowOf(1, form).worstError).toBeLessThan(1e-6);
    }
  });

  it('shows the other forms keeping the variance where the plain one has lost it', () => {
    expect(rowOf(3000, 'plain').worstError).toBeGreaterThan(0.5);
    for (const form of ['two-pass', 'shifted', 'welford'] as const) {
      expect(rowOf(3000, form).worstError).toBeLessThan(1e-3);
    }
  });
});

describe('study of accuracy over training', () => {
  const rows = studyTraining({
    steps: 100,
    batch: 16,
    seed: 'accuracy over training',
    runs: [
      { name: 'baseline', schedule: 'baseline', precision: 'float32' },
      { name: 'bnff+icf', schedule: 'bnff+icf', precision: 'float32' },
      { name: 'other order', schedule: 'baseline', precision: 'float32', settings: { threads: 3 } },
    ],
  });
  const lossesOf = (run: string) => rows.filter((row) => row.run === run).map(({ loss }) => loss);

  it('learns: the loss falls far below that of guessing one class of four', () => {
    const late = lossesOf('bnff+icf').slice(-10);
    expect(Math.max(...late)).toBeLessThan(Math.log(4) / 2);
    expect(rows.at(-1)?.accuracy).toBeGreaterThan(0.9);
  });

  it('keeps the loss curves of baseline and bnff+icf as close as another order of the same sums does', () => {
    const distances = curveDistances(rows);
    const noise = distances.find(({ run }) => run === 'other order');
    const restructured = distances.find(({ run }) => run === 'bnff+icf');
    // Both are draws of the same rounding noise, fed back through the same updates: one is no more than some ten times the other.
    expect(restructured?.largest).toBeLessThan(10 * (noise?.largest as number));
    expect(restructured?.largest).toBeLessThan(1e-4);
    expect(restructured?.largestEarly).toBeLessThan(1e-5);
  });

  it('is the same to the byte when repeated', () => {
    const options = {
      steps: 5,
      batch: 8,
      seed: 'again',
      runs: [{ name: 'bnff', schedule: 'bnff', precision: 'float32' as const }],
    };
    expect(studyTraining(options)).toEqual(studyTraining(options));
  });
});
