import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAddressFolder, REGIONS } from '../../../src/trace/address-folder.js';

/** 256 regions of 16 lines. */
const SPACE = 16 * REGIONS;

function fold(lines: readonly number[], folder = createAddressFolder(SPACE, 'small')): number[] {
  const places = new Int32Array(lines.length);
  folder.fold(Float64Array.from(lines), lines.length, places, 0);
  return [...places];
}

describe('addresses of a trace in the address space of a machine', () => {
  it('stay where they are below its end', () => {
    const lines = [0, SPACE - 1, 17, 16, 300, 5];
    const folder = createAddressFolder(SPACE, 'small');
    expect(fold(lines, folder)).toEqual(lines);
    expect(folder.moved).toBe(0);
  });

  it('go to the highest free region from beyond it, keeping their place within the region', () => {
    const folder = createAddressFolder(SPACE, 'small');
    const beyond = 2 ** 52 - 16;
    expect(fold([beyond + 3, beyond + 4, SPACE + 1, beyond], folder)).toEqual([
      SPACE - 13,
      SPACE - 12,
      SPACE - 31,
      SPACE - 16,
    ]);
    expect(folder.moved).toBe(2);
  });

  it('give way to what took their region before', () => {
    expect(fold([SPACE, SPACE - 16, SPACE])).toEqual([SPACE - 16, SPACE - 32, SPACE - 16]);
  });

  it('stay apart, in the space, in their sets, whatever they are and however they are cut into batches', () => {
    const line = fc.oneof(
      fc.nat(SPACE + 200),
      fc.maxSafeNat().map((value) => value % 2 ** 52),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 200 }), fc.nat(200), (lines, cut) => {
        const folder = createAddressFolder(SPACE, 'small');
        const folded = [...fold(lines.slice(0, cut), folder), ...fold(lines.slice(cut), folder)];
        expect(new Set(folded).size).toBe(new Set(lines).size);
        folded.forEach((found, at) => {
          expect(found).toBeLessThan(SPACE);
          expect(found).toBeGreaterThanOrEqual(0);
          expect(found % 16).toBe((lines[at] as number) % 16);
        });
        expect(fold(lines)).toEqual(folded);
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it('are refused where they touch more regions than there are', () => {
    const lines = Array.from({ length: REGIONS + 1 }, (_, region) => region * 1000 * 16);
    expect(() => fold(lines)).toThrow(
      /more than 256 regions of 0\.0009765625 MiB, .* the tags of small's caches/,
    );
    expect(fold(lines.slice(0, REGIONS))).toHaveLength(REGIONS);
  });
});
