/** Words and bits of the shared level. Hot modules copy what they use into constants of their own (see dram/layout.ts). */

/** Where a request's data came from; also the category that a wait for it is booked under. */
export const Source = { L1: 2, L2: 3, Llc: 4, Dram: 5 } as const;
export type Source = (typeof Source)[keyof typeof Source];

/** An entry of a last-level cache or of a directory: tag << 10 | holders << 2 | state of the cached line. */
export const ENTRY = {
  BITS: 10,
  // Of a cached line.
  DIRTY: 1,
  /** Another socket may hold a copy: a reader gets no write permission. */
  SHARED: 2,
  // Of the caches above. In an inclusive cache a line that nobody holds has none of these bits.
  OWNER_SHIFT: 2,
  /** Cluster of the socket that holds the line exclusively. */
  OWNER: 127 << 2,
  EXCLUSIVE: 128 << 2,
  /** What stands in the owner's place when the holders are sharers. */
  SHARERS: 1 << 2,
  HOLDERS: 255 << 2,
} as const;

/** What a requester is granted: Flag bits. */
export const GRANT = { DIRTY: 1, WRITABLE: 2 } as const;

/** Words of the answer to a request. */
export const ANSWER = {
  WORDS: 7,
  GRANTED: 0,
  SOURCE: 1,
  /** The way back: the pair of tiles of the slice and the core (see interconnect/interconnect.ts). */
  PAIR: 2,
  /** Cluster whose copy of the line may still be on its way and that the answer cannot precede; -1 for none. */
  SUPPLIER: 3,
  /** Where the directory notes that the requester holds the line, times 2, and 1 where the same word says that the line is modified below; it gives the line up by this. */
  HELD: 4,
  /** The requester's socket. */
  SOCKET: 5,
  /** How long the slowest of the invalidations that the request causes waits for links, ps. */
  SNOOP_WAIT_PS: 6,
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
