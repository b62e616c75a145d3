import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Access, LIST, listWords, OpStream, RUN_HEADER_WORDS } from '../../../src/kernel/op-stream.js';
import { TraceAccess } from '../../../src/trace/access.js';
import { createAddressFolder } from '../../../src/trace/address-folder.js';
import { appendAccesses, createTraceProgram, type TraceCounts } from '../../../src/trace/trace-program.js';
import { programOf, run, SMALL } from '../machine/small-machine.js';

const LOADS: readonly TraceAccess[] = [TraceAccess.Read, TraceAccess.ReadDependent];

function batchOf(accesses: readonly (readonly [TraceAccess, number])[]) {
  return {
    kinds: Uint8Array.from(accesses, ([kind]) => kind),
    lines: Float64Array.from(accesses, ([, line]) => line),
  };
}

const NO_COUNTS = (): TraceCounts => ({ reads: 0, writes: 0, nonTemporalWrites: 0, prefetches: 0 });

/** The lines of these tests lie in the space, and stay where they are. */
const UNMOVED = () => createAddressFolder(2 ** 20, 'small');

/** How the cores do the kinds of a trace that have one name here and another there, or are the same to them. */
const KIND_OF: Readonly<Record<number, Access>> = {
  [TraceAccess.Read]: Access.Load,
  [TraceAccess.Write]: Access.Store,
  [TraceAccess.Fetch]: Access.Load,
  [TraceAccess.WriteNonTemporal]: Access.StoreNonTemporal,
  [TraceAccess.ReadDependent]: Access.LoadDependent,
  [TraceAccess.PrefetchL1]: Access.PrefetchL1,
  [TraceAccess.PrefetchL2]: Access.PrefetchL2,
};

/** The accesses of a list that is all there is in a stream. */
function accessesOf(stream: OpStream): [Access, number][] {
  const [form, count] = stream.words as unknown as [number, number];
  expect(form).toBe(LIST);
  expect(stream.length).toBe(RUN_HEADER_WORDS + listWords(count));
  const kinds = stream.kindsOf(RUN_HEADER_WORDS, count);
  return Array.from(kinds, (kind, index): [Access, number] => [
    kind as Access,
    stream.words[RUN_HEADER_WORDS + index] as number,
  ]);
}

const ACCESSES = fc.array(
  fc.tuple(fc.constantFrom(...Object.values(TraceAccess)), fc.oneof(fc.nat(40), fc.nat(2000))),
  { minLength: 1, maxLength: 300 },
);

describe('accesses as a list', () => {
  it('are the same accesses in the same order, each a step of one instruction that takes 1 / issueWidth of a cycle', () => {
    fc.assert(
      fc.property(ACCESSES, (accesses) => {
        const stream = new OpStream(64);
        appendAccesses(batchOf(accesses), accesses.length, UNMOVED(), 0.25, stream, NO_COUNTS());
        expect(accessesOf(stream)).toEqual(accesses.map(([kind, line]) => [KIND_OF[kind], line]));
        expect([...stream.words.subarray(2, RUN_HEADER_WORDS)]).toEqual([64, 0, 1, 1]);
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  it('run like one run for each of them, which takes an entry of the load queue if it is a load', () => {
    const spec = {
      ...SMALL,
      prefetch: { kind: 'streamer' as const, streams: 16, degree: 2, distanceLines: 16, pageBytes: 4096 },
    };
    fc.assert(
      fc.property(ACCESSES, (accesses) => {
        const listed = programOf(1, [
          (_, out) => appendAccesses(batchOf(accesses), accesses.length, UNMOVED(), 0.25, out, NO_COUNTS()),
        ]);
        const single = programOf(1, [
          (_, out) => {
            for (const [kind, line] of accesses) {
              const isLoad = LOADS.includes(kind) || kind === TraceAccess.Fetch;
              out.run(1, 0.25, 0, 1, isLoad ? 1 : 0).stream(KIND_OF[kind] as Access, line, 0);
            }
          },
        ]);
        expect(run(spec, listed)).toEqual(run(spec, single));
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  it('are counted by what they are, whatever stands beside them', () => {
    const { Read, Fetch, ReadDependent, Write, WriteNonTemporal } = TraceAccess;
    const KINDS = fc.oneof(
      fc.array(fc.constantFrom(Read, Write), { maxLength: 200 }),
      fc.array(fc.constantFrom(...Object.values(TraceAccess)), { maxLength: 200 }),
    );
    fc.assert(
      fc.property(fc.array(KINDS, { maxLength: 4 }), (parts) => {
        const kinds = parts.flat();
        const counts = NO_COUNTS();
        const batch = batchOf(kinds.map((kind) => [kind, 0]));
        appendAccesses(batch, kinds.length, UNMOVED(), 0.25, new OpStream(), counts);
        const numberOf = (...wanted: readonly TraceAccess[]): number =>
          kinds.filter((kind) => wanted.includes(kind)).length;
        const reads = numberOf(Read, Fetch, ReadDependent);
        const writes = numberOf(Write);
        const nonTemporalWrites = numberOf(WriteNonTemporal);
        expect(counts).toEqual({
          reads,
          writes,
          nonTemporalWrites,
          prefetches: kinds.length - reads - writes - nonTemporalWrites,
        });
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it('are none where a batch is empty', () => {
    const stream = new OpStream();
    appendAccesses(batchOf([]), 0, UNMOVED(), 0.25, stream, NO_COUNTS());
    expect(stream.length).toBe(0);
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
    const { program, counts } = createTraceProgram(readers, 4, 1024, createAddressFolder(1024, 'small'), 4);
    const [phase] = (program.kernels[0] as (typeof program.kernels)[number]).phases;
    expect([0, 1, 2, 3].map((thread) => phase?.tileCount(thread))).toEqual([Infinity, Infinity, 0, 0]);
    rows.forEach((row, thread) => {
      const stream = new OpStream();
      phase?.emit(thread, 0, stream);
      expect(accessesOf(stream)).toEqual(row.map(([kind, line]) => [KIND_OF[kind], line]));
      stream.clear();
      phase?.emit(thread, 1, stream);
      expect(stream.length).toBe(0);
    });
    expect(counts).toEqual({ reads: 1, writes: 1, nonTemporalWrites: 0, prefetches: 1 });
  });
});
