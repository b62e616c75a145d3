import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { CommandRegistry } from '../../src/cli/command.js';
import { figuresCommand } from '../../src/cli/commands/figures.js';
import { type FigurePoint, figureOf, type PointFigure } from '../../src/report/figures/figure.js';
import { FIGURES } from '../../src/report/figures/registry.js';
import { DEFAULT_BATCH } from '../../src/sweep/point-options.js';
import { SMALL_NETWORK } from '../unit/sweep/points.js';
import { run, scratchFolder } from './harness.js';

const file = scratchFolder();
const network = file('small.yaml', SMALL_NETWORK);

/** A figure of the small network's time under schedules. */
function smallFigure(name: string, schedules: readonly string[]): PointFigure {
  return {
    name,
    summary: 'time of the small network',
    source: 'points',
    points: schedules.map((schedule) => ({ network, machine: 'teaching', schedule })),
    draw: (points: readonly FigurePoint[]) =>
      figureOf(
        [
          { header: 'schedule', value: ({ result }) => result.schedule },
          { header: 'time_ms', value: ({ result }) => result.seconds * 1e3 },
        ],
        points,
        {
          data: {
            values: points.map(({ result }) => ({ schedule: result.schedule, ms: result.seconds * 1e3 })),
          },
          mark: 'bar',
          encoding: {
            x: { field: 'ms', type: 'quantitative', axis: { title: 'time (ms)' } },
            y: { field: 'schedule', type: 'nominal' },
          },
        },
      ),
  };
}

const registry: CommandRegistry = {
  figures: {
    summary: 'figures',
    load: async () => ({
      createCommand: figuresCommand([
        smallFigure('both', ['baseline', 'bnff']),
        smallFigure('one', ['baseline']),
        // A pass without what must come before it.
        smallFigure('illegal', ['baseline', 'fuse-normalise']),
      ]),
    }),
  },
};

const kinds = ['csv', 'png', 'svg', 'vl.json'];
const filesOf = (folder: string) =>
  readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort();
const bytesOf = (folder: string) => filesOf(folder).map((name) => readFileSync(`${folder}/${name}`));

describe('normcore figures', () => {
  // One after the other in one folder, which keeps what was simulated.
  const kept = file('kept');

  it('writes picture, table and specification of the figures that are named, from points in their order', async () => {
    const folder = kept;
    const { status, out, err } = await run(['figures', 'both', '--out', folder], registry);
    expect(status).toBe(0);
    expect(out).toBe(`${folder}/both.{svg,png,csv,vl.json}\n`);
    expect(err).toContain('normcore: 100 % done');
    expect(filesOf(folder)).toEqual(kinds.map((kind) => `both.${kind}`));
    expect(readFileSync(`${folder}/both.csv`, 'utf8')).toMatch(
      /^schedule,time_ms\nbaseline,[\d.]+\nbnff,[\d.]+\n$/,
    );
    expect(readFileSync(`${folder}/both.svg`, 'utf8')).toContain('time (ms)');
  });

  it('gives the same bytes again, from what it kept and for any number of workers', async () => {
    const [folder, other] = [kept, file('other')];
    await run(['figures', 'both', 'one', '--out', folder, '--quiet'], registry);
    const first = bytesOf(folder);
    expect(first.length).toBe(2 * kinds.length);
    const { err } = await run(['figures', 'both', 'one', '--out', folder, '--quiet'], registry);
    expect(err).toBe('');
    expect(bytesOf(folder)).toEqual(first);
    await run(['figures', 'one', 'both', '--out', other, '--quiet', '--workers', '1'], registry);
    expect(bytesOf(other)).toEqual(first);
  });

  it('draws all others where a point of one fails, says which, and ends with status 1', async () => {
    const folder = kept;
    const { status, out, err } = await run(['figures', '--out', folder, '--quiet'], registry);
    expect(status).toBe(1);
    expect(out.split('\n').length).toBe(2 + 1);
    expect(filesOf(folder).map((name) => name.split('.')[0])).not.toContain('illegal');
    expect(filesOf(folder).length).toBe(2 * kinds.length);
    expect(err).toContain(`illegal: ${network} on teaching, batch ${DEFAULT_BATCH}, fuse-normalise: `);
    expect(err).not.toContain('    at ');
  });

  it('lists every figure that is shipped, and draws none', async () => {
    const { status, out } = await run(['figures', '--list']);
    expect(status).toBe(0);
    for (const { name } of FIGURES) expect(out).toMatch(new RegExp(`^${name} `, 'm'));
  });

  it('refuses mistakes in one go with status 2', async () => {
    const folder = file('refused');
    const { status, out, err } = await run([
      'figures',
      'rooflin',
      'time-by-schedul',
      '--workers',
      '0',
      '--out',
      folder,
    ]);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toContain('there is no figure "rooflin". Did you mean "roofline"?');
    expect(err).toContain('Did you mean "time-by-schedule"?');
    expect(err).toContain('--workers: 0 is out of range');
    expect(err).toContain('3 problems');
    expect(existsSync(folder)).toBe(false);
  });

  it('refuses a folder that is a file', async () => {
    const { status, err } = await run(['figures', 'roofline', '--out', network]);
    expect(status).toBe(2);
    expect(err).toContain('is not a directory');
  });

  it('ends at Ctrl-C with status 130, no stack trace and no figure', async () => {
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const folder = file('stopped');
    const child = spawn(process.execPath, [main, 'figures', 'edge-sweeps', '--out', folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let err = '';
    child.stderr.on('data', (text: Buffer) => {
      err += text.toString();
      // The edge is being measured.
      if (!child.killed) child.kill('SIGINT');
    });
    const [status] = await once(child, 'close');
    expect(status).toBe(130);
    expect(err).toContain('normcore: stopped');
    expect(err).not.toContain('    at ');
    expect(existsSync(folder) ? filesOf(folder) : []).toEqual([]);
  });
});

it('the drawing libraries are loaded when the first figure is drawn, not before', () => {
  const folder = new URL('../../src/report/figures/', import.meta.url);
  for (const name of readdirSync(folder)) {
    const text = readFileSync(new URL(name, folder), 'utf8');
    for (const [line] of text.matchAll(/^import .*from '(?:vega|vega-lite|@resvg\/resvg-js)';$/gm))
      expect(line, name).toMatch(/^import type /);
  }
});
