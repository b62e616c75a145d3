import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bankOfLine, compileMapping, rowOfLine } from '../../../src/machine/dram/mapping.js';
import { DDR4_2400, lineAtPlace, M1, M2 } from './memory-spec.js';

const BANKS = 16;

describe('the address mapping', () => {
  it('puts the fields where the references describe them', () => {
    // Byte address bits of M1: 6-12 column, 13-14 bank group, 15-16 bank, 17-32 row. A line number starts at byte bit 6.
    const m1 = compileMapping(M1, DDR4_2400);
    const line = (byteBit: number): number => 2 ** (byteBit - 6);
    expect(bankOfLine(m1, line(12))).toBe(0);
    expect(bankOfLine(m1, line(13))).toBe(4); // bank group 1, bank 0
    expect(bankOfLine(m1, line(15))).toBe(1); // bank group 0, bank 1
    expect(rowOfLine(m1, line(16))).toBe(0);
    expect(rowOfLine(m1, line(17))).toBe(1);
    expect(rowOfLine(m1, line(32))).toBe(2 ** 15);
    // M2: 6-7 bank group, 8-14 column, 15-16 bank, 17-32 row.
    const m2 = compileMapping(M2, DDR4_2400);
    expect(bankOfLine(m2, line(6))).toBe(4);
    expect(bankOfLine(m2, line(7))).toBe(8);
    expect(bankOfLine(m2, line(14))).toBe(0);
    expect(bankOfLine(m2, line(16))).toBe(2);
    expect(rowOfLine(m2, line(17))).toBe(1);
  });

  it('is one to one, hashed or not, with fields in pieces', () => {
    const recipes = [
      M1,
      'column:2 bank-group:2^row column:5 bank:2^row+2 row:16',
      'bank:1 column:3 bank:1^row+7 row:4 bank-group:2^row+12 column:4 row:12',
    ];
    for (const recipe of recipes) {
      const map = compileMapping(recipe, DDR4_2400);
      const place = fc.record({
        column: fc.nat(DDR4_2400.linesPerRow - 1),
        'bank-group': fc.nat(3),
        bank: fc.nat(3),
        rank: fc.constant(0),
        row: fc.nat(DDR4_2400.rows - 1),
      });
      fc.assert(
        fc.property(place, (at) => {
          const line = lineAtPlace(recipe, at);
          expect(bankOfLine(map, line)).toBe(at['bank-group'] * 4 + at.bank);
          expect(rowOfLine(map, line)).toBe(at.row);
        }),
        { seed: 1, numRuns: 200 },
      );
    }
  });

  it('spreads a stride of whole rows over the banks when hashed', () => {
    const rowStride = 2 ** 11;
    const banks = (recipe: string): number => {
      const map = compileMapping(recipe, DDR4_2400);
      return new Set(Array.from({ length: 64 }, (_, i) => bankOfLine(map, i * rowStride))).size;
    };
    expect(banks(M1)).toBe(1);
    expect(banks('column:7 bank-group:2^row bank:2^row+2 row:16')).toBe(BANKS);
  });

  it('uses the rank bits as the highest of the bank number', () => {
    const part = { ...DDR4_2400, ranks: 2 };
    const map = compileMapping('column:7 rank:1 bank-group:2 bank:2 row:16', part);
    expect(bankOfLine(map, 2 ** 7)).toBe(BANKS);
  });

  it.each([
    ['columns:7 bank-group:2 bank:2 row:16', 'names no field'],
    ['column:7 bank-group:2 bank:2 row', 'is not of the form'],
    ['column:7 bank-group:1 bank:2 row:16', 'gives bank-group 1 bits, but the part needs 2'],
    ['column:7 bank-group:2 bank:2 row:16 rank:1', 'gives rank 1 bits, but the part needs 0'],
    ['column:7^row bank-group:2 bank:2 row:16', 'can be hashed'],
    ['column:7 bank-group:2^row+15 bank:2 row:16', 'reaches beyond the 16 bits'],
  ])('refuses "%s"', (recipe, reason) => {
    expect(() => compileMapping(recipe, DDR4_2400)).toThrow(reason);
  });

  it('refuses counts that address bits cannot choose, and more bits than it holds', () => {
    expect(() => compileMapping(M1, { ...DDR4_2400, banksPerGroup: 3 })).toThrow(
      'banksPerGroup must be a power of two',
    );
    const huge = { ...DDR4_2400, rows: 2 ** 22 };
    expect(() => compileMapping('column:7 bank-group:2 bank:2 row:22', huge)).toThrow('33 bits');
  });
});
