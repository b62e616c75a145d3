/** The caches of a core and its cluster: what comes in, what it displaces, what others take away. */
import {
  FLAG_BITS as BITS_OF_FLAGS,
  Flag,
  find,
  forEachEntry,
  INVALID,
  lineAt,
  place,
  remove,
  setOf,
  type TagArray,
  victimOf,
} from '../cache/tag-array.js';
import { ANSWER } from '../coherence/layout.js';
import { giveUpLine } from '../coherence/release.js';
import { CORE_COUNTERS as COUNTERS_OF_CORE, CoreCounter } from './layout.js';
import type { EngineState } from './state.js';
import { count } from './wait.js';

const { Dirty: DIRTY, Writable: WRITABLE, Prefetched: PREFETCHED } = Flag;
const { HELD } = ANSWER;
const NO_ENTRY = INVALID;
const FLAG_BITS = BITS_OF_FLAGS;
const CORE_COUNTERS = COUNTERS_OF_CORE;
const {
  L1Writebacks: L1_WRITEBACKS,
  UselessPrefetches: USELESS_PREFETCHES,
  DroppedPrefetches: DROPPED_PREFETCHES,
} = CoreCounter;

/**
 * Puts a line that is not there into an L1D.
 * @param l2At where the L2 holds it; without an L2 it must be the line that the shared level has just been asked for
 * @param fill the fill buffer that brings it, or -1 for a prefetched line, which an MSHR brings
 */
export function fillL1(
  e: EngineState,
  core: number,
  line: number,
  flags: number,
  l2At: number,
  fill: number,
): void {
  const { l1, l2, belowAt } = e;
  const set = setOf(l1, core, line);
  const at = victimOf(l1, set);
  const entry = l1.words[at];
  if (fill >= 0) e.fillAt[at] = fill;
  if (!e.hasL2) {
    const victim = lineAt(l1, at);
    const victimHeld = e.held[at];
    place(l1, at, line, flags);
    e.held[at] = e.shared.answer[HELD];
    if (entry === NO_ENTRY) return;
    if ((entry & DIRTY) !== 0) count(e, core, L1_WRITEBACKS);
    if ((entry & PREFETCHED) !== 0) count(e, core, USELESS_PREFETCHES);
    giveUp(e, core, victim, victimHeld, entry);
    return;
  }
  // Without a branch: whether what gives way is modified cannot be foreseen.
  const dirty = entry === NO_ENTRY ? 0 : entry & DIRTY;
  e.counters[core * CORE_COUNTERS + L1_WRITEBACKS] += dirty;
  l2.words[belowAt[at]] |= -dirty & (DIRTY | WRITABLE);
  place(l1, at, line, flags);
  belowAt[at] = l2At;
  if (e.coresPerCluster === 1) e.aboveAt[l2At] = at;
}

/** Puts the line that the shared level has just been asked for into an L2 that does not hold it. @returns its position */
export function fillL2(e: EngineState, cluster: number, line: number, flags: number): number {
  const { l2, held, aboveAt } = e;
  const set = setOf(l2, cluster, line);
  const at = victimOf(l2, set);
  const entry = l2.words[at];
  const victim = lineAt(l2, at);
  const victimHeld = held[at];
  const victimAboveAt = aboveAt[at];
  place(l2, at, line, flags);
  held[at] = e.shared.answer[HELD];
  aboveAt[at] = -1;
  if (entry !== NO_ENTRY) {
    if ((entry & PREFETCHED) !== 0) count(e, cluster * e.coresPerCluster, USELESS_PREFETCHES);
    const above = dropFromL1s(e, cluster, victim, victimAboveAt);
    giveUp(e, cluster, victim, victimHeld, entry | above);
  }
  return at;
}

/** A line has left a last private level. */
function giveUp(e: EngineState, cluster: number, line: number, held: number, flags: number): void {
  giveUpLine(e.shared, cluster, line, held, flags & DIRTY, (flags & (WRITABLE | DIRTY)) !== 0);
}

/**
 * Removes a line from the L1Ds of a cluster.
 * @param aboveAt where the only one last held it, or -1
 * @returns 1 if one had modified it
 */
function dropFromL1s(e: EngineState, cluster: number, line: number, aboveAt: number): number {
  const { l1, coresPerCluster } = e;
  if (e.hasL2 && coresPerCluster === 1) {
    if (aboveAt < 0 || l1.words[aboveAt] >> FLAG_BITS !== line >> l1.setBits) return 0;
    return takeAwayModified(e, cluster, l1, aboveAt);
  }
  let dirty = 0;
  for (let core = cluster * coresPerCluster; core < (cluster + 1) * coresPerCluster; core++) {
    const at = find(l1, core, line);
    if (at >= 0) dirty |= takeAwayModified(e, core, l1, at);
  }
  return dirty;
}

/** Removes a line that does not give way to another. */
export function takeAway(e: EngineState, core: number, tags: TagArray, at: number): void {
  if ((tags.words[at] & PREFETCHED) !== 0) count(e, core, DROPPED_PREFETCHES);
  remove(tags, at);
}

/** The same. @returns 1 if it is modified */
function takeAwayModified(e: EngineState, core: number, tags: TagArray, at: number): number {
  const dirty = tags.words[at] & DIRTY;
  takeAway(e, core, tags, at);
  return dirty;
}

/** Drops the line everywhere in the cluster, for the shared level. @returns 1 if it was modified */
export function invalidateCluster(e: EngineState, cluster: number, line: number): number {
  if (!e.hasL2) return dropFromL1s(e, cluster, line, -1);
  const at = find(e.l2, cluster, line);
  // A core that stores past the caches has taken the line from the L2 and its own L1D already, not from those beside.
  if (at < 0) return e.coresPerCluster === 1 ? 0 : dropFromL1s(e, cluster, line, -1);
  const above = dropFromL1s(e, cluster, line, e.aboveAt[at]);
  return above | takeAwayModified(e, cluster * e.coresPerCluster, e.l2, at);
}

/** Takes write permission from the line everywhere in the cluster, for the shared level. @returns 1 if it was modified */
export function downgradeCluster(e: EngineState, cluster: number, line: number): number {
  const { l1, l2, coresPerCluster } = e;
  let dirty = 0;
  for (let core = cluster * coresPerCluster; core < (cluster + 1) * coresPerCluster; core++) {
    const at = find(l1, core, line);
    if (at < 0) continue;
    dirty |= l1.words[at] & DIRTY;
    l1.words[at] &= ~(DIRTY | WRITABLE);
  }
  const at = e.hasL2 ? find(l2, cluster, line) : -1;
  if (at >= 0) {
    dirty |= l2.words[at] & DIRTY;
    l2.words[at] &= ~(DIRTY | WRITABLE);
  }
  return dirty;
}

/** Keeps the L1Ds of a cluster coherent among themselves when one of them misses. @returns whether another keeps a copy */
export function askSiblings(
  e: EngineState,
  core: number,
  cluster: number,
  line: number,
  exclusive: boolean,
): boolean {
  const { l1, coresPerCluster } = e;
  let keeps = false;
  for (let other = cluster * coresPerCluster; other < (cluster + 1) * coresPerCluster; other++) {
    if (other === core) continue;
    const at = find(l1, other, line);
    if (at < 0) continue;
    if ((l1.words[at] & DIRTY) !== 0) e.l2.words[e.belowAt[at]] |= DIRTY | WRITABLE;
    if (exclusive) remove(l1, at);
    else {
      keeps = true;
      l1.words[at] &= ~(DIRTY | WRITABLE);
    }
  }
  return keeps;
}

/** Sends every line of the private caches down. */
export function flushPrivateCaches(e: EngineState): void {
  const instances = e.hasL2 ? e.clusters : e.cores;
  for (let instance = 0; instance < instances; instance++) {
    forEachEntry(e.l2, instance, (line, flags, at) => {
      remove(e.l2, at);
      const above = e.hasL2 ? dropFromL1s(e, instance, line, e.aboveAt[at]) : 0;
      if (above !== 0 || (!e.hasL2 && (flags & DIRTY) !== 0))
        count(e, e.hasL2 ? instance * e.coresPerCluster : instance, L1_WRITEBACKS);
      giveUp(e, instance, line, e.held[at], flags | above);
    });
  }
}
