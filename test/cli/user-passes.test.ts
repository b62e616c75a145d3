import { describe, expect, it } from 'vitest';
import { run, scratchFolder } from './harness.js';

const EXAMPLE = 'docs/examples/bn-relu.mjs';
const ILLEGAL = 'docs/examples/illegal.mjs';
const NETWORK = ['--network', 'conv-bn-relu-conv'];
const path = scratchFolder();

/** A file with a pass of which some fields are replaced. */
function passFile(name: string, fields: string): string {
  return path(
    name,
    `export default { name: 'mine', summary: 'A pass.', requires: [], ensures: [], apply: (step) => step, ${fields} };\n`,
  );
}

const verify = (files: string, schedule: string) =>
  run(['verify', '--pass', files, '--schedule', schedule, '--image', '16', ...NETWORK]);

describe('a pass from a file', () => {
  it('is verified under the name that it has', async () => {
    const { status, out } = await verify(EXAMPLE, 'bn-relu');
    expect(status).toBe(0);
    expect(out).toContain('conv-bn-relu-conv, bn-relu: computes the same as the baseline');
  });

  it('is shown where it fuses', async () => {
    const { status, out } = await run(['schedule', 'show', 'bn-relu', '--pass', EXAMPLE, ...NETWORK]);
    expect(status).toBe(0);
    expect(out).toContain('bn-relu on conv-bn-relu-conv');
  });

  it('is simulated, by workers that load it again', async () => {
    const args = ['--machine', 'teaching', '--batch', '4', '--exact', '--quiet', '--json', ...NETWORK];
    const { status, out, err } = await run(['run', '--pass', EXAMPLE, '--schedule', 'bn-relu', ...args]);
    expect(err).toBe('');
    expect(status).toBe(0);
    const names = JSON.parse(out).points[0].operations.map(({ name }: { name: string }) => name);
    expect(names).toContain('bn.forward');
    expect(names).not.toContain('relu.forward');
  });

  it('may be exported on its own, in a list, as "passes", or by a function that gets the tools', async () => {
    const body = "summary: 'A pass.', apply: (step) => step";
    const forms = {
      'own.mjs': `export default { name: 'a', ${body} };`,
      'list.mjs': `export default [{ name: 'b', ${body} }, { name: 'c', ${body} }];`,
      'named.mjs': `export const passes = [{ name: 'd', ${body} }];`,
      'function.mjs': `export default ({ StepEditor }) => ({ name: 'e', summary: 'A pass.', apply: (step) => new StepEditor(step).finish() });`,
    };
    const files = Object.entries(forms).map(([name, text]) => path(name, text));
    const { status, out } = await verify(files.join(','), 'a+b+c+d+e');
    expect(status).toBe(0);
    expect(out).toContain('a+b+c+d+e: computes the same as the baseline');
  });

  it('that computes something else is found by verify', async () => {
    const wrong = path(
      'wrong.mjs',
      `export default ({ StepEditor, operationsOf }) => ({
        name: 'forget-relu', summary: 'Takes the ReLU away.',
        apply(step) {
          const editor = new StepEditor(step);
          for (const relu of operationsOf(step, 'relu-forward')) editor.replace(relu, [{ ...relu, kind: 'dropout-forward', type: 'Dropout', ratio: 0.5, mask: 'm' }]);
          const like = step.tensors.get('relu');
          editor.addTensor({ ...like, name: 'm', storage: 'm', role: 'mask', elementBytes: 1 });
          return editor.finish();
        },
      });`,
    );
    const { status, err } = await verify(wrong, 'forget-relu');
    expect(status).toBe(1);
    expect(err).toContain('not the same as the baseline');
  });
});

describe('an illegal rewrite', () => {
  it('that drops the barrier which the statistics need is refused with the reason', async () => {
    const { status, out, err } = await verify(ILLEGAL, 'fission+drop-barrier');
    expect(status).toBe(2);
    expect(out).toBe('');
    expect(err).toContain('pass "drop-barrier" refused');
    expect(err).toContain('BN "bn" may be applied only after a barrier behind all of its sums');
  });

  it('that reads a tensor before it is whole is refused with the reason', async () => {
    const { status, err } = await verify(ILLEGAL, 'read-early');
    expect(status).toBe(2);
    expect(err).toContain('CONV "b.forward" reads "relu" before anything has written it');
  });

  it('is refused in the same words by every command', async () => {
    const refusal = 'pass "read-early" refused';
    const pass = ['--pass', ILLEGAL, '--schedule', 'read-early'];
    for (const argv of [
      ['schedule', 'show', 'read-early', '--pass', ILLEGAL, ...NETWORK],
      ['edge', ...pass],
      ['run', ...pass, ...NETWORK, '--machine', 'teaching', '--batch', '4', '--quiet'],
    ]) {
      const { status, err } = await run(argv);
      expect(err, argv[0]).toContain(refusal);
      expect(status, argv[0]).toBe(2);
    }
  });
});

describe('a file that is no pass', () => {
  it.each([
    ['is not there', () => path('absent.mjs'), 'no such file'],
    ['is no module by its name', () => path('pass.txt', ''), 'a pass is an ES module'],
    ['does not parse', () => path('broken.mjs', 'export default {'), 'cannot be loaded: '],
    ['exports nothing', () => path('empty.mjs', ''), 'exports neither a default nor "passes"'],
    [
      'exports a number',
      () => path('number.mjs', 'export default 3;'),
      'exports a number where a pass is expected',
    ],
    ['exports an empty list', () => path('none.mjs', 'export default [];'), 'its list of passes is empty'],
    [
      'has a function that throws',
      () => path('throws.mjs', "export default () => { throw new Error('no'); };"),
      'its function threw Error: no',
    ],
    [
      'has a name that a schedule could not join',
      () => passFile('plus.mjs', "name: 'a+b'"),
      'name: words in lower case joined by "-" are expected, not "a+b"',
    ],
    [
      'takes a shipped name',
      () => passFile('taken.mjs', "name: 'rcf'"),
      'pass "rcf": Normcore itself has a pass or schedule of that name',
    ],
    ['has no summary', () => passFile('silent.mjs', "summary: ''"), 'summary: one sentence is expected'],
    [
      'has conditions that are none',
      () => passFile('conditions.mjs', 'requires: [1]'),
      'requires: a list of conditions',
    ],
    ['has nothing to apply', () => passFile('idle.mjs', 'apply: 1'), 'apply: a function (step, options)'],
    [
      'returns no step',
      () => passFile('nothing.mjs', 'apply: () => {}'),
      'pass "mine": apply did not return a training step',
    ],
    [
      'throws as it is applied',
      () => passFile('fails.mjs', 'apply: (step) => step.nothing.there'),
      'pass "mine": apply threw TypeError',
    ],
  ])('%s: said with its name, exit status 2', async (_title, file, message) => {
    const name = file();
    const { status, out, err } = await verify(name, 'mine');
    expect(err).toContain(name);
    expect(err).toContain(message);
    expect(status).toBe(2);
    expect(out).toBe('');
  });

  it('does not hide what is wrong with the others', async () => {
    const { status, err } = await verify([path('x.mjs'), path('y.mjs'), EXAMPLE].join(','), 'bn-relu');
    expect(status).toBe(2);
    expect(err).toContain('2 problems');
  });

  it('may not take a name from another file', async () => {
    const { status, err } = await verify(
      `${passFile('first.mjs', '')},${passFile('second.mjs', '')}`,
      'mine',
    );
    expect(status).toBe(2);
    expect(err).toMatch(/pass "mine": .*first\.mjs has a pass or schedule of that name/);
  });

  it('leaves its passes unknown to a schedule that names others', async () => {
    const { status, err } = await run([
      'run',
      '--pass',
      EXAMPLE,
      '--schedule',
      'bn-rely',
      '--machine',
      'teaching',
      ...NETWORK,
    ]);
    expect(status).toBe(2);
    expect(err).toContain('Did you mean "bn-relu"?');
  });
});
