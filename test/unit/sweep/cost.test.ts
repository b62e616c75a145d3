import { describe, expect, it } from 'vitest';
import { loadNetwork } from '../../../src/cli/network-source.js';
import { CostEstimator } from '../../../src/sweep/cost.js';
import { smallPoint } from './points.js';

describe('the estimate of a point', () => {
  const estimator = new CostEstimator();

  it('falls along the schedules of DenseNet-121, as each sweeps less', () => {
    const network = loadNetwork('densenet121');
    const totals = ['baseline', 'rcf', 'rcf+mvf', 'bnff', 'bnff+icf'].map(
      (schedule) => estimator.estimate(smallPoint({ network, schedule })).total,
    );
    expect(totals).toEqual([...totals].sort((a, b) => b - a));
  });

  it('grows with the images that are simulated', () => {
    const network = loadNetwork('densenet121');
    const of = (batch: number) => estimator.estimate(smallPoint({ network, batch })).total;
    // Operations without features count the same at any batch.
    expect(of(8) / of(4)).toBeGreaterThan(1.95);
    expect(of(8) / of(4)).toBeLessThan(2);
  });

  it('tells how much is done: nothing at first, everything at last, ever more in between', () => {
    const { shareDone } = estimator.estimate(smallPoint({ exact: false }));
    const steps = 60;
    const shares = Array.from({ length: steps + 1 }, (_, done) => shareDone(done, steps));
    expect(shares[0]).toBe(0);
    expect(shares.at(-1)).toBeCloseTo(1, 12);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
  });

  it('does not fail for a schedule that is refused later', () => {
    expect(estimator.estimate(smallPoint({ schedule: 'no-such' })).total).toBe(
      estimator.estimate(smallPoint()).total,
    );
  });
});
