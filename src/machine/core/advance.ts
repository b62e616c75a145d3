/**
 * The cores' main loop: they consume op streams and advance in time.
 *
 * A core dispatches a run's steps at the pace that its issue width, ports and FMA units set (the kernel has costed that), and is held up
 * where one of its queues is full:
 * - the window (reorder buffer) and the load queue: an instruction cannot be dispatched while a load that is `window` instructions, or
 *   `loadQueue` loads, older has no data;
 * - the store queue, in the same way, for stores whose line is not yet owned;
 * - the fill buffers (L1D MSHRs) and the MSHRs of the last private level: a miss needs a free one.
 *
 * Private hits take no ordering. At an access that leaves the private caches, or may send a prefetch out, the core yields unless no other core or
 * memory channel has anything to do earlier, so that all shared state is touched in time order. A core that waits for an answer of unknown time sleeps;
 * `answer` wakes it.
 */
import {
  Access,
  CYCLE_SCALE,
  LIST,
  RUN_HEADER_WORDS,
  KINDS_SHIFT as SHIFT_OF_KINDS,
  STREAM_WORDS as WORDS_OF_STREAM,
} from '../../kernel/op-stream.js';
import { CATEGORY_COUNT, Category } from '../../statistics/time-loss.js';
import { find } from '../cache/tag-array.js';
import { updateOrder } from '../event-order.js';
import { access, hitsPlainly } from './access.js';
import {
  CORE,
  CORE_COUNTERS as COUNTERS_OF_CORE,
  CoreCounter,
  UNKNOWN as NOT_KNOWN,
  OUTCOME,
  REGISTER,
  WAIT,
} from './layout.js';
import { miss } from './miss.js';
import type { EngineState } from './state.js';
import { setWait, sleep, waitFor } from './wait.js';
import {
  hasLoads,
  retireLoads,
  roomInWindow,
  waitForLoads,
  waitForOldestLoad,
  waitForStores,
  waitForWindow,
} from './window.js';

const { Load: ORDINARY_LOAD, Store: ORDINARY_STORE, LoadDependent: LOAD_DEPENDENT } = Access;
const {
  SHIFT: CORE_SHIFT,
  TIME,
  INSTRUCTION,
  LOAD,
  STORE,
  INSTRUCTION_LIMIT,
  LOAD_LIMIT,
  RUN,
  STEP,
  STREAM,
  LUMP_DONE,
  FINISHED,
  ASLEEP,
} = CORE;
const { STRIDE: REGISTER_STRIDE, READY, LINE } = REGISTER;
const { DONE, SLEEP } = OUTCOME;
const { ANYTHING } = WAIT;
const { Compute: COMPUTE, Issue: ISSUE } = Category;
const {
  Instructions: INSTRUCTIONS,
  Accesses: ACCESSES,
  FillBuffersFullPs: FILL_BUFFERS_FULL_PS,
} = CoreCounter;
const CATEGORIES = CATEGORY_COUNT;
const CORE_COUNTERS = COUNTERS_OF_CORE;
const LIST_RUN = LIST;
const KINDS_SHIFT = SHIFT_OF_KINDS;
/** Kinds of a word, less one; log2 of the bits of a kind, and all of them. */
const KINDS_MASK = (1 << SHIFT_OF_KINDS) - 1;
const KIND_BITS_SHIFT = 3;
const KIND_MASK = 255;
const HEADER_WORDS = RUN_HEADER_WORDS;
const STREAM_WORDS = WORDS_OF_STREAM;
const UNKNOWN = NOT_KNOWN;
/** Of a cycle, one step of the op stream's fixed point. */
const CYCLE_STEP = 1 / CYCLE_SCALE;

/**
 * Lets the core act up to its next ordered access or wait, Clock.Horizon being the time of the next event elsewhere; sets its next time in the event order.
 * @returns true when it has finished the phase
 */
export function advance(e: EngineState, core: number): boolean {
  const { ints } = e;
  const c = core << CORE_SHIFT;
  const stream = e.streams[core];
  ints[c + ASLEEP] = 0;
  for (;;) {
    const at = ints[c + RUN];
    let outcome: number;
    if (at < stream.length) {
      const { words } = stream;
      const streams = words[at];
      if (streams === LIST_RUN) outcome = runList(e, core, words, at);
      else if (streams === 0) outcome = runLumps(e, core, words, at);
      else outcome = runSteps(e, core, words, at);
      if (outcome === DONE) continue;
    } else {
      stream.clear();
      ints[c + RUN] = 0;
      if (e.refill(core, stream)) continue;
      outcome = drain(e, core);
      if (outcome === DONE) {
        ints[c + FINISHED] = 1;
        e.order.times[core] = Infinity;
        updateOrder(e.order, core);
        return true;
      }
    }
    if (outcome === SLEEP) sleep(e, core);
    else {
      e.order.times[core] = e.times[c + TIME];
      updateOrder(e.order, core);
    }
    return false;
  }
}

/** A length in steps of the op stream's fixed point, whole ps. */
function psOf(e: EngineState, steps: number): number {
  return Math.round(steps * (e.periodPs * CYCLE_STEP));
}

function bookBusy(e: EngineState, core: number, busyPs: number, fmaPs: number): void {
  const base = core * CATEGORIES;
  e.accounts[base + COMPUTE] += fmaPs;
  e.accounts[base + ISSUE] += busyPs - fmaPs;
}

/** A run of steps with line streams. The core's time and numbers live in local variables; an access that is more than another hit on a line finds them in their place. */
function runSteps(e: EngineState, core: number, words: Int32Array, at: number): number {
  const { ints, times } = e;
  const c = core << CORE_SHIFT;
  const streams = words[at];
  const steps = words[at + 1];
  const busyPs = psOf(e, words[at + 2]);
  const instructions = words[at + 4];
  const loads = words[at + 5];
  const first = at + HEADER_WORDS;
  const end = first + streams * STREAM_WORDS;
  let step = ints[c + STEP];
  let word = first + ints[c + STREAM];
  let time = times[c + TIME];
  let instruction = times[c + INSTRUCTION];
  let load = times[c + LOAD];
  for (; step < steps; step++) {
    let outcome: number = DONE;
    if (
      word === first &&
      (instruction >= times[c + INSTRUCTION_LIMIT] || (loads > 0 && load >= times[c + LOAD_LIMIT]))
    ) {
      times[c + TIME] = time;
      times[c + INSTRUCTION] = instruction;
      times[c + LOAD] = load;
      outcome = waitForWindow(e, core, loads);
      time = times[c + TIME];
    }
    for (; outcome === DONE && word < end; word += STREAM_WORDS) {
      const kind = words[word];
      const line = words[word + 1] + step * words[word + 2];
      const held = find(e.l1, core, line);
      if (hitsPlainly(e, core, line, kind, held, time)) {
        if (kind === ORDINARY_STORE) times[c + STORE]++;
        continue;
      }
      times[c + TIME] = time;
      times[c + INSTRUCTION] = instruction;
      times[c + LOAD] = load;
      ints[c + STREAM] = word - first;
      outcome = access(e, core, line, kind, held);
      time = times[c + TIME];
      if (outcome !== DONE) break;
      if (kind === ORDINARY_STORE) times[c + STORE]++;
    }
    if (outcome !== DONE) {
      ints[c + STEP] = step;
      ints[c + STREAM] = word - first;
      return outcome;
    }
    word = first;
    instruction += instructions;
    load += loads;
    time += busyPs;
  }
  times[c + TIME] = time;
  times[c + INSTRUCTION] = instruction;
  times[c + LOAD] = load;
  bookBusy(e, core, busyPs * steps, Math.min(busyPs, psOf(e, words[at + 3])) * steps);
  e.counters[core * CORE_COUNTERS + INSTRUCTIONS] += instructions * steps;
  e.counters[core * CORE_COUNTERS + ACCESSES] += streams * steps;
  ints[c + STEP] = 0;
  ints[c + STREAM] = 0;
  ints[c + RUN] = end;
  return DONE;
}

/** A run that lists its accesses, each a step of its own. */
function runList(e: EngineState, core: number, words: Int32Array, at: number): number {
  const { ints, times } = e;
  const c = core << CORE_SHIFT;
  const steps = words[at + 1];
  const busyPs = psOf(e, words[at + 2]);
  const instructions = words[at + 4];
  const first = at + HEADER_WORDS;
  const kinds = first + steps;
  let step = ints[c + STEP];
  let time = times[c + TIME];
  let instruction = times[c + INSTRUCTION];
  let load = times[c + LOAD];
  for (; step < steps; step++) {
    const kind =
      (words[kinds + (step >> KINDS_SHIFT)] >> ((step & KINDS_MASK) << KIND_BITS_SHIFT)) & KIND_MASK;
    const line = words[first + step];
    const loads = kind === ORDINARY_LOAD || kind === LOAD_DEPENDENT ? 1 : 0;
    let outcome: number = DONE;
    if (instruction >= times[c + INSTRUCTION_LIMIT] || (loads > 0 && load >= times[c + LOAD_LIMIT])) {
      times[c + TIME] = time;
      times[c + INSTRUCTION] = instruction;
      times[c + LOAD] = load;
      outcome = waitForWindow(e, core, loads);
      time = times[c + TIME];
    }
    if (outcome === DONE) {
      const held = find(e.l1, core, line);
      if (!hitsPlainly(e, core, line, kind, held, time)) {
        times[c + TIME] = time;
        times[c + INSTRUCTION] = instruction;
        times[c + LOAD] = load;
        // Of a load that the L1D does not hold nothing else is to be asked.
        outcome =
          held < 0 && kind === ORDINARY_LOAD
            ? miss(e, core, line, kind, -1)
            : access(e, core, line, kind, held);
        time = times[c + TIME];
      }
    }
    if (outcome !== DONE) {
      ints[c + STEP] = step;
      return outcome;
    }
    if (kind === ORDINARY_STORE) times[c + STORE]++;
    instruction += instructions;
    load += loads;
    time += busyPs;
  }
  times[c + TIME] = time;
  times[c + INSTRUCTION] = instruction;
  times[c + LOAD] = load;
  bookBusy(e, core, busyPs * steps, Math.min(busyPs, psOf(e, words[at + 3])) * steps);
  e.counters[core * CORE_COUNTERS + INSTRUCTIONS] += instructions * steps;
  e.counters[core * CORE_COUNTERS + ACCESSES] += steps;
  ints[c + STEP] = 0;
  ints[c + RUN] = kinds + ((steps + KINDS_MASK) >> KINDS_SHIFT);
  return DONE;
}

/** Lumps of compute, dispatched as far as the window reaches past the oldest load without data. */
function runLumps(e: EngineState, core: number, words: Int32Array, at: number): number {
  const { ints, times } = e;
  const c = core << CORE_SHIFT;
  const lumps = words[at + 1];
  const busyPs = psOf(e, words[at + 2]) * lumps;
  const fmaPs = Math.min(busyPs, psOf(e, words[at + 3]) * lumps);
  const loads = words[at + 5] * lumps;
  const total = words[at + 4] * lumps;
  if (total === 0) {
    bookBusy(e, core, busyPs, fmaPs);
    times[c + TIME] += busyPs;
  }
  let done = ints[c + LUMP_DONE];
  while (done < total) {
    retireLoads(e, core);
    let part = total - done;
    if (hasLoads(e, core)) {
      part = roomInWindow(e, core, part, Math.round((loads * part) / total));
      if (part === 0) {
        const outcome = waitForOldestLoad(e, core);
        if (outcome === DONE) continue;
        ints[c + LUMP_DONE] = done;
        return outcome;
      }
    }
    // Differences of rounded running sums: the parts of a lump add up to exactly the lump.
    const busyPart = Math.round((busyPs * (done + part)) / total) - Math.round((busyPs * done) / total);
    const fmaPart = Math.round((fmaPs * (done + part)) / total) - Math.round((fmaPs * done) / total);
    bookBusy(e, core, busyPart, Math.min(busyPart, fmaPart));
    times[c + TIME] += busyPart;
    times[c + INSTRUCTION] += part;
    times[c + LOAD] += Math.round((loads * part) / total);
    done += part;
  }
  ints[c + LUMP_DONE] = 0;
  e.counters[core * CORE_COUNTERS + INSTRUCTIONS] += total;
  ints[c + RUN] = at + HEADER_WORDS;
  return DONE;
}

/** The phase's stream is used up: wait until all that was asked for has arrived. */
function drain(e: EngineState, core: number): number {
  const loads = waitForLoads(e, core);
  if (loads !== DONE) return loads;
  const stores = waitForStores(e, core);
  if (stores !== DONE) return stores;
  const base = e.fillsAt + core * e.fills * REGISTER_STRIDE;
  const end = base + e.fills * REGISTER_STRIDE;
  for (let fill = base; fill < end; fill += REGISTER_STRIDE) {
    // Only write-combining buffers must be empty: a prefetched line may arrive later.
    if (e.ints[fill + LINE] !== -1) continue;
    if (e.times[fill + READY] === UNKNOWN) return setWait(e, core, ANYTHING, -1);
    waitFor(e, core, fill, FILL_BUFFERS_FULL_PS);
  }
  return DONE;
}
