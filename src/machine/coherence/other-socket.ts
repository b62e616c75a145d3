/** A miss of one socket looks into the caches of the other. */
import { find, remove } from '../cache/tag-array.js';
import { ENTRY } from './layout.js';
import { ADDRESS, askAcross, LINE } from './messages.js';
import { findHeld, forgetHolders, invalidateEntry, makeShared, setSharer } from './sharers.js';
import type { SharedLevel } from './state.js';

const { DIRTY, SHARED, EXCLUSIVE, OWNER, OWNER_SHIFT } = ENTRY;

/** Bit of an answer for which private caches had to be asked: the last level alone serves a reader of a line that it holds and nobody may have modified. */
export const ASKED = 4;

/**
 * Looks for the line in the other socket, on behalf of a miss in `socket`.
 * @returns -1: not there; otherwise bit 0: a modified copy was found (and is now clean there or gone), bit 1: copies remain there, and ASKED
 */
export function askOtherSocket(
  s: SharedLevel,
  socket: number,
  slice: number,
  line: number,
  exclusive: boolean,
): number {
  const { cache, directory } = s;
  const other = 1 - socket;
  const instance = other * s.slicesPerSocket + slice;
  const held = findHeld(s, instance, line);
  const cacheAt = s.hasCache ? find(cache, instance, line) : -1;
  if (held < 0 && cacheAt < 0) return -1;
  const entry = held >= 0 ? directory.words[held] : 0;
  const asked = held >= 0 && (exclusive || cacheAt < 0 || (entry & EXCLUSIVE) !== 0) ? ASKED : 0;
  let dirty = 0;
  if (exclusive) {
    if (held >= 0) {
      dirty |= invalidateEntry(s, held, other, -1);
      forgetHolders(s, held);
    }
    if (cacheAt >= 0) {
      dirty |= cache.words[cacheAt] & DIRTY;
      remove(cache, cacheAt);
    }
    return asked | dirty;
  }
  if ((entry & EXCLUSIVE) !== 0) {
    const owner = (entry & OWNER) >> OWNER_SHIFT;
    dirty |= s.above.downgrade(other * s.clustersPerSocket + owner, line);
    makeShared(s, held);
    setSharer(s, held, owner);
  }
  if (cacheAt >= 0) {
    dirty |= cache.words[cacheAt] & DIRTY;
    cache.words[cacheAt] = (cache.words[cacheAt] & ~DIRTY) | SHARED;
  }
  if (dirty !== 0) s.writeMemory(other, line); // MESI has no owned state: memory is made current when a modified line becomes shared
  return asked | 2 | dirty;
}

/** Removes every copy in the other socket. Clock.Known waits for its acknowledgement, which brings a modified line along. */
export function invalidateOtherSocket(s: SharedLevel, socket: number, slice: number, line: number): void {
  if (s.sockets === 1) return;
  const found = askOtherSocket(s, socket, slice, line, true);
  if (found >= 0) askAcross(s, socket, 0, (found & DIRTY) === 0 ? ADDRESS : LINE);
}
