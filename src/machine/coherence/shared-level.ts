/**
 * The level that the cores of a socket share: last-level cache slices and, with them, the directory of what the private caches above hold.
 *
 * The protocol is MESI. A directory entry names either the one cluster that holds the line exclusively (and may have modified it) or a set of sharers.
 * A line that becomes shared is installed in the cache, so that further readers find it there.
 *
 * Inclusion. `victim`: filled by evictions from above; a line taken by one cluster leaves the cache. `inclusive`: filled by misses; evicting
 * a line invalidates it above; its own entries are the directory. `non-inclusive`: filled by misses; a line taken by a cluster stays, one that is evicted stays above; a modified
 * line that comes down is taken in, another is not. `none`: there is a directory only.
 *
 * Read `state.ts`, then `request.ts` and `release.ts`. Here is what is not in the hot path.
 */
import { find, forEachEntry } from '../cache/tag-array.js';
import { writeBack } from './fill.js';
import { ENTRY, SHARED_COUNTER } from './layout.js';
import { hashLine, rangeOfHash } from './line-hash.js';
import { findHeld, holdersOf } from './sharers.js';
import type { SharedLevel } from './state.js';

export { Source } from './layout.js';
export { hashLine, rangeOfHash } from './line-hash.js';

export interface SharedLevelCounters {
  readonly requests: number;
  readonly hits: number;
  readonly misses: number;
  readonly writebacksIn: number;
  readonly writebacksOut: number;
  /** Requests answered by another private cache. */
  readonly forwards: number;
  /** Copies invalidated because another core writes. */
  readonly invalidations: number;
  /** Directory entries displaced; their copies above are invalidated. */
  readonly directoryEvictions: number;
  /** Requests that the other socket's caches answered. */
  readonly remoteForwards: number;
}

export function sharedCounters({ counts }: SharedLevel): SharedLevelCounters {
  return {
    requests: counts[SHARED_COUNTER.REQUESTS],
    hits: counts[SHARED_COUNTER.HITS],
    misses: counts[SHARED_COUNTER.MISSES],
    writebacksIn: counts[SHARED_COUNTER.WRITEBACKS_IN],
    writebacksOut: counts[SHARED_COUNTER.WRITEBACKS_OUT],
    forwards: counts[SHARED_COUNTER.FORWARDS],
    invalidations: counts[SHARED_COUNTER.INVALIDATIONS],
    directoryEvictions: counts[SHARED_COUNTER.DIRECTORY_EVICTIONS],
    remoteForwards: counts[SHARED_COUNTER.REMOTE_FORWARDS],
  };
}

function instanceOf(s: SharedLevel, socket: number, line: number): number {
  return socket * s.slicesPerSocket + rangeOfHash(hashLine(line), s.slicesPerSocket);
}

/** Position of the directory's entry of a line that a socket's private caches hold, or -1. For checks. */
export function heldAt(s: SharedLevel, socket: number, line: number): number {
  return findHeld(s, instanceOf(s, socket, line), line);
}

/** Sharers that the directory knows of, for checks: cluster numbers in ascending order. */
export function sharersOf(s: SharedLevel, line: number): number[] {
  return Array.from({ length: s.sockets }, (_, socket) => {
    const held = heldAt(s, socket, line);
    return held < 0 ? [] : holdersOf(s, held, socket);
  }).flat();
}

/** Position of the line in a socket's cache, or -1. For checks. */
export function cachedAt(s: SharedLevel, socket: number, line: number): number {
  return s.hasCache ? find(s.cache, instanceOf(s, socket, line), line) : -1;
}

/** Whether a socket's cache holds the line: -1 no, 0 clean, 1 dirty. For checks. */
export function cached(s: SharedLevel, socket: number, line: number): number {
  const at = cachedAt(s, socket, line);
  return at < 0 ? -1 : s.cache.words[at] & ENTRY.DIRTY;
}

/** Writes all dirty lines to memory. For the end of a flushed run. */
export function flushSharedLevel(s: SharedLevel): void {
  if (!s.hasCache) return;
  for (let instance = 0; instance < s.sockets * s.slicesPerSocket; instance++) {
    const lines: number[] = [];
    forEachEntry(s.cache, instance, (line, flags, at) => {
      if ((flags & ENTRY.DIRTY) === 0) return;
      lines.push(line);
      s.cache.words[at] &= ~ENTRY.DIRTY;
    });
    for (const line of lines) writeBack(s, Math.floor(instance / s.slicesPerSocket), line);
  }
}
