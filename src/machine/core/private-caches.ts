/** The caches of a core and its cluster: what comes in, what it displaces, what others take away. */
import {
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
import { CORE, CoreCounter } from './layout.js';
import type { EngineState } from './state.js';
import { count } from './wait.js';

const { Dirty: DIRTY, Writable: WRITABLE, Prefetched: PREFETCHED } = Flag;
const { HELD_AT } = ANSWER;
const NO_ENTRY = INVALID;
const { SHIFT: CORE_SHIFT, CLUSTER } = CORE;
const {
  L1Writebacks: L1_WRITEBACKS,
  UselessPrefetches: USELESS_PREFETCHES,
  DroppedPrefetches: DROPPED_PREFETCHES,
} = CoreCounter;

/** Puts a line that is not there into an L1D. Without an L2 it must be the one that the shared level has just been asked for. */
export function fillL1(e: EngineState, core: number, line: number, flags: number): void {
  const { l1 } = e;
  const set = setOf(l1, core, line);
  const at = victimOf(l1, set);
  const entry = l1.words[at];
  const victim = lineAt(l1, at);
  const victimHeldAt = e.hasL2 ? -1 : e.heldAt[at];
  place(l1, set, at, line, flags);
  if (!e.hasL2) e.heldAt[at] = e.shared.answer[HELD_AT];
  if (entry === NO_ENTRY) return;
  if ((entry & DIRTY) !== 0) count(e, core, L1_WRITEBACKS);
  if ((entry & PREFETCHED) !== 0) count(e, core, USELESS_PREFETCHES);
  if (e.hasL2) writeDown(e, core, victim, entry);
  else giveUp(e, core, victim, victimHeldAt, entry);
}

/** Puts the line that the shared level has just been asked for into an L2 that does not hold it. */
export function fillL2(e: EngineState, cluster: number, line: number, flags: number): void {
  const { l2 } = e;
  const set = setOf(l2, cluster, line);
  const at = victimOf(l2, set);
  const entry = l2.words[at];
  const victim = lineAt(l2, at);
  const victimHeldAt = e.heldAt[at];
  place(l2, set, at, line, flags);
  e.heldAt[at] = e.shared.answer[HELD_AT];
  if (entry === NO_ENTRY) return;
  if ((entry & PREFETCHED) !== 0) count(e, cluster * e.coresPerCluster, USELESS_PREFETCHES);
  dropFromL2(e, cluster, victim, victimHeldAt, entry);
}

/** A line has left an L1D, or is shared from now on: what is new in it goes down to the L2. */
function writeDown(e: EngineState, core: number, line: number, flags: number): void {
  if ((flags & DIRTY) === 0) return;
  const at = find(e.l2, e.ints[(core << CORE_SHIFT) + CLUSTER], line);
  if (at >= 0) e.l2.words[at] |= DIRTY | WRITABLE;
}

/** A line has left an L2: its copies above go too, and the shared level is given what is left. */
function dropFromL2(e: EngineState, cluster: number, line: number, heldAt: number, flags: number): void {
  giveUp(e, cluster, line, heldAt, flags | dropFromL1s(e, cluster, line));
}

/** A line has left a last private level. */
function giveUp(e: EngineState, cluster: number, line: number, heldAt: number, flags: number): void {
  giveUpLine(e.shared, cluster, line, heldAt, (flags & DIRTY) !== 0, (flags & (WRITABLE | DIRTY)) !== 0);
}

/** Removes a line from the L1Ds of a cluster. @returns 1 if one had modified it */
function dropFromL1s(e: EngineState, cluster: number, line: number): number {
  const { l1, coresPerCluster } = e;
  let dirty = 0;
  for (let core = cluster * coresPerCluster; core < (cluster + 1) * coresPerCluster; core++) {
    const at = find(l1, core, line);
    if (at < 0) continue;
    dirty |= l1.words[at] & DIRTY;
    takeAway(e, core, l1, at);
  }
  return dirty;
}

/** Removes a line that does not give way to another. */
export function takeAway(e: EngineState, core: number, tags: TagArray, at: number): void {
  if ((tags.words[at] & PREFETCHED) !== 0) count(e, core, DROPPED_PREFETCHES);
  remove(tags, at);
}

/** Drops the line everywhere in the cluster, for the shared level. @returns 1 if it was modified */
export function invalidateCluster(e: EngineState, cluster: number, line: number): number {
  let dirty = dropFromL1s(e, cluster, line);
  const at = e.hasL2 ? find(e.l2, cluster, line) : -1;
  if (at >= 0) {
    dirty |= e.l2.words[at] & DIRTY;
    takeAway(e, cluster * e.coresPerCluster, e.l2, at);
  }
  return dirty;
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
    if ((l1.words[at] & DIRTY) !== 0) writeDown(e, other, line, DIRTY);
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
      if (e.hasL2) dropFromL2(e, instance, line, e.heldAt[at], flags);
      else giveUp(e, instance, line, e.heldAt[at], flags);
    });
  }
}
