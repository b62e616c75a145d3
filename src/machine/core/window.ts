/** The window and the store queue: loads and stores whose lines are on their way, in program order, in rings indexed by running number. */
import { CORE, CoreCounter, UNKNOWN as NOT_KNOWN, OUTCOME, REGISTER, WAIT } from './layout.js';
import type { EngineState } from './state.js';
import { setWait, waitFor } from './wait.js';

const {
  SHIFT: CORE_SHIFT,
  TIME,
  INSTRUCTION,
  LOAD,
  STORE,
  INSTRUCTION_LIMIT,
  LOAD_LIMIT,
  LOAD_HEAD,
  LOAD_TAIL,
  STORE_HEAD,
  STORE_TAIL,
} = CORE;
const {
  SHIFT: REGISTER_SHIFT,
  READY,
  SHARE,
  SOURCE,
  NEXT,
  FIRST,
  INSTRUCTION: LOADS_INSTRUCTION,
  SEQUENCE,
  STORE: WAITING_STORE,
} = REGISTER;
const { DONE } = OUTCOME;
const { LOAD: WAIT_LOAD, STORE: WAIT_STORE } = WAIT;
const { WindowFullPs: WINDOW_FULL_PS, StoreQueueFullPs: STORE_QUEUE_FULL_PS } = CoreCounter;
const UNKNOWN = NOT_KNOWN;

function loadAt(e: EngineState, core: number, number: number): number {
  return e.loadsAt + (((core << e.loadShift) + (number & e.loadMask)) << REGISTER_SHIFT);
}

function storeAt(e: EngineState, core: number, number: number): number {
  return e.storesAt + (((core << e.storeShift) + (number & e.storeMask)) << REGISTER_SHIFT);
}

/** Whether a load without data is in the window, as far as the core has looked. */
export function hasLoads(e: EngineState, core: number): boolean {
  const c = core << CORE_SHIFT;
  return e.ints[c + LOAD_HEAD] !== e.ints[c + LOAD_TAIL];
}

/** Frees loads at the head of the window that have their data. */
export function retireLoads(e: EngineState, core: number): void {
  const { ints, times } = e;
  const c = core << CORE_SHIFT;
  let head = ints[c + LOAD_HEAD];
  const tail = ints[c + LOAD_TAIL];
  const now = times[c + TIME];
  while (head !== tail && times[loadAt(e, core, head) + READY] <= now) head = (head + 1) | 0;
  ints[c + LOAD_HEAD] = head;
  if (head === tail) {
    times[c + INSTRUCTION_LIMIT] = Infinity;
    times[c + LOAD_LIMIT] = Infinity;
  } else {
    const oldest = loadAt(e, core, head);
    times[c + INSTRUCTION_LIMIT] = times[oldest + LOADS_INSTRUCTION] + e.window;
    times[c + LOAD_LIMIT] = times[oldest + SEQUENCE] + e.loadQueue;
  }
}

/** Instructions that may be dispatched now, of `wanted` ones that hold `loads` loads; 0 if the window is full. There must be a load in the window. */
export function roomInWindow(e: EngineState, core: number, wanted: number, loads: number): number {
  const { times } = e;
  const c = core << CORE_SHIFT;
  let room = times[c + INSTRUCTION_LIMIT] - times[c + INSTRUCTION];
  if (loads > 0) {
    const loadRoom = times[c + LOAD_LIMIT] - times[c + LOAD];
    if (loadRoom < loads) room = Math.min(room, Math.floor((wanted * loadRoom) / loads));
  }
  return room < 0 ? 0 : room < wanted ? room : wanted;
}

/** Waits for the oldest load. There must be one. */
export function waitForOldestLoad(e: EngineState, core: number): number {
  const oldest = loadAt(e, core, e.ints[(core << CORE_SHIFT) + LOAD_HEAD]);
  if (e.times[oldest + READY] === UNKNOWN) return setWait(e, core, WAIT_LOAD, oldest);
  waitFor(e, core, oldest, WINDOW_FULL_PS);
  retireLoads(e, core);
  return DONE;
}

/** Waits until all loads so far have their data. */
export function waitForLoads(e: EngineState, core: number): number {
  retireLoads(e, core);
  while (hasLoads(e, core)) {
    const outcome = waitForOldestLoad(e, core);
    if (outcome !== DONE) return outcome;
  }
  return DONE;
}

/** Waits until a step may be dispatched. */
export function waitForWindow(e: EngineState, core: number, loads: number): number {
  const { times } = e;
  const c = core << CORE_SHIFT;
  retireLoads(e, core);
  while (
    times[c + INSTRUCTION] >= times[c + INSTRUCTION_LIMIT] ||
    (loads > 0 && times[c + LOAD] >= times[c + LOAD_LIMIT])
  ) {
    const outcome = waitForOldestLoad(e, core);
    if (outcome !== DONE) return outcome;
  }
  return DONE;
}

/** Waits until the store queue has an entry for the next store. */
export function waitForStoreQueue(e: EngineState, core: number): number {
  const { ints, times } = e;
  const c = core << CORE_SHIFT;
  for (;;) {
    const head = ints[c + STORE_HEAD];
    if (head === ints[c + STORE_TAIL]) return DONE;
    const oldest = storeAt(e, core, head);
    if (times[oldest + READY] > times[c + TIME]) {
      if (times[oldest + SEQUENCE] + e.storeQueue > times[c + STORE]) return DONE;
      if (times[oldest + READY] === UNKNOWN) return setWait(e, core, WAIT_STORE, oldest);
      waitFor(e, core, oldest, STORE_QUEUE_FULL_PS);
    }
    ints[c + STORE_HEAD] = head + 1;
  }
}

/** Waits until the store queue is empty. */
export function waitForStores(e: EngineState, core: number): number {
  const { ints, times } = e;
  const c = core << CORE_SHIFT;
  while (ints[c + STORE_HEAD] !== ints[c + STORE_TAIL]) {
    const oldest = storeAt(e, core, ints[c + STORE_HEAD]);
    if (times[oldest + READY] === UNKNOWN) return setWait(e, core, WAIT_STORE, oldest);
    waitFor(e, core, oldest, STORE_QUEUE_FULL_PS);
    ints[c + STORE_HEAD]++;
  }
  return DONE;
}

/** Ties a load to the fill buffer that brings its line. */
export function attachLoad(e: EngineState, core: number, fill: number): void {
  const { ints, times } = e;
  const c = core << CORE_SHIFT;
  const tail = ints[c + LOAD_TAIL];
  const at = loadAt(e, core, tail);
  ints[c + LOAD_TAIL] = tail + 1;
  const ready = times[fill + READY];
  times[at + READY] = ready;
  times[at + SHARE] = times[fill + SHARE];
  times[at + LOADS_INSTRUCTION] = times[c + INSTRUCTION];
  times[at + SEQUENCE] = times[c + LOAD];
  ints[at + SOURCE] = ints[fill + SOURCE];
  if (tail === ints[c + LOAD_HEAD]) {
    times[c + INSTRUCTION_LIMIT] = times[c + INSTRUCTION] + e.window;
    times[c + LOAD_LIMIT] = times[c + LOAD] + e.loadQueue;
  }
  if (ready === UNKNOWN) {
    ints[at + NEXT] = ints[fill + FIRST];
    ints[fill + FIRST] = at;
  } else {
    ints[at + NEXT] = -1;
  }
}

/** Ties a store to the fill buffer that brings its line. */
export function attachStore(e: EngineState, core: number, fill: number): void {
  const { ints, times } = e;
  const c = core << CORE_SHIFT;
  const at = storeAt(e, core, ints[c + STORE_TAIL]++);
  times[at + READY] = times[fill + READY];
  times[at + SHARE] = times[fill + SHARE];
  times[at + SEQUENCE] = times[c + STORE];
  ints[at + SOURCE] = ints[fill + SOURCE];
  if (times[fill + READY] === UNKNOWN) ints[fill + WAITING_STORE] = at;
}
