/** Words and bits of the shared level. Hot modules copy what they use into constants of their own (see dram/layout.ts). */

/** Where a request's data came from; also the category that a wait for it is booked under. */
export const Source = { L1: 2, L2: 3, Llc: 4, Dram: 5 } as const;
export type Source = (typeof Source)[keyof typeof Source];

/** An entry of a last-level cache: tag << 2 | shared << 1 | dirty. */
export const CACHE_ENTRY = {
  BITS: 2,
  DIRTY: 1,
  /** Another socket may hold a copy: a reader gets no write permission. */
  SHARED: 2,
} as const;

/** An entry of a directory: tag << 8 | exclusive << 7 | owner; the owner is a cluster of the socket, and means nothing when not exclusive. */
export const DIRECTORY_ENTRY = {
  BITS: 8,
  EXCLUSIVE: 128,
  OWNER: 127,
} as const;

/** What a requester is granted: Flag bits. */
export const GRANT = { DIRTY: 1, WRITABLE: 2 } as const;

/** Words of the answer to a request. */
export const ANSWER = {
  WORDS: 4,
  GRANTED: 0,
  SOURCE: 1,
  /** One-way latency between the core of the request and its slice, ps. */
  WAY_PS: 2,
  /** Cluster whose copy of the line may still be on its way and that the answer cannot precede; -1 for none. */
  SUPPLIER: 3,
} as const;

/** Counters of the shared level, by their index. */
export const SHARED_COUNTER = {
  REQUESTS: 0,
  HITS: 1,
  MISSES: 2,
  WRITEBACKS_IN: 3,
  WRITEBACKS_OUT: 4,
  FORWARDS: 5,
  INVALIDATIONS: 6,
  DIRECTORY_EVICTIONS: 7,
  REMOTE_FORWARDS: 8,
} as const;
export const SHARED_COUNTERS = 9;
