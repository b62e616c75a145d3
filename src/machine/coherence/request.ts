/** What a cluster asks of the shared level. */
import { among } from '../among.js';
import { find, promote, remove } from '../cache/tag-array.js';
import { Clock } from '../clock.js';
import { insertCache, noteHolder, takeIn } from './fill.js';
import { ANSWER, ENTRY, GRANT, SHARED_COUNTER, Source } from './layout.js';
import { hashLine, rangeOfHash } from './line-hash.js';
import { ADDRESS, askAcross, LINE, sendAnswer, sendDown, sendForward, sendRequest } from './messages.js';
import { ASKED, askOtherSocket, invalidateOtherSocket } from './other-socket.js';
import { invalidateEntry, isSharer, lowestSharer, makeShared, setSharer } from './sharers.js';
import type { SharedLevel } from './state.js';

const { Known: KNOWN, Message: MESSAGE } = Clock;
const { GRANTED, SOURCE, SUPPLIER, HELD, SNOOP_WAIT_PS } = ANSWER;
const { DIRTY, SHARED, EXCLUSIVE, OWNER, OWNER_SHIFT, HOLDERS } = ENTRY;
const { WRITABLE: GRANT_WRITABLE, DIRTY: GRANT_DIRTY } = GRANT;
const { REQUESTS, HITS, MISSES, FORWARDS, INVALIDATIONS, REMOTE_FORWARDS } = SHARED_COUNTER;
const { Llc: FROM_LLC, Dram: FROM_DRAM } = Source;

/**
 * A cluster asks for a line at Clock.Now.
 * @param exclusive it wants to write
 * @returns true when the answer is known: Clock.Ready is the time at which the data (or the permission) arrives; false when main memory must be
 *   asked: Clock.Known is the time at which the miss is known at the slice. The words of `answer` are set in both cases.
 */
export function requestLine(
  s: SharedLevel,
  core: number,
  cluster: number,
  line: number,
  exclusive: boolean,
): boolean {
  const { answer, clock, portFreePs, counts } = s;
  const socket = s.sockets === 1 || cluster < s.clustersPerSocket ? 0 : 1;
  const hash = hashLine(line);
  const slice = rangeOfHash(hash, s.slicesPerSocket);
  const instance = socket * s.slicesPerSocket + slice;
  answer[SOURCE] = FROM_LLC;
  answer[SUPPLIER] = -1;
  sendRequest(s, socket, core, hash);
  let start = clock[MESSAGE];
  if (portFreePs[instance] > start) start = portFreePs[instance];
  portFreePs[instance] = start + s.occupancyPs;
  clock[KNOWN] = start + s.slicePs;
  counts[REQUESTS]++;
  const held = find(s.directory, instance, line);
  if (held >= 0 && (s.directory.words[held] & HOLDERS) !== 0) {
    answer[HELD] = (held << 1) | (s.directory.words[held] & DIRTY);
    return (s.directory.words[held] & EXCLUSIVE) !== 0
      ? askOwner(s, cluster, socket, instance, line, held, exclusive)
      : exclusive
        ? takeFromSharers(s, core, cluster, socket, slice, line, held)
        : joinSharers(s, cluster, socket, instance, line, held);
  }
  const cacheAt = s.isInclusive ? held : s.hasCache ? find(s.cache, instance, line) : -1;
  return cacheAt >= 0
    ? takeFromCache(s, cluster, socket, slice, line, cacheAt, exclusive)
    : takeFromElsewhere(s, cluster, socket, slice, line, exclusive);
}

/** The answer, LINE or the permission alone, is on its way back from the slice. */
function answered(s: SharedLevel, grantedFlags: number, flits: number): boolean {
  s.answer[GRANTED] = grantedFlags;
  sendAnswer(s, flits);
  return true;
}

/** Main memory must be asked. */
function missed(s: SharedLevel): boolean {
  s.counts[MISSES]++;
  s.answer[SOURCE] = FROM_DRAM;
  return false;
}

/** One cluster holds the line and may have modified it: it answers the requester directly. */
function askOwner(
  s: SharedLevel,
  cluster: number,
  socket: number,
  instance: number,
  line: number,
  held: number,
  exclusive: boolean,
): boolean {
  const { answer, above } = s;
  const { words } = s.directory;
  const local = cluster - socket * s.clustersPerSocket;
  const entry = words[held];
  const owner = among(s.clustersPerSocket, (entry & OWNER) >> OWNER_SHIFT);
  if (owner === local) return answered(s, GRANT_WRITABLE, ADDRESS);
  s.counts[HITS]++;
  s.counts[FORWARDS]++;
  const ownerCluster = socket * s.clustersPerSocket + owner;
  answer[SUPPLIER] = ownerCluster;
  sendForward(s, ownerCluster);
  if (exclusive) {
    s.counts[INVALIDATIONS]++;
    answer[GRANTED] = GRANT_WRITABLE | above.invalidate(ownerCluster, line);
    words[held] = (entry & ~OWNER) | (local << OWNER_SHIFT);
    return true;
  }
  const dirty = above.downgrade(ownerCluster, line);
  if (dirty !== 0) sendDown(s, ownerCluster, line, KNOWN, LINE);
  makeShared(s, held);
  setSharer(s, held, owner);
  setSharer(s, held, local);
  if (s.isInclusive) words[held] |= dirty;
  else takeIn(s, socket, instance, line, dirty, 0);
  answer[GRANTED] = 0;
  return true;
}

/** Position in the cache of a line that caches above hold, or -1. */
function cachedBeside(s: SharedLevel, instance: number, line: number, held: number): number {
  if (s.isInclusive) return held;
  return s.hasCache ? find(s.cache, instance, line) : -1;
}

/** A cluster that wants to write takes the line from all that share it. */
function takeFromSharers(
  s: SharedLevel,
  core: number,
  cluster: number,
  socket: number,
  slice: number,
  line: number,
  held: number,
): boolean {
  const { answer, clock, interconnect, counts, cache } = s;
  const { words } = s.directory;
  const local = cluster - socket * s.clustersPerSocket;
  const cacheAt = cachedBeside(s, socket * s.slicesPerSocket + slice, line, held);
  const wasSharer = isSharer(s, held, local);
  const before = counts[INVALIDATIONS];
  answer[SNOOP_WAIT_PS] = 0;
  invalidateEntry(s, held, socket, cluster);
  invalidateOtherSocket(s, socket, slice, line);
  words[held] = (words[held] & ~HOLDERS) | EXCLUSIVE | (local << OWNER_SHIFT);
  let dirty = 0;
  if (cacheAt >= 0) {
    if (s.isVictim) {
      dirty = cache.words[cacheAt] & DIRTY;
      remove(cache, cacheAt);
    } else {
      cache.words[cacheAt] &= ~SHARED;
    }
  }
  // All copies must acknowledge.
  if (counts[INVALIDATIONS] > before) {
    const farthestPs = interconnect.farthestPs[interconnect.tileOfCore[core]];
    clock[KNOWN] += 2 * farthestPs + s.snoopPs + answer[SNOOP_WAIT_PS];
  }
  if (wasSharer || cacheAt >= 0) {
    counts[HITS]++;
    return answered(s, GRANT_WRITABLE | dirty, wasSharer ? ADDRESS : LINE);
  }
  answer[GRANTED] = GRANT_WRITABLE;
  return missed(s);
}

/** A further reader of a shared line. */
function joinSharers(
  s: SharedLevel,
  cluster: number,
  socket: number,
  instance: number,
  line: number,
  held: number,
): boolean {
  const { answer, cache } = s;
  const cacheAt = cachedBeside(s, instance, line, held);
  if (cacheAt >= 0) answer[SUPPLIER] = socket * s.clustersPerSocket + lowestSharer(s, held);
  setSharer(s, held, cluster - socket * s.clustersPerSocket);
  if (cacheAt >= 0) {
    s.counts[HITS]++;
    promote(cache, cacheAt);
    return answered(s, 0, LINE);
  }
  answer[GRANTED] = 0;
  if (s.hasCache) insertCache(s, socket, instance, line, SHARED);
  return missed(s);
}

/** Nobody of the socket holds the line but the cache. */
function takeFromCache(
  s: SharedLevel,
  cluster: number,
  socket: number,
  slice: number,
  line: number,
  cacheAt: number,
  exclusive: boolean,
): boolean {
  const { cache } = s;
  const instance = socket * s.slicesPerSocket + slice;
  const local = cluster - socket * s.clustersPerSocket;
  const flags = cache.words[cacheAt];
  const foreign = (flags & SHARED) !== 0;
  s.counts[HITS]++;
  if (foreign && exclusive) invalidateOtherSocket(s, socket, slice, line);
  let granted = foreign && !exclusive ? 0 : GRANT_WRITABLE;
  if (s.isVictim && granted !== 0) {
    granted |= flags & DIRTY;
    remove(cache, cacheAt);
  } else {
    if (granted !== 0) cache.words[cacheAt] = flags & ~SHARED;
    promote(cache, cacheAt);
  }
  noteHolder(s, socket, instance, line, cacheAt, granted !== 0, local);
  return answered(s, granted, LINE);
}

/** No cache of the socket holds the line: the other socket's may, else it comes from memory. */
function takeFromElsewhere(
  s: SharedLevel,
  cluster: number,
  socket: number,
  slice: number,
  line: number,
  exclusive: boolean,
): boolean {
  const { answer } = s;
  const instance = socket * s.slicesPerSocket + slice;
  const local = cluster - socket * s.clustersPerSocket;
  let granted: number = GRANT_WRITABLE;
  let remote = -1;
  if (s.sockets === 2) {
    remote = askOtherSocket(s, socket, slice, line, exclusive);
    if (remote >= 0) granted = exclusive ? GRANT_WRITABLE | (remote & GRANT_DIRTY) : 0;
  }
  const cacheAt = s.fillsOnMiss ? insertCache(s, socket, instance, line, granted === 0 ? SHARED : 0) : -1;
  noteHolder(s, socket, instance, line, cacheAt, granted !== 0, local);
  if (remote >= 0) {
    s.counts[REMOTE_FORWARDS]++;
    s.counts[HITS]++;
    askAcross(s, socket, s.slicePs + ((remote & ASKED) !== 0 ? s.snoopPs : 0), LINE);
    return answered(s, granted, LINE);
  }
  answer[GRANTED] = granted;
  return missed(s);
}
