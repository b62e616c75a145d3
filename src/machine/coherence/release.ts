/** How lines leave the caches above, or all caches. */
import { find, remove, rewrite } from '../cache/tag-array.js';
import { Clock } from '../clock.js';
import { insertCache, takeIn } from './fill.js';
import { ENTRY, SHARED_COUNTER } from './layout.js';
import { hashLine, rangeOfHash } from './line-hash.js';
import { ADDRESS, LINE, sendDown } from './messages.js';
import { dropSharer, findHeld, forgetHolders, invalidateEntry } from './sharers.js';
import type { SharedLevel } from './state.js';

const { DIRTY, SHARED, EXCLUSIVE } = ENTRY;
const { WRITEBACKS_IN } = SHARED_COUNTER;
const { Now: NOW, Known: KNOWN } = Clock;

/**
 * A cluster gives up a line, clean or dirty, at Clock.Now.
 * @param held where the directory notes that the cluster holds it: HELD of the answer to its last request for the line
 * @param dirty 1 where the line comes down modified, else 0
 */
export function giveUpLine(
  s: SharedLevel,
  cluster: number,
  line: number,
  held: number,
  dirty: number,
  writable: boolean,
): void {
  const { directory } = s;
  const heldAt = held >> 1;
  s.counts[WRITEBACKS_IN] += dirty;
  sendDown(s, cluster, line, NOW, s.isVictim || dirty !== 0 ? LINE : ADDRESS);
  if (writable && s.isInclusive) {
    // Nobody else can have changed the directory's word since the answer: all of it is known.
    rewrite(directory, heldAt, line, dirty | (held & DIRTY));
    return;
  }
  const socket = s.sockets === 1 || cluster < s.clustersPerSocket ? 0 : 1;
  const instance = heldAt >> (directory.setBits + directory.shift);
  // Who may write is the only holder; the directory's word is far away for the host, and is not waited for where that tells.
  const exclusive = writable || (directory.words[heldAt] & EXCLUSIVE) !== 0;
  if (exclusive || dropSharer(s, heldAt, cluster - socket * s.clustersPerSocket)) forgetHolders(s, heldAt);
  if (!s.isVictim) {
    if (dirty === 0) return;
    if (s.isInclusive) directory.words[heldAt] |= DIRTY;
    else takeIn(s, socket, instance, line, DIRTY, 0);
    return;
  }
  // An exclusive line has left the cache when it was granted: no need to look for it.
  if (exclusive) insertCache(s, socket, instance, line, dirty);
  else takeIn(s, socket, instance, line, dirty, writable || s.sockets === 1 ? 0 : SHARED);
}

/** Removes every copy of a line but those of the cluster `except` (-1: all): a non-temporal store writes it in memory. */
export function purgeLine(s: SharedLevel, except: number, line: number): void {
  const slice = rangeOfHash(hashLine(line), s.slicesPerSocket);
  s.clock[KNOWN] = s.clock[NOW];
  for (let socket = 0; socket < s.sockets; socket++) {
    const instance = socket * s.slicesPerSocket + slice;
    const held = findHeld(s, instance, line);
    if (held >= 0) {
      invalidateEntry(s, held, socket, except);
      forgetHolders(s, held);
    }
    const at = s.hasCache ? find(s.cache, instance, line) : -1;
    if (at >= 0) remove(s.cache, at);
  }
}
