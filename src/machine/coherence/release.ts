/** How lines leave the caches above, or all caches. */
import { find, remove } from '../cache/tag-array.js';
import { insertCache, takeIn } from './fill.js';
import { CACHE_ENTRY, DIRECTORY_ENTRY, SHARED_COUNTER } from './layout.js';
import { hashLine, rangeOfHash } from './line-hash.js';
import { dropSharer, invalidateEntry } from './sharers.js';
import type { SharedLevel } from './state.js';

const { DIRTY, SHARED } = CACHE_ENTRY;
const { EXCLUSIVE } = DIRECTORY_ENTRY;
const { WRITEBACKS_IN } = SHARED_COUNTER;

/** A cluster gives up a line, clean or dirty, at Clock.Now. */
export function giveUpLine(
  s: SharedLevel,
  cluster: number,
  line: number,
  dirty: boolean,
  writable: boolean,
): void {
  const { directory } = s;
  const socket = s.sockets === 1 || cluster < s.clustersPerSocket ? 0 : 1;
  const instance = socket * s.slicesPerSocket + rangeOfHash(hashLine(line), s.slicesPerSocket);
  const held = find(directory, instance, line);
  if (dirty) s.counts[WRITEBACKS_IN]++;
  if (held >= 0) {
    if ((directory.words[held] & EXCLUSIVE) !== 0) {
      remove(directory, held);
      if (s.isVictim) {
        // An exclusive line has left the cache when it was granted: no need to look for it.
        insertCache(s, socket, instance, line, dirty ? DIRTY : 0);
        return;
      }
    } else if (dropSharer(s, held, cluster - socket * s.clustersPerSocket)) {
      remove(directory, held);
    }
  }
  if (s.isVictim)
    takeIn(s, socket, instance, line, dirty ? DIRTY : 0, writable || s.sockets === 1 ? 0 : SHARED);
  else if (dirty) takeIn(s, socket, instance, line, DIRTY, 0);
}

/** Removes every copy of a line but those of the cluster `except` (-1: all): a non-temporal store writes it in memory. */
export function purgeLine(s: SharedLevel, except: number, line: number): void {
  const slice = rangeOfHash(hashLine(line), s.slicesPerSocket);
  for (let socket = 0; socket < s.sockets; socket++) {
    const instance = socket * s.slicesPerSocket + slice;
    const held = find(s.directory, instance, line);
    if (held >= 0) {
      invalidateEntry(s, held, socket, except);
      remove(s.directory, held);
    }
    const at = s.hasCache ? find(s.cache, instance, line) : -1;
    if (at >= 0) remove(s.cache, at);
  }
}
