import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDocument } from '../../src/config/document.js';
import { sha256 } from '../../src/sweep/canonical.js';
import { writeSweep } from '../fault/sweep-process.js';
import { run, scratchFolder } from './harness.js';

const path = scratchFolder();

/** Cells of a CSV file without quotes, by header. */
function readCsv(file: string): Record<string, string>[] {
  const [header = '', ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  const names = header.split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((cell, at) => [names[at], cell])));
}

const SWEEP = `name: small
description: an edge by clock
runTime: seconds of CPU time
base:
  network: small.yaml
  machine: teaching
  batch: 4
  exact: true
axes:
  - {path: machine.core.frequency, name: clock, values: [1 GHz, 2 GHz]}
  - {path: schedule, values: [baseline, bnff]}
`;

describe('normcore sweep', () => {
  const sweep = writeSweep(path('sweep'), SWEEP);
  const out = path('out');

  it('prints the plan and simulates nothing with --dry-run', async () => {
    const { status, out: text } = await run(['sweep', sweep, '--out', out, '--dry-run', '--workers', '2']);
    expect(status).toBe(0);
    expect(text).toMatch(/axes +clock_GHz: 1, 2\n +schedule: baseline, bnff\n/);
    expect(text).toMatch(/points +4, of which 0 are done\n/);
    // Exact points are one part each.
    expect(text).toMatch(/parts +4 to simulate/);
    expect(text).toMatch(/time +about .* of CPU time, .* on 2 workers\n/);
    expect(text).toMatch(/as measured +seconds of CPU time\n/);
    expect(existsSync(out)).toBe(false);
  });

  it('writes a row per point, axes first, units in the header, gains over the baseline of the same clock', async () => {
    const { status, out: text } = await run(['sweep', sweep, '--out', out]);
    expect(status).toBe(0);
    expect(text).toContain('clock_GHz');
    const rows = readCsv(join(out, 'points.csv'));
    expect(Object.keys(rows[0] ?? {}).slice(0, 6)).toEqual([
      'clock_GHz',
      'schedule',
      'network',
      'machine',
      'batch',
      'time_forward_ms',
    ]);
    expect(rows.map(({ clock_GHz, schedule }) => [clock_GHz, schedule])).toEqual([
      ['1', 'baseline'],
      ['1', 'bnff'],
      ['2', 'baseline'],
      ['2', 'bnff'],
    ]);
    rows.forEach((row, index) => {
      const baseline = rows[index - (index % 2)] as Record<string, string>;
      const gain = (Number(baseline.time_total_ms) / Number(row.time_total_ms) - 1) * 100;
      expect(Number(row.gain_total_percent)).toBeCloseTo(gain, 5);
      expect(row.failure).toBe('');
    });
  });

  it('writes a row per point and operation, whose times add up to those of the points', () => {
    const points = readCsv(join(out, 'points.csv'));
    const [header = '', ...lines] = readFileSync(join(out, 'operations.csv'), 'utf8').trimEnd().split('\n');
    expect(header.split(',').slice(0, 2)).toEqual(['clock_GHz', 'schedule']);
    // A shape has a comma in it and stands in quotes.
    const at = header.split(',').indexOf('time_ms');
    for (const point of points) {
      const own = lines.filter((line) => line.startsWith(`${point.clock_GHz},${point.schedule},`));
      const times = own.map((line) => Number(line.replace(/"[^"]*"/, '').split(',')[at]));
      expect(times.reduce((sum, time) => sum + time, 0)).toBeCloseTo(Number(point.time_total_ms), 6);
    }
  });

  it('writes a manifest with the resolved settings, the version of the code and the hashes of the tables', () => {
    const manifest = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));
    for (const [file, hash] of Object.entries(manifest.files))
      expect(sha256(readFileSync(join(out, file), 'utf8'))).toBe(hash);
    expect(Object.keys(manifest.files)).toEqual(['points.csv', 'operations.csv']);
    expect(manifest.code).toMatch(/^[0-9a-f]{64}$/);
    expect(
      manifest.machines.map((machine: { core: { frequencyHz: number } }) => machine.core.frequencyHz),
    ).toEqual([1e9, 2e9]);
    expect(manifest.networks).toHaveLength(1);
    expect(manifest.points).toHaveLength(4);
    expect(manifest.points[3]).toMatchObject({
      cells: { clock_GHz: 2, schedule: 'bnff' },
      machine: 1,
      network: 0,
      batch: 4,
      seed: 'normcore',
    });
  });

  it('runs only the new points of an axis that has got a value more', async () => {
    const before = readCsv(join(out, 'points.csv'));
    writeFileSync(sweep, SWEEP.replace('[1 GHz, 2 GHz]', '[1 GHz, 1500 MHz, 2 GHz]'));
    const { status, err } = await run(['sweep', sweep, '--out', out]);
    expect({ status, err }).toMatchObject({
      status: 0,
      err: expect.stringMatching(/points +6, of which 4 are done\nparts +2 to simulate/),
    });
    const after = readCsv(join(out, 'points.csv'));
    expect(after.filter(({ clock_GHz }) => clock_GHz !== '1.5')).toEqual(before);
    expect(after).toHaveLength(6);
    writeFileSync(sweep, SWEEP);
  });

  it('names a file of the store that was edited, and makes it again', async () => {
    const manifest = readFileSync(join(out, 'manifest.json'), 'utf8');
    const store = join(out, '.normcore', 'points');
    const [name] = readdirSync(store) as [string];
    const text = readFileSync(join(store, name), 'utf8');
    writeFileSync(join(store, name), text.replace('"batch":4', '"batch":5'));
    writeFileSync(sweep, SWEEP.replace('[1 GHz, 2 GHz]', '[1 GHz, 1500 MHz, 2 GHz]'));
    const { status, err } = await run(['sweep', sweep, '--out', out, '--quiet']);
    expect(status).toBe(0);
    expect(err).toMatch(new RegExp(`^normcore: [^\\n]*${name} was changed after it was written[^\\n]*\\n$`));
    expect(readFileSync(join(store, name), 'utf8')).toBe(text);
    writeFileSync(sweep, SWEEP);
    expect(readFileSync(join(out, 'manifest.json'), 'utf8')).toBe(manifest);
  });

  it('makes a row with its cause of a point that fails, goes on with the others, and exits with 1', async () => {
    const failing = path('failing');
    // The normalise pass asks for a BN that fission has split.
    const file = writeSweep(failing, SWEEP.replace('[baseline, bnff]', '[baseline, fuse-normalise, bnff]'));
    const { status, err, out: text } = await run(['sweep', file, '--out', join(failing, 'out')]);
    expect(status).toBe(1);
    expect(err).toMatch(/, 2 failed\n/);
    expect(err).toMatch(/2 of 6 points failed; .*points\.csv says why\n$/);
    expect(text).toContain('failed: 1, fuse-normalise: ');
    const [, ...rows] = readFileSync(join(failing, 'out', 'points.csv'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(rows).toHaveLength(6);
    expect(rows[1]).toMatch(/^1,fuse-normalise,small,teaching,4,,.*"pass ""fuse-normalise"" refused: .*"$/);
    expect(rows.filter((row) => row.endsWith(','))).toHaveLength(4);
  });

  it('tells everything that is wrong with its file and its options at once, and exits with 2', async () => {
    const text = SWEEP.replace('1 GHz', '1 GiB')
      .replace('bnff', 'bnf')
      .replace('small.yaml', 'conv-bn-relu-conv');
    const wrong = path('wrong.yaml', text);
    const placeOf = (word: string): string => {
      const before = text.slice(0, text.indexOf(word)).split('\n');
      return `${wrong}:${before.length}:${(before.at(-1) as string).length + 1}`;
    };
    const { status, err, out: table } = await run(['sweep', wrong, '--workers', '0', '--out', wrong]);
    expect({ status, table }).toEqual({ status: 2, table: '' });
    expect(err).toContain('--workers: 0 is out of range');
    expect(err).toContain('--out');
    expect(err).toContain(`${placeOf('1 GiB')} axes[0].values[0]: machine.core.frequency: 1 GiB is a size`);
    expect(err).toContain(`${placeOf('bnf]')} axes[1].values[1]: schedule: "bnf" is neither`);
  });

  it('knows the shipped sweeps by name', async () => {
    expect(await run(['sweep', 'mini-bach'])).toMatchObject({
      status: 2,
      err: expect.stringMatching(/there is no sweep "mini-bach"\. Did you mean "mini-batch"\?/),
    });
  });

  it('has a JSON Schema and a reference', async () => {
    const schema = JSON.parse((await run(['schema', 'sweep'])).out);
    expect(Object.keys(schema.properties)).toEqual(
      Object.keys(parseDocument(SWEEP, 's').data).concat('points'),
    );
    expect((await run(['schema', 'sweep', '--markdown'])).out).toMatch(
      /`base\.batch` \| count \| 1 to 65536 \| 120/,
    );
  });
});
