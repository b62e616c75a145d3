/**
 * Tags, flags and recency of all instances of one cache level (or of a directory), in flat Int32Arrays.
 *
 * A set is searched without a loop over its ways: eight bits of each way's tag stand four to a word, and a word is compared at once (a byte that is equal
 * becomes a zero byte, which `(x - 0x01010101) & ~x & 0x80808080` finds: Warren, Hacker's Delight, 6-1). What matches there is compared in full. The
 * recency order of a set is a list of way numbers, a nibble each, most recent in the lowest; moving one to the front is a few shifts. Loops over ways, with their
 * bounds and stack checks, were most of the time of a simulated miss.
 */

/** Flag bits of an entry of a private cache. */
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

/** Bits that the flags of a private cache take at the low end of an entry. */
export const FLAG_BITS = 4;
const INVALID = -1;
/** Most ways of a set: a way number is a nibble. */
export const MAX_WAYS = 16;

export interface TagArray {
  /** Position of the line's entry in `entries`, or -1. Changes nothing. A line keeps its position until it leaves. */
  find(instance: number, line: number): number;
  /** Makes the entry the most recent of its set. */
  promote(at: number): void;
  /**
   * Puts a line that is not there in as the most recent of its set, evicting the least recent entry when no way is free.
   * @returns the position of the new entry; `victimLine[0]` (-1: none) and `victimFlags[0]` tell what was evicted.
   */
  insert(instance: number, line: number, flags: number): number;
  /** Line that `insert` would evict for this one, or -1; its position is then `victimAt[0]`. */
  nextVictim(instance: number, line: number): number;
  /** Removes the entry; its way becomes the least recent. */
  remove(at: number): void;
  /** Line of the entry at a position. */
  lineAt(at: number): number;
  /** Calls `visit` for each valid entry of an instance. For checks and flushes, not for the hot path. */
  forEach(instance: number, visit: (line: number, flags: number, at: number) => void): void;
  /** Tag above the flags; -1 for an invalid entry. */
  readonly entries: Int32Array;
  readonly victimLine: Int32Array;
  readonly victimFlags: Int32Array;
  readonly victimAt: Int32Array;
  /** Lines must be below this for the tag to fit its field. */
  readonly lineLimit: number;
}

/**
 * @param instances caches of this level
 * @param sets a power of two
 * @param ways of each set, at most 16
 * @param flagBits of an entry
 */
export function createTagArray(instances: number, sets: number, ways: number, flagBits: number): TagArray {
  if (ways < 1 || ways > MAX_WAYS)
    throw new RangeError(`a set of ${ways} ways: 1 to ${MAX_WAYS} can be modelled`);
  const setBits = Math.log2(sets);
  const setMask = sets - 1;
  const flagMask = (1 << flagBits) - 1;
  const entries = new Int32Array(instances * sets * ways).fill(INVALID);
  const partialWords = Math.ceil(ways / 4);
  const partials = new Int32Array(instances * sets * partialWords);
  const lowNibbles = Math.min(ways, 8);
  const highNibbles = ways - lowNibbles;
  const lowMask = lowNibbles === 8 ? -1 : (1 << (4 * lowNibbles)) - 1;
  const highMask = highNibbles === 8 ? -1 : (1 << (4 * highNibbles)) - 1;
  const order = new Int32Array(instances * sets * 2);
  const victimLine = new Int32Array(1);
  const victimFlags = new Int32Array(1);
  const victimAt = new Int32Array(1);
  for (let set = 0; set < instances * sets; set++) {
    // Way 0 is filled first: it stands last.
    for (let position = 0; position < ways; position++) setNibble(set, position, ways - 1 - position);
  }

  function setNibble(set: number, position: number, way: number): void {
    const word = 2 * set + (position >> 3);
    const shift = 4 * (position & 7);
    order[word] = ((order[word] as number) & ~(15 << shift)) | (way << shift);
  }

  function partialOf(tag: number): number {
    return (tag ^ (tag >> 8)) & 255;
  }

  function leastRecent(set: number): number {
    return highNibbles === 0
      ? ((order[2 * set] as number) >>> (4 * (lowNibbles - 1))) & 15
      : ((order[2 * set + 1] as number) >>> (4 * (highNibbles - 1))) & 15;
  }

  /** Of the ways whose partial tag matched (a bit 7 of each byte of `matches`), the one that holds the tag: its position, or -1. */
  function confirm(matches: number, first: number, end: number, tag: number): number {
    let left = matches;
    while (left !== 0) {
      const at = first + ((31 - Math.clz32(left & -left)) >> 3);
      // Bytes behind the last way belong to no entry.
      if (at < end && (entries[at] as number) >> flagBits === tag) return at;
      left &= left - 1;
    }
    return -1;
  }

  function find(instance: number, line: number): number {
    const set = instance * sets + (line & setMask);
    const tag = line >> setBits;
    const wanted = Math.imul(partialOf(tag), 0x01010101);
    const word = set * partialWords;
    const first = set * ways;
    const end = first + ways;
    let x = (partials[word] as number) ^ wanted;
    let matches = (x - 0x01010101) & ~x & 0x80808080;
    if (matches !== 0) {
      const at = confirm(matches, first, end, tag);
      if (at >= 0) return at;
    }
    if (partialWords === 1) return -1;
    x = (partials[word + 1] as number) ^ wanted;
    matches = (x - 0x01010101) & ~x & 0x80808080;
    if (matches !== 0) {
      const at = confirm(matches, first + 4, end, tag);
      if (at >= 0) return at;
    }
    if (partialWords === 2) return -1;
    x = (partials[word + 2] as number) ^ wanted;
    matches = (x - 0x01010101) & ~x & 0x80808080;
    if (matches !== 0) {
      const at = confirm(matches, first + 8, end, tag);
      if (at >= 0) return at;
    }
    if (partialWords === 3) return -1;
    x = (partials[word + 3] as number) ^ wanted;
    matches = (x - 0x01010101) & ~x & 0x80808080;
    return matches === 0 ? -1 : confirm(matches, first + 12, end, tag);
  }

  /** Bit position of the lowest nibble of `list` that holds `way`, or -1. */
  function nibbleAt(list: number, way: number): number {
    const x = list ^ Math.imul(way, 0x11111111);
    const zero = (x - 0x11111111) & ~x & 0x88888888;
    return zero === 0 ? -1 : 28 - Math.clz32(zero & -zero);
  }

  function promote(at: number): void {
    const set = (at / ways) | 0;
    const way = at - set * ways;
    const word = 2 * set;
    const low = order[word] as number;
    if ((low & 15) === way) return;
    const shift = nibbleAt(low, way);
    if (shift >= 0) {
      const below = low & ((1 << shift) - 1);
      const above = shift === 28 ? 0 : low & (-1 << (shift + 4));
      order[word] = above | (below << 4) | way;
      return;
    }
    const high = order[word + 1] as number;
    const highShift = nibbleAt(high, way);
    const below = high & ((1 << highShift) - 1);
    const above = highShift === 28 ? 0 : high & (-1 << (highShift + 4));
    order[word + 1] = above | (below << 4) | (low >>> 28);
    order[word] = (low << 4) | way;
  }

  function nextVictim(instance: number, line: number): number {
    const set = instance * sets + (line & setMask);
    const at = set * ways + leastRecent(set);
    victimAt[0] = at;
    const entry = entries[at] as number;
    return entry === INVALID ? -1 : ((entry >> flagBits) << setBits) | (line & setMask);
  }

  function insert(instance: number, line: number, flags: number): number {
    const set = instance * sets + (line & setMask);
    const way = leastRecent(set);
    const at = set * ways + way;
    const victim = entries[at] as number;
    if (victim === INVALID) {
      victimLine[0] = -1;
    } else {
      victimLine[0] = ((victim >> flagBits) << setBits) | (line & setMask);
      victimFlags[0] = victim & flagMask;
    }
    const tag = line >> setBits;
    entries[at] = (tag << flagBits) | flags;
    const partial = set * partialWords + (way >> 2);
    const shift = (way & 3) << 3;
    partials[partial] = ((partials[partial] as number) & ~(255 << shift)) | (partialOf(tag) << shift);
    const low = order[2 * set] as number;
    order[2 * set] = ((low << 4) | way) & lowMask;
    if (highNibbles > 0)
      order[2 * set + 1] = (((order[2 * set + 1] as number) << 4) | (low >>> 28)) & highMask;
    return at;
  }

  function remove(at: number): void {
    const set = (at / ways) | 0;
    const way = at - set * ways;
    const word = 2 * set;
    entries[at] = INVALID;
    const low = order[word] as number;
    const shift = nibbleAt(low, way);
    if (highNibbles === 0) {
      order[word] = closeGap(low, shift) | (way << (4 * (lowNibbles - 1)));
      return;
    }
    const high = order[word + 1] as number;
    const last = way << (4 * (highNibbles - 1));
    if (shift >= 0) {
      order[word] = closeGap(low, shift) | ((high & 15) << 28);
      order[word + 1] = (high >>> 4) | last;
    } else {
      order[word + 1] = closeGap(high, nibbleAt(high, way)) | last;
    }
  }

  /** The list without the nibble at bit `shift`; those above it move down, and the highest is free. */
  function closeGap(list: number, shift: number): number {
    const below = list & ((1 << shift) - 1);
    return shift === 28 ? below : below | ((list >>> (shift + 4)) << shift);
  }

  function lineAt(at: number): number {
    const set = ((at / ways) | 0) & setMask;
    return (((entries[at] as number) >> flagBits) << setBits) | set;
  }

  function forEach(instance: number, visit: (line: number, flags: number, at: number) => void): void {
    const base = instance * sets * ways;
    for (let at = base; at < base + sets * ways; at++) {
      const entry = entries[at] as number;
      if (entry !== INVALID) visit(lineAt(at), entry & flagMask, at);
    }
  }

  return {
    find,
    promote,
    insert,
    nextVictim,
    remove,
    lineAt,
    forEach,
    entries,
    victimLine,
    victimFlags,
    victimAt,
    lineLimit: 2 ** Math.min(31, 31 - flagBits + setBits),
  };
}
