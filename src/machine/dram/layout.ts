/**
 * Where things stand in the one Int32Array that holds the integer state of a DRAM below its channels: ranks, bank groups, banks, request entries. (For channels see
 * `channel-state.ts`.)
 * Instances are named by the offset of their first word; offsets are even. Cycles are memory cycles relative to the channel's base cycle.
 *
 * Hot modules copy what they use into constants of their own (`const { OPEN_ROW } = BANK`): where they run as JavaScript, the host folds a module's own constants into
 * the code of its functions, but loads imported ones each time (2.5 times slower in a loop like the scheduler's).
 */

/** Later than any event, cycles. */
export const NEVER = 2 ** 31 - 1;
/** So far back that it constrains nothing, yet safe from overflow when a distance is added or a base moves. */
export const LONG_AGO = -(2 ** 29);

/** Commands. Those to a bank come in the order of the words that hold their earliest cycles; a read and a write are those of the open row. */
export const COMMAND = {
  READ: 0,
  WRITE: 1,
  ACTIVATE: 2,
  PRECHARGE: 3,
  PRECHARGE_ALL: 4,
  REFRESH: 5,
} as const;

/**
 * Key of an offer, the smallest wins: cycles until it is ready, class, sequence number of its request. The lowest bits, all but the cycles, are kept with the
 * bank. Delays are at most the sum of all timings, which is checked when a DRAM is created.
 */
export const KEY = { CLASS_SHIFT: 14, DELAY_SHIFT: 17, DELAY_LIMIT: 2 ** 14 - 1 } as const;
/** Requests are numbered anew when they come to it. */
export const SEQUENCE_LIMIT = 2 ** 14;

/**
 * Who goes first among commands that are ready in the same cycle; within a class the oldest request's. The request beyond the age limit comes before
 * all. Then what keeps the scarcer resource busy: the column command of an opened row that has waited for the bus, an activate that has
 * waited for tFAW, the column command of an opened row that has waited for its own bank alone. Then refresh, then queued requests.
 */
export const CLASS = {
  AGED: 0,
  OPENED_BUS: 1,
  ACTIVATE_WINDOW: 2,
  OPENED_BANK: 3,
  REFRESH: 4,
  QUEUED: 5,
} as const;

export const RANK = {
  STRIDE: 16,
  /** log2 of the stride. */
  SHIFT: 4,
  /** Four words: earliest cycle of each command to a bank as far as the rank constrains it. */
  READY: 0,
  /** The last four activates, and which of them is the oldest, for tFAW. */
  FOUR_ACTIVATES: 4,
  ACTIVATE_CURSOR: 8,
  /** The cycle from which the next refresh is due. */
  REFRESH_DUE: 9,
  /** All bits set if the next activate waits for tFAW, 0 if for tRRD or nothing. */
  WINDOW_BOUND: 10,
} as const;

export const GROUP = {
  STRIDE: 4,
  /** Four words: earliest cycle of each command to a bank as far as the bank group constrains it. */
  READY: 0,
} as const;

/** One 64-byte host line. Where there are two words, the first is that of reads, the second that of writes. */
export const BANK = {
  STRIDE: 16,
  /** log2 of the stride. */
  SHIFT: 4,
  /** -1: closed. */
  OPEN_ROW: 0,
  /** Four words: earliest cycle of each command as far as the bank itself constrains it. */
  READY: 1,
  GROUP_AT: 5,
  RANK_AT: 6,
  /** Two words: class and age of what the bank offers while reads (writes) are served; with an active request the first word is that of its column command. */
  KEY: 7,
  /** Two words: oldest queued request for the open row, or -1. */
  HIT: 9,
  /** The request that opened the row and has not had its column command yet, or -1. It is queued no more. */
  ACTIVE: 11,
  /** Two words: the command that the bank offers while reads (writes) are served, or -1. None while there is an active request. */
  OFFER: 12,
  /** Two words: the request on whose behalf. */
  OFFER_ENTRY: 14,
} as const;

/** Banks of a rank by what they wait for, one bit each. */
export const MASK = {
  STRIDE: 16,
  /** Two words: banks with an active request that reads (writes). */
  OPENED: 0,
  /** Two words each: banks that offer a column command, an activate, a precharge, while reads (writes) are served. */
  COLUMN: 2,
  ACTIVATE: 4,
  PRECHARGE: 6,
  /** As many words again: no bank of the mask is ready before this cycle. A bound may be too low, never too high. */
  BOUND: 8,
} as const;

/** Words of a bank that a scheduling decision does not look at. */
export const BANK_MORE = {
  STRIDE: 8,
  /** log2 of the stride. */
  SHIFT: 3,
  /** Two words: oldest queued request, or -1. */
  HEAD: 0,
  /** Two words: youngest queued request; valid while there is one. */
  TAIL: 2,
  /** Column commands since the activate. */
  COLUMNS: 4,
  /** Cycles by which tRRD and tFAW delayed the activate. */
  ACTIVATE_DELAY: 5,
} as const;

export const ENTRY = {
  STRIDE: 8,
  /** log2 of the stride. */
  SHIFT: 3,
  ROW: 0,
  /** Low 32 bits of the channel-local line. */
  LINE: 1,
  /** Bank, plus 1 for a write. */
  LIST: 2,
  /** Next in the bank's list, or in the list of free entries; -1 ends it. */
  NEXT: 3,
  /** What the first command on its behalf found: one of `FOUND`. */
  FOUND: 4,
  TAG: 5,
  /** Cycle at which the controller's queue took it. */
  ACCEPTED: 6,
  /** Order of acceptance within the channel, below `SEQUENCE_LIMIT`. */
  SEQUENCE: 7,
} as const;

export const FOUND = { UNDECIDED: 0, HIT: 1, EMPTY: 2, CONFLICT: 3 } as const;

/** Counters of a channel, doubles. Those of what requests found are indexed by `FOUND` from `FOUND_BASE` on. */
export const COUNTER = {
  STRIDE: 10,
  READ_LINES: 0,
  FOUND_BASE: 0,
  WRITTEN_LINES: 4,
  ACTIVATES: 5,
  PRECHARGES: 6,
  REFRESHES: 7,
  READ_LATENCY_PS: 8,
  FORWARDED: 9,
} as const;
