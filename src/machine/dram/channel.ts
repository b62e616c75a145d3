/** A channel as memory sees it: picoseconds outside, memory cycles inside; what waits in front of the queues; answers. */
import { among } from '../among.js';
import { popRequest, pushRequest, type RequestRing } from './arrival-queue.js';
import type { ChannelState } from './channel-state.js';
import { accept, fits, issue } from './controller.js';
import { COUNTER, ENTRY, NEVER } from './layout.js';
import { type AddressMap, placeOfLine } from './mapping.js';
import { catchUpRefresh } from './refresh.js';
import { choose, nextToTell, reconsider } from './scheduler.js';
import { bankAt, type DramState, knownChannel, numberOf, REBASE_AT, rebaseChannel } from './state.js';

const { SHIFT: ENTRY_SHIFT, LIST, TAG, FOUND } = ENTRY;
const { STRIDE: COUNTER_STRIDE, READ_LATENCY_PS, FORWARDED } = COUNTER;
const NEVER_CYCLE = NEVER;
const REBASE_CYCLE = REBASE_AT;
/** Slack in rounding a time up to a memory cycle, cycles: far above the rounding of doubles, below a picosecond. */
const EDGE_SLACK = 1 / 4096;

/** The channels of one memory with what stands between them and the chip. */
export interface ChannelSet {
  readonly d: DramState;
  readonly map: AddressMap;
  readonly interleaveLines: number;
  readonly channelsPerSocket: number;
  /** Their reciprocals, and that of `tCKps`. */
  readonly perInterleave: number;
  readonly perChannels: number;
  readonly perTCK: number;
  readonly tCKps: number;
  /** End of a read's data after its column command, cycles. */
  readonly readCycles: number;
  /** Read latency on an idle channel, indexed by `FOUND`, ps. */
  readonly unloadedReadPs: Float64Array;
  /** Latency of a read that a queued write answers, ps: one memory cycle. */
  readonly forwardPs: number;
  /** Per channel: what waits in front of the controller's queues, and answers that need no command (forwarded reads, accepted writes). */
  readonly arrivals: readonly RequestRing[];
  readonly answers: readonly RequestRing[];
  readonly nextPs: Float64Array;
  readonly answerPs: Float64Array;
  readonly unloadedPs: Float64Array;
}

export function enqueueRequest(
  set: ChannelSet,
  channel: number,
  line: number,
  direction: number,
  timePs: number,
  tag: number,
): void {
  const { d } = set;
  const { words } = d;
  const ch = knownChannel(d, d.channelStates[among(d.channels, channel)]);
  if (ch.waiting > 0 || !fits(ch, direction)) {
    pushRequest(set.arrivals[numberOf(d, ch)], line, direction, timePs, tag);
    ch.waiting++;
    return;
  }
  if (ch.next < ch.told) catchUp(set, ch, timePs);
  const absolute = Math.ceil(timePs * set.perTCK - EDGE_SLACK);
  if (absolute - d.baseCycle[numberOf(d, ch)] >= REBASE_CYCLE)
    rebase(d, ch, absolute - d.baseCycle[numberOf(d, ch)]);
  const cycle = (absolute - d.baseCycle[numberOf(d, ch)]) | 0;
  const local = localLine(set, line);
  const place = placeOfLine(set.map, local);
  const at = bankAt(d, numberOf(d, ch), place & d.bankMask);
  const entry = accept(d, ch, local, at, place >>> set.map.bankBits, direction, cycle);
  if (entry < 0) {
    forward(set, ch, timePs, timePs, tag);
    publish(set, ch);
    return;
  }
  d.arrivalPs[(entry - d.entriesAt) >> ENTRY_SHIFT] = timePs;
  words[entry + TAG] = tag;
  const free = ch.commandFree;
  const changed = reconsider(d, ch, at, direction, entry, cycle < free ? free : cycle);
  if (direction === 1 && tag !== -1) pushAnswer(set, ch, 1, timePs, tag);
  else if (!changed && ch.next === ch.told) return;
  publish(set, ch);
}

/** Whether a request that arrived now would enter the controller's queue at once. */
export function acceptsRequest(set: ChannelSet, channel: number, direction: number): boolean {
  const ch = set.d.channelStates[among(set.d.channels, channel)];
  return ch.waiting === 0 && fits(ch, direction);
}

/** Takes the channel's next decision; see `MainMemory.step`. */
export function stepChannel(set: ChannelSet, channel: number): number {
  const { d } = set;
  const { words } = d;
  const ch = knownChannel(d, d.channelStates[among(d.channels, channel)]);
  if (ch.answers > 0) return popAnswer(set, ch);
  const told = ch.told;
  let tag = -1;
  do {
    const cycle = ch.next;
    const done = issue(d, ch, cycle);
    if (done >= 0 && (words[done + LIST] & 1) === 0) tag = finishRead(set, ch, done, cycle);
    ch.commandFree = cycle + 1;
    if (ch.waiting > 0) admitWaiting(set, ch, cycle + 1);
    choose(d, ch, cycle + 1);
    if (ch.next >= REBASE_CYCLE) {
      if (ch.next !== NEVER_CYCLE) rebase(d, ch, cycle);
      break;
    }
  } while (tag < 0 && ch.next <= told);
  publish(set, ch);
  return tag;
}

/** Issues the commands before `timePs` that the channel has not told of: none of them answers a request. */
function catchUp(set: ChannelSet, ch: ChannelState, timePs: number): void {
  const { d } = set;
  while (ch.next < ch.told && psOf(set, ch, ch.next) < timePs) {
    const cycle = ch.next;
    issue(d, ch, cycle);
    ch.commandFree = cycle + 1;
    choose(d, ch, cycle + 1);
  }
}

function psOf(set: ChannelSet, ch: ChannelState, cycle: number): number {
  return Math.floor((set.d.baseCycle[numberOf(set.d, ch)] + cycle) * set.tCKps);
}

/** Tells the time of the channel's next decision. */
function publish(set: ChannelSet, ch: ChannelState): void {
  const told = nextToTell(set.d, ch);
  ch.told = told;
  if (ch.answers > 0) {
    const ring = set.answers[numberOf(set.d, ch)];
    set.nextPs[numberOf(set.d, ch)] = ring.timePs[ring.head];
  } else if (told === NEVER_CYCLE) set.nextPs[numberOf(set.d, ch)] = Infinity;
  else set.nextPs[numberOf(set.d, ch)] = psOf(set, ch, told);
}

/** Moves a channel's cycle 0 up by `cycles`, in steps that fit its integers: an idle channel may have slept for longer. */
function rebase(d: DramState, ch: ChannelState, cycles: number): void {
  for (let left = cycles; left > 0; left -= REBASE_CYCLE) {
    const shift = Math.min(left, REBASE_CYCLE) | 0;
    if (ch.held === 0 && ch.refreshNext <= shift) catchUpRefresh(d, ch, shift);
    rebaseChannel(d, ch, shift);
  }
}

/** Low 32 bits of a line's number within its channel. Multiplying by the reciprocal of a divisor is exact for the half above a whole number. */
function localLine(set: ChannelSet, line: number): number {
  const { interleaveLines, channelsPerSocket } = set;
  if (channelsPerSocket === 1) return line | 0;
  if (interleaveLines === 1) return Math.floor((line + 0.5) * set.perChannels) | 0;
  const block = Math.floor((line + 0.5) * set.perInterleave);
  return (
    (Math.floor((block + 0.5) * set.perChannels) * interleaveLines + (line - block * interleaveLines)) | 0
  );
}

/** Channel of its socket that holds a line. */
export function channelOfLine(set: ChannelSet, line: number): number {
  const { channelsPerSocket } = set;
  if (channelsPerSocket === 1) return 0;
  const block = set.interleaveLines === 1 ? line : Math.floor((line + 0.5) * set.perInterleave);
  return (block - Math.floor((block + 0.5) * set.perChannels) * channelsPerSocket) | 0;
}

/** Answers a read from a queued write at `nowPs`. */
function forward(set: ChannelSet, ch: ChannelState, nowPs: number, arrivalPs: number, tag: number): void {
  const { counters } = set.d;
  counters[numberOf(set.d, ch) * COUNTER_STRIDE + FORWARDED]++;
  counters[numberOf(set.d, ch) * COUNTER_STRIDE + READ_LATENCY_PS] += nowPs + set.forwardPs - arrivalPs;
  pushAnswer(set, ch, 0, nowPs, tag);
}

function pushAnswer(set: ChannelSet, ch: ChannelState, direction: number, nowPs: number, tag: number): void {
  pushRequest(set.answers[numberOf(set.d, ch)], 0, direction, nowPs, tag);
  ch.answers++;
}

/** Lets what waits in front of the queues in, in order, as far as it fits. */
function admitWaiting(set: ChannelSet, ch: ChannelState, cycle: number): void {
  const { d } = set;
  const ring = set.arrivals[numberOf(d, ch)];
  while (ring.count > 0) {
    const { head } = ring;
    const direction = ring.direction[head];
    if (!fits(ch, direction)) return;
    const tag = ring.tag[head];
    const nowPs = psOf(set, ch, cycle);
    const local = localLine(set, ring.line[head]);
    const place = placeOfLine(set.map, local);
    const at = bankAt(d, numberOf(d, ch), place & d.bankMask);
    const entry = accept(d, ch, local, at, place >>> set.map.bankBits, direction, cycle);
    if (entry < 0) forward(set, ch, nowPs, ring.timePs[head], tag);
    else {
      d.arrivalPs[(entry - d.entriesAt) >> ENTRY_SHIFT] = ring.timePs[head];
      d.words[entry + TAG] = tag;
      if (direction === 1 && tag !== -1) pushAnswer(set, ch, 1, nowPs, tag);
    }
    popRequest(ring);
    ch.waiting--;
  }
}

/** An answer without a command: a forwarded read's comes one memory cycle later, an accepted write's at once. */
function popAnswer(set: ChannelSet, ch: ChannelState): number {
  const ring = set.answers[numberOf(set.d, ch)];
  const { head } = ring;
  set.unloadedPs[0] = ring.direction[head] === 1 ? 0 : set.forwardPs;
  set.answerPs[0] = ring.timePs[head] + set.unloadedPs[0];
  popRequest(ring);
  ch.answers--;
  publish(set, ch);
  return ring.tag[head];
}

function finishRead(set: ChannelSet, ch: ChannelState, entry: number, cycle: number): number {
  const { d } = set;
  const answer = psOf(set, ch, cycle + set.readCycles);
  const latency = answer - d.arrivalPs[(entry - d.entriesAt) >> ENTRY_SHIFT];
  const unloaded = set.unloadedReadPs[d.words[entry + FOUND]];
  d.counters[numberOf(d, ch) * COUNTER_STRIDE + READ_LATENCY_PS] += latency;
  set.answerPs[0] = answer;
  set.unloadedPs[0] = unloaded < latency ? unloaded : latency;
  return d.words[entry + TAG];
}
