/** A channel as memory sees it: picoseconds outside, memory cycles inside; what waits in front of the queues; answers. */
import { popRequest, pushRequest, type RequestRing } from './arrival-queue.js';
import { accept, fits, issue } from './controller.js';
import { CHANNEL, COUNTER, ENTRY, NEVER } from './layout.js';
import { type AddressMap, placeOfLine } from './mapping.js';
import { catchUpRefresh } from './refresh.js';
import { choose, nextToTell, reconsider } from './scheduler.js';
import { bankAt, type DramState, REBASE_AT, rebaseChannel } from './state.js';

const {
  STRIDE: CHANNEL_STRIDE,
  NEXT,
  TOLD,
  WAITING,
  ANSWERS,
  QUEUED,
  CAPACITY,
  COMMAND_FREE,
  HELD,
  REFRESH_NEXT,
} = CHANNEL;
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
  const c = channel * CHANNEL_STRIDE;
  if (words[c + WAITING] > 0 || words[c + direction + QUEUED] >= words[c + direction + CAPACITY]) {
    pushRequest(set.arrivals[channel], line, direction, timePs, tag);
    words[c + WAITING]++;
    return;
  }
  if (words[c + NEXT] < words[c + TOLD]) catchUp(set, channel, timePs);
  const absolute = Math.ceil(timePs * set.perTCK - EDGE_SLACK);
  if (absolute - d.baseCycle[channel] >= REBASE_CYCLE) rebase(d, channel, absolute - d.baseCycle[channel]);
  const cycle = (absolute - d.baseCycle[channel]) | 0;
  const local = localLine(set, line);
  const place = placeOfLine(set.map, local);
  const at = bankAt(d, channel, place & d.bankMask);
  const entry = accept(d, channel, local, at, place >>> set.map.bankBits, direction, cycle);
  if (entry < 0) {
    forward(set, channel, timePs, timePs, tag);
    publish(set, channel);
    return;
  }
  d.arrivalPs[(entry - d.entriesAt) >> ENTRY_SHIFT] = timePs;
  words[entry + TAG] = tag;
  const free = words[c + COMMAND_FREE];
  const changed = reconsider(d, channel, at, direction, entry, cycle < free ? free : cycle);
  if (direction === 1 && tag !== -1) pushAnswer(set, channel, 1, timePs, tag);
  else if (!changed && words[c + NEXT] === words[c + TOLD]) return;
  publish(set, channel);
}

/** Takes the channel's next decision; see `MainMemory.step`. */
export function stepChannel(set: ChannelSet, channel: number): number {
  const { d } = set;
  const { words } = d;
  const c = channel * CHANNEL_STRIDE;
  if (words[c + ANSWERS] > 0) return popAnswer(set, channel);
  const told = words[c + TOLD];
  let tag = -1;
  do {
    const cycle = words[c + NEXT];
    const done = issue(d, channel, cycle);
    if (done >= 0 && (words[done + LIST] & 1) === 0) tag = finishRead(set, channel, done, cycle);
    words[c + COMMAND_FREE] = cycle + 1;
    if (words[c + WAITING] > 0) admitWaiting(set, channel, cycle + 1);
    choose(d, channel, cycle + 1);
    if (words[c + NEXT] >= REBASE_CYCLE) {
      if (words[c + NEXT] !== NEVER_CYCLE) rebase(d, channel, cycle);
      break;
    }
  } while (tag < 0 && words[c + NEXT] <= told);
  publish(set, channel);
  return tag;
}

/** Issues the commands before `timePs` that the channel has not told of: none of them answers a request. */
function catchUp(set: ChannelSet, channel: number, timePs: number): void {
  const { d } = set;
  const { words } = d;
  const c = channel * CHANNEL_STRIDE;
  while (words[c + NEXT] < words[c + TOLD] && psOf(set, channel, words[c + NEXT]) < timePs) {
    const cycle = words[c + NEXT];
    issue(d, channel, cycle);
    words[c + COMMAND_FREE] = cycle + 1;
    choose(d, channel, cycle + 1);
  }
}

function psOf(set: ChannelSet, channel: number, cycle: number): number {
  return Math.floor((set.d.baseCycle[channel] + cycle) * set.tCKps);
}

/** Tells the time of the channel's next decision. */
function publish(set: ChannelSet, channel: number): void {
  const { words } = set.d;
  const c = channel * CHANNEL_STRIDE;
  const told = nextToTell(set.d, channel);
  words[c + TOLD] = told;
  if (words[c + ANSWERS] > 0) {
    const ring = set.answers[channel];
    set.nextPs[channel] = ring.timePs[ring.head];
  } else if (told === NEVER_CYCLE) set.nextPs[channel] = Infinity;
  else set.nextPs[channel] = psOf(set, channel, told);
}

/** Moves a channel's cycle 0 up by `cycles`, in steps that fit its integers: an idle channel may have slept for longer. */
function rebase(d: DramState, channel: number, cycles: number): void {
  const c = channel * CHANNEL_STRIDE;
  for (let left = cycles; left > 0; left -= REBASE_CYCLE) {
    const shift = Math.min(left, REBASE_CYCLE);
    if (d.words[c + HELD] === 0 && d.words[c + REFRESH_NEXT] <= shift) catchUpRefresh(d, channel, shift);
    rebaseChannel(d, channel, shift);
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
function forward(set: ChannelSet, channel: number, nowPs: number, arrivalPs: number, tag: number): void {
  const { counters } = set.d;
  counters[channel * COUNTER_STRIDE + FORWARDED]++;
  counters[channel * COUNTER_STRIDE + READ_LATENCY_PS] += nowPs + set.forwardPs - arrivalPs;
  pushAnswer(set, channel, 0, nowPs, tag);
}

function pushAnswer(set: ChannelSet, channel: number, direction: number, nowPs: number, tag: number): void {
  pushRequest(set.answers[channel], 0, direction, nowPs, tag);
  set.d.words[channel * CHANNEL_STRIDE + ANSWERS]++;
}

/** Lets what waits in front of the queues in, in order, as far as it fits. */
function admitWaiting(set: ChannelSet, channel: number, cycle: number): void {
  const { d } = set;
  const ring = set.arrivals[channel];
  while (ring.count > 0) {
    const { head } = ring;
    const direction = ring.direction[head];
    if (!fits(d, channel, direction)) return;
    const tag = ring.tag[head];
    const nowPs = psOf(set, channel, cycle);
    const local = localLine(set, ring.line[head]);
    const place = placeOfLine(set.map, local);
    const at = bankAt(d, channel, place & d.bankMask);
    const entry = accept(d, channel, local, at, place >>> set.map.bankBits, direction, cycle);
    if (entry < 0) forward(set, channel, nowPs, ring.timePs[head], tag);
    else {
      d.arrivalPs[(entry - d.entriesAt) >> ENTRY_SHIFT] = ring.timePs[head];
      d.words[entry + TAG] = tag;
      if (direction === 1 && tag !== -1) pushAnswer(set, channel, 1, nowPs, tag);
    }
    popRequest(ring);
    d.words[channel * CHANNEL_STRIDE + WAITING]--;
  }
}

/** An answer without a command: a forwarded read's comes one memory cycle later, an accepted write's at once. */
function popAnswer(set: ChannelSet, channel: number): number {
  const ring = set.answers[channel];
  const { head } = ring;
  set.unloadedPs[0] = ring.direction[head] === 1 ? 0 : set.forwardPs;
  set.answerPs[0] = ring.timePs[head] + set.unloadedPs[0];
  popRequest(ring);
  set.d.words[channel * CHANNEL_STRIDE + ANSWERS]--;
  publish(set, channel);
  return ring.tag[head];
}

function finishRead(set: ChannelSet, channel: number, entry: number, cycle: number): number {
  const { d } = set;
  const answer = psOf(set, channel, cycle + set.readCycles);
  const latency = answer - d.arrivalPs[(entry - d.entriesAt) >> ENTRY_SHIFT];
  const unloaded = set.unloadedReadPs[d.words[entry + FOUND]];
  d.counters[channel * COUNTER_STRIDE + READ_LATENCY_PS] += latency;
  set.answerPs[0] = answer;
  set.unloadedPs[0] = unloaded < latency ? unloaded : latency;
  return d.words[entry + TAG];
}
