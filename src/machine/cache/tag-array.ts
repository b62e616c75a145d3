/**
 * Tags, flags and recency of all instances of one cache level (or of a directory), set by set, in two Int32Arrays: the entries and the recency orders.
 *
 * The entries of a set lie apart from their order, and their number is rounded up to a power of two: set and way follow from an entry's position by masks, a set of 16 ways
 * is one line of the host's caches, and a level of 8 MiB fits the host's L2. The compiled machine compares all entries of a set at once (see compile/machine-plan.ts).
 *
 * The recency order of a set is a list of way numbers, a nibble each, most recent in the lowest; moving one to the front is a few shifts.
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
/** log2 of the fewest entries of a set: as many as the compiled machine compares by one instruction. */
const LEAST_SHIFT = 2;
/** A constant of the module's own (see dram/layout.ts). */
const NO_ENTRY = INVALID;

/** The tags of a level. A position is the word of an entry; a line keeps its position until it leaves. */
export interface TagArray {
  /** Entries: the tag above the flags, or `INVALID`. */
  readonly words: Int32Array;
  /** Recency order of each set: one word, or two for more than eight ways. */
  readonly orders: Int32Array;
  readonly setBits: number;
  readonly setMask: number;
  readonly ways: number;
  readonly flagBits: number;
  /** log2 of the entries of a set, and of its order words. */
  readonly shift: number;
  readonly orderShift: number;
  /** Word of a position within its set: its way. */
  readonly withinSet: number;
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
  const shift = Math.max(LEAST_SHIFT, Math.ceil(Math.log2(ways)));
  const words = new Int32Array((instances * sets) << shift).fill(INVALID);
  const low = Math.min(ways, 8);
  const high = ways - low;
  const orderShift = high > 0 ? 1 : 0;
  const orders = new Int32Array((instances * sets) << orderShift);
  for (let order = 0; order < orders.length; order += 1 << orderShift) {
    // Way 0 is filled first: it stands last.
    for (let position = 0; position < ways; position++)
      orders[order + (position >> 3)] |= (ways - 1 - position) << (4 * (position & 7));
  }
  return {
    words,
    orders,
    setBits,
    setMask: sets - 1,
    ways,
    flagBits,
    shift,
    orderShift,
    withinSet: (1 << shift) - 1,
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

/** First position of the set that a line belongs to. */
export function setOf(t: TagArray, instance: number, line: number): number {
  return ((instance << t.setBits) | (line & t.setMask)) << t.shift;
}

/** Position of the line, or -1. Changes nothing. */
export function find(t: TagArray, instance: number, line: number): number {
  return findInSet(t, setOf(t, instance, line), line >> t.setBits);
}

/** The same where the set is known. */
export function findInSet(t: TagArray, set: number, tag: number): number {
  return findTag(t.words, set, t.ways, t.flagBits, tag);
}

/**
 * Position of the entry with a tag, or -1.
 * @param set its first position
 */
function findTag(words: Int32Array, set: number, ways: number, flagBits: number, tag: number): number {
  for (let at = set; at < set + ways; at++) if (words[at] >> flagBits === tag) return at;
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
  if (t.isRecency) moveToFront(t.orders, orderOf(t, at), t.ways, wayOf(t, at));
  else if (t.policy !== null) t.policy.hit(UNSEEN, firstWay(t, at), firstWay(t, at) + wayOf(t, at));
}

/** Number of the first way of a position's set, over all sets. */
function firstWay(t: TagArray, at: number): number {
  return (at >> t.shift) * t.ways;
}

function wayOf(t: TagArray, at: number): number {
  return at & t.withinSet;
}

/** First order word of a position's set. */
function orderOf(t: TagArray, at: number): number {
  return (at >> t.shift) << t.orderShift;
}

/** Makes a way the most recent. @param order first word of its set's order */
function moveToFront(orders: Int32Array, order: number, ways: number, way: number): void {
  const low = orders[order];
  const shift = nibbleAt(low, way);
  if (ways <= 8 || shift >= 0) {
    orders[order] = (low & (-16 << shift)) | ((low & ((1 << shift) - 1)) << 4) | way;
    return;
  }
  const high = orders[order + 1];
  const highShift = nibbleAt(high, way);
  orders[order + 1] = (high & (-16 << highShift)) | ((high & ((1 << highShift) - 1)) << 4) | (low >>> 28);
  orders[order] = (low << 4) | way;
}

/** Position of the entry that the next new line of the set displaces: a free one, else the one that the policy gives up. To be asked once for each new line. */
export function victimOf(t: TagArray, set: number): number {
  const order = orderOf(t, set);
  const last = set + ((t.orders[t.ways > 8 ? order + 1 : order] >>> t.lastShift) & 15);
  return t.policy === null || t.words[last] === NO_ENTRY ? last : chosenVictim(t, t.policy, set);
}

function chosenVictim(t: TagArray, policy: ReplacementPolicy, set: number): number {
  const base = firstWay(t, set);
  return set + policy.victim(UNSEEN, base) - base;
}

/** Puts a line that its set does not hold where `victimOf` says, as the most recent. */
export function place(t: TagArray, at: number, line: number, flags: number): void {
  const { words, orders } = t;
  const way = wayOf(t, at);
  const tag = line >> t.setBits;
  words[at] = (tag << t.flagBits) | flags;
  if (t.policy !== null) {
    moveToFront(orders, orderOf(t, at), t.ways, way);
    t.policy.fill(UNSEEN, firstWay(t, at), firstWay(t, at) + way);
    return;
  }
  const order = orderOf(t, at);
  const low = orders[order];
  orders[order] = ((low << 4) | way) & t.lowMask;
  if (t.ways > 8) orders[order + 1] = ((orders[order + 1] << 4) | (low >>> 28)) & t.highMask;
}

/** Writes the entry of a line that stands at a position anew. What is there is not looked at: a host need not wait for its memory. */
export function rewrite(t: TagArray, at: number, line: number, flags: number): void {
  t.words[at] = ((line >> t.setBits) << t.flagBits) | flags;
}

/** Removes the entry; its way becomes the least recent. */
export function remove(t: TagArray, at: number): void {
  const { orders } = t;
  t.words[at] = NO_ENTRY;
  const order = orderOf(t, at);
  const way = wayOf(t, at);
  const low = orders[order];
  const shift = nibbleAt(low, way);
  const last = way << t.lastShift;
  if (t.ways <= 8) {
    orders[order] = closeGap(low, shift) | last;
    return;
  }
  const high = orders[order + 1];
  if (shift >= 0) {
    orders[order] = closeGap(low, shift) | ((high & 15) << 28);
    orders[order + 1] = (high >>> 4) | last;
  } else {
    orders[order + 1] = closeGap(high, nibbleAt(high, way)) | last;
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

/** Calls `visit` for each valid entry of an instance. For checks and flushes, not for the hot path. */
export function forEachEntry(
  t: TagArray,
  instance: number,
  visit: (line: number, flags: number, at: number) => void,
): void {
  const flagMask = (1 << t.flagBits) - 1;
  const base = setOf(t, instance, 0);
  for (let set = 0; set <= t.setMask; set++) {
    const from = base + (set << t.shift);
    for (let at = from; at < from + t.ways; at++)
      if (t.words[at] !== INVALID) visit(lineAt(t, at), t.words[at] & flagMask, at);
  }
}
