import type { DramMemorySpec } from '../spec.js';
import { readAccount } from './account.js';
import { createRequestRing } from './arrival-queue.js';
import { acceptsRequest, type ChannelSet, channelOfLine, enqueueRequest, stepChannel } from './channel.js';
import { offerRequests, type RequestFeed } from './feed.js';
import { COUNTER, FOUND } from './layout.js';
import { compileMapping } from './mapping.js';
import type { MainMemory, MemoryStatistics } from './memory.js';
import { createDramState } from './state.js';

/** What a DRAM tells beyond the contract of main memory. */
export interface Dram extends MainMemory {
  statistics(): DramStatistics;
  /** Whether a request that arrived now would enter the controller's queue at once. */
  accepts(channel: number, isWrite: boolean): boolean;
  /** Offers a batch of requests to channel 0; see `offerRequests`. */
  offer(feed: RequestFeed, first: number, end: number, tag: number): number;
}

export interface DramStatistics extends MemoryStatistics {
  /** Reads answered from a queued write of the same line; they use no data bus. */
  readonly forwardedReads: number;
}

/**
 * Command-level DRAM: `channels` independent channels of `spec.part`, each with FR-FCFS scheduling, read and write queues with drain
 * watermarks, reads forwarded from queued writes, a row policy and all-bank refresh per rank. One command per memory cycle and channel.
 *
 * `channelOf` interleaves lines over `spec.channelsPerSocket` channels; the channels of further sockets follow in the same order.
 * Tags are 32-bit integers.
 * @throws RangeError for a mapping that does not fit the part, or channels that are not whole sockets
 */
export function createDram(spec: DramMemorySpec, channels: number): Dram {
  const { channelsPerSocket, interleaveLines } = spec;
  if (channels < 1 || channels % channelsPerSocket !== 0) {
    throw new RangeError(`${channels} channels are not whole sockets of ${channelsPerSocket}`);
  }
  const d = createDramState(spec, channels);
  const { nBL, nCL, nRCD, nRP } = d.timings;
  const idleReadPs = (cycles: number): number => Math.floor(cycles * d.tCKps);
  const unloadedReadPs = new Float64Array(4);
  unloadedReadPs[FOUND.HIT] = idleReadPs(nCL + nBL);
  unloadedReadPs[FOUND.EMPTY] = idleReadPs(nRCD + nCL + nBL);
  unloadedReadPs[FOUND.CONFLICT] = idleReadPs(nRP + nRCD + nCL + nBL);
  const set: ChannelSet = {
    d,
    map: compileMapping(spec.controller.mapping, spec.part),
    interleaveLines,
    channelsPerSocket,
    perInterleave: 1 / interleaveLines,
    perChannels: 1 / channelsPerSocket,
    perTCK: 1 / d.tCKps,
    tCKps: d.tCKps,
    readCycles: nCL + nBL,
    unloadedReadPs,
    forwardPs: Math.ceil(d.tCKps),
    arrivals: Array.from({ length: channels }, () => createRequestRing(64)),
    answers: Array.from({ length: channels }, () => createRequestRing(16)),
    nextPs: new Float64Array(channels).fill(Infinity),
    answerPs: new Float64Array(1),
    unloadedPs: new Float64Array(1),
  };

  function sum(counter: number): number {
    let total = 0;
    for (let channel = 0; channel < channels; channel++)
      total += d.counters[channel * COUNTER.STRIDE + counter];
    return total;
  }

  const held = (channel: number): boolean => d.channelStates[channel].held > 0;

  return {
    channels,
    data: { kind: 'dram', set },
    nextPs: set.nextPs,
    answerPs: set.answerPs,
    unloadedPs: set.unloadedPs,
    idleReadPs: unloadedReadPs[FOUND.EMPTY],
    channelOf: (line) => channelOfLine(set, line),
    enqueue: (channel, line, isWrite, timePs, tag) =>
      enqueueRequest(set, channel, line, isWrite ? 1 : 0, timePs, tag),
    step: (channel) => stepChannel(set, channel),
    busy: (channel) => held(channel) || set.arrivals[channel].count > 0 || set.answers[channel].count > 0,
    accepts: (channel, isWrite) => acceptsRequest(set, channel, isWrite ? 1 : 0),
    offer: (feed, first, end, tag) => offerRequests(set, feed, first, end, tag),
    busTime: (channel, untilPs) => readAccount(d.account, channel, d.tCKps, untilPs, held(channel)),
    statistics: () => ({
      readLines: sum(COUNTER.READ_LINES),
      writtenLines: sum(COUNTER.WRITTEN_LINES),
      rowHits: sum(COUNTER.FOUND_BASE + FOUND.HIT),
      rowEmpty: sum(COUNTER.FOUND_BASE + FOUND.EMPTY),
      rowConflicts: sum(COUNTER.FOUND_BASE + FOUND.CONFLICT),
      activates: sum(COUNTER.ACTIVATES),
      precharges: sum(COUNTER.PRECHARGES),
      refreshes: sum(COUNTER.REFRESHES),
      readLatencyPs: sum(COUNTER.READ_LATENCY_PS),
      forwardedReads: sum(COUNTER.FORWARDED),
    }),
  };
}
