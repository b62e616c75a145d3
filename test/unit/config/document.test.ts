import { describe, expect, it } from 'vitest';
import { mergeDocuments, parseDocument, placeOf } from '../../../src/config/document.js';
import { ConfigurationError, type Problem } from '../../../src/config/problem.js';

function problemsOf(text: string): readonly Problem[] {
  try {
    parseDocument(text, 'a.yaml');
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe('YAML documents', () => {
  it('remember line and column of every key and value', () => {
    const document = parseDocument('a: 1\nb:\n  c: [x, {d: y}]\n', 'a.yaml');
    expect(document.data).toEqual({ a: 1, b: { c: ['x', { d: 'y' }] } });
    expect(placeOf(document, ['b', 'c'], 'key')).toEqual({ file: 'a.yaml', line: 3, column: 3 });
    expect(placeOf(document, ['b', 'c', 1, 'd'])).toEqual({ file: 'a.yaml', line: 3, column: 14 });
  });

  it('report a key that is given twice with its path and both lines', () => {
    const [problem, ...rest] = problemsOf('a:\n  b: 1\n  c: 2\n  b: 3\n');
    expect(rest).toEqual([]);
    expect(problem).toMatchObject({ line: 4, column: 3, path: 'a.b' });
    expect(problem?.message).toContain('line 2');
  });

  it('report every syntax error in one go', () => {
    expect(problemsOf('a: [1\nb: }\nc: "x\n').length).toBeGreaterThanOrEqual(2);
  });

  it.each([
    ['', 'is empty'],
    ['# nothing\n', 'is empty'],
    ['- 1\n', 'a mapping of keys'],
    ['a: \0', 'not a text file'],
    ['a: \ufffd', 'not a text file'],
    ['a: 1\n---\nb: 2\n', 'a second document'],
    ['a: !secret x\n', 'YAML'],
    ['? [x]\n: 1\n', 'a key must be a plain text'],
    ['a: *nobody\n', 'alias *nobody refers to nothing'],
  ])('refuse %j', (text, reason) => {
    expect(problemsOf(text).map((problem) => problem.message)).toContainEqual(
      expect.stringContaining(reason),
    );
  });

  it('refuse aliases that expand without end', () => {
    const levels = Array.from(
      { length: 9 },
      (_, i) => `l${i + 1}: &l${i + 1} [${Array(10).fill(`*l${i}`).join(', ')}]`,
    );
    const problems = problemsOf(`l0: &l0 [x]\n${levels.join('\n')}\n`);
    expect(problems.map((problem) => problem.message)).toContainEqual(
      expect.stringContaining('too many values'),
    );
  });

  it('keep a key called __proto__ as a key', () => {
    expect(Object.keys(parseDocument('__proto__: {x: 1}\n', 'a.yaml').data)).toEqual(['__proto__']);
  });
});

describe('documents laid over each other', () => {
  const base = parseDocument('a: 1\nb:\n  c: 2\n  d: [1, 2]\nm:\n  kind: dram\n  ranks: 2\n', 'base.yaml');

  it('merge mappings key by key and replace everything else', () => {
    const merged = mergeDocuments(base, parseDocument('b:\n  d: [3]\n  e: 4\n', 'over.yaml'));
    expect(merged.data).toEqual({ a: 1, b: { c: 2, d: [3], e: 4 }, m: { kind: 'dram', ranks: 2 } });
  });

  it('keep the place of each value in its own file', () => {
    const merged = mergeDocuments(base, parseDocument('\nb: {e: 4}\n', 'over.yaml'));
    expect(placeOf(merged, ['b', 'c'])).toEqual({ file: 'base.yaml', line: 3, column: 6 });
    expect(placeOf(merged, ['b', 'e'])).toEqual({ file: 'over.yaml', line: 2, column: 8 });
  });

  it('replace a mapping of another kind whole', () => {
    const merged = mergeDocuments(base, parseDocument('m: {kind: ideal, latency: 1}\n', 'over.yaml'));
    expect(merged.data.m).toEqual({ kind: 'ideal', latency: 1 });
  });
});
