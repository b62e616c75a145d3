/** Who holds a line: the directory entry's owner, or its sharers one bit each. */
import { among } from '../among.js';
import { find, lineAt, remove } from '../cache/tag-array.js';
import { ENTRY, SHARED_COUNTER } from './layout.js';
import { sendInvalidation } from './messages.js';
import type { SharedLevel } from './state.js';

const { EXCLUSIVE, OWNER, OWNER_SHIFT, SHARERS, HOLDERS } = ENTRY;
const { INVALIDATIONS } = SHARED_COUNTER;

/** Position of the directory's entry of a line that somebody above holds, or -1. */
export function findHeld(s: SharedLevel, instance: number, line: number): number {
  const at = find(s.directory, instance, line);
  return at >= 0 && (s.directory.words[at] & HOLDERS) === 0 ? -1 : at;
}

/** Nobody above holds the line of an entry any more. */
export function forgetHolders(s: SharedLevel, at: number): void {
  if (s.isInclusive) s.directory.words[at] &= ~HOLDERS;
  else remove(s.directory, at);
}

export function setSharer(s: SharedLevel, at: number, owner: number): void {
  s.masks[at * s.maskWords + (owner >> 5)] |= 1 << (owner & 31);
}

/** Takes a sharer out. @returns whether there is none left */
export function dropSharer(s: SharedLevel, at: number, owner: number): boolean {
  const first = at * s.maskWords;
  s.masks[first + (owner >> 5)] &= ~(1 << (owner & 31));
  let left = 0;
  for (let word = 0; word < s.maskWords; word++) left |= s.masks[first + word];
  return left === 0;
}

export function isSharer(s: SharedLevel, at: number, owner: number): boolean {
  return (s.masks[at * s.maskWords + (owner >> 5)] & (1 << (owner & 31))) !== 0;
}

/** The sharer of a shared entry with the lowest number, of its socket. There must be one. */
export function lowestSharer(s: SharedLevel, at: number): number {
  const first = at * s.maskWords;
  let word = 0;
  while (s.masks[first + word] === 0 && word < s.maskWords - 1) word++;
  const bits = s.masks[first + word];
  return word * 32 + 31 - Math.clz32(bits & -bits);
}

export function clearSharers(s: SharedLevel, at: number): void {
  const first = at * s.maskWords;
  for (let word = 0; word < s.maskWords; word++) s.masks[first + word] = 0;
}

/** Turns an entry into a shared one with no sharers yet. */
export function makeShared(s: SharedLevel, at: number): void {
  s.directory.words[at] = (s.directory.words[at] & ~HOLDERS) | SHARERS;
  clearSharers(s, at);
}

/** Clusters of the whole chip that the entry names, in ascending order. For checks. */
export function holdersOf(s: SharedLevel, at: number, socket: number): number[] {
  const base = socket * s.clustersPerSocket;
  const entry = s.directory.words[at];
  if ((entry & EXCLUSIVE) !== 0) return [base + ((entry & OWNER) >> OWNER_SHIFT)];
  const holders: number[] = [];
  for (let cluster = 0; cluster < s.clustersPerSocket; cluster++)
    if (isSharer(s, at, cluster)) holders.push(base + cluster);
  return holders;
}

/** Drops every private copy that the entry names, but that of the cluster `except` (-1: of all). @returns 1 if one was modified. */
export function invalidateEntry(s: SharedLevel, at: number, socket: number, except: number): number {
  const entry = s.directory.words[at];
  const line = lineAt(s.directory, at);
  const base = socket * s.clustersPerSocket;
  if ((entry & EXCLUSIVE) !== 0)
    return invalidateIn(s, base + ((entry & OWNER) >> OWNER_SHIFT), line, except);
  let dirty = 0;
  const first = at * s.maskWords;
  for (let word = 0; word < s.maskWords; word++) {
    for (let bits = s.masks[first + word]; bits !== 0; bits &= bits - 1)
      dirty |= invalidateIn(s, base + word * 32 + 31 - Math.clz32(bits & -bits), line, except);
  }
  return dirty;
}

function invalidateIn(s: SharedLevel, holder: number, line: number, except: number): number {
  const cluster = among(s.sockets * s.clustersPerSocket, holder);
  if (cluster === except) return 0;
  s.counts[INVALIDATIONS]++;
  const dirty = s.above.invalidate(cluster, line);
  sendInvalidation(s, cluster, line, dirty);
  return dirty;
}
