import { describe, expect, it } from 'vitest';
import { loadMachine } from '../../../src/config/load.js';
import { loadNetwork } from '../../../src/network/load.js';
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

  it('of ideal memory is less than that of DRAM, whose channels are work of their own', () => {
    const { machine } = smallPoint();
    const ideal = {
      kind: 'ideal',
      latencyPs: 50_000,
      bytesPerSecond: Infinity,
      channelsPerSocket: 1,
    } as const;
    expect(costOf(smallPoint({ machine: { ...machine, memory: ideal } }))).toBeLessThan(costOf(smallPoint()));
  });

  it('of pilots grows with the cores that they run on, and not with the images', () => {
    const machine = loadMachine('skylake-sp-2s');
    const of = (point: PointSettings) =>
      estimatePart(point, 'pilots', buildStep(point, sampleOf(point).images));
    const small = smallPoint({ machine, batch: 40, exact: false });
    const half = { ...machine, coresPerSocket: 10 };
    // A socket and the one core of the share.
    expect(of(small) / of({ ...small, machine: half, batch: 20 })).toBeCloseTo(21 / 11, 12);
    expect(of({ ...small, batch: 120 })).toBe(of(small));
  });
});
