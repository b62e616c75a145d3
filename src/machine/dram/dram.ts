import type { DramMemorySpec } from '../spec.js';
import { type BusTime, createBusAccount } from './account.js';
import { createArrivalQueue } from './arrival-queue.js';
import { compileMapping } from './mapping.js';
import type { MainMemory, MemoryStatistics } from './memory.js';
import { ACTIVE, createRequestPool, HEAD, HIT, ROW_CONFLICT, ROW_EMPTY, ROW_HIT, UNDECIDED } from './requests.js';
import { ROW_POLICIES } from './row-policy.js';
import {
  ACTIVATE_READY,
  BANK_STRIDE,
  COLUMN_READY,
  columnGaps,
  createTimingState,
  GROUP_ACTIVATE_READY,
  GROUP_AT,
  OPEN_ROW,
  PRECHARGE_READY,
  RANK_ACTIVATE_READY,
  RANK_AT,
  RANK_STRIDE,
  REFRESH_DUE,
} from './timing.js';

/** What a DRAM tells beyond the contract of main memory. */
export interface Dram extends MainMemory {
  statistics(): DramStatistics;
  /** Whether a request that arrived now would enter the controller's queue at once. */
  accepts(channel: number, isWrite: boolean): boolean;
  /** Where a channel's time went up to `untilPs`. */
  busTime(channel: number, untilPs: number): BusTime;
}

export interface DramStatistics extends MemoryStatistics {
  /** Reads answered from a queued write of the same line; they use no data bus. */
  readonly forwardedReads: number;
}

/** Later than any event. */
const NEVER = 2 ** 31 - 1;
/** A channel's cycles are moved back before they pass this. */
const REBASE_AT = 2 ** 30;
/** Slack in rounding a time up to a memory cycle, cycles: far above the rounding of doubles, far below a picosecond. */
const EDGE_SLACK = 1 / 4096;

/** Words of a channel. */
const STRIDE = 16;
const COMMAND_FREE = 0;
const NEXT = 1;
const CHOSEN_KIND = 2;
const CHOSEN_BANK = 3;
const CHOSEN_ENTRY = 4;
const WRITE_MODE = 5;
/** Entries in the read and in the write queue; the word of writes follows that of reads. */
const QUEUED = 6;
/** Requests in the queues and in the banks' active slots. */
const HELD = 8;
const SEQUENCE = 9;
/** The request that has passed the age limit, or -1, and the cycle from which another may have. */
const AGED = 10;
const AGE_CHECK = 11;
const REFRESH_NEXT = 12;

/** Masks of a channel's banks with listed reads, listed writes, an active request. */
const ACTIVE_MASK = 2;
const MASKS = 3;

/** Commands a channel may choose. */
const COLUMN = 0;
const ACTIVATE = 1;
const PRECHARGE = 2;
const PRECHARGE_ALL = 3;
const REFRESH = 4;

/** Who goes first among commands that are ready: the overaged request, column commands of just opened rows, refresh, row hits, the rest; then the oldest. */
const CLASS_AGED = 0;
const CLASS_OPENED = 1;
const CLASS_REFRESH = 2;
const CLASS_HIT = 3;
const CLASS_ROW = 3;
const CLASS_NONE = 5;

/** Counters of a channel. */
const READ_LINES = 0;
const WRITTEN_LINES = 1;
/** Indexed by what the request found: `ROW_HIT` .. `ROW_CONFLICT`. */
const FOUND = 1;
const ACTIVATES = 5;
const PRECHARGES = 6;
const REFRESHES = 7;
const READ_LATENCY = 8;
const FORWARDED = 9;
const COUNTERS = 10;

/**
 * Command-level DRAM: `channels` independent channels of `spec.part`, each with FR-FCFS scheduling, separate read and write queues with drain
 * watermarks, reads forwarded from queued writes, a row policy and all-bank refresh per rank.
 *
 * `channelOf` interleaves lines over the first `spec.channelsPerSocket` channels; the channels of further sockets follow in the same order.
 * Tags are 32-bit integers.
 * @throws RangeError for a mapping that does not fit the part, or a number of channels that is not whole sockets
 */
export function createDram(spec: DramMemorySpec, channels: number): Dram {
  const { part, controller, channelsPerSocket, interleaveLines } = spec;
  if (channels < 1 || channels % channelsPerSocket !== 0) {
    throw new RangeError(`${channels} channels are not whole sockets of ${channelsPerSocket}`);
  }
  const { tCKps, timings } = part;
  const { nBL, nCL, nCWL, nRCD, nRP, nRFC, nREFI } = timings;
  const { refresh } = controller;
  const map = compileMapping(controller.mapping, part);
  const policy = ROW_POLICIES[controller.rowPolicy](controller);
  const queueEntries = [controller.readQueueEntries, controller.writeQueueEntries];
  const drainAbove = controller.writeHighWatermark * controller.writeQueueEntries;
  const drainBelow = controller.writeLowWatermark * controller.writeQueueEntries;
  const ageLimit = Math.min(controller.ageLimitCycles, REBASE_AT / 2);

  const timing = createTimingState(part, channels);
  const { banks, groups, ranks, banksPerChannel, banksPerRank } = timing;
  const rankCount = part.ranks;
  const maskWords = Math.ceil(banksPerChannel / 32);
  const pool = createRequestPool(banks, channels, queueEntries[0] + queueEntries[1] + banksPerChannel);
  const arrivals = createArrivalQueue(channels, 64);
  const answers = createArrivalQueue(channels, 16);
  const bus = createBusAccount(channels, tCKps, { read: nCL, write: nCWL, burst: nBL });
  const gaps = columnGaps(timings);

  const words = new Int32Array(channels * STRIDE);
  const masks = new Int32Array(channels * MASKS * maskWords);
  const counters = new Float64Array(channels * COUNTERS);
  /** Column commands since the activate, and cycles that tRRD and tFAW delayed it, per bank. */
  const columnsOfRow = new Int32Array(channels * banksPerChannel);
  const activateDelay = new Int32Array(channels * banksPerChannel);
  /** Absolute cycle of each channel's cycle 0. */
  const baseCycle = new Float64Array(channels);
  const nextPs = new Float64Array(channels).fill(Infinity);
  const answerPs = new Float64Array(1);
  const unloadedPs = new Float64Array(1);
  const unloadedCycles = [0, nCL + nBL, nRCD + nCL + nBL, nRP + nRCD + nCL + nBL];
  for (let channel = 0; channel < channels; channel++) {
    const c = channel * STRIDE;
    words[c + NEXT] = NEVER;
    words[c + AGED] = -1;
    words[c + REFRESH_NEXT] = refresh ? earliestRefreshDue(channel) : NEVER;
  }

  return {
    channels,
    nextPs,
    answerPs,
    unloadedPs,
    channelOf: (line) => Math.floor(line / interleaveLines) % channelsPerSocket,
    enqueue,
    step,
    statistics,
    accepts: (channel, isWrite) => arrivals.count[channel] === 0 && fits(channel * STRIDE, isWrite ? 1 : 0),
    busTime: (channel, untilPs) => bus.read(channel, untilPs, words[channel * STRIDE + HELD] > 0),
  };
}
