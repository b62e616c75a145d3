/** A trace as a program: one phase in which each thread runs the accesses of one trace. */
import type { KernelPhase, Program } from '../kernel/kernel.js';
import { Access, type OpStream } from '../kernel/op-stream.js';
import { type AccessBatch, createBatch, TraceAccess, type TraceReader } from './access.js';

/** How the cores of the simulator do each kind of access. */
const ACCESSES: Readonly<Record<TraceAccess, Access>> = {
  [TraceAccess.Read]: Access.Load,
  [TraceAccess.Write]: Access.Store,
  [TraceAccess.Fetch]: Access.Load,
  [TraceAccess.WriteNonTemporal]: Access.StoreNonTemporal,
  [TraceAccess.ReadDependent]: Access.LoadDependent,
  [TraceAccess.PrefetchL1]: Access.PrefetchL1,
  [TraceAccess.PrefetchL2]: Access.PrefetchL2,
};
const ACCESS_OF_KIND = Uint8Array.from({ length: 7 }, (_, kind) => ACCESSES[kind as TraceAccess]);
const IS_LOAD = Uint8Array.from({ length: 7 }, (_, kind) =>
  ACCESSES[kind as TraceAccess] === Access.Load || ACCESSES[kind as TraceAccess] === Access.LoadDependent
    ? 1
    : 0,
);

/** What was put into the op streams so far, over all threads. */
export interface TraceCounts {
  reads: number;
  writes: number;
  nonTemporalWrites: number;
  prefetches: number;
}

/**
 * Appends accesses as runs. An access is a step of one instruction, so it takes a core's pipeline 1 / issueWidth of a cycle; neighbours of the same kind and the same distance become one run.
 * @param busyCycles of a step
 */
export function appendAccesses(
  { kinds, lines }: AccessBatch,
  count: number,
  busyCycles: number,
  out: OpStream,
): void {
  let at = 0;
  while (at < count) {
    const kind = kinds[at] as number;
    const base = lines[at] as number;
    let next = at + 1;
    let stride = 0;
    if (next < count && kinds[next] === kind) {
      stride = (lines[next] as number) - base;
      let line = base + stride;
      do {
        next++;
        line += stride;
      } while (next < count && kinds[next] === kind && lines[next] === line);
    }
    out
      .run(next - at, busyCycles, 0, 1, IS_LOAD[kind] as number)
      .stream(ACCESS_OF_KIND[kind] as Access, base, stride);
    at = next;
  }
}

function countKinds({ kinds }: AccessBatch, count: number, counts: TraceCounts): void {
  for (let at = 0; at < count; at++) {
    const access = ACCESS_OF_KIND[kinds[at] as number];
    if (IS_LOAD[kinds[at] as number] === 1) counts.reads++;
    else if (access === Access.Store) counts.writes++;
    else if (access === Access.StoreNonTemporal) counts.nonTemporalWrites++;
    else counts.prefetches++;
  }
}

export interface TraceProgram {
  readonly program: Program;
  /** Grows as the program runs. */
  readonly counts: TraceCounts;
}

/**
 * Builds the program. It pulls its accesses while it runs, and so runs once; a tile is what one pull gives.
 * @param readers of the traces; thread i runs the i-th, the other threads nothing
 * @param threads of the chip
 * @param lines of the address space
 * @param onBatch called after each pull
 */
export function createTraceProgram(
  readers: readonly TraceReader[],
  threads: number,
  lines: number,
  issueWidth: number,
  onBatch: () => void = () => {},
): TraceProgram {
  const counts: TraceCounts = { reads: 0, writes: 0, nonTemporalWrites: 0, prefetches: 0 };
  const batch = createBatch();
  const phase: KernelPhase = {
    name: 'replay',
    tileCount: (thread) => (thread < readers.length ? Infinity : 0),
    emit(thread, _tile, out) {
      const count = (readers[thread] as TraceReader).read(batch);
      countKinds(batch, count, counts);
      appendAccesses(batch, count, 1 / issueWidth, out);
      onBatch();
    },
  };
  const program: Program = {
    name: 'trace',
    threads,
    kernels: [
      {
        name: 'trace',
        // A trace is of no layer type; the category is needed by the interface and read by nobody.
        type: 'Update',
        phase: 'forward',
        shape: '',
        flops: 0,
        reads: [],
        writes: [],
        parameters: 'share',
        phases: [phase],
      },
    ],
    lines,
    parameterBase: 0,
    parameterEnd: 0,
  };
  return { program, counts };
}
