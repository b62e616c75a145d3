/** What docs/passes.md says that its commands print is what they print. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { expectShown, readExamples } from './guide-examples.js';
import { run } from './harness.js';

const guide = readFileSync('docs/passes.md', 'utf8');

describe('the guide to passes', () => {
  const examples = readExamples(guide, 'normcore');

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
    async (_command, example) => expectShown(example, await run(example.argv)),
    120_000,
  );

  it('quotes the example as it is', () => {
    const [, quoted = ''] = /```js\n([\s\S]*?)```/.exec(guide) ?? [];
    const source = readFileSync('docs/examples/bn-relu.mjs', 'utf8').replaceAll(/^ {4}/gm, '');
    expect(quoted).not.toBe('');
    expect(source).toContain(quoted);
  });
});
