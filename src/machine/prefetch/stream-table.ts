/**
 * A prefetcher's table of streams: fully associative, of each core its own, the entry not used for longest giving way.
 *
 * Random accesses ask for a new entry each time, so neither a lookup nor a replacement may walk the table. An entry is found through a hash of its key, with chains
 * for collisions; recency is a ring of all entries, in which the oldest is next to the newest, so that replacing it turns the ring and moves nothing.
 */

/** Words of an entry. The first four behind the key are the policies' own. */
export const ENTRY = {
  /** What the stream is known by: a page, or a line stream's number; -1 where there is none. */
  KEY: 0,
  /** Line of the newest access. */
  LAST: 1,
  /** Lines from one access to the next; 0 while not known. */
  STEP: 2,
  /** The line that the stream fetches next. */
  AHEAD: 3,
  /** How sure the policy is of the step. */
  CONFIDENCE: 4,
  /** Neighbours in the ring of recency; the newer neighbour of the newest is the oldest. */
  OLDER: 5,
  NEWER: 6,
  /** The next entry whose key has the same hash, or -1. */
  CHAIN: 7,
  STRIDE: 8,
} as const;

const { KEY, OLDER, NEWER, CHAIN } = ENTRY;

/** Plain data; an entry is known by its first word. */
export interface StreamTable {
  readonly words: Int32Array;
  /** Newest entry of each core. */
  readonly newest: Int32Array;
  /** First entry of each core's hash chains, or -1. */
  readonly buckets: Int32Array;
  /** log2 of the chains of a core. */
  readonly bucketBits: number;
}

/** @param entries of each core's table, at least 1 */
export function createStreamTable(cores: number, entries: number): StreamTable {
  // Eight times as many chains as entries, so that the chain of a random key is nearly always empty: fewer chains are a branch that the host cannot foresee.
  const bucketBits = Math.ceil(Math.log2(8 * entries));
  const words = new Int32Array(cores * entries * ENTRY.STRIDE);
  for (let core = 0; core < cores; core++) {
    for (let entry = 0; entry < entries; entry++) {
      const at = entryAt(core, entry);
      words[at + KEY] = -1;
      words[at + OLDER] = entryAt(core, (entry + 1) % entries);
      words[at + NEWER] = entryAt(core, (entry + entries - 1) % entries);
      words[at + CHAIN] = -1;
    }
  }
  return {
    words,
    newest: Int32Array.from({ length: cores }, (_, core) => entryAt(core, 0)),
    buckets: new Int32Array(cores << bucketBits).fill(-1),
    bucketBits,
  };

  function entryAt(core: number, entry: number): number {
    return (core * entries + entry) * ENTRY.STRIDE;
  }
}

/** The core's entry of a key, which becomes its newest; -1 where there is none. */
export function useEntry(table: StreamTable, core: number, key: number): number {
  const { words, newest } = table;
  const first = newest[core];
  if (words[first + KEY] === key) return first;
  let at = table.buckets[bucketOf(table, core, key)];
  while (at >= 0 && words[at + KEY] !== key) at = words[at + CHAIN];
  if (at < 0) return -1;
  const oldest = words[first + NEWER];
  if (at !== oldest) {
    const older = words[at + OLDER];
    const newer = words[at + NEWER];
    words[newer + OLDER] = older;
    words[older + NEWER] = newer;
    words[at + OLDER] = first;
    words[at + NEWER] = oldest;
    words[first + NEWER] = at;
    words[oldest + OLDER] = at;
  }
  newest[core] = at;
  return at;
}

/** Gives the core's oldest entry to a key that has none, as the newest. @returns the entry; the policy's words are those of its last owner */
export function replaceOldest(table: StreamTable, core: number, key: number): number {
  const { words, newest, buckets } = table;
  const at = words[newest[core] + NEWER];
  const before = words[at + KEY];
  if (before >= 0) unchain(table, bucketOf(table, core, before), at);
  const bucket = bucketOf(table, core, key);
  words[at + KEY] = key;
  words[at + CHAIN] = buckets[bucket];
  buckets[bucket] = at;
  newest[core] = at;
  return at;
}

function unchain({ words, buckets }: StreamTable, bucket: number, entry: number): void {
  let at = buckets[bucket];
  if (at === entry) {
    buckets[bucket] = words[entry + CHAIN];
    return;
  }
  while (words[at + CHAIN] !== entry) at = words[at + CHAIN];
  words[at + CHAIN] = words[entry + CHAIN];
}

/** The golden-ratio multiplicative hash (Knuth, TAOCP 3, 6.4), whose high bits are the mixed ones. */
function bucketOf({ bucketBits }: StreamTable, core: number, key: number): number {
  return (core << bucketBits) + (Math.imul(key, 0x9e3779b1) >>> (32 - bucketBits));
}
