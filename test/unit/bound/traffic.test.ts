import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compulsoryBytes, compulsoryTraffic, countLines } from '../../../src/bound/compulsory.js';
import { streamedTraffic } from '../../../src/bound/streamed.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { Access, type OpStream } from '../../../src/kernel/op-stream.js';

function kernelOf(emit: (out: OpStream) => void, ranges: Partial<Kernel> = {}): Kernel {
  return {
    name: 'k',
    type: 'ReLU',
    phase: 'forward',
    shape: '',
    flops: 0,
    reads: [],
    writes: [],
    parameters: 'whole',
    phases: [{ name: 'loop', tileCount: () => 1, emit: (_thread, _tile, out) => emit(out) }],
    ...ranges,
  };
}

describe('compulsory traffic', () => {
  it('counts a line once, whatever the names of its storage', () => {
    const x = { tensor: 'x', base: 64, lines: 10 };
    expect(countLines([x, { tensor: 'y', base: 64, lines: 10 }])).toBe(10);
    expect(countLines([x, { tensor: 'part', base: 70, lines: 8 }])).toBe(14);
    expect(countLines([{ tensor: 'z', base: 0, lines: 3 }, x])).toBe(13);
    expect(countLines([])).toBe(0);
  });

  it('is what comes in and what goes out', () => {
    const kernel = kernelOf(() => {}, {
      reads: [{ tensor: 'x', base: 0, lines: 5 }],
      writes: [{ tensor: 'y', base: 64, lines: 7 }],
    });
    expect(compulsoryTraffic(kernel)).toEqual({ readLines: 5, writtenLines: 7 });
    expect(compulsoryBytes(kernel)).toBe((5 + 7) * 64);
  });
});

describe('traffic with one line per stream', () => {
  it('of a copy is a read, a write-allocate and a write per line', () => {
    const copy = kernelOf((out) =>
      out.run(1000, 1, 0, 2, 1).stream(Access.Load, 0).stream(Access.Store, 4096),
    );
    expect(streamedTraffic(copy)).toEqual({ readLines: 1000, allocatedLines: 1000, writtenLines: 1000 });
  });

  it('of non-temporal stores is a write per line, and nothing is allocated', () => {
    const copy = kernelOf((out) =>
      out.run(1000, 1, 0, 2, 1).stream(Access.Load, 0).stream(Access.StoreNonTemporal, 4096),
    );
    expect(streamedTraffic(copy)).toEqual({ readLines: 1000, allocatedLines: 0, writtenLines: 1000 });
  });

  it('of an operation in place is a read and a write per line: the store hits what was loaded', () => {
    const inPlace = kernelOf((out) =>
      out.run(1000, 1, 0, 2, 1).stream(Access.Load, 0).stream(Access.Store, 0),
    );
    expect(streamedTraffic(inPlace)).toEqual({ readLines: 1000, allocatedLines: 0, writtenLines: 1000 });
  });

  it('of a second sweep is as much again', () => {
    const twice = kernelOf((out) => {
      for (let sweep = 0; sweep < 2; sweep++) out.run(1000, 1, 0, 1, 1).stream(Access.Load, 0);
    });
    expect(streamedTraffic(twice).readLines).toBe(2000);
  });

  it('of any runs is what an LRU cache walked access by access has', () => {
    const stream = fc.record({
      kind: fc.constantFrom(Access.Load, Access.Store, Access.StoreNonTemporal, Access.LoadDependent),
      base: fc.integer({ min: 200, max: 240 }),
      stride: fc.integer({ min: -2, max: 2 }),
    });
    const run = fc.record({
      steps: fc.integer({ min: 1, max: 60 }),
      streams: fc.array(stream, { maxLength: 4 }),
      isUniform: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(run, { maxLength: 6 }), fc.integer({ min: 1, max: 6 }), (runs, capacity) => {
        const expected = { readLines: 0, allocatedLines: 0, writtenLines: 0 };
        let cached: { line: number; isModified: boolean }[] = [];
        for (const { steps, streams, isUniform } of runs) {
          for (let step = 0; step < steps; step++) {
            for (const { kind, base, stride } of streams) {
              const line = base + step * (isUniform ? 1 : stride);
              const held = cached.find((each) => each.line === line);
              cached = cached.filter((each) => each !== held);
              if (kind === Access.StoreNonTemporal) {
                expected.writtenLines++;
                continue;
              }
              const isStore = kind === Access.Store;
              if (!held && isStore) expected.allocatedLines++;
              if (!held && !isStore) expected.readLines++;
              cached.push({ line, isModified: isStore || (held?.isModified ?? false) });
              if (cached.length > capacity && cached.shift()?.isModified) expected.writtenLines++;
            }
          }
        }
        expected.writtenLines += cached.filter(({ isModified }) => isModified).length;
        const kernel = kernelOf((out) => {
          for (const { steps, streams, isUniform } of runs) {
            out.run(steps, 1, 0, 1, 0);
            for (const { kind, base, stride } of streams) out.stream(kind, base, isUniform ? 1 : stride);
          }
        });
        expect(streamedTraffic(kernel, 1, capacity)).toEqual(expected);
      }),
      { seed: 4, numRuns: 400 },
    );
  });
});
