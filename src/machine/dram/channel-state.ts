import type { DramControllerSpec } from '../spec.js';
import { NEVER } from './layout.js';

/**
 * What a channel's controller knows beside its ranks, banks and requests. An object with a field for each word instead of words in the array: a field is one load where
 * an element of an array at a computed index is seven instructions, and every command looks at dozens of these. Cycles are memory cycles relative to the
 * channel's base cycle; all fields hold 32-bit integers.
 */
export interface ChannelState {
  readonly index: number;
  /** First cycle at which the command bus is free. */
  commandFree: number;
  /** Cycle of the chosen command, or `NEVER`. */
  next: number;
  chosenCommand: number;
  /** Bank of the chosen command; rank for commands to a whole rank. */
  chosenAt: number;
  chosenEntry: number;
  /** Priority class of the chosen command. */
  chosenClass: number;
  /** Word of the bound of the chosen command's kind in its rank, and what it becomes once the command is issued: the earliest cycle of the kind's other offers. */
  chosenBoundAt: number;
  chosenNextBound: number;
  /** What a look at the offers of one kind has found beside the best key: its bank, and the second best key. */
  scanAt: number;
  scanSecond: number;
  /** 0: reads are served, 1: writes are drained. */
  writeMode: number;
  /** Entries in the queues. */
  queuedReads: number;
  queuedWrites: number;
  /** Requests in the queues and in the banks' active slots. */
  held: number;
  /** Sequence number of the next request. */
  sequence: number;
  /** The request that has passed the age limit, or -1. */
  aged: number;
  /** The cycle from which a request may have passed it. */
  ageCheck: number;
  /** Earliest refresh due of the channel's ranks. */
  refreshNext: number;
  /** First free request entry, or -1. */
  free: number;
  /** Cycle of the next decision that is told to the outside: no command before it answers a request. */
  told: number;
  /** Requests in front of the queues, and answers that wait to be fetched. */
  waiting: number;
  answers: number;
  readonly readCapacity: number;
  readonly writeCapacity: number;
  /** A drain starts when more writes than this are queued, and stops when fewer than the other are. */
  readonly drainAbove: number;
  readonly drainBelow: number;
  /** Cycles from an activate to its column command; 0 where several ranks make what comes next too uncertain to tell of it later. */
  readonly lookAhead: number;
}

/** An idle channel whose first refresh is due at `refreshNext`, with its free entries from `free` on. */
export function createChannelState(
  index: number,
  controller: DramControllerSpec,
  free: number,
  refreshNext: number,
  lookAhead: number,
): ChannelState {
  const { readQueueEntries, writeQueueEntries, writeHighWatermark, writeLowWatermark } = controller;
  return {
    index,
    commandFree: 0,
    next: NEVER,
    chosenCommand: 0,
    chosenAt: 0,
    chosenEntry: 0,
    chosenClass: 0,
    chosenBoundAt: -1,
    chosenNextBound: 0,
    scanAt: 0,
    scanSecond: 0,
    writeMode: 0,
    queuedReads: 0,
    queuedWrites: 0,
    held: 0,
    sequence: 0,
    aged: -1,
    ageCheck: 0,
    refreshNext,
    free,
    told: NEVER,
    waiting: 0,
    answers: 0,
    readCapacity: readQueueEntries,
    writeCapacity: writeQueueEntries,
    drainAbove: Math.floor(writeHighWatermark * writeQueueEntries),
    drainBelow: Math.ceil(writeLowWatermark * writeQueueEntries),
    lookAhead,
  };
}

/** Requests queued of a direction. */
export function queuedOf(ch: ChannelState, direction: number): number {
  return direction === 0 ? ch.queuedReads : ch.queuedWrites;
}

/** Requests that the queue of a direction can hold. */
export function capacityOf(ch: ChannelState, direction: number): number {
  return direction === 0 ? ch.readCapacity : ch.writeCapacity;
}

/** One request more (1) or less (-1) in the queue of a direction. */
export function countQueued(ch: ChannelState, direction: number, change: number): void {
  if (direction === 0) ch.queuedReads += change;
  else ch.queuedWrites += change;
}
