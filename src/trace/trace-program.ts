/** A trace as a program: one phase in which each thread runs the accesses of one trace. */
import type { KernelPhase, Program } from '../kernel/kernel.js';
import { Access, LIST_WORDS, type OpStream } from '../kernel/op-stream.js';
import { type AccessBatch, createBatch, TraceAccess, type TraceReader } from './access.js';
import type { AddressFolder } from './address-folder.js';

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
const KINDS = Object.keys(ACCESSES).length;
const ACCESS_OF_KIND = Uint8Array.from({ length: KINDS }, (_, kind) => ACCESSES[kind as TraceAccess]);

/** What was put into the op streams so far, over all threads. */
export interface TraceCounts {
  reads: number;
  writes: number;
  nonTemporalWrites: number;
  prefetches: number;
}

/**
 * Appends accesses as a list. An access is a step of one instruction, so it takes a core's pipeline 1 / issueWidth of a cycle.
 * @param busyCycles of a step
 * @param counts where they are counted
 */
export function appendAccesses(
  { kinds, lines }: AccessBatch,
  count: number,
  busyCycles: number,
  out: OpStream,
  counts: TraceCounts,
): void {
  if (count === 0) return;
  let word = out.list(count, busyCycles);
  const { words } = out;
  const numbers = new Int32Array(KINDS);
  for (let at = 0; at < count; at++, word += LIST_WORDS) {
    const kind = kinds[at];
    numbers[kind]++;
    words[word] = ACCESS_OF_KIND[kind];
    words[word + 1] = lines[at];
  }
  for (let kind = 0; kind < KINDS; kind++) {
    const access = ACCESS_OF_KIND[kind];
    if (access === Access.Load || access === Access.LoadDependent) counts.reads += numbers[kind];
    else if (access === Access.Store) counts.writes += numbers[kind];
    else if (access === Access.StoreNonTemporal) counts.nonTemporalWrites += numbers[kind];
    else counts.prefetches += numbers[kind];
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
 * @param folder into it
 * @param onBatch called after each pull
 */
export function createTraceProgram(
  readers: readonly TraceReader[],
  threads: number,
  lines: number,
  folder: AddressFolder,
  issueWidth: number,
  onBatch: () => void = () => {},
): TraceProgram {
  const counts: TraceCounts = { reads: 0, writes: 0, nonTemporalWrites: 0, prefetches: 0 };
  const batch = createBatch();
  const phase: KernelPhase = {
    name: 'replay',
    tileCount: (thread) => (thread < readers.length ? Infinity : 0),
    emit(thread, _tile, out) {
      const count = readers[thread].read(batch);
      folder.fold(batch.lines, count);
      appendAccesses(batch, count, 1 / issueWidth, out, counts);
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
