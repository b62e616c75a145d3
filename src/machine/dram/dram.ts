import type { DramMemorySpec } from '../spec.js';
import { type BusTime, createBusAccount } from './account.js';
import { createArrivalQueue } from './arrival-queue.js';
import {
  AGE_CHECK,
  AGED,
  CHANNEL_STRIDE,
  CHOSEN_AT,
  CHOSEN_COMMAND,
  CHOSEN_ENTRY,
  COMMAND_FREE,
  createChannelWords,
  HELD,
  NEVER,
  NEXT,
  PRECHARGE_ALL,
  QUEUED,
  REFRESH_NEXT,
  SEQUENCE,
} from './channel-state.js';
import { compileMapping } from './mapping.js';
import type { MainMemory, MemoryStatistics } from './memory.js';
import { ACTIVE, createRequestPool, HIT, ROW_CONFLICT, ROW_EMPTY, ROW_HIT, UNDECIDED } from './requests.js';
import { ROW_POLICIES } from './row-policy.js';
import { createScheduler } from './scheduler.js';
import {
  ACTIVATE,
  BANK_READY,
  BANK_STRIDE,
  createTimingState,
  GROUP_AT,
  LONG_AGO,
  OPEN_ROW,
  PRECHARGE,
  RANK_AT,
  RANK_STRIDE,
  READ,
  REFRESH_DUE,
  WRITE,
} from './timing.js';

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

/** A channel's cycles are moved back before they pass this. */
const REBASE_AT = 2 ** 30;
/** Slack in rounding a time up to a memory cycle, cycles: far above the rounding of doubles, below a picosecond. */
const EDGE_SLACK = 1 / 4096;

/** Counters of a channel; those of what requests found follow `FOUND` in the order `ROW_HIT`, `ROW_EMPTY`, `ROW_CONFLICT`. */
const READ_LINES = 0;
const WRITTEN_LINES = 1;
const FOUND = 1;
const ACTIVATES = 5;
const PRECHARGES = 6;
const REFRESHES = 7;
const READ_LATENCY = 8;
const FORWARDED = 9;
const COUNTERS = 10;

/**
 * Command-level DRAM: `channels` independent channels of `spec.part`, each with FR-FCFS scheduling, read and write queues with drain
 * watermarks, reads forwarded from queued writes, a row policy and all-bank refresh per rank. One command per memory cycle and channel.
 *
 * `channelOf` interleaves lines over `spec.channelsPerSocket` channels; the channels of further sockets follow in the same order.
 * Tags are 32-bit integers.
 * @throws RangeError for a mapping that does not fit the part, or channels that are not whole sockets
 */
export function createDram(spec: DramMemorySpec, channels: number): Dram {
  const { part, controller, channelsPerSocket, interleaveLines } = spec;
  if (channels < 1 || channels % channelsPerSocket !== 0) {
    throw new RangeError(`${channels} channels are not whole sockets of ${channelsPerSocket}`);
  }
  const { tCKps } = part;
  const { nBL, nCL, nCWL, nRCD, nRP, nRFC, nREFI } = part.timings;
  const map = compileMapping(controller.mapping, part);
  const policy = ROW_POLICIES[controller.rowPolicy](controller);
  const queueEntries = [controller.readQueueEntries, controller.writeQueueEntries];
  const ageLimit = Math.min(controller.ageLimitCycles, REBASE_AT / 2);

  const timing = createTimingState(part, channels);
  const { banks, groups, ranks, banksPerChannel, banksPerRank } = timing;
  const rankCount = part.ranks;
  const pool = createRequestPool(banks, channels, queueEntries[0] + queueEntries[1] + banksPerChannel);
  const words = createChannelWords(channels);
  const scheduler = createScheduler(part, controller, ageLimit, words, timing, pool);
  const arrivals = createArrivalQueue(channels, 64);
  const answers = createArrivalQueue(channels, 16);
  const bus = createBusAccount(channels, tCKps, { read: nCL, write: nCWL, burst: nBL });

  const counters = new Float64Array(channels * COUNTERS);
  /** Per bank: column commands since the activate, and the cycles by which tRRD and tFAW delayed the activate. */
  const columnsOfRow = new Int32Array(channels * banksPerChannel);
  const activateDelay = new Int32Array(channels * banksPerChannel);
  /** Absolute cycle of each channel's cycle 0. */
  const baseCycle = new Float64Array(channels);
  const nextPs = new Float64Array(channels).fill(Infinity);
  const answerPs = new Float64Array(1);
  const unloadedPs = new Float64Array(1);
  const unloadedCycles: number[] = [];
  unloadedCycles[ROW_HIT] = nCL + nBL;
  unloadedCycles[ROW_EMPTY] = nRCD + nCL + nBL;
  unloadedCycles[ROW_CONFLICT] = nRP + nRCD + nCL + nBL;
  if (controller.refresh) for (let channel = 0; channel < channels; channel++) updateRefreshNext(channel);

  return {
    channels,
    nextPs,
    answerPs,
    unloadedPs,
    channelOf: (line) => Math.floor(line / interleaveLines) % channelsPerSocket,
    enqueue,
    step,
    statistics,
    accepts: (channel, isWrite) => arrivals.count[channel] === 0 && fits(channel, isWrite ? 1 : 0),
    busy: (channel) =>
      words[channel * CHANNEL_STRIDE + HELD] > 0 || arrivals.count[channel] > 0 || answers.count[channel] > 0,
    idleReadPs: Math.floor(unloadedCycles[ROW_EMPTY] * tCKps),
    busTime: (channel, untilPs) => bus.read(channel, untilPs, words[channel * CHANNEL_STRIDE + HELD] > 0),
  };

  function enqueue(channel: number, line: number, isWrite: boolean, timePs: number, tag: number): void {
    const direction = isWrite ? 1 : 0;
    if (arrivals.count[channel] > 0 || !fits(channel, direction)) {
      arrivals.push(channel, line, direction, timePs, tag);
      return;
    }
    let cycle = Math.ceil(timePs / tCKps - EDGE_SLACK) - baseCycle[channel];
    if (cycle >= REBASE_AT) {
      rebase(channel, cycle);
      cycle = Math.ceil(timePs / tCKps - EDGE_SLACK) - baseCycle[channel];
    }
    const at = admit(channel, line, direction, timePs, tag, timePs, cycle);
    if (at >= 0) {
      const free = words[channel * CHANNEL_STRIDE + COMMAND_FREE];
      scheduler.reconsider(channel, at, direction, cycle < free ? free : cycle);
    }
    publish(channel);
  }

  function fits(channel: number, direction: number): boolean {
    return words[channel * CHANNEL_STRIDE + QUEUED + direction] < queueEntries[direction];
  }

  /** Puts a request into the controller's queue at `nowPs` = `cycle`. Returns its bank, or -1 if it was answered from a queued write. */
  function admit(
    channel: number,
    line: number,
    direction: number,
    arrivalPs: number,
    tag: number,
    nowPs: number,
    cycle: number,
  ): number {
    const c = channel * CHANNEL_STRIDE;
    if (words[c + HELD] === 0) {
      if (words[c + REFRESH_NEXT] <= cycle) catchUpRefresh(channel, cycle);
      bus.wake(channel, cycle);
    }
    const block = Math.floor(line / interleaveLines);
    const local = (Math.floor(block / channelsPerSocket) * interleaveLines + (line - block * interleaveLines)) | 0;
    const at = (channel * banksPerChannel + map.bankOf(local)) * BANK_STRIDE;
    if (direction === 0 && pool.findWrite(at, local) >= 0) {
      counters[channel * COUNTERS + FORWARDED]++;
      counters[channel * COUNTERS + READ_LATENCY] += nowPs + tCKps - arrivalPs;
      answers.push(channel, 0, 0, nowPs, tag);
      return -1;
    }
    const entry = pool.add(channel, at, direction, map.rowOf(local));
    pool.line[entry] = local;
    pool.tag[entry] = tag;
    pool.arrivalPs[entry] = arrivalPs;
    pool.acceptedCycle[entry] = cycle;
    pool.sequence[entry] = words[c + SEQUENCE]++;
    words[c + QUEUED + direction]++;
    words[c + HELD]++;
    scheduler.update(channel, at, direction);
    if (direction === 1 && tag !== -1) answers.push(channel, 0, 1, nowPs, tag);
    return at;
  }

  function step(channel: number): number {
    if (answers.count[channel] > 0) return popAnswer(channel);
    const c = channel * CHANNEL_STRIDE;
    const cycle = words[c + NEXT];
    const at = words[c + CHOSEN_AT];
    const entry = words[c + CHOSEN_ENTRY];
    let tag = -1;
    switch (words[c + CHOSEN_COMMAND]) {
      case READ:
      case WRITE:
        tag = issueColumn(channel, at, entry, cycle);
        break;
      case ACTIVATE:
        issueActivate(channel, at, entry, cycle);
        break;
      case PRECHARGE:
        if (pool.found[entry] === UNDECIDED) pool.found[entry] = ROW_CONFLICT;
        closeBank(channel, at, cycle);
        scheduler.updateBoth(channel, at);
        break;
      case PRECHARGE_ALL:
        closeRank(channel, at, cycle);
        break;
      default:
        issueRefresh(channel, at, cycle);
    }
    words[c + COMMAND_FREE] = cycle + 1;
    if (arrivals.count[channel] > 0) admitWaiting(channel, cycle + 1);
    scheduler.choose(channel, cycle + 1);
    if (words[c + NEXT] !== NEVER && words[c + NEXT] >= REBASE_AT) rebase(channel, cycle);
    publish(channel);
    return tag;
  }

  function publish(channel: number): void {
    if (answers.count[channel] > 0) {
      nextPs[channel] = answers.timePsAt(channel, answers.front(channel));
      return;
    }
    const next = words[channel * CHANNEL_STRIDE + NEXT];
    nextPs[channel] = next === NEVER ? Infinity : psOf(channel, next);
  }

  function psOf(channel: number, cycle: number): number {
    return Math.floor((baseCycle[channel] + cycle) * tCKps);
  }

  /** A forwarded read is answered one memory cycle later, a write at once. */
  function popAnswer(channel: number): number {
    const index = answers.front(channel);
    const tag = answers.tagAt(channel, index);
    const isWrite = answers.isWriteAt(channel, index) === 1;
    unloadedPs[0] = isWrite ? 0 : tCKps;
    answerPs[0] = Math.floor(answers.timePsAt(channel, index) + unloadedPs[0]);
    answers.pop(channel);
    publish(channel);
    return tag;
  }

  function admitWaiting(channel: number, cycle: number): void {
    while (arrivals.count[channel] > 0) {
      const index = arrivals.front(channel);
      const direction = arrivals.isWriteAt(channel, index);
      if (!fits(channel, direction)) return;
      const line = arrivals.lineAt(channel, index);
      const timePs = arrivals.timePsAt(channel, index);
      admit(channel, line, direction, timePs, arrivals.tagAt(channel, index), psOf(channel, cycle), cycle);
      arrivals.pop(channel);
    }
  }

  function issueColumn(channel: number, at: number, entry: number, cycle: number): number {
    const c = channel * CHANNEL_STRIDE;
    const k = channel * COUNTERS;
    const direction = pool.isWrite[entry];
    const bank = at / BANK_STRIDE;
    const rank = banks[at + RANK_AT];
    const group = banks[at + GROUP_AT];
    const opened = banks[at + ACTIVE] === entry;
    bus.burst(
      channel,
      cycle,
      direction,
      rank,
      banks[at + BANK_READY + direction],
      groups[group + direction],
      ranks[rank + direction],
      opened ? activateDelay[bank] : 0,
    );
    timing.column(at, direction === 1, cycle);
    if (opened) {
      banks[at + ACTIVE] = -1;
    } else {
      pool.unlink(entry);
      words[c + QUEUED + direction]--;
    }
    words[c + HELD]--;
    if (words[c + AGED] === entry) {
      words[c + AGED] = -1;
      words[c + AGE_CHECK] = 0;
    }
    const found = pool.found[entry] === UNDECIDED ? ROW_HIT : pool.found[entry];
    counters[k + FOUND + found]++;
    let tag = -1;
    if (direction === 1) {
      counters[k + WRITTEN_LINES]++;
    } else {
      counters[k + READ_LINES]++;
      const answer = psOf(channel, cycle + nCL + nBL);
      const latency = answer - pool.arrivalPs[entry];
      counters[k + READ_LATENCY] += latency;
      answerPs[0] = answer;
      unloadedPs[0] = Math.min(latency, Math.floor(unloadedCycles[found] * tCKps));
      tag = pool.tag[entry];
    }
    pool.release(channel, entry);
    const columns = ++columnsOfRow[bank];
    if (columns >= policy.columnsPerActivate || (policy.closeWhenUnwanted && banks[at + HIT] < 0 && banks[at + HIT + 1] < 0)) {
      timing.autoPrecharge(at);
      pool.rowClosed(at);
      counters[k + PRECHARGES]++;
    }
    scheduler.updateBoth(channel, at);
    return tag;
  }

  function issueActivate(channel: number, at: number, entry: number, cycle: number): void {
    const bank = at / BANK_STRIDE;
    if (pool.found[entry] === UNDECIDED) pool.found[entry] = ROW_EMPTY;
    const own = Math.max(banks[at + BANK_READY + ACTIVATE], pool.acceptedCycle[entry]);
    activateDelay[bank] = Math.max(0, cycle - own);
    columnsOfRow[bank] = 0;
    counters[channel * COUNTERS + ACTIVATES]++;
    pool.unlink(entry);
    words[channel * CHANNEL_STRIDE + QUEUED + pool.isWrite[entry]]--;
    banks[at + ACTIVE] = entry;
    timing.activate(at, pool.row[entry], cycle);
    pool.rowOpened(at);
    scheduler.updateBoth(channel, at);
  }

  function closeBank(channel: number, at: number, cycle: number): void {
    timing.precharge(at, cycle);
    pool.rowClosed(at);
    counters[channel * COUNTERS + PRECHARGES]++;
  }

  function closeRank(channel: number, rankAt: number, cycle: number): void {
    const first = (rankAt / RANK_STRIDE) * banksPerRank * BANK_STRIDE;
    for (let at = first; at < first + banksPerRank * BANK_STRIDE; at += BANK_STRIDE) {
      if (banks[at + OPEN_ROW] < 0) continue;
      closeBank(channel, at, cycle);
      scheduler.updateBoth(channel, at);
    }
  }

  function issueRefresh(channel: number, rankAt: number, cycle: number): void {
    timing.refresh(channel, rankAt / RANK_STRIDE - channel * rankCount, cycle);
    counters[channel * COUNTERS + REFRESHES]++;
    bus.refreshed(channel, cycle + nRFC);
    updateRefreshNext(channel);
  }

  function updateRefreshNext(channel: number): void {
    let next = NEVER;
    for (let rank = 0; rank < rankCount; rank++) {
      next = Math.min(next, ranks[(channel * rankCount + rank) * RANK_STRIDE + REFRESH_DUE]);
    }
    words[channel * CHANNEL_STRIDE + REFRESH_NEXT] = next;
  }

  /** Refreshes that an idle channel has done by `now`: nobody waits for them, so they are made up for when a request comes. */
  function catchUpRefresh(channel: number, now: number): void {
    for (let rank = 0; rank < rankCount; rank++) {
      const rankAt = (channel * rankCount + rank) * RANK_STRIDE;
      const first = (rankAt / RANK_STRIDE) * banksPerRank * BANK_STRIDE;
      for (;;) {
        const due = ranks[rankAt + REFRESH_DUE];
        let start = Math.max(due, words[channel * CHANNEL_STRIDE + COMMAND_FREE]);
        let open = false;
        for (let at = first; at < first + banksPerRank * BANK_STRIDE; at += BANK_STRIDE) {
          if (banks[at + OPEN_ROW] < 0) continue;
          open = true;
          start = Math.max(start, banks[at + BANK_READY + PRECHARGE]);
        }
        if (start >= now) break;
        if (open) closeRank(channel, rankAt, start);
        const cycle = Math.max(start, timing.earliestRefresh(channel, rankAt / RANK_STRIDE - channel * rankCount));
        if (cycle >= now) break;
        const skipped = Math.max(0, Math.floor((now - due) / nREFI) - 1);
        ranks[rankAt + REFRESH_DUE] += skipped * nREFI;
        counters[channel * COUNTERS + REFRESHES] += skipped;
        issueRefresh(channel, rankAt, cycle + skipped * nREFI);
      }
    }
  }

  /** Moves a channel's cycle 0 up by `cycles`, in steps that fit its integers: an idle channel may have slept for longer. */
  function rebase(channel: number, cycles: number): void {
    const c = channel * CHANNEL_STRIDE;
    for (let left = cycles; left > 0; left -= REBASE_AT) {
      const shift = Math.min(left, REBASE_AT);
      if (words[c + HELD] === 0 && words[c + REFRESH_NEXT] <= shift) catchUpRefresh(channel, shift);
      baseCycle[channel] += shift;
      timing.rebase(channel, shift);
      bus.rebase(channel, shift);
      pool.rebase(channel, shift);
      words[c + COMMAND_FREE] = Math.max(LONG_AGO, words[c + COMMAND_FREE] - shift);
      words[c + AGE_CHECK] = 0;
      if (words[c + NEXT] !== NEVER) words[c + NEXT] -= shift;
      if (controller.refresh) updateRefreshNext(channel);
    }
  }

  function statistics(): DramStatistics {
    const sum = (counter: number): number => {
      let total = 0;
      for (let channel = 0; channel < channels; channel++) total += counters[channel * COUNTERS + counter];
      return total;
    };
    return {
      readLines: sum(READ_LINES),
      writtenLines: sum(WRITTEN_LINES),
      rowHits: sum(FOUND + ROW_HIT),
      rowEmpty: sum(FOUND + ROW_EMPTY),
      rowConflicts: sum(FOUND + ROW_CONFLICT),
      activates: sum(ACTIVATES),
      precharges: sum(PRECHARGES),
      refreshes: sum(REFRESHES),
      readLatencyPs: sum(READ_LATENCY),
      forwardedReads: sum(FORWARDED),
    };
  }
}
