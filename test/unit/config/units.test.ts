import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Dimension,
  formatQuantity,
  parseQuantity,
  quantityPattern,
  UNITS,
} from '../../../src/config/units.js';

function parsed(text: unknown, dimension: Dimension): number {
  const result = parseQuantity(text, dimension);
  if ('problem' in result) throw new Error(result.problem);
  return result.value;
}

function refusal(text: unknown, dimension: Dimension): string {
  const result = parseQuantity(text, dimension);
  return 'problem' in result ? result.problem : `accepted as ${result.value}`;
}

describe('quantities', () => {
  it('takes kB as 1000 bytes and KiB as 1024', () => {
    expect(parsed('32 kB', 'bytes')).toBe(32 * 1000);
    expect(parsed('32 KiB', 'bytes')).toBe(32 * 1024);
    expect(parsed('1.375 MiB', 'bytes')).toBe(1.375 * 1024 * 1024);
    expect(parsed('2GB', 'bytes')).toBe(2e9);
  });

  it('holds times in picoseconds without the dust of binary fractions', () => {
    expect(parsed('0.417 ns', 'time')).toBe(417);
    expect(parsed('833.3333 ps', 'time')).toBe(833.3333);
    expect(parsed('1.1 us', 'time')).toBe(1_100_000);
    expect(parsed('3 s', 'time')).toBe(3e12);
  });

  it('takes GB/s as 1e9 bytes per second and infinite as no limit', () => {
    expect(parsed('19.2 GB/s', 'bandwidth')).toBe(19.2e9);
    expect(parsed('1 GiB/s', 'bandwidth')).toBe(2 ** 30);
    expect(parsed('infinite', 'bandwidth')).toBe(Number.POSITIVE_INFINITY);
  });

  it('counts cycles in the singular and the plural', () => {
    expect(parsed('1 cycle', 'cycles')).toBe(1);
    expect(parsed('12 cycles', 'cycles')).toBe(12);
  });

  it('refuses bits and says how many bytes they are', () => {
    expect(refusal('10 Gb/s', 'bandwidth')).toContain('10 Gb/s is 1.25 GB/s');
    expect(refusal('8 Mbit/s', 'bandwidth')).toContain('8 Mbit/s is 1 MB/s');
    expect(refusal('64 Kb', 'bytes')).toContain('counts bits');
  });

  it('refuses KB as ambiguous', () => {
    expect(refusal('32 KB', 'bytes')).toContain('kB is 1000 bytes, KiB is 1024');
  });

  it('refuses a number without unit, a foreign unit and a misspelt one, and says what is allowed', () => {
    expect(refusal(5, 'cycles')).toContain('"5 cycles"');
    expect(refusal('1.3', 'frequency')).toContain('no unit');
    expect(refusal('14 ns', 'cycles')).toContain('a time');
    expect(refusal('1.3 Ghz', 'frequency')).toContain('Did you mean "GHz"? Allowed: Hz, kHz, MHz, GHz');
    expect(refusal('infinite', 'time')).toContain('bandwidth only');
    expect(refusal('infinit', 'bandwidth')).toContain('Did you mean "infinite"?');
    expect(refusal('fast', 'bandwidth')).toContain('not a bandwidth');
    expect(refusal(null, 'bytes')).toContain('a size is expected');
    expect(refusal(`1${'0'.repeat(400)} GB`, 'bytes')).toContain('too large');
  });

  it('does not take a name from the prototype of objects for a unit', () => {
    expect(refusal('1 constructor', 'bytes')).toContain('is unknown');
  });

  it('writes what it reads', () => {
    const dimensions = Object.keys(UNITS) as Dimension[];
    fc.assert(
      fc.property(
        fc.constantFrom(...dimensions),
        fc.integer({ min: 1, max: 999_999 }),
        fc.integer({ min: 0, max: 6 }),
        (dimension, digits, power) => {
          const value = digits * 10 ** power;
          const written = formatQuantity(value, dimension);
          expect(Math.abs(parsed(written, dimension) - value)).toBeLessThanOrEqual(value * 1e-6);
          expect(written).toMatch(new RegExp(quantityPattern(dimension)));
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });
});
