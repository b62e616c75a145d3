/**
 * The contract of a replacement policy.
 *
 * The ways of a set stand side by side in an array of entries whose encoding is the cache's own business; a policy sees positions only. It may move the entries of a
 * set (true LRU keeps them in order of recency, which finds a recent line at once and needs no stamps) or keep a state of its own beside them (trees, counters).
 * Ways that hold nothing are filled by the cache before a policy is asked for a victim.
 */

/** Entries of all sets of a cache, the ways of a set side by side. */
export type SetEntries = Float64Array | Int32Array;

/** What a policy must know of the cache that it serves. */
export interface ReplacementShape {
  readonly sets: number;
  readonly ways: number;
  /** Draws whole numbers in [0, 2^32) for policies that need chance: a stream of the cache's own. */
  readonly random: () => number;
}

export interface ReplacementPolicy {
  /**
   * The line at a position was read or written.
   * @param base position of the set's first way
   * @returns the entry's position after this
   */
  hit(entries: SetEntries, base: number, at: number): number;
  /** A line was brought in and stands at a position. @returns the entry's position after this */
  fill(entries: SetEntries, base: number, at: number): number;
  /** Position of the line that gives way. Every way of the set holds one. */
  victim(entries: SetEntries, base: number): number;
}

/** What a policy's file exports. */
export interface ReplacementKind {
  /** One sentence for lists and messages. */
  readonly sentence: string;
  /** Why a cache of so many ways cannot have this policy; undefined where it can. */
  readonly refuses: (ways: number) => string | undefined;
  readonly create: (shape: ReplacementShape) => ReplacementPolicy;
}

/** For policies that fit any number of ways. */
export const FITS_ANY = (): undefined => undefined;

/** Moves an entry to the front of its set; those before it move one way back. */
export function moveToFront(entries: SetEntries, base: number, at: number): number {
  const entry = entries[at] as number;
  for (let to = at; to > base; to--) entries[to] = entries[to - 1] as number;
  entries[base] = entry;
  return base;
}
