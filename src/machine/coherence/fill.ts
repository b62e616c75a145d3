/** How lines come into the shared level's cache and directory, and what leaves them for it. */
import { find, INVALID, lineAt, place, remove, setOf, victimOf } from '../cache/tag-array.js';
import { CACHE_ENTRY, DIRECTORY_ENTRY, SHARED_COUNTER } from './layout.js';
import { clearSharers, invalidateEntry, setSharer } from './sharers.js';
import type { SharedLevel } from './state.js';

const { DIRTY, SHARED } = CACHE_ENTRY;
const { EXCLUSIVE } = DIRECTORY_ENTRY;
const { WRITEBACKS_OUT, DIRECTORY_EVICTIONS } = SHARED_COUNTER;
const NO_ENTRY = INVALID;

export function writeBack(s: SharedLevel, socket: number, line: number): void {
  s.counts[WRITEBACKS_OUT]++;
  s.writeMemory(socket, line);
}

/** Puts a line that is not there into a slice of the cache. */
export function insertCache(
  s: SharedLevel,
  socket: number,
  instance: number,
  line: number,
  flags: number,
): void {
  const { cache } = s;
  const set = setOf(cache, instance, line);
  const at = victimOf(cache, set);
  const entry = cache.words[at];
  if (entry !== NO_ENTRY) {
    const victim = lineAt(cache, at);
    let dirty = entry & DIRTY;
    if (s.installsOnMiss) {
      const held = find(s.directory, instance, victim);
      if (held >= 0) {
        dirty |= invalidateEntry(s, held, socket, -1);
        remove(s.directory, held);
      }
    }
    if (dirty !== 0) writeBack(s, socket, victim);
  }
  place(cache, set, at, line, flags);
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
  if (at < 0) insertCache(s, socket, instance, line, dirty | shared);
  else if (dirty !== 0) s.cache.words[at] |= DIRTY;
}

/**
 * Notes the first holder of a line that the directory does not know. Where no way is free, the entry that came first is displaced.
 * @param state `EXCLUSIVE` and the owner, or 0 for a shared entry
 */
export function insertDirectory(
  s: SharedLevel,
  socket: number,
  instance: number,
  line: number,
  state: number,
  holder: number,
): void {
  const { directory } = s;
  const set = setOf(directory, instance, line);
  const at = victimOf(directory, set);
  const entry = directory.words[at];
  if (entry !== NO_ENTRY) {
    const victim = lineAt(directory, at);
    s.counts[DIRECTORY_EVICTIONS]++;
    // Of a shared line the other socket may hold copies too.
    const shared = s.sockets === 2 && (entry & EXCLUSIVE) === 0 ? SHARED : 0;
    const dirty = invalidateEntry(s, at, socket, -1);
    takeIn(s, socket, instance, victim, dirty, shared);
  }
  place(directory, set, at, line, state);
  if (state === 0) {
    clearSharers(s, at);
    setSharer(s, at, holder);
  }
}
