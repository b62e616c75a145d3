import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpStream, RUN_HEADER_WORDS, STREAM_WORDS } from '../../../src/kernel/op-stream.js';
import { TraceAccess } from '../../../src/trace/access.js';
import { recordRuns } from '../../../src/trace/record.js';
import { appendAccesses, createTraceProgram } from '../../../src/trace/trace-program.js';

const LOADS: readonly TraceAccess[] = [TraceAccess.Read, TraceAccess.ReadDependent];

function batchOf(accesses: readonly (readonly [TraceAccess, number])[]) {
  return {
    kinds: Uint8Array.from(accesses, ([kind]) => kind),
    lines: Float64Array.from(accesses, ([, line]) => line),
  };
}

/** The accesses of the runs in a stream. */
function accessesOf(stream: OpStream): [TraceAccess, number][] {
  const accesses: [TraceAccess, number][] = [];
  recordRuns(stream, 0, { write: (_core, kind, line) => accesses.push([kind, line]), end: () => {} }, []);
  return accesses;
}

describe('accesses as runs', () => {
  it('are the same accesses in the same order', () => {
    const kind = fc.constantFrom(
      ...Object.values(TraceAccess).filter((value) => value !== TraceAccess.Fetch),
    );
    const row = fc
      .record({
        kind,
        start: fc.nat(2 ** 30),
        stride: fc.integer({ min: -2, max: 5 }),
        count: fc.integer({ min: 1, max: 6 }),
      })
      .map(({ kind: of, start, stride, count }) =>
        Array.from({ length: count }, (_, at): [TraceAccess, number] => [of, start + 20 + at * stride]),
      );
    fc.assert(
      fc.property(fc.array(row, { maxLength: 30 }), (rows) => {
        const accesses = rows.flat();
        const stream = new OpStream(64);
        appendAccesses(batchOf(accesses), accesses.length, 0.25, stream);
        expect(accessesOf(stream)).toEqual(accesses);
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  it('take one run where kind and distance stay the same', () => {
    const stream = new OpStream();
    const accesses = Array.from({ length: 100 }, (_, at): [TraceAccess, number] => [
      TraceAccess.Read,
      7 * at,
    ]);
    appendAccesses(batchOf(accesses), 100, 0.25, stream);
    expect(stream.length).toBe(RUN_HEADER_WORDS + STREAM_WORDS);
  });

  it('are a step of one instruction each, that takes 1 / issueWidth of a cycle and, if it is a load, an entry of the load queue', () => {
    for (const kind of Object.values(TraceAccess)) {
      const stream = new OpStream();
      appendAccesses(batchOf([[kind, 3]]), 1, 0.25, stream);
      const isLoad = LOADS.includes(kind) || kind === TraceAccess.Fetch;
      expect([...stream.words.subarray(1, RUN_HEADER_WORDS)]).toEqual([1, 64, 0, 1, isLoad ? 1 : 0]);
    }
  });
});

describe('a trace as a program', () => {
  it('runs one trace per thread, pulls as it runs, and counts what it pulled', () => {
    const rows = [
      [
        [TraceAccess.Read, 1],
        [TraceAccess.Write, 2],
      ],
      [[TraceAccess.PrefetchL2, 3]],
    ] as const;
    const readers = rows.map((row) => {
      let pulls = 0;
      return {
        read: (batch: { kinds: Uint8Array; lines: Float64Array }) => {
          if (pulls++ > 0) return 0;
          row.forEach(([kind, line], at) => {
            batch.kinds[at] = kind;
            batch.lines[at] = line;
          });
          return row.length;
        },
        close: () => {},
      };
    });
    const { program, counts } = createTraceProgram(readers, 4, 1000, 4);
    const [phase] = (program.kernels[0] as (typeof program.kernels)[number]).phases;
    expect([0, 1, 2, 3].map((thread) => phase?.tileCount(thread))).toEqual([Infinity, Infinity, 0, 0]);
    rows.forEach((row, thread) => {
      const stream = new OpStream();
      phase?.emit(thread, 0, stream);
      expect(accessesOf(stream)).toEqual(row);
      stream.clear();
      phase?.emit(thread, 1, stream);
      expect(stream.length).toBe(0);
    });
    expect(counts).toEqual({ reads: 1, writes: 1, nonTemporalWrites: 0, prefetches: 1 });
  });
});
