/** How lines come into the shared level's cache and directory, and what leaves them for it. */
import { find, INVALID, lineAt, place, promote, setOf, victimOf } from '../cache/tag-array.js';
import { ANSWER, ENTRY, SHARED_COUNTER } from './layout.js';
import { clearSharers, invalidateEntry, setSharer } from './sharers.js';
import type { SharedLevel } from './state.js';

const { HELD } = ANSWER;
const { DIRTY, SHARED, EXCLUSIVE, OWNER_SHIFT, SHARERS, HOLDERS } = ENTRY;
const { WRITEBACKS_OUT, DIRECTORY_EVICTIONS } = SHARED_COUNTER;
const NO_ENTRY = INVALID;

export function writeBack(s: SharedLevel, socket: number, line: number): void {
  s.counts[WRITEBACKS_OUT]++;
  s.writeMemory(socket, line);
}

/** Puts a line that is not there into a slice of the cache. @returns its position */
export function insertCache(
  s: SharedLevel,
  socket: number,
  instance: number,
  line: number,
  flags: number,
): number {
  const { cache } = s;
  const set = setOf(cache, instance, line);
  const at = victimOf(cache, set);
  const entry = cache.words[at];
  if (entry !== NO_ENTRY) {
    const victim = lineAt(cache, at);
    let dirty = entry & DIRTY;
    // The holders of an inclusive cache's line.
    if ((entry & HOLDERS) !== 0) dirty |= invalidateEntry(s, at, socket, -1);
    if (dirty !== 0) writeBack(s, socket, victim);
  }
  place(cache, at, line, flags);
  return at;
}

/** Takes in a line that comes down from a private cache. */
export function takeIn(
  s: SharedLevel,
  socket: number,
  instance: number,
  line: number,
  dirty: number,
  shared: number,
): void {
  if (!s.hasCache) {
    if (dirty !== 0) writeBack(s, socket, line);
    return;
  }
  const at = find(s.cache, instance, line);
  if (at < 0) {
    insertCache(s, socket, instance, line, dirty | shared);
  } else if (dirty !== 0) {
    s.cache.words[at] |= DIRTY;
    promote(s.cache, at);
  }
}

/**
 * Notes the first holder of a line that nobody above holds. Where the directory has no way free, the entry that came first is displaced.
 * @param cacheAt where the cache holds the line, or -1
 * @param exclusive the holder may write
 */
export function noteHolder(
  s: SharedLevel,
  socket: number,
  instance: number,
  line: number,
  cacheAt: number,
  exclusive: boolean,
  holder: number,
): void {
  const { directory } = s;
  const holders = exclusive ? EXCLUSIVE | (holder << OWNER_SHIFT) : SHARERS;
  let at = cacheAt;
  if (s.isInclusive) {
    directory.words[at] |= holders;
  } else {
    const set = setOf(directory, instance, line);
    at = victimOf(directory, set);
    if (directory.words[at] !== NO_ENTRY) displaceHolders(s, socket, instance, at);
    place(directory, at, line, holders);
  }
  s.answer[HELD] = (at << 1) | (directory.words[at] & DIRTY);
  if (exclusive) return;
  clearSharers(s, at);
  setSharer(s, at, holder);
}

/** A directory's entry must go: so must all copies that it knows of. */
function displaceHolders(s: SharedLevel, socket: number, instance: number, at: number): void {
  const entry = s.directory.words[at];
  const line = lineAt(s.directory, at);
  s.counts[DIRECTORY_EVICTIONS]++;
  // Of a shared line the other socket may hold copies too.
  const shared = s.sockets === 2 && (entry & EXCLUSIVE) === 0 ? SHARED : 0;
  const dirty = invalidateEntry(s, at, socket, -1);
  // Only a victim cache takes in what is not modified.
  if (s.isVictim || dirty !== 0) takeIn(s, socket, instance, line, dirty, shared);
}
