/**
 * The contract between the chip and its main memory.
 *
 * Main memory is a set of channels. The chip hands over line requests in non-decreasing time per channel and lets a channel decide only when
 * no core can act earlier, so that requests are always scheduled in time order. Times are integer picoseconds held in doubles.
 */
import type { BusTime } from './bus-time.js';
import type { ChannelSet } from './channel.js';
import type { IdealState } from './ideal.js';

export interface MainMemory {
  readonly channels: number;

  /** Channel (0-based) that holds a line. */
  channelOf(line: number): number;

  /**
   * Hands a request to a channel. There is no refusal: what does not fit the controller's queue waits in an arrival FIFO of its own in front of it.
   * @param tag returned by `step` when the read's data time is known, or, for a write, when the controller's queue has taken it. -1: no answer wanted.
   */
  enqueue(channel: number, line: number, isWrite: boolean, timePs: number, tag: number): void;

  /** Time of each channel's next decision, Infinity while it has none; read by the event loop. */
  readonly nextPs: Float64Array;

  /**
   * Takes the channel's decision that is due at `nextPs[channel]` (one command) and updates `nextPs[channel]`.
   * @returns the tag of a request that was answered by this step, or -1. `answerPs[0]` then holds the time: end of the data burst for a read.
   */
  step(channel: number): number;
  readonly answerPs: Float64Array;
  /** Beside `answerPs`: what the answered read would have taken on an idle channel in the same bank state, in ps; the rest of its time is queueing. */
  readonly unloadedPs: Float64Array;

  /** Whether the channel has requests waiting or in service (refreshes alone do not count). */
  busy(channel: number): boolean;

  /** Read latency of an idle channel with its bank closed, ps. */
  readonly idleReadPs: number;

  /** Counters since construction. */
  statistics(): MemoryStatistics;

  /** Where the time of a channel's data bus went from 0 to `untilPs`; whole picoseconds that add up to it. */
  busTime(channel: number, untilPs: number): BusTime;

  /**
   * The state that the methods work on, for who runs the functions of `channel.ts` or `ideal.ts` on it without the methods; null where something stands between
   * caller and memory that would be passed by.
   */
  readonly data: MemoryData | null;
}

/** All state of a main memory as plain data, by what it is. */
export type MemoryData =
  | { readonly kind: 'dram'; readonly set: ChannelSet }
  | { readonly kind: 'ideal'; readonly state: IdealState };

/** Counters of main memory, summed over channels. */
export interface MemoryStatistics {
  /** Lines read and written on the data bus. */
  readonly readLines: number;
  readonly writtenLines: number;
  readonly rowHits: number;
  /** Accesses that found their bank closed. */
  readonly rowEmpty: number;
  /** Accesses that found another row open. */
  readonly rowConflicts: number;
  readonly activates: number;
  readonly precharges: number;
  readonly refreshes: number;
  /** Sum over answered reads of (answer - arrival), ps. */
  readonly readLatencyPs: number;
}
