import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OPERATION_COLUMNS, operationRows, POINT_COLUMNS, renderCsv } from '../../../src/report/csv.js';
import { withGains } from '../../../src/report/gain.js';
import { pointDocument } from '../../../src/report/point-document.js';
import { writeFileAtomically } from '../../../src/report/write-file.js';
import { TIME_CATEGORIES } from '../../../src/statistics/time-loss.js';
import { CORES, operationOf, pointOf, twoSchedules } from './fixtures.js';

const folder = mkdtempSync(join(tmpdir(), 'normcore-report-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Rows of a CSV text without quoted cells, by header. */
function parse(csv: string): Record<string, string>[] {
  const [header = '', ...lines] = csv.trimEnd().split('\n');
  const names = header.split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((cell, at) => [names[at], cell])));
}

describe('the CSV of points', () => {
  const csv = renderCsv(POINT_COLUMNS, withGains(twoSchedules()));
  const [baseline, bnff] = parse(csv) as [Record<string, string>, Record<string, string>];

  it('has a row per point with units in the header', () => {
    expect(baseline).toMatchObject({
      network: 'tiny',
      machine: 'chip',
      schedule: 'baseline',
      batch: '4',
      time_forward_ms: '100',
      time_backward_ms: '300',
      time_total_ms: '400',
      cycles: '800000000',
      dram_read_GB: '0.004',
      dram_written_GB: '0.002',
      work_GFLOP: '2',
      peak_bandwidth_share_percent: '50',
      peak_flops_share_percent: '25',
      sampling_error_percent: '1.23',
      simulated_cores: '2',
      simulated_images: '2',
    });
  });

  it('has the gains over the baseline without the dust of binary fractions', () => {
    expect(bnff).toMatchObject({
      gain_forward_percent: '25',
      gain_backward_percent: '25',
      gain_total_percent: '25',
    });
    const [alone] = parse(renderCsv(POINT_COLUMNS, withGains([twoSchedules()[1]])));
    expect(alone).toMatchObject({ gain_total_percent: '' });
  });

  it('has the time by category, adding up to 100 percent', () => {
    expect(baseline).toMatchObject({ loss_compute_percent: '25', loss_dram_bandwidth_percent: '75' });
    const names = Object.keys(baseline).filter((name) => name.startsWith('loss_'));
    expect(names.length).toBe(TIME_CATEGORIES.length);
    expect(names.reduce((sum, name) => sum + Number(baseline[name]), 0)).toBeCloseTo(100, 6);
  });
});

describe('the CSV of operations', () => {
  it('has a row per point and operation; what has a comma is quoted', () => {
    const point = pointOf([operationOf('a.forward', 0.01, 'compute', { shape: '4x16x8x8, 3x3' })]);
    const csv = renderCsv(OPERATION_COLUMNS, operationRows([point, { ...point, schedule: 'rcf' }]));
    const [, first, second] = csv.split('\n');
    expect(first).toContain(
      'tiny,chip,baseline,4,a.forward,CONV,forward,"4x16x8x8, 3x3",10,1,0.002,0.001,40,0',
    );
    expect(second).toContain('tiny,chip,rcf,4,a.forward');
  });
});

describe('the JSON document', () => {
  const [baseline, bnff] = twoSchedules();
  const document = pointDocument('1.2.3', { seed: 's' }, [baseline, bnff]);

  it('has version and settings beside the points', () => {
    expect(document).toMatchObject({ version: '1.2.3', settings: { seed: 's' } });
    expect(document.points.map((point) => point.schedule)).toEqual(['baseline', 'bnff']);
  });

  it('has every field of a point and of its operations', () => {
    const [point] = document.points;
    const { operations, busShares, coreShares, ...rest } = baseline;
    expect(point).toMatchObject(rest);
    expect(Object.values(point?.busShares ?? {})).toEqual(busShares);
    expect(Object.values(point?.coreShares ?? {})).toEqual(coreShares);
    expect(point?.operations[0]).toMatchObject({
      name: 'a.forward',
      type: 'CONV',
      phase: 'forward',
      shape: '4x16x8x8',
      seconds: operations[0]?.seconds,
      flops: 1e9,
      dramReadBytes: 2e6,
      dramWriteBytes: 1e6,
    });
  });

  it('has the losses by name, adding up to cores times seconds', () => {
    const [point] = document.points;
    const seconds = Object.values(point?.lossSeconds ?? {});
    expect(Object.keys(point?.lossSeconds ?? {})).toEqual(TIME_CATEGORIES.map(({ key }) => key));
    expect(seconds.reduce((a, b) => a + b, 0)).toBeCloseTo(CORES * baseline.seconds, 12);
    expect(point?.operations[1]?.lossSeconds.dramBandwidth).toBeCloseTo(0.3 * CORES, 12);
  });
});

describe('a result file', () => {
  it('is written whole, in folders that are made for it, over an older one', () => {
    const path = join(folder, 'deep', 'er', 'table.csv');
    writeFileAtomically(path, 'old');
    writeFileAtomically(path, 'new');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(readdirSync(join(folder, 'deep', 'er'))).toEqual(['table.csv']);
  });

  it('that cannot be written leaves nothing behind', () => {
    const path = join(folder, 'taken');
    mkdirSync(path);
    writeFileSync(join(path, 'inside'), '');
    expect(() => writeFileAtomically(path, 'text')).toThrow();
    expect(readdirSync(folder).sort()).toEqual(['deep', 'taken']);
  });
});
