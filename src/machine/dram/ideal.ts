import type { IdealMemorySpec } from '../spec.js';
import { createRequestRing, popRequest, pushRequest } from './arrival-queue.js';
import type { MainMemory } from './memory.js';

const LINE_BYTES = 64;

/**
 * Ideal memory: every channel moves one line per `LINE_BYTES / (bytesPerSecond / channelsPerSocket)` and answers `latencyPs` after the line's
 * turn; no banks, no queues of bounded length. Infinite bandwidth makes every answer come after the latency alone. Lines are interleaved
 * singly over the channels of a socket.
 */
export function createIdealMemory(spec: IdealMemorySpec, channels: number): MainMemory {
  const { channelsPerSocket } = spec;
  const latencyPs = Math.round(spec.latencyPs);
  const linePs = (LINE_BYTES * 1e12 * channelsPerSocket) / spec.bytesPerSecond;
  const queues = Array.from({ length: channels }, () => createRequestRing(64));
  const nextPs = new Float64Array(channels).fill(Infinity);
  /** When each channel has moved what it has been given; fractional, so that a rate is met exactly over many lines. */
  const freePs = new Float64Array(channels);
  const answerPs = new Float64Array(1);
  const unloadedPs = new Float64Array(1);
  let readLines = 0;
  let writtenLines = 0;
  let readLatencyPs = 0;
  const movedLines = new Float64Array(channels);

  return {
    channels,
    nextPs,
    answerPs,
    unloadedPs,
    channelOf: (line) => line % channelsPerSocket,
    enqueue(channel, line, isWrite, timePs, tag) {
      const queue = queues[channel];
      pushRequest(queue, line, isWrite ? 1 : 0, timePs, tag);
      if (queue.count === 1) nextPs[channel] = Math.max(timePs, Math.ceil(freePs[channel]));
    },
    step(channel) {
      const queue = queues[channel];
      const { head } = queue;
      const timePs = queue.timePs[head];
      const start = Math.max(timePs, freePs[channel]);
      freePs[channel] = start + linePs;
      movedLines[channel]++;
      if (queue.direction[head] === 1) {
        writtenLines++;
        answerPs[0] = nextPs[channel];
        unloadedPs[0] = 0;
      } else {
        readLines++;
        answerPs[0] = Math.ceil(start + linePs) + latencyPs;
        unloadedPs[0] = Math.min(Math.floor(linePs) + latencyPs, answerPs[0] - timePs);
        readLatencyPs += answerPs[0] - timePs;
      }
      popRequest(queue);
      nextPs[channel] =
        queue.count === 0 ? Infinity : Math.max(queue.timePs[queue.head], Math.ceil(freePs[channel]));
      return queue.tag[head];
    },
    busy: (channel) => queues[channel].count > 0,
    idleReadPs: Math.ceil(linePs) + latencyPs,
    statistics: () => ({
      readLines,
      writtenLines,
      rowHits: 0,
      rowEmpty: 0,
      rowConflicts: 0,
      activates: 0,
      precharges: 0,
      refreshes: 0,
      readLatencyPs,
    }),
    busTime(channel, untilPs) {
      // What is still to be moved after `untilPs` has no part in it.
      const beyondPs = Math.max(0, freePs[channel] - untilPs);
      const dataPs = Math.round(Math.max(0, movedLines[channel] * linePs - beyondPs));
      return { dataPs, rowPs: 0, bankPs: 0, turnaroundPs: 0, refreshPs: 0, idlePs: untilPs - dataPs };
    },
  };
}
