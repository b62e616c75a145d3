import { describe, expect, it } from 'vitest';
import { gainsOver, groupByCase, withGains } from '../../../src/report/gain.js';
import { REPORTED_GAINS, renderReportedGains } from '../../../src/report/reported.js';
import { operationOf, pointOf, twoSchedules } from './fixtures.js';

describe('gains', () => {
  it('are time of the baseline over time, minus one', () => {
    const [baseline, bnff] = twoSchedules();
    const gains = gainsOver(baseline, bnff);
    expect(gains.forward).toBeCloseTo(0.1 / 0.08 - 1, 12);
    expect(gains.backward).toBeCloseTo(0.3 / 0.24 - 1, 12);
    expect(gains.total).toBeCloseTo(0.4 / 0.32 - 1, 12);
  });

  it('compare with the baseline of the same network, machine and batch only', () => {
    const [baseline, bnff] = twoSchedules();
    const elsewhere = { ...bnff, machine: 'other chip' };
    const rows = withGains([elsewhere, bnff, baseline]);
    expect(rows.map(({ gains }) => gains === null)).toEqual([true, false, false]);
    expect(rows[2]?.gains?.total).toBe(0);
  });

  it('group points that differ by their schedule only, in order of appearance', () => {
    const [baseline, bnff] = twoSchedules();
    const other = { ...baseline, batch: 8 };
    expect(groupByCase([baseline, other, bnff])).toEqual([[baseline, bnff], [other]]);
  });
});

describe('what the abstract reports', () => {
  it('is two gains, for DenseNet-121', () => {
    expect(REPORTED_GAINS.map(({ network, gain }) => [network, gain])).toEqual([
      ['densenet121', 0.284],
      ['densenet121', 0.257],
    ]);
  });

  it('stands beside the simulated gains of that network, labelled', () => {
    const points = twoSchedules().map((point) => ({ ...point, network: 'densenet121' }));
    const text = renderReportedGains(points);
    expect(text).toMatch(/abstract, first version .* 28\.4$/m);
    expect(text).toMatch(/abstract, revised version .* 25\.7$/m);
    expect(text).toMatch(/^simulated here +bnff, chip, batch 4 +25\.0$/m);
    expect(text).not.toContain('baseline,');
  });

  it('is not put beside another network', () => {
    expect(renderReportedGains([pointOf([operationOf('a', 1, 'compute')])])).toBe('');
  });
});
