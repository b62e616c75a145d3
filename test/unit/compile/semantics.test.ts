/** Compiled functions do what they do as JavaScript, to the last bit. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { MachineCode } from '../../../src/machine/compiled/layout.js';
import { compileFiles, type Files, importFiles, planOf, type Run, runCompiled } from './project.js';

/** Bodies of functions of the state `s` and the integers `a` and `b`. Results that are integers to WebAssembly are made that, since it has no negative zero. */
const INTEGER_CASES = {
  'sums and differences wrap around': 'return ((a + b) | 0) ^ ((a - b) | 0);',
  'bitwise operators': 'return (a & b) ^ (a | ~b) ^ (a << (b & 31)) ^ (a >> (b & 31));',
  'logical shift': 'return a >>> ((b & 15) + 1);',
  'a double made an integer': 'return (s.xPs | 0) ^ ~s.yPs ^ (s.xPs >> 3);',
  'a quotient made an integer': 'return b === 0 ? 0 : (a / b) | 0;',
  'remainder of integers': 'return b === 0 ? 0 : (a % b) | 0;',
  'products of 32 bits': 'return Math.imul(a, b);',
  'leading zeros': 'return Math.clz32(a) * 64 + Math.clz32(b & 255);',
  'signs of integers and doubles': 'return (Math.sign(a) * 4 + Math.sign(s.xPs)) | 0;',
  'least and greatest integer': 'return Math.max(a, b, 3) ^ Math.min(a, b, -3);',
  'rounding of what is an integer': 'return Math.floor(a) ^ Math.ceil(b) ^ Math.round(a);',
  comparisons: `let bits = 0;
    if (a < b) bits |= 1;
    if (a <= s.xPs && s.xPs !== s.yPs) bits |= 2;
    if (!(a > b) || s.yPs >= b) bits |= 4;
    return s.isOpen === a > 0 ? bits : -bits | 0;`,
  'compound assignments to a field': `s.count = a & 0xffff;
    s.count += b & 255; s.count -= 3; s.count *= 2; s.count <<= 3; s.count >>= 1; s.count >>>= 1;
    s.count ^= b; s.count &= 0xfffff; s.count |= 1; s.count %= 77;
    return s.count;`,
  'steps of a field': `s.count = a & 255;
    const sum = s.count++ * 1000 + --s.count * 100 + s.count-- * 10 + ++s.count;
    s.count++;
    return sum;`,
  'elements of all kinds': `s.bytes[b & 7] = a; s.small[b & 7] = a; s.words[b & 7] = a; s.halves[b & 7] = a; s.doubles[b & 7] = a;
    s.bytes[a & 7] += b; s.small[a & 7] -= b; s.halves[a & 7] ^= b; s.words[a & 7] |= b; s.doubles[a & 7] *= b & 15;
    s.bytes[1]++; --s.small[2]; s.halves[3]--; ++s.words[4]; s.doubles[5]++;
    return s.bytes[b & 7] ^ s.small[b & 7] ^ s.words[b & 7] ^ s.halves[b & 7];`,
  'elements at sums and differences':
    'return s.words[(a & 3) + 1] ^ s.words[(b & 3) + 2 - 1] ^ s.words[4 - (b & 3)] ^ s.words[(a & 1) - 1 + 3];',
  'values of assignments to elements': `const stored = (s.words[a & 7] = b) ^ (s.bytes[b & 7] = a);
    const added = (s.small[a & 7] += b & 1023);
    return stored ^ added;`,
  'values of steps of elements':
    'return s.bytes[a & 7]++ + ++s.halves[a & 7] * 2 + s.small[b & 7]-- * 4 + --s.words[b & 7] * 8 | 0;',
  'a double added to an integer element':
    's.words[a & 7] = b >> 8; s.words[a & 7] += s.smallPs; return s.words[a & 7];',
  'loops that are left and continued': `let sum = 0;
    for (let i = 0; i < 40; i++) {
      if (i === (b & 63)) break;
      if ((i & 3) === 1) continue;
      for (let j = i, k = 9; j < k; j += 2, k--) sum += s.words[j & 7] ^ k;
    }
    let n = a & 31;
    while (n > 0) { n -= 3; if (n === 7) break; sum ^= n; }
    do { n++; if (n === 2) continue; sum += n; } while (n < 5);
    for (;;) { if (n++ > 9) return sum | 0; }`,
  switch: `let sum = 0;
    switch (a & 7) {
      case 0: sum += 1;
      case RULES.one: sum += 10; break;
      case 2: { const sum = 3; return sum; }
      case 3: case 4: sum = 40;
      default: sum += 500;
    }
    switch (b & 3) { case 1: return sum; case 2: return sum + 1; default: return sum + 2; }`,
  'destructuring with other names':
    'const { count: before, inner, words } = s; s.count = a & 1; const { offset: by } = inner; return before ^ by ^ words[b & 7];',
  'nested structures': `s.inner.deep.value = a; s.inner.deep.value ^= s.inner.offset; const { deep: own, offset } = s.inner; own.value ^= b;
    const { value: read } = own; return read ^ offset ^ s.inner.deep.value;`,
  'arrays of structures': `const cell = s.cells[a & 3]; cell.value = b; s.cells[b & 1].value += 3; let sum = s.cells.length;
    for (let i = 0; i < s.cells.length; i++) sum ^= s.cells[i].value; return sum;`,
  'a function for each structure': `fill(s.left, a & 7, b); fill(s.right, b & 7, a); moveOpen(s.left, s.banks[a & 1]); moveOpen(s.banks[b & 1], s.left);
    fill(s.banks[a & 1], 3, 9); return opened(s.left) ^ opened(s.right) ^ opened(s.banks[0]);`,
  'truth values as arguments, results and fields':
    's.isOpen = isBetween(a, b, s.isOpen); return choose(s.isOpen, a, b) ^ choose(a > b, b, 5);',
  'constants of modules': 'return TABLE[a & 3] + RULES.two * LIMIT + DERIVED - s.scale;',
  'names of the translation':
    'const t0 = a; const { deep } = s.inner; const $t1 = deep.value; const p0 = t0 ^ $t1; return pick(s.cells[b & 3]) ^ p0;',
  'a structure that may be missing':
    'const { spare } = s; return spare === null ? b : spare.value ^ (s.absent !== null ? a : 1);',
  'calls in the target of a compound assignment': 's.words[low(a)] += 5; return s.words[low(a)];',
};

/** The same with doubles as results, by way of the state's or as they are. */
const DOUBLE_CASES = {
  quotients: 'return a / b;',
  'remainder of doubles': 'let r = a & 1023; r %= s.smallPs; s.outPs = r; return s.xPs % s.yPs;',
  'rounding, of negative halves too':
    's.outPs = Math.round(s.halfPs); return Math.floor(s.halfPs) * 3 + Math.ceil(s.halfPs) * 5 + Math.round(s.xPs);',
  'least and greatest of both kinds': 'return Math.max(a, s.xPs) - Math.min(b, s.yPs, a);',
  'ternaries of both kinds': 'return a > b ? a : s.xPs;',
  'products that flow into doubles': 's.outPs = a * b; s.outPs += a * b; return a * b * 0.5 + (a + b) / 4;',
  'choices that flow into doubles':
    's.outPs = a > b ? a * b : -(a * b); return Math.max(a * b, a + b) + s.xPs;',
  'an unsigned number that flows into a double': 's.outPs = a >>> 0; return s.xPs + (b >>> 1);',
  'negative zero': 's.outPs = -0; return -(a & 0) * 0.5;',
  'bits of a double field': 's.outPs = s.xPs; s.outPs |= b; s.outPs >>= 1; return s.outPs++ + 0.5;',
  'doubles through functions': 'return later(s, a) + later(s, b);',
};

const HELPERS = `export const LIMIT = 1 << 10;
export const RULES = { one: 1, two: 2 } as const;
export const [FIRST, SECOND] = [7, 9] as const;
export interface Bank { readonly rows: Int32Array; open: number }
export function fill(bank: Bank, row: number, value: number): void { bank.rows[row] = value; bank.open = row; }
export function moveOpen(from: Bank, to: Bank): void { to.open = (from.open + 1) & 7; from.rows[to.open] += 1; }
export function opened({ rows, open }: Bank): number { return rows[open] ^ open; }
export function low(a: number): number { let bits = a; bits &= 7; return bits; }
`;
const MAIN = `import { FIRST, LIMIT, RULES, SECOND, type Bank, fill, low, moveOpen, opened } from './helpers.js';
const TABLE = Uint8Array.of(3, LIMIT >> 4, 250, FIRST);
const DERIVED = LIMIT * 3 - SECOND;
interface Deep { value: number }
interface Inner { readonly deep: Deep; readonly offset: number }
interface Cell { value: number }
export interface State {
  count: number; isOpen: boolean; xPs: number; yPs: number; halfPs: number; smallPs: number; outPs: number;
  readonly scale: number; readonly inner: Inner; readonly cells: Cell[]; readonly spare: Cell | null; readonly absent: Cell | null;
  readonly left: Bank; readonly right: Bank; readonly banks: readonly Bank[];
  readonly words: Int32Array; readonly doubles: Float64Array; readonly bytes: Uint8Array; readonly small: Int8Array; readonly halves: Uint16Array;
}
function isBetween(a: number, b: number, isOpen: boolean): boolean { return a < 100 && b > -100 || isOpen; }
function choose(flag: boolean, a: number, b: number): number { return flag ? a : b; }
function pick({ value: p0 }: Cell): number { return p0; }
function later({ xPs }: State, cycles: number): number { return afterwards(xPs, cycles); }
function afterwards(timePs: number, cycles: number): number { const at = timePs + cycles * 250; return at; }
`;

const CASES: Readonly<Record<string, string>> = { ...INTEGER_CASES, ...DOUBLE_CASES };
const NAMES = Object.keys(CASES);
const functionOf = (name: string): string => `case${NAMES.indexOf(name)}`;

const FILES: Files = {
  'helpers.ts': HELPERS,
  'main.ts':
    MAIN +
    NAMES.map(
      (name) =>
        `export function ${functionOf(name)}(s: State, a: number, b: number): number { ${CASES[name]} }`,
    ).join('\n'),
};

/** Doubles that `| 0` takes modulo 2^32 in both languages. */
const double = fc.double({ min: -(2 ** 60), max: 2 ** 60, noNaN: true }).map((value) => value + 0);
const integer = fc.oneof(fc.integer(), fc.integer({ min: -9, max: 9 }));
const numbers = fc.record({
  a: integer,
  b: integer,
  count: integer,
  isOpen: fc.boolean(),
  xPs: fc.oneof(
    double,
    fc.integer().map((value) => value / 4),
  ),
  yPs: double,
  halfPs: fc.integer({ min: -99, max: 99 }).map((value) => value / 2),
  smallPs: fc.double({ min: 0.25, max: 90, noNaN: true }),
  elements: fc.array(fc.integer(), { minLength: 8, maxLength: 8 }),
});
type Numbers = typeof numbers extends fc.Arbitrary<infer T> ? T : never;

const EIGHT = [0, 0, 0, 0, 0, 0, 0, 0];

function createState() {
  const bank = () => ({ rows: new Int32Array(8), open: 0 });
  return {
    ...{ count: 0, isOpen: false, xPs: 0, yPs: 0, halfPs: 0, smallPs: 0, outPs: 0 },
    scale: 12,
    inner: { deep: { value: 0 }, offset: 5 },
    cells: EIGHT.slice(4).map((value) => ({ value })),
    spare: { value: 6 },
    absent: null,
    left: bank(),
    right: bank(),
    banks: [bank(), bank()],
    words: new Int32Array(8),
    doubles: new Float64Array(8),
    bytes: new Uint8Array(8),
    small: new Int8Array(8),
    halves: new Uint16Array(8),
  };
}
type State = ReturnType<typeof createState>;

/** Gives a state the numbers of a run. */
function fill(state: State, { a: _, b: __, elements, ...fields }: Numbers): void {
  Object.assign(state, fields);
  state.outPs = 0;
  state.inner.deep.value = elements[7];
  state.cells.forEach((cell, index) => {
    cell.value = elements[index];
  });
  [state.left, state.right, ...state.banks].forEach((bank, index) => {
    bank.open = index + 1;
    bank.rows.set(elements.map((value) => value ^ index));
  });
  for (const array of [state.words, state.bytes, state.small, state.halves]) array.set(elements);
  state.doubles.set(elements.map((value) => value / 3));
}

describe('a compiled function', () => {
  let code: MachineCode;
  let functions: Readonly<Record<string, Run>>;

  beforeAll(async () => {
    functions = await importFiles(FILES);
    code = await compileFiles(FILES, planOf(NAMES.map(functionOf), { several: new Set(['Bank']) }));
  });

  it.each(NAMES)('does as JavaScript does: %s', (name) => {
    const asJavaScript = createState();
    const compiled = createState();
    const run = runCompiled(code, compiled).functions[functionOf(name)];
    fc.assert(
      fc.property(numbers, (given) => {
        fill(asJavaScript, given);
        fill(compiled, given);
        const expected = functions[functionOf(name)]?.(asJavaScript, given.a, given.b);
        expect(run?.(given.a, given.b)).toBe(expected);
        expect(compiled).toEqual(asJavaScript);
      }),
      { seed: 31, numRuns: 300 },
    );
  });

  it('has the constants of each set of data', () => {
    const scaled = functionOf('constants of modules');
    for (const scale of [12, -3, 2 ** 31 - 1]) {
      const state = { ...createState(), scale };
      const expected = functions[scaled]?.({ ...createState(), scale }, 1, 0);
      expect(runCompiled(code, state).functions[scaled]?.(1, 0)).toBe(expected);
    }
  });
});
