import type { DramMemorySpec } from '../spec.js';
import { type BusTime, readAccount } from './account.js';
import { createRequestRing, popRequest, pushRequest } from './arrival-queue.js';
import { accept, fits, issue } from './controller.js';
import { CHANNEL, COUNTER, ENTRY, FOUND, NEVER } from './layout.js';
import { bankOfLine, compileMapping, rowOfLine } from './mapping.js';
import type { MainMemory, MemoryStatistics } from './memory.js';
import { catchUpRefresh } from './refresh.js';
import { choose, reconsider } from './scheduler.js';
import { createDramState, REBASE_AT, rebaseChannel } from './state.js';

/** What a DRAM tells beyond the contract of main memory. */
export interface Dram extends MainMemory {
  statistics(): DramStatistics;
  /** Whether a request that arrived now would enter the controller's queue at once. */
  accepts(channel: number, isWrite: boolean): boolean;
  /** Where a channel's time went from 0 to `untilPs`. */
  busTime(channel: number, untilPs: number): BusTime;
}

export interface DramStatistics extends MemoryStatistics {
  /** Reads answered from a queued write of the same line; they use no data bus. */
  readonly forwardedReads: number;
}

const { STRIDE: CHANNEL_STRIDE, NEXT, COMMAND_FREE, HELD, REFRESH_NEXT } = CHANNEL;
const { STRIDE: ENTRY_STRIDE, LIST, TAG, FOUND: FOUND_WORD } = ENTRY;
/** Slack in rounding a time up to a memory cycle, cycles: far above the rounding of doubles, below a picosecond. */
const EDGE_SLACK = 1 / 4096;

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
  const map = compileMapping(spec.controller.mapping, spec.part);
  const d = createDramState(spec, channels);
  const { words, counters, baseCycle, tCKps } = d;
  const { nBL, nCL, nRCD, nRP } = d.timings;
  /** What waits in front of the controllers' queues, and answers that need no command: forwarded reads and accepted writes. */
  const arrivals = Array.from({ length: channels }, () => createRequestRing(64));
  const answers = Array.from({ length: channels }, () => createRequestRing(16));
  const nextPs = new Float64Array(channels).fill(Infinity);
  const answerPs = new Float64Array(1);
  const unloadedPs = new Float64Array(1);
  const unloadedCycles = new Float64Array(4);
  unloadedCycles[FOUND.HIT] = nCL + nBL;
  unloadedCycles[FOUND.EMPTY] = nRCD + nCL + nBL;
  unloadedCycles[FOUND.CONFLICT] = nRP + nRCD + nCL + nBL;

  function psOf(channel: number, cycle: number): number {
    return Math.floor((baseCycle[channel] + cycle) * tCKps);
  }

  function publish(channel: number): void {
    const ring = answers[channel];
    const next = words[channel * CHANNEL_STRIDE + NEXT];
    nextPs[channel] = ring.count > 0 ? ring.timePs[ring.head] : next === NEVER ? Infinity : psOf(channel, next);
  }

  /** Moves a channel's cycle 0 up by `cycles`, in steps that fit its integers: an idle channel may have slept for longer. */
  function rebase(channel: number, cycles: number): void {
    const c = channel * CHANNEL_STRIDE;
    for (let left = cycles; left > 0; left -= REBASE_AT) {
      const shift = Math.min(left, REBASE_AT);
      if (words[c + HELD] === 0 && words[c + REFRESH_NEXT] <= shift) catchUpRefresh(d, channel, shift);
      rebaseChannel(d, channel, shift);
    }
  }

  /** Puts a request into the controller's queue at `nowPs`, which is `cycle`. Returns its bank, or -1 if it was answered from a queued write. */
  function admit(
    channel: number,
    line: number,
    direction: number,
    arrivalPs: number,
    tag: number,
    nowPs: number,
    cycle: number,
  ): number {
    const block = Math.floor(line / interleaveLines);
    const local = (Math.floor(block / channelsPerSocket) * interleaveLines + (line - block * interleaveLines)) | 0;
    const row = rowOfLine(map, local);
    const at = accept(d, channel, local, bankOfLine(map, local), row, direction, arrivalPs, tag, cycle);
    if (at < 0) {
      counters[channel * COUNTER.STRIDE + COUNTER.FORWARDED]++;
      counters[channel * COUNTER.STRIDE + COUNTER.READ_LATENCY_PS] += nowPs + Math.ceil(tCKps) - arrivalPs;
    }
    if (at < 0 || (direction === 1 && tag !== -1)) pushRequest(answers[channel], 0, direction, nowPs, tag);
    return at;
  }

  /** An answer without a command: a forwarded read's comes one memory cycle later, an accepted write's at once. */
  function popAnswer(channel: number): number {
    const ring = answers[channel];
    const { head } = ring;
    unloadedPs[0] = ring.direction[head] === 1 ? 0 : Math.ceil(tCKps);
    answerPs[0] = ring.timePs[head] + unloadedPs[0];
    popRequest(ring);
    publish(channel);
    return ring.tag[head];
  }

  function finishRead(channel: number, entry: number, cycle: number): number {
    const answer = psOf(channel, cycle + nCL + nBL);
    const latency = answer - d.arrivalPs[(entry - d.entriesAt) / ENTRY_STRIDE];
    const unloaded = Math.floor(unloadedCycles[words[entry + FOUND_WORD]] * tCKps);
    counters[channel * COUNTER.STRIDE + COUNTER.READ_LATENCY_PS] += latency;
    answerPs[0] = answer;
    unloadedPs[0] = unloaded < latency ? unloaded : latency;
    return words[entry + TAG];
  }

  function sum(counter: number): number {
    let total = 0;
    for (let channel = 0; channel < channels; channel++) total += counters[channel * COUNTER.STRIDE + counter];
    return total;
  }

  return {
    channels,
    nextPs,
    answerPs,
    unloadedPs,
    idleReadPs: Math.floor(unloadedCycles[FOUND.EMPTY] * tCKps),
    channelOf: (line) => Math.floor(line / interleaveLines) % channelsPerSocket,

    enqueue(channel, line, isWrite, timePs, tag) {
      const direction = isWrite ? 1 : 0;
      if (arrivals[channel].count > 0 || !fits(d, channel, direction)) {
        pushRequest(arrivals[channel], line, direction, timePs, tag);
        return;
      }
      const absolute = Math.ceil(timePs / tCKps - EDGE_SLACK);
      if (absolute - baseCycle[channel] >= REBASE_AT) rebase(channel, absolute - baseCycle[channel]);
      const cycle = absolute - baseCycle[channel];
      const at = admit(channel, line, direction, timePs, tag, timePs, cycle);
      if (at >= 0) {
        const free = words[channel * CHANNEL_STRIDE + COMMAND_FREE];
        reconsider(d, channel, at, direction, cycle < free ? free : cycle);
      }
      publish(channel);
    },

    step(channel) {
      if (answers[channel].count > 0) return popAnswer(channel);
      const c = channel * CHANNEL_STRIDE;
      const cycle = words[c + NEXT];
      const done = issue(d, channel, cycle);
      const tag = done >= 0 && (words[done + LIST] & 1) === 0 ? finishRead(channel, done, cycle) : -1;
      words[c + COMMAND_FREE] = cycle + 1;
      const ring = arrivals[channel];
      while (ring.count > 0) {
        const { head } = ring;
        if (!fits(d, channel, ring.direction[head])) break;
        const nowPs = psOf(channel, cycle + 1);
        admit(channel, ring.line[head], ring.direction[head], ring.timePs[head], ring.tag[head], nowPs, cycle + 1);
        popRequest(ring);
      }
      choose(d, channel, cycle + 1);
      if (words[c + NEXT] !== NEVER && words[c + NEXT] >= REBASE_AT) rebase(channel, cycle);
      publish(channel);
      return tag;
    },

    busy: (channel) =>
      words[channel * CHANNEL_STRIDE + HELD] > 0 || arrivals[channel].count > 0 || answers[channel].count > 0,
    accepts: (channel, isWrite) => arrivals[channel].count === 0 && fits(d, channel, isWrite ? 1 : 0),
    busTime: (channel, untilPs) =>
      readAccount(d.account, channel, tCKps, untilPs, words[channel * CHANNEL_STRIDE + HELD] > 0),
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
