import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderPrefetchTable } from '../../../src/report/prefetch-table.js';
import { describeSampling, renderScheduleTable } from '../../../src/report/schedule-table.js';
import { decimalsFor, formatColumn, formatFixed, renderTextTable } from '../../../src/report/text-table.js';
import { lossByGroup, renderTimeLossTable, shareOut } from '../../../src/report/time-loss-table.js';
import { CORES, losses, operationOf, pointOf, twoSchedules } from './fixtures.js';

/** Cells of the lines of a table that begin with a word. */
function cellsOf(table: string, word: string): string[] {
  const line = table.split('\n').find((text) => text.startsWith(`${word} `)) ?? '';
  return line.trim().split(/ {2,}/);
}

describe('a text table', () => {
  it('sets numbers flush right, words flush left, and group titles over the middle of their columns', () => {
    const table = renderTextTable(
      [
        { header: 'name', align: 'left' },
        { header: 'in', align: 'right', group: 'bytes' },
        { header: 'out', align: 'right', group: 'bytes' },
      ],
      [
        ['a', '1', '10000'],
        ['long name', '200', '3'],
      ],
      [['sum', '201', '10003']],
    );
    expect(table.split('\n')).toEqual([
      '              bytes',
      'name        in    out',
      '---------------------',
      'a            1  10000',
      'long name  200      3',
      '---------------------',
      'sum        201  10003',
      '',
    ]);
  });

  it('gives the largest number of a column four digits, and all the same decimals', () => {
    expect(formatColumn([1224.4, 9.87654])).toEqual(['1224.4', '9.9']);
    expect(formatColumn([12.3456, null, 0])).toEqual(['12.35', '-', '0.00']);
    expect(formatColumn([0.0123456])).toEqual(['0.01235']);
    expect(decimalsFor([null, 0])).toBe(1);
  });

  it('has no negative zero', () => {
    expect(formatFixed(-0.04, 1)).toBe('0.0');
    expect(formatFixed(-0.06, 1)).toBe('-0.1');
  });
});

describe('the table of schedules', () => {
  it('has a row per schedule, with times, bytes, shares, gains and the error', () => {
    const table = renderScheduleTable(twoSchedules());
    // 100 + 300 ms at 2 GHz are 800 M cycles; two operations of 2 MB read and 1 MB written.
    expect(cellsOf(table, 'baseline')).toEqual([
      'baseline',
      '100.0',
      '300.0',
      '400.0',
      '800.0',
      '0.004000',
      '0.002000',
      '50.0',
      '25.0',
      '0.0',
      '0.0',
      '0.0',
      '1.23',
    ]);
    expect(cellsOf(table, 'bnff')).toEqual([
      'bnff',
      '80.0',
      '240.0',
      '320.0',
      '640.0',
      '0.004000',
      '0.002000',
      '50.0',
      '25.0',
      '25.0',
      '25.0',
      '25.0',
      '1.23',
    ]);
  });

  it('fits in 120 columns at the size of the main job', () => {
    const points = ['baseline', 'rcf+mvf', 'bnff+icf'].map((schedule, at) =>
      pointOf([operationOf('a', 9.999 - at, 'compute', { dramReadBytes: 999e9, dramWriteBytes: 999e9 })], {
        schedule,
        bandwidthShare: 1,
      }),
    );
    for (const line of renderScheduleTable(points).split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  });

  it('has dashes for gains where there is no baseline', () => {
    const [, bnff] = twoSchedules();
    expect(cellsOf(renderScheduleTable([bnff]), 'bnff').slice(9, 12)).toEqual(['-', '-', '-']);
  });

  it('comes with the share that was simulated', () => {
    const [baseline, bnff] = twoSchedules();
    const fewer = { ...bnff, sampling: { ...bnff.sampling, pilots: 3 } };
    expect(describeSampling([baseline, fewer])).toMatch(
      /^2 of 4 cores were simulated, with 2 of 4 images and 1 memory channel.* 4 cores too: at least 3 per schedule\.$/s,
    );
    const uncorrected = { ...baseline, sampling: { ...baseline.sampling, pilots: 0 } };
    expect(describeSampling([uncorrected])).toContain('no time had to be corrected');
    const whole = { ...baseline, sampling: { ...baseline.sampling, cores: 4, images: 4 } };
    expect(describeSampling([whole])).toBe('All 4 cores and 4 images were simulated.');
  });
});

describe('where the time went', () => {
  const point = pointOf([
    operationOf('a', 0.5, 'compute'),
    operationOf('b', 0.25, 'dramBandwidth', { type: 'BN' }),
    operationOf('c', 0.125, 'dramLatency', { type: 'Pooling' }),
    operationOf('d', 0.125, 'barrier', { type: 'Update', phase: 'update' }),
  ]);

  it('puts types that have no row of their own under others', () => {
    const rows = lossByGroup(point);
    expect(rows[4]).toEqual(losses({ dramLatency: 0.125 * CORES, barrier: 0.125 * CORES }));
    expect(rows.flat().reduce((a, b) => a + b, 0)).toBeCloseTo(CORES * point.seconds, 12);
  });

  it('is in percent of the whole', () => {
    const table = renderTimeLossTable(point);
    expect(cellsOf(table, 'CONV')).toEqual([
      'CONV',
      '50.0',
      '50.0',
      '0.0',
      '0.0',
      '0.0',
      '0.0',
      '0.0',
      '0.0',
      '0.0',
    ]);
    expect(cellsOf(table, 'BN')).toEqual([
      'BN',
      '25.0',
      '0.0',
      '0.0',
      '0.0',
      '0.0',
      '0.0',
      '0.0',
      '25.0',
      '0.0',
    ]);
    expect(cellsOf(table, 'others')).toEqual([
      'others',
      '25.0',
      '0.0',
      '0.0',
      '0.0',
      '0.0',
      '0.0',
      '12.5',
      '0.0',
      '12.5',
    ]);
    expect(cellsOf(table, 'all')).toEqual([
      'all',
      '100.0',
      '50.0',
      '0.0',
      '0.0',
      '0.0',
      '0.0',
      '12.5',
      '25.0',
      '12.5',
    ]);
  });

  it('is rounded to shares that add up, each within one unit of its own', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 40 }),
        (values) => {
          const sum = values.reduce((a, b) => a + b, 0);
          const shares = shareOut(values, 1000);
          if (sum < 1e-6) return;
          expect(shares.reduce((a, b) => a + b, 0)).toBe(1000);
          values.forEach((value, at) => {
            expect(Math.abs((shares[at] as number) - (value / sum) * 1000)).toBeLessThanOrEqual(1 + 1e-9);
          });
        },
      ),
      { seed: 7 },
    );
    expect(shareOut([0, 0], 1000)).toEqual([0, 0]);
  });
});

describe('the table of prefetches', () => {
  const [baseline, bnff] = twoSchedules();
  const idle = {
    issued: 0,
    useful: 0,
    late: 0,
    useless: 0,
    dropped: 0,
    coverage: 0,
    accuracy: null,
    lateness: null,
  };

  it('has a row per schedule: how many lines, coverage, accuracy and lateness', () => {
    const table = renderPrefetchTable([baseline, { ...bnff, prefetch: idle }]);
    expect(cellsOf(table, 'baseline')).toEqual(['baseline', '4.000', '60.0', '75.0', '50.0']);
    expect(cellsOf(table, 'bnff')).toEqual(['bnff', '0.000', '0.0', '-', '-']);
  });

  it('is not there where nothing was prefetched', () => {
    expect(renderPrefetchTable([{ ...baseline, prefetch: idle }])).toBe('');
  });
});
