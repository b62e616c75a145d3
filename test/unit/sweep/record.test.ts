import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../src/sweep/canonical.js';
import { readRecord, writeRecord } from '../../../src/sweep/record.js';

const HEADER = { kind: 'point', settings: 'abc', code: 'def' };

describe('a record', () => {
  it('gives back what was written', () => {
    const content = { text: 'two\nlines', numbers: [0.1, 1e300, -7], nothing: null, list: [{ a: true }] };
    expect(readRecord(writeRecord(HEADER, content), HEADER)).toEqual({ content });
  });

  it('does not verify with any one character gone or changed', () => {
    const text = writeRecord(HEADER, { cycles: 120 });
    for (let at = 0; at < text.length; at++) {
      const without = text.slice(0, at) + text.slice(at + 1);
      const changed = `${text.slice(0, at)}${text[at] === '1' ? '2' : '1'}${text.slice(at + 1)}`;
      for (const spoilt of [without, changed, text.slice(0, at)])
        expect(readRecord(spoilt, HEADER)).toHaveProperty('problem');
    }
  });

  it('refuses what JSON would silently change', () => {
    for (const content of [
      { a: Number.NaN },
      { a: Number.POSITIVE_INFINITY },
      { a: new Float64Array(2) },
      { a: new Map() },
    ])
      expect(() => writeRecord(HEADER, content)).toThrow(/"a" is no plain data/);
  });
});

describe('canonical JSON', () => {
  it('does not depend on the order in which a value was put together', () => {
    expect(canonicalJson({ b: [{ y: 1, x: 2 }], a: null })).toBe(
      canonicalJson({ a: null, b: [{ x: 2, y: 1 }] }),
    );
  });

  it('tells lists by their order, and infinite numbers from none', () => {
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
    expect(canonicalJson({ a: Number.POSITIVE_INFINITY })).not.toBe(canonicalJson({ a: null }));
  });
});
