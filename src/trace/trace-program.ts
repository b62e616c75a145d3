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

const { Read, Fetch } = TraceAccess;
const COUNTED_AS: Readonly<Record<number, keyof TraceCounts>> = {
  [TraceAccess.Read]: 'reads',
  [TraceAccess.Write]: 'writes',
  [TraceAccess.Fetch]: 'reads',
  [TraceAccess.WriteNonTemporal]: 'nonTemporalWrites',
  [TraceAccess.ReadDependent]: 'reads',
  [TraceAccess.PrefetchL1]: 'prefetches',
  [TraceAccess.PrefetchL2]: 'prefetches',
};

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
 * Counts the kinds of a list. Fetches become reads: the machines have no caches for instructions. Kinds are looked at a word at a time as long as they are reads and writes.
 * @param words that hold them from `word` on
 */
function settleKinds(kinds: Uint8Array, words: Int32Array, word: number, counts: TraceCounts): void {
  const whole = kinds.length >> KINDS_SHIFT;
  let plain = 0;
  let writes = 0;
  for (let at = 0; at < whole; at++) {
    const four = words[word + at] as number;
    if ((four & ~ONES) === 0) {
      plain += KINDS_OF_WORD;
      // The highest byte of the product is the sum of the four.
      writes += Math.imul(four, ONES) >>> 24;
    } else settleEach(kinds, at * KINDS_OF_WORD, (at + 1) * KINDS_OF_WORD, counts);
  }
  settleEach(kinds, whole * KINDS_OF_WORD, kinds.length, counts);
  counts.reads += plain - writes;
  counts.writes += writes;
}

function settleEach(kinds: Uint8Array, from: number, end: number, counts: TraceCounts): void {
  for (let at = from; at < end; at++) {
    const kind = kinds[at] as number;
    counts[COUNTED_AS[kind] as keyof TraceCounts]++;
    if (kind === Fetch) kinds[at] = Read;
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
