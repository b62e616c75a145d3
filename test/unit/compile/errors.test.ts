/** What cannot be compiled is reported with its place, all of it at once. */
import { describe, expect, it } from 'vitest';
import { CompileError } from '../../../src/compile/source.js';
import { planOf, translateFiles } from './project.js';

const STATE = `interface Inner { value: number }
interface State { count: number; name: string; readonly inner: Inner; readonly spare: Inner | null; readonly words: Int32Array; readonly list: number[] }
let calls = 0;
declare function elsewhere(): number;
`;
const HEAD = 'export function run(s: State, a: number): void {';

/** What is said of a program, as lines. */
function problemsOf(files: Readonly<Record<string, string>>): readonly string[] {
  try {
    translateFiles(files, planOf(['run']));
  } catch (error) {
    expect(error).toBeInstanceOf(CompileError);
    return (error as CompileError).message.split('\n');
  }
  return [];
}

/** A statement with what of it cannot be compiled. */
const REFUSED: readonly (readonly [name: string, statement: string, part: string])[] = [
  ['a closure', 's.count = [1].map((x) => x).length;', '[1].map((x) => x)'],
  ['a function in a variable', 'const twice = (x: number) => 2 * x;', '(x: number) => 2 * x'],
  ['for-of', 'for (const word of s.words) s.count += word;', 'for (const word of s.words) s.count += word;'],
  ['an exception', "throw new Error('no');", "throw new Error('no');"],
  ['a string', "s.name = 'one';", "'one'"],
  ['an object', 'const made = { value: a }; s.count = made.value;', '{ value: a }'],
  ['an unknown method', 's.list.push(a);', 's.list.push(a)'],
  ['an unknown function of Math', 's.count = Math.hypot(a, 2);', 'Math.hypot(a, 2)'],
  ['a nested pattern', 'const { inner: { value } } = s; s.count = value;', 'inner: { value }'],
  ['a pattern with a default', 'const { count = 3 } = s; s.count = count;', 'count = 3'],
  ['a pattern of elements', 'const [first] = s.list; s.count = first;', '[first]'],
  ['a variable of a module', 's.count = calls;', 'calls'],
  ['a function without a body', 's.count = elsewhere();', 'elsewhere()'],
  ['optional chaining', 's.count = s.spare?.value ?? 0;', 's.spare?.value ?? 0'],
  ['optional chaining in a comparison', 'if (s.spare?.value === 1) s.count = 1;', 's.spare?.value'],
  ['a power that is not constant', 's.count = a ** s.count;', 'a ** s.count'],
  ['a quotient that is assigned', 's.count /= a;', 's.count /= a'],
  ['loose equality', 'if (a == s.count) s.count = 1;', 'a == s.count'],
  ['undefined', 'if (s.words === undefined) s.count = 1;', 'undefined'],
  [
    'a step in what a compound assignment evaluates twice',
    's.words[s.count++] += a;',
    's.words[s.count++] += a',
  ],
  ['a label', 'outer: for (;;) break outer;', 'outer: for (;;) break outer;'],
];

describe('what cannot be compiled', () => {
  it.each(REFUSED)('is reported with its place: %s', (_, statement, part) => {
    const text = `${STATE}${HEAD}\n  ${statement}\n}\n`;
    const lines = STATE.split('\n').length + 1;
    const place = `src/main.ts:${lines}:${3 + statement.indexOf(part)}: `;
    const problems = problemsOf({ 'main.ts': text });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toSatisfy(
      (problem: string) => problem.startsWith(place) && problem.endsWith(`: ${part}`),
    );
  });

  it('is reported of a parameter that may be left out', () => {
    const text = `${STATE}${HEAD} next(s); }\nfunction next(s: State, by = 1): void { s.count = by; }\n`;
    expect(problemsOf({ 'main.ts': text })).toEqual([
      expect.stringMatching(/^src\/main\.ts:6:25: .*: by = 1$/),
    ]);
  });

  it('is reported all at once, once each, from all files', () => {
    const statements = REFUSED.map(([, statement]) => `{ ${statement} }`);
    const separately = REFUSED.length;
    const text = `import { other } from './deep/other.js';\n${STATE}${HEAD}\n${statements.join('\n')}\nother(a); other(a);\n}\n`;
    const other = 'export function other(a: number): void {\n  for (const word in [a]) word;\n}\n';
    const problems = problemsOf({ 'main.ts': text, 'deep/other.ts': other });
    expect(problems).toHaveLength(separately + 1);
    expect(new Set(problems.map((problem) => problem.split(':', 2).join(':'))).size).toBe(separately + 1);
    expect(problems).toContainEqual(expect.stringMatching(/^src\/deep\/other\.ts:2:3: /));
  });

  it('is an entry that is not there', () => {
    expect(problemsOf({ 'main.ts': 'export const other = 1;\n' })).toEqual(['main.ts exports no run']);
  });
});
