/** Which numbers of a compiled program are integers and which are doubles. */
import { describe, expect, it } from 'vitest';
import { planOf, translateFiles } from './project.js';

const STATE = `interface State {
  count: number; share: number; total: number; latePs: number; readonly gapPs: number; readonly ratio: number;
  readonly words: Int32Array; readonly doubles: Float64Array;
}
`;

/** Kinds of the state's fields, and the signatures of functions, in a program of some functions. */
function kindsOf(functions: string, exported: readonly string[]) {
  const { textFor, layout } = translateFiles({ 'main.ts': STATE + functions }, planOf(exported));
  const text = textFor({});
  const fields = Object.fromEntries((layout.State?.fields ?? []).map(({ name, type }) => [name, type]));
  const signature = (name: string): string =>
    new RegExp(`^function ${name}_main(\\(.*\\): \\w+) \\{`, 'm').exec(text)?.[1] ?? '';
  const variable = (name: string): string =>
    new RegExp(`(?:let|const) ${name}_: (\\w+)`).exec(text)?.[1] ?? '';
  return { fields, signature, variable };
}

describe('a number of a compiled program', () => {
  it('is an integer where nothing else flows into it', () => {
    const { fields, signature, variable } = kindsOf(
      'export function run(s: State, by: number): number { let sum = s.count * by; sum += s.words[by]; s.total = sum; return sum; }',
      ['run'],
    );
    expect(fields).toEqual({ count: 'i32', total: 'i32', words: 'I32s' });
    expect(signature('run')).toBe('(by_: i32): i32');
    expect(variable('sum')).toBe('i32');
  });

  it('is a double where an element of a Float64Array reaches it through functions', () => {
    const { fields, signature, variable } = kindsOf(
      `export function run(s: State, at: number): number { return first(s, s.doubles[at], at); }
      function first(s: State, value: number, at: number): number { return second(s, at, value); }
      function second(s: State, at: number, value: number): number { let sum = at; sum += value; s.total = sum; return sum; }`,
      ['run'],
    );
    expect(signature('run')).toBe('(at_: i32): f64');
    expect(signature('first')).toBe('(value_: f64, at_: i32): f64');
    expect(signature('second')).toBe('(at_: i32, value_: f64): f64');
    expect(variable('sum')).toBe('f64');
    expect(fields).toEqual({ doubles: 'F64s', total: 'f64' });
  });

  it('is a double where it is a quotient, but for one that bitwise operators make an integer', () => {
    const { fields, variable } = kindsOf(
      `export function run(s: State, a: number): number { const share = a / s.count; const whole = (a / s.count) | 0;
      s.share = share; s.total = whole; return whole; }`,
      ['run'],
    );
    expect(fields).toEqual({ count: 'i32', share: 'f64', total: 'i32' });
    expect(variable('share')).toBe('f64');
    expect(variable('whole')).toBe('i32');
  });

  it('is a double where a remainder of doubles is assigned to it', () => {
    const { fields } = kindsOf('export function run(s: State): void { s.total %= s.doubles[0]; }', ['run']);
    expect(fields.total).toBe('f64');
  });

  it('is a double where the plan says so of a field, by whatever name it is read', () => {
    const { fields, variable } = kindsOf(
      'export function run(s: State): void { const { gapPs: wait } = s; const later = wait + s.count; s.latePs = s.count; s.total = later; }',
      ['run'],
    );
    expect(fields).toEqual({ gapPs: 'f64', count: 'i32', latePs: 'f64', total: 'f64' });
    expect(variable('later')).toBe('f64');
  });

  it('is a double where it is a constant that no 32 bits hold', () => {
    const { fields, variable } = kindsOf(
      `const LONG = 2 ** 32; const WIDE = 2 ** 32 - 1; const NEVER = Infinity; const HALF = 0.5;
      export function run(s: State): void { s.total = LONG; s.share = HALF; s.count = WIDE; const end = NEVER; s.latePs = end; }`,
      ['run'],
    );
    expect(fields).toEqual({ total: 'f64', share: 'f64', count: 'i32', latePs: 'f64' });
    expect(variable('end')).toBe('f64');
  });
});
