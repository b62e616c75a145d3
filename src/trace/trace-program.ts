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

/** By kind of access what the cores do, and above these four bits what it is counted as: 1 a read, 2 a write, 4 a non-temporal write; 0 a prefetch. */
const DONE_BY_KIND = Uint8Array.from(Object.keys(ACCESSES), (kind) => {
  const access = ACCESSES[Number(kind) as TraceAccess];
  return access | (countedAs(access) << 4);
});

function countedAs(access: Access): number {
  if (access === Access.Load || access === Access.LoadDependent) return 1;
  if (access === Access.Store) return 2;
  return access === Access.StoreNonTemporal ? 4 : 0;
}

/** What was put into the op streams so far, over all threads. */
export interface TraceCounts {
  reads: number;
  writes: number;
  nonTemporalWrites: number;
  prefetches: number;
}

/**
 * Appends accesses as a list. An access is a step of one instruction, so it takes a core's pipeline 1 / issueWidth of a cycle.
 * @param folder tells where their lines lie
 * @param busyCycles of a step
 * @param counts where they are counted
 */
export function appendAccesses(
  { kinds, lines }: AccessBatch,
  count: number,
  folder: AddressFolder,
  busyCycles: number,
  out: OpStream,
  counts: TraceCounts,
): void {
  if (count === 0) return;
  let word = out.list(count, busyCycles);
  const { words } = out;
  folder.fold(lines, count, words, word + 1, LIST_WORDS);
  // In local variables, which the host keeps in registers: this runs for every access.
  const doneByKind = DONE_BY_KIND;
  const stride = LIST_WORDS;
  let reads = 0;
  let writes = 0;
  let nonTemporal = 0;
  for (let at = 0; at < count; at++, word += stride) {
    const done = doneByKind[kinds[at]];
    words[word] = done & 15;
    reads += (done >> 4) & 1;
    writes += (done >> 5) & 1;
    nonTemporal += done >> 6;
  }
  counts.reads += reads;
  counts.writes += writes;
  counts.nonTemporalWrites += nonTemporal;
  counts.prefetches += count - reads - writes - nonTemporal;
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
      appendAccesses(batch, count, folder, 1 / issueWidth, out, counts);
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
