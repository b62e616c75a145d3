/**
 * Tags and state of all instances of one private cache level, in one flat Int32Array.
 *
 * An entry packs tag and flags into one Int32, and the ways of a set stand in recency order (most recent first), so that the tags, the state and the
 * LRU order of a 16-way set fill exactly one 64-byte line of the host.
 */

/** Flag bits of an entry. */
export const Flag = {
  /** Modified: newer than the level below. */
  Dirty: 1,
  /** Exclusive or modified: a store needs no permission. */
  Writable: 2,
  /** Requested, data not known to have arrived. */
  InFlight: 4,
  /** Brought by a prefetch and not yet used by a demand access. */
  Prefetched: 8,
} as const;

/** Bits that the flags take at the low end of an entry. */
export const FLAG_BITS = 4;
const INVALID = -1;

export interface TagArray {
  /** Position of the line's entry in `entries`, or -1. Changes nothing. */
  find(instance: number, line: number): number;
  /** Makes the entry the most recent of its set and returns its new position. */
  promote(at: number): number;
  /**
   * Puts a line that is not there in as the most recent of its set, evicting the least recent entry when no way is free.
   * @returns the position of the new entry; `victimLine[0]` (-1: none) and `victimFlags[0]` tell what was evicted.
   */
  insert(instance: number, line: number, flags: number): number;
  /** Removes the entry; the way becomes the least recent. */
  remove(at: number): void;
  /** Line of the entry at a position. */
  lineAt(at: number): number;
  /** Calls `visit` for each valid entry of an instance. For checks and flushes, not for the hot path. */
  forEach(instance: number, visit: (line: number, flags: number, at: number) => void): void;
  readonly entries: Int32Array;
  readonly victimLine: Int32Array;
  readonly victimFlags: Int32Array;
  /** Lines must be below this for the tag to fit its field. */
  readonly lineLimit: number;
}

/**
 * @param instances caches of this level
 * @param sets a power of two
 * @param ways of each set
 */
export function createTagArray(instances: number, sets: number, ways: number): TagArray {
  const setBits = Math.log2(sets);
  const setMask = sets - 1;
  const entries = new Int32Array(instances * sets * ways).fill(INVALID);
  const victimLine = new Int32Array(1);
  const victimFlags = new Int32Array(1);
  const setsPerInstance = sets;

  function find(instance: number, line: number): number {
    const base = (instance * setsPerInstance + (line & setMask)) * ways;
    const tag = line >> setBits;
    for (let at = base; at < base + ways; at++) {
      if ((entries[at] as number) >> FLAG_BITS === tag) return at;
    }
    return -1;
  }

  function promote(at: number): number {
    const base = at - (at % ways);
    if (at === base) return at;
    const entry = entries[at] as number;
    for (let to = at; to > base; to--) entries[to] = entries[to - 1] as number;
    entries[base] = entry;
    return base;
  }

  function insert(instance: number, line: number, flags: number): number {
    const set = line & setMask;
    const base = (instance * setsPerInstance + set) * ways;
    const last = base + ways - 1;
    const victim = entries[last] as number;
    if (victim === INVALID) {
      victimLine[0] = -1;
    } else {
      victimLine[0] = ((victim >> FLAG_BITS) << setBits) | set;
      victimFlags[0] = victim & ((1 << FLAG_BITS) - 1);
    }
    for (let to = last; to > base; to--) entries[to] = entries[to - 1] as number;
    entries[base] = ((line >> setBits) << FLAG_BITS) | flags;
    return base;
  }

  function remove(at: number): void {
    const last = at - (at % ways) + ways - 1;
    for (let to = at; to < last; to++) entries[to] = entries[to + 1] as number;
    entries[last] = INVALID;
  }

  function lineAt(at: number): number {
    const set = Math.floor(at / ways) & setMask;
    return (((entries[at] as number) >> FLAG_BITS) << setBits) | set;
  }

  function forEach(instance: number, visit: (line: number, flags: number, at: number) => void): void {
    const base = instance * setsPerInstance * ways;
    for (let at = base; at < base + setsPerInstance * ways; at++) {
      const entry = entries[at] as number;
      if (entry !== INVALID) visit(lineAt(at), entry & ((1 << FLAG_BITS) - 1), at);
    }
  }

  return {
    find,
    promote,
    insert,
    remove,
    lineAt,
    forEach,
    entries,
    victimLine,
    victimFlags,
    lineLimit: 2 ** Math.min(31, 31 - FLAG_BITS + setBits),
  };
}
