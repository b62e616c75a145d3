/** What docs/guide.md and docs/labs say that commands print is what they print; what the guide quotes of shipped files stands there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectShown, type GuideExample, readExamples } from './guide-examples.js';
import { run } from './harness.js';

const GUIDE = 'docs/guide.md';
const LABS = 'docs/labs';

function named(examples: readonly GuideExample[]): (readonly [string, GuideExample])[] {
  return examples.map((example) => [example.argv.join(' '), example] as const);
}

function expectLinks(file: string): void {
  const links = [...readFileSync(file, 'utf8').matchAll(/\]\(([^)#:]+)\)/g)].map(([, link = '']) => link);
  expect(links.length).toBeGreaterThan(0);
  for (const link of links) expect(existsSync(join(dirname(file), link)), `${file}: ${link}`).toBe(true);
}

describe('the roofline lab', () => {
  const examples = readExamples(readFileSync(`${LABS}/roofline.md`, 'utf8'), 'normcore');

  it('predicts, runs, and changes the machine twice', () => {
    expect(examples.map(({ argv }) => argv[0])).toEqual(['machine', 'run', 'run', 'run', 'run']);
  });

  it.each(named(examples))(
    'normcore %s',
    async (_command, example) => expectShown(example, await run(example.argv)),
    240_000,
  );

  it.each(readdirSync(LABS).filter((file) => file.endsWith('.md')))('%s links to what is there', (file) =>
    expectLinks(join(LABS, file)),
  );
});

describe('the guide', () => {
  const guide = readFileSync(GUIDE, 'utf8');

  it('links to what is there', () => expectLinks(GUIDE));

  it('quotes the sweep file as it is, without its comment', () => {
    const [, quoted = ''] = /```yaml\n([\s\S]*?)```/.exec(guide) ?? [];
    const file = readFileSync('configs/sweeps/memory-channels.yaml', 'utf8').replaceAll(/^#.*\n/gm, '');
    expect(quoted).toBe(file);
  });

  it('shows a machine, as it is', async () => {
    const [example] = readExamples(guide, 'normcore').filter(({ argv }) => argv[0] === 'machine');
    expectShown(example as GuideExample, await run((example as GuideExample).argv));
  });

  it('tabulates what stands in the shipped results', () => {
    const rows = readFileSync('results/memory-channels/points.csv', 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(','));
    const [header = [], ...points] = rows;
    const [, titles = '', body = ''] =
      /\n\| (`channels_per_socket`.*) \|\n\|[-: |]+\|\n((?:\|.*\n)+)/.exec(guide) ?? [];
    const columns = titles.split(' | ').map((title) => header.indexOf(title.replaceAll('`', '')));
    expect(columns).not.toContain(-1);
    const shown = body
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(2, -2).split(' | '));
    expect(shown).toHaveLength(points.length);
    shown.forEach((cells, row) => {
      cells.forEach((cell, at) => {
        const value = points[row]?.[columns[at] as number] as string;
        // Numbers are rounded to the digits that are shown.
        const digits = cell.split('.')[1]?.length ?? 0;
        expect(Number.isNaN(Number(cell)) ? value : Number(value).toFixed(digits)).toBe(cell);
      });
    });
  });
});
