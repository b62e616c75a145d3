/** The caches of a core and its cluster: what comes in, what it displaces, what others take away. */
import {
  FLAG_BITS,
  Flag,
  find,
  forEachEntry,
  INVALID,
  lineAt,
  place,
  remove,
  setOf,
  victimOf,
} from '../cache/tag-array.js';
import { giveUpLine } from '../coherence/release.js';
import { CORE, CoreCounter } from './layout.js';
import type { EngineState } from './state.js';
import { count } from './wait.js';

const { Dirty: DIRTY, Writable: WRITABLE } = Flag;
const FLAG_MASK = (1 << FLAG_BITS) - 1;
const NO_ENTRY = INVALID;
const { SHIFT: CORE_SHIFT, CLUSTER } = CORE;
const { L1Writebacks: L1_WRITEBACKS } = CoreCounter;

/** Puts a line that is not there into an L1D. */
export function fillL1(e: EngineState, core: number, line: number, flags: number): void {
  const { l1 } = e;
  const set = setOf(l1, core, line);
  const at = victimOf(l1, set);
  const entry = l1.words[at];
  const victim = lineAt(l1, at);
  place(l1, set, at, line, flags);
  if (entry === NO_ENTRY) return;
  if ((entry & DIRTY) !== 0) count(e, core, L1_WRITEBACKS);
  dropFromL1(e, core, victim, entry & FLAG_MASK);
}

/** Puts a line that is not there into an L2. */
export function fillL2(e: EngineState, cluster: number, line: number, flags: number): void {
  const { l2 } = e;
  const set = setOf(l2, cluster, line);
  const at = victimOf(l2, set);
  const entry = l2.words[at];
  const victim = lineAt(l2, at);
  place(l2, set, at, line, flags);
  if (entry !== NO_ENTRY) dropFromL2(e, cluster, victim, entry & FLAG_MASK);
}

/** A line has left an L1D: what is new in it goes down. */
export function dropFromL1(e: EngineState, core: number, line: number, flags: number): void {
  if (!e.hasL2) {
    giveUpLine(e.shared, core, line, (flags & DIRTY) !== 0, (flags & WRITABLE) !== 0);
  } else if ((flags & DIRTY) !== 0) {
    const at = find(e.l2, e.ints[(core << CORE_SHIFT) + CLUSTER], line);
    if (at >= 0) e.l2.words[at] |= DIRTY | WRITABLE;
  }
}

/** A line has left an L2: its copies above go too, and the shared level is given what is left. */
export function dropFromL2(e: EngineState, cluster: number, line: number, flags: number): void {
  const dirty = (flags & DIRTY) | dropFromL1s(e, cluster, line);
  giveUpLine(e.shared, cluster, line, dirty !== 0, (flags & WRITABLE) !== 0 || dirty !== 0);
}

/** Removes a line from the L1Ds of a cluster. @returns 1 if one had modified it */
function dropFromL1s(e: EngineState, cluster: number, line: number): number {
  const { l1, coresPerCluster } = e;
  let dirty = 0;
  for (let core = cluster * coresPerCluster; core < (cluster + 1) * coresPerCluster; core++) {
    const at = find(l1, core, line);
    if (at < 0) continue;
    dirty |= l1.words[at] & DIRTY;
    remove(l1, at);
  }
  return dirty;
}

/** Drops the line everywhere in the cluster, for the shared level. @returns 1 if it was modified */
export function invalidateCluster(e: EngineState, cluster: number, line: number): number {
  let dirty = dropFromL1s(e, cluster, line);
  const at = e.hasL2 ? find(e.l2, cluster, line) : -1;
  if (at >= 0) {
    dirty |= e.l2.words[at] & DIRTY;
    remove(e.l2, at);
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
    if ((l1.words[at] & DIRTY) !== 0) dropFromL1(e, other, line, DIRTY);
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
    const held: [number, number][] = [];
    forEachEntry(e.l2, instance, (line, flags) => held.push([line, flags]));
    for (const [line, flags] of held) {
      remove(e.l2, find(e.l2, instance, line));
      if (e.hasL2) dropFromL2(e, instance, line, flags);
      else dropFromL1(e, instance, line, flags);
    }
  }
}
