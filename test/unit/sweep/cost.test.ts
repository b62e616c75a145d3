import { describe, expect, it } from 'vitest';
import { loadNetwork } from '../../../src/cli/network-source.js';
import { buildStep, type PointSettings, partsOf, sampleOf } from '../../../src/simulate/part.js';
import { estimatePart } from '../../../src/sweep/cost.js';
import { smallPoint } from './points.js';

function costOf(point: PointSettings): number {
  const step = buildStep(point, sampleOf(point).images);
  return estimatePart(point, 'forward', step) + estimatePart(point, 'backward', step);
}

describe('the estimate of a part', () => {
  it('falls along the schedules of DenseNet-121, as each sweeps less', () => {
    const network = loadNetwork('densenet121');
    const totals = ['baseline', 'rcf', 'rcf+mvf', 'bnff', 'bnff+icf'].map((schedule) =>
      costOf(smallPoint({ network, schedule })),
    );
    expect(totals).toEqual([...totals].sort((a, b) => b - a));
  });

  it('is in proportion to the images that are simulated', () => {
    const network = loadNetwork('densenet121');
    const of = (batch: number) => costOf(smallPoint({ network, batch }));
    expect(of(8) / of(4)).toBeCloseTo(2, 12);
  });

  it('of a whole point is that of its passes together', () => {
    const point = smallPoint({ exact: true });
    expect(partsOf(point)).toEqual(['whole']);
    const step = buildStep(point, sampleOf(point).images);
    expect(estimatePart(point, 'whole', step)).toBe(costOf(point));
  });
});
