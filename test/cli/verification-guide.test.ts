/** What docs/verification.md says that its commands print is what they print. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { expectShown, readExamples } from './guide-examples.js';
import { run } from './harness.js';

const guide = readFileSync('docs/verification.md', 'utf8');

it('the README links to what is there, this guide among it', () => {
  const links = [...readFileSync('README.md', 'utf8').matchAll(/\]\(([^)#:]+)\)/g)].map(
    ([, link = '']) => link,
  );
  for (const link of links) expect(existsSync(link), link).toBe(true);
  for (const name of ['verification', 'passes', 'trace-format']) expect(links).toContain(`docs/${name}.md`);
});

describe('the guide to verification', () => {
  const examples = readExamples(guide, 'normcore');
  const scripts = readExamples(guide, 'node');

  it('shows a schedule that passes, one that fails, the kernels and the edge', () => {
    expect(examples.map(({ argv, status }) => [argv[0], status])).toEqual([
      ['verify', 0],
      ['verify', 1],
      ['edge', 0],
      ['edge', 0],
    ]);
    expect(scripts).toHaveLength(2);
  });

  it.each(examples.map((example) => [example.argv.join(' '), example] as const))(
    'normcore %s',
    async (_command, example) => expectShown(example, await run(example.argv)),
    240_000,
  );

  it.each(scripts.map((example) => [example.argv.join(' '), example] as const))(
    'node %s',
    (_command, example) => {
      if (!existsSync('dist'))
        throw new Error('dist/ is missing: run these tests with npm test, which builds it');
      const { status, stdout, stderr } = spawnSync(process.execPath, example.argv, { encoding: 'utf8' });
      expectShown(example, { status: status ?? -1, out: stdout, err: stderr });
    },
  );

  it('quotes what the shadow checker says', () => {
    const folder = 'src/kernel/check';
    const source = readdirSync(folder)
      .map((file) => readFileSync(`${folder}/${file}`, 'utf8'))
      .join('');
    const [table = ''] = /\| Rule \|[\s\S]*?\n\n/.exec(guide) ?? [];
    const quoted = [...table.matchAll(/`([^`]+)`/g)].map(([, sentence = '']) => sentence);
    expect(quoted.length).toBeGreaterThan(10);
    for (const sentence of quoted) expect(source).toContain(sentence);
  });

  it('names files that are there', () => {
    for (const [, target = ''] of guide.matchAll(/\]\(([^)#]+)\)/g)) {
      expect(existsSync(`docs/${target}`), target).toBe(true);
    }
    for (const [, path = ''] of guide.matchAll(/`((?:src|test|docs)\/[\w./-]+)`/g)) {
      expect(existsSync(path), path).toBe(true);
    }
  });
});
