/**
 * Where things stand in the two arrays that hold a chip's cores: `ints` (Int32Array) and `times` (Float64Array: picoseconds, and running numbers that outgrow 32 bits). Cores
 * and registers are named by the offset of their first word, which is the same in both arrays.
 *
 * A *register* is whatever something may wait for: an MSHR of a last private level, a fill buffer of an L1D, a load in the window, a store in the store queue.
 *
 * Hot modules copy what they use into constants of their own (see dram/layout.ts).
 */

export const CORE = {
  STRIDE: 16,
  /** log2 of the stride. */
  SHIFT: 4,
  // Of `times`.
  /** How far the core has come, ps. */
  TIME: 0,
  /** Running numbers of the next instruction, load and store. */
  INSTRUCTION: 1,
  LOAD: 2,
  STORE: 3,
  /**
   * Numbers of the instruction and the load that may not be dispatched yet, on account of the oldest load without data: as long as both are ahead, a step needs no
   * look at the window.
   */
  INSTRUCTION_LIMIT: 4,
  LOAD_LIMIT: 5,
  // Of `ints`.
  /** Word of the current run in the op stream, step within it, word of the line stream behind the first one's, instructions of a lump already dispatched. */
  RUN: 0,
  STEP: 1,
  STREAM: 2,
  LUMP_DONE: 3,
  FINISHED: 4,
  ASLEEP: 5,
  /** What a sleeping core waits for: one of `WAIT`, and a register or -1. */
  WAIT_KIND: 6,
  WAIT_AT: 7,
  /** Running numbers of the oldest load in the window that missed the L1D, and of the next one; the same for stores whose line is on its way. */
  LOAD_HEAD: 8,
  LOAD_TAIL: 9,
  STORE_HEAD: 10,
  STORE_TAIL: 11,
  CLUSTER: 12,
} as const;

export const REGISTER = {
  STRIDE: 8,
  /** log2 of the stride. */
  SHIFT: 3,
  // Of `times`.
  /** When it has its answer, ps; `UNKNOWN` while that is not known. */
  READY: 0,
  /** Share of a wait that an idle memory would take; 0 where the answer does not come from memory. */
  SHARE: 1,
  /** MSHR, write-combining buffer: when its request left, and what is added to memory's answer. */
  START: 2,
  RETURN: 3,
  /** MSHR: what it adds to the answer of another that it follows. */
  DELAY: 4,
  /** Load: number of its instruction. */
  INSTRUCTION: 4,
  /** Load, store: its number. */
  SEQUENCE: 5,
  // Of `ints`.
  /** Where the answer comes from. */
  SOURCE: 0,
  /** The next one that waits for the same register; -1 ends the list. */
  NEXT: 1,
  /** First of those that wait for this one: fill buffers for an MSHR, loads for a fill buffer. */
  FIRST: 2,
  /** Line that it fetches; -1: none, or a write-combining buffer. */
  LINE: 3,
  /** MSHR: first MSHR of another cluster whose data this one's cluster supplies. */
  FOLLOWER: 4,
  /** Fill buffer: the store that waits for it. */
  STORE: 4,
  /** Core of a fill buffer, cluster of an MSHR. */
  OWNER: 5,
} as const;

/** Time of an answer that is not known yet. */
export const UNKNOWN = Infinity;

/** Outcome of an attempt: done, the core must sleep until an answer comes, or it must let others act first. */
export const OUTCOME = { DONE: 0, SLEEP: 1, YIELD: 2 } as const;

/** What a sleeping core waits for. */
export const WAIT = { ANYTHING: 0, LOAD: 1, STORE: 2 } as const;

/** Counters of one core (or, for the L2's, of its cluster's share by this core). */
export const CoreCounter = {
  Instructions: 0,
  Accesses: 1,
  L1Misses: 2,
  L2Misses: 3,
  /** Lines that the prefetcher has sent for. Each is in the end one of useful, useless, dropped, or still there without a use. */
  Prefetches: 4,
  /** Prefetched lines used by an access of the program (a software prefetch is one), at the first such use. */
  UsefulPrefetches: 5,
  /** Useful ones that were still on their way at that use. */
  LatePrefetches: 6,
  Upgrades: 7,
  NonTemporalStores: 8,
  /** Picoseconds by what was full; they add up to the time that waits for lines. A load that others depend on, or that a phase ends with, is booked as the window. */
  WindowFullPs: 9,
  StoreQueueFullPs: 10,
  FillBuffersFullPs: 11,
  MshrsFullPs: 12,
  /** L1D misses of stores, which are among `L1Misses`. */
  L1WriteMisses: 13,
  /** Modified lines that the L1D wrote down to make room. */
  L1Writebacks: 14,
  /** Prefetched lines that gave way to others before any use. */
  UselessPrefetches: 15,
  /** Prefetched lines taken away before any use: written by another core or past the caches, or displaced in the directory. */
  DroppedPrefetches: 16,
} as const;
export const CORE_COUNTERS = 17;
