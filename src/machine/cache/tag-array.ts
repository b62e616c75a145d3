/**
 * Tags, flags and recency of all instances of one cache level (or of a directory), in one Int32Array, set by set.
 *
 * A set's words lie together: the recency order (two words), eight bits of each way's tag (four to a word), the entries. Its size is rounded up to a power of two, so
 * that set and way follow from an entry's position by masks, and a set of 8 or 11 ways fills one line of the host's caches.
 *
 * A set is searched without a loop over its ways: a word of four partial tags is compared at once (a byte that is equal
 * becomes a zero byte, which `(x - 0x01010101) & ~x & 0x80808080` finds: Warren, Hacker's Delight, 6-1). What matches there is compared in full. The
 * recency order of a set is a list of way numbers, a nibble each, most recent in the lowest; moving one to the front is a few shifts. Loops over ways, with their
 * bounds and stack checks, were most of the time of a simulated miss.
 *
 * LRU is built in: the last of the recency order gives way. FIFO is the same order without promotion. Any other policy chooses among the lines of a full set; the order then
 * only tells which ways are free.
 */
import type { Replacement } from '../spec.js';
import type { ReplacementPolicy } from './replacement/policy.js';
import { REPLACEMENTS } from './replacement/registry.js';

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
/** What an entry without a line holds. */
export const INVALID = -1;
/** Most ways of a set: a way number is a nibble. */
export const MAX_WAYS = 16;
/** Words of a set in front of its partial tags. */
const PARTIALS = 2;
/** The module's own: the host's compiler folds it, and loads what is exported. */
const NO_ENTRY = INVALID;

/** The tags of a level. A position is the word of an entry; a line keeps its position until it leaves. */
export interface TagArray {
  /** Of each set: recency order, partial tags, entries. An entry is the tag above the flags, or `INVALID`. */
  readonly words: Int32Array;
  readonly setBits: number;
  readonly setMask: number;
  readonly ways: number;
  readonly flagBits: number;
  /** log2 of the words of a set. */
  readonly shift: number;
  /** log2 of the slots of a set. */
  readonly slotShift: number;
  /** Word of a position within its set. */
  readonly withinSet: number;
  /** Word of a set's first entry. */
  readonly first: number;
  /** Words of partial tags. */
  readonly partialWords: number;
  /** Bits of the order words that hold way numbers, and how far up the least recent way stands in its word. */
  readonly lowMask: number;
  readonly highMask: number;
  readonly lastShift: number;
  /** Lines must be below this for the tag to fit its field. */
  readonly lineLimit: number;
  /** Hits change the order: LRU. */
  readonly isRecency: boolean;
  /** What chooses the line that gives way; null where the order does. It counts ways without gaps. */
  readonly policy: ReplacementPolicy | null;
}

/** How lines give way, and what a policy of chance draws from. */
export interface ReplacementChoice {
  readonly kind: Replacement;
  readonly random: () => number;
}

/** What needs no chance. */
const LEAST_RECENT: ReplacementChoice = { kind: 'lru', random: () => 0 };
/** What the policies see of the entries: nothing, since those that move entries are built in. */
const UNSEEN = new Int32Array(0);

/**
 * @param instances caches of this level
 * @param sets a power of two
 * @param ways of each set, at most 16
 * @param flagBits of an entry
 * @throws RangeError for more ways, or ways that the policy does not fit
 */
export function createTagArray(
  instances: number,
  sets: number,
  ways: number,
  flagBits: number,
  { kind, random }: ReplacementChoice = LEAST_RECENT,
): TagArray {
  const misfit = REPLACEMENTS[kind].refuses(ways);
  if (misfit !== undefined) throw new RangeError(misfit);
  if (ways < 1 || ways > MAX_WAYS)
    throw new RangeError(`a set of ${ways} ways: 1 to ${MAX_WAYS} can be modelled`);
  const setBits = Math.log2(sets);
  const partialWords = Math.ceil(ways / 4);
  const first = PARTIALS + partialWords;
  const shift = Math.ceil(Math.log2(first + ways));
  const slotShift = Math.ceil(Math.log2(ways));
  const words = new Int32Array((instances * sets) << shift);
  const low = Math.min(ways, 8);
  const high = ways - low;
  for (let set = 0; set < words.length; set += 1 << shift) {
    words.fill(INVALID, set + first, set + first + ways);
    // Way 0 is filled first: it stands last.
    for (let position = 0; position < ways; position++)
      words[set + (position >> 3)] |= (ways - 1 - position) << (4 * (position & 7));
  }
  return {
    words,
    setBits,
    setMask: sets - 1,
    ways,
    flagBits,
    shift,
    slotShift,
    withinSet: (1 << shift) - 1,
    first,
    partialWords,
    lowMask: low === 8 ? -1 : (1 << (4 * low)) - 1,
    highMask: high === 8 ? -1 : (1 << (4 * high)) - 1,
    lastShift: 4 * ((high === 0 ? low : high) - 1),
    lineLimit: 2 ** Math.min(31, 31 - flagBits + setBits),
    isRecency: kind === 'lru',
    policy:
      kind === 'lru' || kind === 'fifo'
        ? null
        : REPLACEMENTS[kind].create({ sets: instances * sets, ways, random }),
  };
}

/** First word of the set that a line belongs to. */
export function setOf(t: TagArray, instance: number, line: number): number {
  return ((instance << t.setBits) | (line & t.setMask)) << t.shift;
}

function partialOf(tag: number): number {
  return (tag ^ (tag >> 8)) & 255;
}

/** Position of the line, or -1. Changes nothing. */
export function find(t: TagArray, instance: number, line: number): number {
  return findInSet(t, setOf(t, instance, line), line >> t.setBits);
}

/** The same where the set is known. */
export function findInSet(t: TagArray, set: number, tag: number): number {
  return findTag(t.words, set + PARTIALS, set + t.first, t.ways, t.flagBits, tag);
}

/**
 * Position of the entry with a tag, or -1. One loop over the words of partial tags: a short function stays in the host's instruction cache. (The compiled machine compares
 * all entries at once; see compile/prelude.ts.)
 * @param partials first word of the set's partial tags, up to its first entry
 */
function findTag(
  words: Int32Array,
  partials: number,
  first: number,
  ways: number,
  flagBits: number,
  tag: number,
): number {
  const end = first + ways;
  const wanted = Math.imul(partialOf(tag), 0x01010101);
  let at = first;
  for (let word = partials; word < first; word++, at += 4) {
    const x = words[word] ^ wanted;
    for (let matches = (x - 0x01010101) & ~x & 0x80808080; matches !== 0; matches &= matches - 1) {
      const candidate = at + ((31 - Math.clz32(matches & -matches)) >> 3);
      // Bytes behind the last way belong to no entry.
      if (candidate < end && words[candidate] >> flagBits === tag) return candidate;
    }
  }
  return -1;
}

/** Bit position of the lowest nibble of `list` that holds `way`, or -1. */
function nibbleAt(list: number, way: number): number {
  const x = list ^ Math.imul(way, 0x11111111);
  const zero = (x - 0x11111111) & ~x & 0x88888888;
  return zero === 0 ? -1 : 28 - Math.clz32(zero & -zero);
}

/** Takes note of a hit: under LRU the entry becomes the most recent of its set. */
export function promote(t: TagArray, at: number): void {
  if (t.isRecency) moveToFront(t, at);
  else if (t.policy !== null) t.policy.hit(UNSEEN, firstWay(t, at), firstWay(t, at) + wayOf(t, at));
}

/** Number of the first way of a position's set, over all sets. */
function firstWay(t: TagArray, at: number): number {
  return (at >> t.shift) * t.ways;
}

function wayOf(t: TagArray, at: number): number {
  return (at & t.withinSet) - t.first;
}

function moveToFront(t: TagArray, at: number): void {
  const { words } = t;
  const set = at & ~t.withinSet;
  const way = at - set - t.first;
  const low = words[set];
  if ((low & 15) === way) return;
  const shift = nibbleAt(low, way);
  if (shift >= 0) {
    const below = low & ((1 << shift) - 1);
    const above = shift === 28 ? 0 : low & (-1 << (shift + 4));
    words[set] = above | (below << 4) | way;
    return;
  }
  const high = words[set + 1];
  const highShift = nibbleAt(high, way);
  const below = high & ((1 << highShift) - 1);
  const above = highShift === 28 ? 0 : high & (-1 << (highShift + 4));
  words[set + 1] = above | (below << 4) | (low >>> 28);
  words[set] = (low << 4) | way;
}

/** Position of the entry that the next new line of the set displaces: a free one, else the one that the policy gives up. To be asked once for each new line. */
export function victimOf(t: TagArray, set: number): number {
  const order = t.words[t.ways > 8 ? set + 1 : set];
  const last = set + t.first + ((order >>> t.lastShift) & 15);
  return t.policy === null || t.words[last] === NO_ENTRY ? last : chosenVictim(t, t.policy, set);
}

function chosenVictim(t: TagArray, policy: ReplacementPolicy, set: number): number {
  const base = firstWay(t, set);
  return set + t.first + policy.victim(UNSEEN, base) - base;
}

/** Puts a line that its set does not hold where `victimOf` says, as the most recent. */
export function place(t: TagArray, set: number, at: number, line: number, flags: number): void {
  const { words } = t;
  const way = at - set - t.first;
  const tag = line >> t.setBits;
  words[at] = (tag << t.flagBits) | flags;
  const partial = set + PARTIALS + (way >> 2);
  const shift = (way & 3) << 3;
  words[partial] = (words[partial] & ~(255 << shift)) | (partialOf(tag) << shift);
  if (t.policy !== null) {
    moveToFront(t, at);
    t.policy.fill(UNSEEN, firstWay(t, at), firstWay(t, at) + way);
    return;
  }
  const low = words[set];
  words[set] = ((low << 4) | way) & t.lowMask;
  if (t.ways > 8) words[set + 1] = ((words[set + 1] << 4) | (low >>> 28)) & t.highMask;
}

/** Removes the entry; its way becomes the least recent. */
export function remove(t: TagArray, at: number): void {
  const { words } = t;
  const set = at & ~t.withinSet;
  const way = at - set - t.first;
  words[at] = NO_ENTRY;
  const low = words[set];
  const shift = nibbleAt(low, way);
  const last = way << t.lastShift;
  if (t.ways <= 8) {
    words[set] = closeGap(low, shift) | last;
    return;
  }
  const high = words[set + 1];
  if (shift >= 0) {
    words[set] = closeGap(low, shift) | ((high & 15) << 28);
    words[set + 1] = (high >>> 4) | last;
  } else {
    words[set + 1] = closeGap(high, nibbleAt(high, way)) | last;
  }
}

/** The list without the nibble at bit `shift`; those above it move down, and the highest is free. */
function closeGap(list: number, shift: number): number {
  const below = list & ((1 << shift) - 1);
  return shift === 28 ? below : below | ((list >>> (shift + 4)) << shift);
}

/** Line of the valid entry at a position. */
export function lineAt(t: TagArray, at: number): number {
  return ((t.words[at] >> t.flagBits) << t.setBits) | ((at >> t.shift) & t.setMask);
}

/** Slots of all entries, for what is kept beside them: their positions without the gaps between. */
export function slotsOf(t: TagArray): number {
  return (t.words.length >> t.shift) << t.slotShift;
}

/** Slot of a position. */
export function slotOf(t: TagArray, at: number): number {
  return ((at >> t.shift) << t.slotShift) + wayOf(t, at);
}

/** Calls `visit` for each valid entry of an instance. For checks and flushes, not for the hot path. */
export function forEachEntry(
  t: TagArray,
  instance: number,
  visit: (line: number, flags: number, at: number) => void,
): void {
  const flagMask = (1 << t.flagBits) - 1;
  const base = setOf(t, instance, 0);
  for (let set = 0; set <= t.setMask; set++) {
    const from = base + (set << t.shift) + t.first;
    for (let at = from; at < from + t.ways; at++)
      if (t.words[at] !== INVALID) visit(lineAt(t, at), t.words[at] & flagMask, at);
  }
}
