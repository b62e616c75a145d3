/**
 * The op stream: what a kernel gives one core.
 *
 * A stream is a sequence of *runs*. A run is `count` identical steps; a step touches one line of each of up to four
 * interleaved line streams (in the order they were added) and then occupies the core's pipeline for a fixed time. A run with no line stream is
 * a lump of compute. Addresses are line indices (byte address / 64), so a run of a kernel never lists addresses one by one. Traces do: a *list* is a run whose
 * steps touch one line each, which it names.
 *
 * Encoding, Int32 words: `[line streams, count, busy, fma, instructions, loads]`, then `[kind, base line, stride]` per line stream; a list has `LIST` for its number of
 * line streams, 1 for its loads (those of a step that loads), then the line of each step, then the kinds, a byte each, four to a word from its low end (hosts are little-endian, as
 * the memory of a compiled machine is).
 */

/** Bytes of a cache line on every modelled machine; the blocked layout nChw16c makes one pixel of 16 channels one line. */
export const LINE_BYTES = 64;

/** What a step does to the line of one stream. Values are part of the encoding; those of traces (see trace/access.ts) are the same, but that a fetch of theirs, 2, is a load here. */
export const Access = {
  /** An ordinary load that the instructions behind it may overtake. */
  Load: 0,
  /** An ordinary store to the whole line (read-for-ownership on a miss). */
  Store: 1,
  /** A non-temporal store of a whole line: write-combined, bypasses the caches. */
  StoreNonTemporal: 3,
  /** A load whose address depends on the load before it (pointer chase). */
  LoadDependent: 4,
  /** Software prefetch into the L1D: holds a fill buffer, never stalls the window. */
  PrefetchL1: 5,
  /** Software prefetch into the L2. */
  PrefetchL2: 6,
} as const;
export type Access = (typeof Access)[keyof typeof Access];

/** Words before the first line stream of a run. */
export const RUN_HEADER_WORDS = 6;
/** Words of one line stream. */
export const STREAM_WORDS = 3;
/** Stands for the number of line streams of a run that lists its accesses. */
export const LIST = -1;
/** log2 of the kinds in a word of a list. */
export const KINDS_SHIFT = 2;
/** Fixed-point scale of the busy and fma fields: 1/256 of a core cycle. */
export const CYCLE_SCALE = 256;
/** Line streams that a run may interleave. */
export const MAX_STREAMS = 4;

/** Words of a list of `count` accesses behind its header. */
export function listWords(count: number): number {
  return count + ((count + (1 << KINDS_SHIFT) - 1) >> KINDS_SHIFT);
}

/** A growable buffer of runs. Emitters append to it; a core consumes it; `clear` makes it ready for the next tile. */
export class OpStream {
  /** Encoded runs; valid up to `length`. */
  words: Int32Array;
  /** Words in use. */
  length = 0;
  /** Floating-point operations that the emitted runs stand for (a fused multiply-add counts 2). Emitters add to it. */
  flops = 0;
  #header = 0;

  constructor(capacityWords = 4096) {
    this.words = new Int32Array(capacityWords);
  }

  /** Forgets all runs (not the flops, which count over a kernel). */
  clear(): void {
    this.length = 0;
  }

  /**
   * Starts a run of `count` steps.
   * @param busyCycles core cycles that a step occupies the pipeline when every line hits the L1D (the larger of FMA, port and issue time)
   * @param fmaCycles the part of `busyCycles` in which the FMA units are the bound; the remainder is booked as issue time
   * @param instructions fused micro-ops of a step: what fills the window
   * @param loads load-queue entries of a step, every broadcast included
   */
  run(count: number, busyCycles: number, fmaCycles: number, instructions: number, loads: number): this {
    this.#reserve(RUN_HEADER_WORDS + MAX_STREAMS * STREAM_WORDS);
    const words = this.words;
    const at = this.length;
    this.#header = at;
    words[at] = 0;
    words[at + 1] = count;
    words[at + 2] = Math.round(busyCycles * CYCLE_SCALE);
    words[at + 3] = Math.round(fmaCycles * CYCLE_SCALE);
    words[at + 4] = instructions;
    words[at + 5] = loads;
    this.length = at + RUN_HEADER_WORDS;
    return this;
  }

  /** Adds a line stream to the run just started: step i touches line `base + i * stride`. At most four per run. */
  stream(access: Access, base: number, stride = 1): this {
    const words = this.words;
    const at = this.length;
    words[at] = access;
    words[at + 1] = base;
    words[at + 2] = stride;
    this.length = at + STREAM_WORDS;
    words[this.#header] = (words[this.#header] as number) + 1;
    return this;
  }

  /** A lump of compute that touches no line. */
  compute(busyCycles: number, fmaCycles: number, instructions: number, loads = 0): this {
    return this.run(1, busyCycles, fmaCycles, instructions, loads);
  }

  /**
   * Adds a list of `count` accesses, each a step of one instruction.
   * @param busyCycles of a step, all of them issue time
   * @returns the word from which the caller writes the lines, one to a word, into `words`; the kinds go where `kindsOf` says
   */
  list(count: number, busyCycles: number): number {
    const more = RUN_HEADER_WORDS + listWords(count);
    this.#reserve(more);
    const { words, length: at } = this;
    words[at] = LIST;
    words[at + 1] = count;
    words[at + 2] = Math.round(busyCycles * CYCLE_SCALE);
    words[at + 3] = 0;
    words[at + 4] = 1;
    words[at + 5] = 1;
    this.length = at + more;
    return at + RUN_HEADER_WORDS;
  }

  /** The kinds of a list of `count` accesses whose lines begin at the word `first`, until the stream grows. */
  kindsOf(first: number, count: number): Uint8Array {
    const { buffer, byteOffset, BYTES_PER_ELEMENT } = this.words;
    return new Uint8Array(buffer, byteOffset + (first + count) * BYTES_PER_ELEMENT, count);
  }

  #reserve(more: number): void {
    let capacity = this.words.length;
    if (this.length + more <= capacity) return;
    while (this.length + more > capacity) capacity *= 2;
    const words = new Int32Array(capacity);
    words.set(this.words);
    this.words = words;
  }
}
