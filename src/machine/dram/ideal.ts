import type { IdealMemorySpec } from '../spec.js';
import { createRequestRing, popRequest, pushRequest, type RequestRing } from './arrival-queue.js';
import type { MainMemory } from './memory.js';

const LINE_BYTES = 64;

/** Words of `IdealState.counts`. */
const READ_LINES = 0;
const WRITTEN_LINES = 1;
const READ_LATENCY_PS = 2;
const COUNTS = 3;

/** All state of an ideal memory's channels as plain data (a compiled machine moves its arrays: they are to be looked up at each use); arrays have an element per channel unless said otherwise. */
export interface IdealState {
  readonly latencyPs: number;
  /** Time of one line on its channel; fractional, 0 with infinite bandwidth. */
  readonly linePs: number;
  readonly channelsPerSocket: number;
  readonly queues: readonly RequestRing[];
  readonly nextPs: Float64Array;
  /** When each channel has moved what it has been given; fractional, so that a rate is met exactly over many lines. */
  readonly freePs: Float64Array;
  /** One element each, see `MainMemory`. */
  readonly answerPs: Float64Array;
  readonly unloadedPs: Float64Array;
  /** Of all channels together: lines read, lines written, sum of the read latencies in ps. */
  readonly counts: Float64Array;
  readonly movedLines: Float64Array;
}

/** Hands a request to a channel; see `MainMemory.enqueue`. */
export function enqueueIdeal(
  m: IdealState,
  channel: number,
  line: number,
  direction: number,
  timePs: number,
  tag: number,
): void {
  const queue = m.queues[channel];
  pushRequest(queue, line, direction, timePs, tag);
  if (queue.count === 1) m.nextPs[channel] = Math.max(timePs, Math.ceil(m.freePs[channel]));
}

/** Takes the channel's next decision; see `MainMemory.step`. */
export function stepIdeal(m: IdealState, channel: number): number {
  const { latencyPs, linePs, nextPs, freePs, answerPs, unloadedPs, counts } = m;
  const queue = m.queues[channel];
  const head = queue.head;
  const timePs = queue.timePs[head];
  const endPs = Math.max(timePs, freePs[channel]) + linePs;
  freePs[channel] = endPs;
  m.movedLines[channel]++;
  if (queue.direction[head] === 1) {
    counts[WRITTEN_LINES]++;
    answerPs[0] = nextPs[channel];
    unloadedPs[0] = 0;
  } else {
    const answer = Math.ceil(endPs) + latencyPs;
    const latency = answer - timePs;
    counts[READ_LINES]++;
    counts[READ_LATENCY_PS] += latency;
    answerPs[0] = answer;
    unloadedPs[0] = Math.min(Math.floor(linePs) + latencyPs, latency);
  }
  popRequest(queue);
  if (queue.count === 0) nextPs[channel] = Infinity;
  else nextPs[channel] = Math.max(queue.timePs[queue.head], Math.ceil(endPs));
  return queue.tag[head];
}

/** Channel of its socket that holds a line. */
export function channelOfIdeal(m: IdealState, line: number): number {
  return line % m.channelsPerSocket;
}

/**
 * Ideal memory: every channel moves one line per `LINE_BYTES / (bytesPerSecond / channelsPerSocket)` and answers `latencyPs` after the line's
 * turn; no banks, no queues of bounded length. Infinite bandwidth makes every answer come after the latency alone. Lines are interleaved
 * singly over the channels of a socket.
 */
export function createIdealMemory(spec: IdealMemorySpec, channels: number): MainMemory {
  const { channelsPerSocket } = spec;
  const latencyPs = Math.round(spec.latencyPs);
  const linePs = (LINE_BYTES * 1e12 * channelsPerSocket) / spec.bytesPerSecond;
  const state: IdealState = {
    latencyPs,
    linePs,
    channelsPerSocket,
    queues: Array.from({ length: channels }, () => createRequestRing(64)),
    nextPs: new Float64Array(channels).fill(Infinity),
    freePs: new Float64Array(channels),
    answerPs: new Float64Array(1),
    unloadedPs: new Float64Array(1),
    counts: new Float64Array(COUNTS),
    movedLines: new Float64Array(channels),
  };

  return {
    channels,
    data: { kind: 'ideal', state },
    nextPs: state.nextPs,
    answerPs: state.answerPs,
    unloadedPs: state.unloadedPs,
    channelOf: (line) => channelOfIdeal(state, line),
    enqueue: (channel, line, isWrite, timePs, tag) =>
      enqueueIdeal(state, channel, line, isWrite ? 1 : 0, timePs, tag),
    step: (channel) => stepIdeal(state, channel),
    busy: (channel) => state.queues[channel].count > 0,
    idleReadPs: Math.ceil(linePs) + latencyPs,
    statistics: () => ({
      readLines: state.counts[READ_LINES],
      writtenLines: state.counts[WRITTEN_LINES],
      rowHits: 0,
      rowEmpty: 0,
      rowConflicts: 0,
      activates: 0,
      precharges: 0,
      refreshes: 0,
      readLatencyPs: state.counts[READ_LATENCY_PS],
    }),
    busTime(channel, untilPs) {
      // What is still to be moved after `untilPs` has no part in it.
      const beyondPs = Math.max(0, state.freePs[channel] - untilPs);
      const dataPs = Math.round(Math.max(0, state.movedLines[channel] * linePs - beyondPs));
      return { dataPs, rowPs: 0, bankPs: 0, turnaroundPs: 0, refreshPs: 0, idlePs: untilPs - dataPs };
    },
  };
}
