import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fileSource, listNames } from '../../../src/config/load.js';
import { readSweep } from '../../../src/sweep/sweep-file.js';

const GUIDE = readFileSync(new URL('../../../docs/sweeps.md', import.meta.url), 'utf8');

describe('docs/sweeps.md', () => {
  const examples = [...GUIDE.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text);
  const [whole = ''] = examples;
  const head = whole.slice(0, whole.indexOf('axes:'));

  it.each(examples.map((text, index): [number, string] => [index, text]))(
    'has an example %i that is right',
    (_index, text) => {
      // What is no whole file are axes or points for the first example's base.
      const body = text.startsWith('name:')
        ? text
        : text.startsWith('  -')
          ? `${head}axes:\n${text}`
          : `${head}${text}`;
      const source = {
        find: (kind: Parameters<typeof fileSource.find>[0], reference: string) =>
          kind === 'sweep' ? { file: 'guide.yaml', text: body } : fileSource.find(kind, reference),
      };
      expect(readSweep('guide', source).points.length).toBeGreaterThan(1);
    },
  );

  it('lists the shipped sweeps with their numbers of points', () => {
    const rows = [...GUIDE.matchAll(/^\| `([\w-]+)` \| (\d+) \|/gm)].map(([, name, points]) => [
      name,
      Number(points),
    ]);
    expect(rows.sort()).toEqual(
      listNames('sweep').map((name) => [name, readSweep(name, fileSource).points.length]),
    );
  });
});
