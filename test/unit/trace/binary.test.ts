import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TraceAccess, TraceError } from '../../../src/trace/access.js';
import { crc32 } from '../../../src/trace/binary/checksum.js';
import { BLOCK_HEADER_BYTES, FILE_HEADER_BYTES } from '../../../src/trace/binary/format.js';
import { type Access, readBinary, textBytes, writtenBinary } from './bytes.js';

const KINDS = Object.values(TraceAccess);

/** Rows of accesses as programs make them: strides, repetitions, jumps. */
const segment = fc
  .record({
    core: fc.nat(2),
    kind: fc.constantFrom(...KINDS),
    start: fc.oneof(
      fc.nat(10_000),
      fc.maxSafeNat().map((line) => line % 2 ** 52),
    ),
    stride: fc.integer({ min: -3, max: 70 }),
    count: fc.integer({ min: 1, max: 40 }),
  })
  .map(({ core, kind, start, stride, count }) =>
    Array.from(
      { length: count },
      (_, at): Access => [core, kind, Math.min(2 ** 52 - 1, Math.max(0, start + at * stride))],
    ),
  );
const accessRows = fc.array(segment, { maxLength: 30 }).map((rows) => rows.flat());

function ofCore(accesses: readonly Access[], core: number): [number, number][] {
  return accesses.filter(([owner]) => owner === core).map(([, kind, line]) => [kind, line]);
}

const SOME: Access[] = Array.from({ length: 500 }, (_, at) => [at % 2, (at % 7) as TraceAccess, at * at]);

describe('a binary trace', () => {
  it('round-trips for several cores, however its bytes and accesses are cut into pieces', () => {
    fc.assert(
      fc.property(
        accessRows,
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 64 }),
        (accesses, grain, batch) => {
          const bytes = writtenBinary(accesses, 3);
          for (const core of [0, 1, 2]) {
            expect(readBinary(bytes, core, grain, batch)).toEqual(ofCore(accesses, core));
          }
        },
      ),
      { seed: 5, numRuns: 40 },
    );
  });

  it('round-trips over many blocks', () => {
    const accesses: Access[] = Array.from({ length: 200_000 }, (_, at) => [
      0,
      (at % 3) as TraceAccess,
      (at * 7919) % 1_000_003,
    ]);
    const bytes = writtenBinary(accesses);
    expect(bytes.length).toBeGreaterThan(3 * 2 ** 16);
    expect(readBinary(bytes)).toEqual(ofCore(accesses, 0));
  });

  it('takes a few bytes for a stream of any length', () => {
    const accesses: Access[] = Array.from({ length: 100_000 }, (_, at) => [0, TraceAccess.Read, at]);
    const bytes = writtenBinary(accesses);
    // The first access (to line 0), the second (a step of one line), and the repetition of that.
    expect(bytes.length).toBeLessThan(FILE_HEADER_BYTES + 2 * BLOCK_HEADER_BYTES + 8 + 8);
    expect(readBinary(bytes)).toHaveLength(100_000);
  });

  it("is laid out as the documentation's example says", () => {
    const bytes = writtenBinary([5, 6, 7, 8].map((line): Access => [0, TraceAccess.Read, line]));
    const payload = FILE_HEADER_BYTES + BLOCK_HEADER_BYTES;
    expect([...bytes.subarray(0, 8)]).toEqual([0x8e, 0x4e, 0x43, 0x54, 0x0d, 0x0a, 0x1a, 0x0a]);
    expect([...bytes.subarray(payload, payload + 3)]).toEqual([0x50, 0x10, 0x0f]);
    expect(new DataView(bytes.buffer).getUint16(payload + 3, true)).toBe(0xffff);
  });

  it('may hold no access at all', () => {
    expect(readBinary(writtenBinary([], 2), 1)).toEqual([]);
  });

  it("has the checksum that gzip has: CRC-32's check value", () => {
    const bytes = textBytes('123456789');
    expect(crc32(bytes, 0, bytes.length)).toBe(0xcbf43926);
    expect(crc32(bytes, 4, bytes.length, crc32(bytes, 0, 4))).toBe(0xcbf43926);
  });

  it('refuses cores and lines that it has no room for', () => {
    expect(() => writtenBinary([], 0)).toThrow(RangeError);
    expect(() => writtenBinary([[1, TraceAccess.Read, 0]], 1)).toThrow('there is no core 1');
    expect(() => writtenBinary([[0, TraceAccess.Read, 2 ** 52]])).toThrow('out of range');
    expect(() => writtenBinary([[0, TraceAccess.Read, -1]])).toThrow('out of range');
  });
});

describe('a wrong binary trace gives one error with the byte offset', () => {
  const bytes = writtenBinary(SOME, 2);

  it('wherever it is cut off', () => {
    for (let length = 8; length < bytes.length; length += length < 60 ? 1 : 37) {
      const read = (): unknown => readBinary(bytes.slice(0, length));
      expect(read, `cut to ${length} bytes`).toThrow(TraceError);
      expect(read, `cut to ${length} bytes`).toThrow(/^trace: byte offset \d+: .*cut off/);
    }
  });

  it('whichever byte behind the magic is changed', () => {
    for (let at = 8; at < bytes.length; at += at < 60 ? 1 : 23) {
      const changed = bytes.slice();
      changed[at] = (changed[at] as number) ^ 0x10;
      expect(() => [readBinary(changed, 0), readBinary(changed, 1)], `byte ${at}`).toThrow(
        /^trace: byte offset \d+: /,
      );
    }
  });

  it('where something follows its end', () => {
    expect(() => readBinary(Uint8Array.of(...bytes, 0))).toThrow(
      `byte offset ${bytes.length}: something follows the end`,
    );
  });

  it('where a block is missing', () => {
    const many: Access[] = Array.from({ length: 120_000 }, (_, at) => [
      0,
      TraceAccess.Read,
      (at * 7919) % 1_000_003,
    ]);
    const whole = writtenBinary(many);
    const firstPayload = new DataView(whole.buffer).getUint32(FILE_HEADER_BYTES + 8, true);
    const second = FILE_HEADER_BYTES + BLOCK_HEADER_BYTES + firstPayload;
    const without = Uint8Array.of(...whole.subarray(0, FILE_HEADER_BYTES), ...whole.subarray(second));
    expect(() => readBinary(without)).toThrow('blocks are missing or doubled');
  });

  it('of a version to come', () => {
    const later = bytes.slice();
    later[8] = 2;
    expect(() => readBinary(later)).toThrow(
      'trace: byte offset 8: version 2 of the format is unknown. Known: 1',
    );
  });

  it('whatever the payload holds, never anything but accesses or a TraceError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(100), (payload, accesses) => {
        const header = writtenBinary([]).slice(0, FILE_HEADER_BYTES);
        const block = new Uint8Array(BLOCK_HEADER_BYTES + payload.length);
        const view = new DataView(block.buffer);
        view.setUint32(4, accesses, true);
        view.setUint32(8, payload.length, true);
        block.set(payload, BLOCK_HEADER_BYTES);
        view.setUint32(12, crc32(block, BLOCK_HEADER_BYTES, block.length, crc32(block, 0, 12)), true);
        expect(() => readBinary(Uint8Array.of(...header, ...block))).toThrow(TraceError);
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});
