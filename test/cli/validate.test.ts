import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { microKernels } from '../../src/cli/validation/micro-kernels.js';
import { CACHE_ORACLE } from '../../src/report/oracles/cache.js';
import { LOADED_ORACLE } from '../../src/report/oracles/dram-loaded.js';
import { SATURATED_ORACLE } from '../../src/report/oracles/dram-saturated.js';
import { failuresOf, formatDeviation, renderValidation } from '../../src/report/validation.js';
import { run, scratchFolder } from './harness.js';

const path = scratchFolder();
const fromRoot = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

describe('normcore validate', () => {
  it('finds every row within tolerance, and docs/validation.md is what the runs give', async () => {
    const page = path('validation.md');
    const { status, out, err } = await run(['validate', '--out', page, '--quiet']);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toContain('Caches');
    const text = readFileSync(page, 'utf8');
    expect(text).toBe(fromRoot('docs/validation.md'));
    // A row of the page per row of the oracles.
    const rows = (title: string): number =>
      (text.split(`## ${title}\n`)[1] as string).split('\n## ')[0]?.match(/^\|.*\| pass \|$/gm)?.length ?? 0;
    const oracleRows = (csv: string): number => csv.trim().split('\n').length - 1;
    expect(rows('Caches')).toBe(oracleRows(CACHE_ORACLE));
    expect(rows('Caches with timing')).toBe(CACHE_ORACLE.match(/L1_\w+\+L2_\w+,[12],/g)?.length);
    expect(rows('DRAM at saturation')).toBe(oracleRows(SATURATED_ORACLE));
    expect(rows('DRAM latency')).toBe(oracleRows(LOADED_ORACLE));
    expect(rows('Micro-kernels of the cores')).toBe(microKernels().length);
  });

  it('says with --check that a page is not what the runs give, and leaves it as it is', async () => {
    const page = path('stale.md', '# Validation\n');
    const { status, err } = await run(['validate', '--check', '--out', page, '--quiet']);
    expect(status).toBe(1);
    expect(err).toContain(`${page} is not what the runs give`);
    expect(readFileSync(page, 'utf8')).toBe('# Validation\n');
  });

  it.each([
    ['--check', '--out', path('missing.md')],
    ['--out', path('')],
  ])('refuses a page that it cannot read or write before any run: %s %s %s', async (...options) => {
    const { status, err } = await run(['validate', ...options]);
    expect(status).toBe(2);
    expect(err).toContain('--out: ');
  });
});

describe('the published copies of the oracles', () => {
  it.each([
    ['cache/n200000.csv', CACHE_ORACLE],
    ['dram/saturated.csv', SATURATED_ORACLE],
    ['dram/loaded-latency.csv', LOADED_ORACLE],
  ])('%s is what the tests use', (file, copy) => {
    expect(copy.trim()).toBe(fromRoot(`test/oracle/${file}`).replaceAll('\r', '').trim());
  });
});

describe('the validation page', () => {
  const sections = [
    {
      title: 'One',
      text: 'About one.',
      columns: [{ header: 'a', align: 'right' as const }],
      rows: [
        { cells: ['1'], passed: true },
        { cells: ['x|y'], passed: false },
      ],
    },
  ];

  it('counts what is out of tolerance on top and marks the row', () => {
    const page = renderValidation(sections);
    expect(page).toContain('1 of 2 rows are out of tolerance.');
    expect(page).toContain('| One | 2 | 1 | **FAIL** |');
    expect(page).toContain('| 1 | pass |\n| x\\|y | **FAIL** |');
    expect(failuresOf(sections)).toEqual(['One: x|y']);
  });

  it.each([
    [101, 100, '+1.00 %'],
    [99, 100, '-1.00 %'],
    [0, 0, '0 %'],
    [1, 0, 'infinite'],
  ])('writes %d against %d as %s', (ours, theirs, text) => {
    expect(formatDeviation(ours, theirs)).toBe(text);
  });
});
