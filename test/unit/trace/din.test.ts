import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TraceAccess, TraceError } from '../../../src/trace/access.js';
import { createDinWriter } from '../../../src/trace/din.js';
import { type Access, readDin, textBytes, written, writtenDin } from './bytes.js';

const LINE = 64;

describe('a .din trace', () => {
  it('has a label and a hexadecimal address on each line', () => {
    expect(readDin(textBytes('0 0\n1 40\n2 7fff12345678\n'))).toEqual([
      [TraceAccess.Read, 0],
      [TraceAccess.Write, 1],
      [TraceAccess.Fetch, Math.floor(0x7fff12345678 / LINE)],
    ]);
  });

  it.each([
    ['an address with 0x or 0X, in either case', '0 0x1C0\n0 0X1c0\n', [7, 7]],
    ['addresses within one line', '0 c0\n0 c1\n0 ff\n', [3, 3, 3]],
    ['leading zeros', '0 0000000000000000000000000040\n', [1]],
    ['blanks and tabs before, between and behind', ' \t0\t \t40 \t\n', [1]],
    ['what follows the address', '0 40 main.c:17 0 80\n0 80\t4\n', [1, 2]],
    ['blank lines', '\n \n0 40\n\n\n0 80\n\n', [1, 2]],
    ['carriage returns', '0 40\r\n0 80\r\n', [1, 2]],
    ['no line end behind the last access', '0 40\n0 80', [1, 2]],
    ['nothing but blanks at the end', '0 40\n   ', [1]],
    ['the largest address', `0 ${'3ffffffffffffff'}\n`, [2 ** 52 - 1]],
  ])('is read with %s', (_what, text, lines) => {
    expect(readDin(textBytes(text)).map(([, line]) => line)).toEqual(lines);
  });

  it('is the same however its bytes and its accesses are cut into pieces', () => {
    const text = ' 0 40\n1 0xABCDEF0 rest of the line \r\n\n2 7fffffffffff\n'.repeat(20);
    const whole = readDin(textBytes(text));
    expect(whole).toHaveLength(60);
    for (const grain of [1, 2, 3, 7, 64]) expect(readDin(textBytes(text), grain, 7)).toEqual(whole);
  });

  it('may hold a rest of line longer than any buffer', () => {
    const text = `0 40 ${'x'.repeat(600_000)}\n1 80\n`;
    expect(readDin(textBytes(text))).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });

  it('round-trips: what is written is what is read', () => {
    const access = fc.tuple(
      fc.constant(0),
      fc.constantFrom(TraceAccess.Read, TraceAccess.Write, TraceAccess.Fetch),
      fc.oneof(
        fc.nat(5000),
        fc.maxSafeNat().map((line) => line % 2 ** 52),
      ),
    );
    fc.assert(
      fc.property(
        fc.array(access, { maxLength: 200 }),
        fc.integer({ min: 1, max: 50 }),
        (accesses, grain) => {
          const expected = accesses.map(([, kind, line]) => [kind, line]);
          expect(readDin(writtenDin(accesses as Access[]), grain)).toEqual(expected);
        },
      ),
      { seed: 3, numRuns: 60 },
    );
  });

  it('is written with the labels that there are: non-temporal writes as writes, dependent reads as reads, no prefetches', () => {
    const bytes = written(createDinWriter, [
      [0, TraceAccess.WriteNonTemporal, 1],
      [0, TraceAccess.PrefetchL1, 2],
      [0, TraceAccess.PrefetchL2, 3],
      [0, TraceAccess.ReadDependent, 4],
    ]);
    expect(new TextDecoder().decode(bytes)).toBe('1 40\n0 100\n');
  });

  it('holds one core', () => {
    expect(() => writtenDin([[1, TraceAccess.Read, 0]])).toThrow(RangeError);
  });
});

describe('a wrong .din trace gives one error with file and line and what would be right', () => {
  it.each([
    [
      'a label that is none',
      '0 40\n7 80\n',
      'trace:2: "7" is no label of an access. Expected: 0 (read), 1 (write) or 2 (fetch)',
    ],
    ['a word instead of a label', '0 40\n\nread 80\n', 'trace:3: "read" is no label'],
    ['a negative label', '-1 40\n', 'trace:1: "-1" is no label'],
    ['an address without a label', '7fff0040\n', 'trace:1: "7fff0040" is no label'],
    ['a label without an address', '0 40\n0\n', 'trace:2: the address is missing behind the label 0'],
    ['a label and blanks', '0 40\n1  \n', 'trace:2: the address is missing behind the label 1'],
    ['a last line cut off behind its label', '0 40\n1', 'trace:2: the address is missing behind the label 1'],
    ['an address that is no number', '0 zebra\n', 'trace:1: "zebra" is no hexadecimal address'],
    ['an address with a wrong digit', '0 40\n0 12g4\n', 'trace:2: "12g4" is no hexadecimal address'],
    ['an address of a prefix alone', '0 0x\n', 'trace:1: "0x" is no hexadecimal address'],
    ['a comma between label and address', '0,40\n', 'trace:1: "0,40" is no label'],
    [
      'an address beyond 2^58',
      '0 400000000000000\n',
      'trace:1: the address 400000000000000 is too large. Allowed: addresses below 2^58',
    ],
    ['an address of 64 bits', '0 ffffffffffffffff\n', 'trace:1: the address ffffffffffffffff is too large'],
    [
      'an address of more digits than 64 bits have',
      '0 12345678123456781\n',
      'trace:1: the address 12345678123456781 is too large',
    ],
  ])('%s', (_what, text, message) => {
    const read = (): unknown => readDin(textBytes(text));
    expect(read).toThrow(TraceError);
    expect(read).toThrow(message);
  });

  it('names the byte offset of what is no text', () => {
    const bytes = Uint8Array.of(...textBytes('0 40\n'), 0x30, 0x00, 0xff, 0x13);
    expect(() => readDin(bytes)).toThrow('trace:2: byte offset 6: 0x00 is no text: this is no Dinero trace');
  });

  it('counts lines over blank lines, comments and buffers', () => {
    const text = `${'0 40 something\n\n'.repeat(40_000)}x\n`;
    expect(() => readDin(textBytes(text), 1000)).toThrow('trace:80001: "x" is no label');
  });

  it('never ends in anything but accesses or a TraceError, whatever the bytes', () => {
    const byte = fc.oneof(fc.constantFrom(...textBytes('012 xXaf\n\t\r')), fc.nat(255));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (bytes, grain) => {
        try {
          for (const [kind, line] of readDin(Uint8Array.from(bytes), grain)) {
            expect(kind).toBeLessThan(3);
            expect(line).toBeLessThan(2 ** 52);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(TraceError);
        }
      }),
      { seed: 4, numRuns: 500 },
    );
  });
});
