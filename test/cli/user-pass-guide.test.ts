/** What docs/passes.md says that its commands print is what they print. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { run } from './harness.js';

const guide = readFileSync('docs/passes.md', 'utf8');

interface Example {
  readonly argv: string[];
  readonly shown: string[];
  readonly status: number;
}

/** The blocks of the guide that show a command and what it prints; `...` stands for what is left out. */
function readExamples(): Example[] {
  return [...guide.matchAll(/```console\n\$ normcore (.+)\n([\s\S]*?)```/g)].map(
    ([, command = '', text = '']) => {
      const status = /\[exit status (\d+)\]\n/.exec(text);
      const shown = text
        .replace(status?.[0] ?? '', '')
        .split('\n')
        .filter((line) => line !== '' && line !== '...');
      return { argv: command.split(' '), shown, status: Number(status?.[1] ?? 0) };
    },
  );
}

describe('the guide to passes', () => {
  const examples = readExamples();

  it('shows verifying, counting, simulating and refusing', () => {
    expect(examples.map(({ argv }) => argv[0])).toEqual([
      'verify',
      'verify',
      'edge',
      'run',
      'verify',
      'edge',
    ]);
  });

  it.each(examples.map((example) => [example.argv.join(' '), example] as const))(
    'normcore %s',
    async (_command, { argv, shown, status }) => {
      const outcome = await run(argv);
      expect(outcome.status, outcome.err).toBe(status);
      const lines = (outcome.out + outcome.err).split('\n');
      for (const line of shown) expect(lines).toContain(line);
    },
    120_000,
  );

  it('quotes the example as it is', () => {
    const [, quoted = ''] = /```js\n([\s\S]*?)```/.exec(guide) ?? [];
    const source = readFileSync('docs/examples/bn-relu.mjs', 'utf8').replaceAll(/^ {4}/gm, '');
    expect(quoted).not.toBe('');
    expect(source).toContain(quoted);
  });
});
