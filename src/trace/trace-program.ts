/** A trace as a program: one phase in which each thread runs the accesses of one trace. */
import type { KernelPhase, Program } from '../kernel/kernel.js';
import { KINDS_SHIFT, type OpStream } from '../kernel/op-stream.js';
import { type AccessBatch, createBatch, TraceAccess, type TraceReader } from './access.js';
import type { AddressFolder } from './address-folder.js';

/** What was put into the op streams so far, over all threads. */
export interface TraceCounts {
  reads: number;
  writes: number;
  nonTemporalWrites: number;
  prefetches: number;
}

const { Read, Write, Fetch, WriteNonTemporal, ReadDependent } = TraceAccess;

/**
 * By kind of access what the cores do, and above these four bits what it is counted as: 1 a read, 2 a write, 4 a non-temporal write; 0 a prefetch. The cores know all kinds but fetches, which
 * are reads to them: they have no caches for instructions.
 */
const DONE_BY_KIND = Uint8Array.from(Object.values(TraceAccess).sort(), (kind) => {
  const done = kind === Fetch ? Read : kind;
  if (done === Read || done === ReadDependent) return done | (1 << 4);
  if (done === Write) return done | (2 << 4);
  return done === WriteNonTemporal ? done | (4 << 4) : done;
});

/** A 1 for each kind of a word: four writes. Reads are 0. */
const ONES = 0x01010101;
const KINDS_OF_WORD = 1 << KINDS_SHIFT;

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
  const first = out.list(count, busyCycles);
  folder.fold(lines, count, out.words, first);
  const done = out.kindsOf(first, count);
  done.set(kinds.subarray(0, count));
  settleKinds(done, out.words, first + count, counts);
}

/**
 * Counts the kinds of a list and makes them what the cores do: four at a time where they are reads and writes, which stay what they are. Without calls: this runs for every access.
 * @param words that hold them from `word` on
 */
function settleKinds(kinds: Uint8Array, words: Int32Array, word: number, counts: TraceCounts): void {
  const doneByKind = DONE_BY_KIND;
  const count = kinds.length;
  let reads = 0;
  let writes = 0;
  let nonTemporal = 0;
  for (let from = 0; from < count; from += KINDS_OF_WORD) {
    const end = from + KINDS_OF_WORD;
    const four = words[word + (from >> KINDS_SHIFT)] as number;
    if (end <= count && (four & ~ONES) === 0) {
      // The highest byte of the product is the sum of the four.
      const written = Math.imul(four, ONES) >>> 24;
      writes += written;
      reads += KINDS_OF_WORD - written;
      continue;
    }
    for (let at = from; at < end && at < count; at++) {
      const done = doneByKind[kinds[at] as number] as number;
      kinds[at] = done & 15;
      reads += (done >> 4) & 1;
      writes += (done >> 5) & 1;
      nonTemporal += done >> 6;
    }
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
