import { among } from '../among.js';
import type { DramMemorySpec, DramTimings } from '../spec.js';
import { type BusAccount, createBusAccount, rebaseAccount } from './account.js';
import { type ChannelState, createChannelState } from './channel-state.js';
import { type ColumnGaps, columnGaps } from './gaps.js';
import { BANK, BANK_MORE, COUNTER, ENTRY, GROUP, KEY, LONG_AGO, MASK, NEVER, RANK } from './layout.js';
import { ROW_POLICIES, type RowPolicy } from './row-policy.js';

/** All state of a DRAM's channels as plain data, with what of the spec their hot functions need. See `layout.ts` for the words. */
export interface DramState {
  readonly words: Int32Array;
  readonly channelStates: readonly ChannelState[];
  /** The first of them. */
  readonly first: ChannelState;
  readonly counters: Float64Array;
  /** Arrival time of each request entry. */
  readonly arrivalPs: Float64Array;
  /** Absolute cycle of each channel's cycle 0. */
  readonly baseCycle: Float64Array;
  readonly account: BusAccount;

  readonly channels: number;
  readonly ranks: number;
  readonly banksPerRank: number;
  /** log2 of it. */
  readonly rankShift: number;
  readonly banksPerChannel: number;
  /** One less than it. */
  readonly bankMask: number;
  readonly entriesPerChannel: number;
  /** First words of the sections. Ranks start at word 0. */
  readonly ranksAt: number;
  readonly groupsAt: number;
  readonly banksAt: number;
  readonly moreAt: number;
  /** Masks of banks, `MASK` per rank. */
  readonly masksAt: number;
  readonly entriesAt: number;

  readonly tCKps: number;
  readonly timings: DramTimings;
  readonly gaps: ColumnGaps;
  readonly policy: RowPolicy;
  readonly refresh: boolean;
  readonly ageLimit: number;

  /** Room for the requests that a channel holds while they are numbered anew; without meaning in between. */
  readonly scratch: Int32Array;
}

/** A channel's cycles are moved back before they pass this; ages beyond half of it are not told apart. */
export const REBASE_AT = 2 ** 30;

/** Fresh state: all banks closed, nothing queued, the first refresh of rank r of R due after (r + 1) / R of tREFI. */
export function createDramState(spec: DramMemorySpec, channels: number): DramState {
  const { part, controller } = spec;
  const { ranks, bankGroups, banksPerGroup, timings } = part;
  const banksPerRank = bankGroups * banksPerGroup;
  const banksPerChannel = ranks * banksPerRank;
  // A request that has opened a row leaves its queue, so that banks may hold one each beside the queues.
  const entriesPerChannel = controller.readQueueEntries + controller.writeQueueEntries + banksPerChannel;
  if (banksPerRank > 32) throw new RangeError(`a rank of ${banksPerRank} banks is not supported; at most 32`);
  const { nREFI, ...delays } = timings;
  const longest = Object.values(delays).reduce((sum, cycles) => sum + cycles, 0);
  if (longest > KEY.DELAY_LIMIT) {
    throw new RangeError(
      `the timings of ${part.name} without nREFI are ${longest} cycles in all; at most ${KEY.DELAY_LIMIT} are supported`,
    );
  }
  const aligned = (words: number): number => Math.ceil(words / 16) * 16;
  const ranksAt = 0;
  const groupsAt = aligned(channels * ranks * RANK.STRIDE);
  const banksAt = groupsAt + aligned(channels * ranks * bankGroups * GROUP.STRIDE);
  const moreAt = banksAt + channels * banksPerChannel * BANK.STRIDE;
  const masksAt = moreAt + aligned(channels * banksPerChannel * BANK_MORE.STRIDE);
  const entriesAt = masksAt + aligned(channels * ranks * MASK.STRIDE);
  const words = new Int32Array(entriesAt + channels * entriesPerChannel * ENTRY.STRIDE);

  const channelStates: ChannelState[] = [];
  for (let channel = 0; channel < channels; channel++) {
    const first = entriesAt + channel * entriesPerChannel * ENTRY.STRIDE;
    const refreshNext = controller.refresh ? Math.floor(nREFI / ranks) : NEVER;
    const lookAhead = ranks === 1 ? timings.nRCD : 0;
    channelStates.push(createChannelState(channel, controller, first, refreshNext, lookAhead));
    for (let i = 0; i < entriesPerChannel; i++) {
      words[first + i * ENTRY.STRIDE + ENTRY.NEXT] =
        i + 1 < entriesPerChannel ? first + (i + 1) * ENTRY.STRIDE : -1;
    }
  }
  for (let index = 0; index < channels * ranks; index++) {
    const at = ranksAt + index * RANK.STRIDE;
    words.fill(LONG_AGO, at, at + RANK.FOUR_ACTIVATES + 4);
    // Ranks take turns, so that one of them can always work; one rank alone refreshes first after a whole interval.
    words[at + RANK.REFRESH_DUE] = Math.floor((nREFI * ((index % ranks) + 1)) / ranks);
  }
  words.fill(LONG_AGO, groupsAt, banksAt);
  for (let index = 0; index < channels * ranks; index++) {
    const at = masksAt + index * MASK.STRIDE + MASK.BOUND;
    words.fill(LONG_AGO, at, at + MASK.BOUND);
  }
  for (let index = 0; index < channels * banksPerChannel; index++) {
    const at = banksAt + index * BANK.STRIDE;
    words.fill(-1, at, at + BANK.STRIDE);
    words.fill(LONG_AGO, at + BANK.READY, at + BANK.READY + 4);
    words.fill(-1, moreAt + index * BANK_MORE.STRIDE, moreAt + index * BANK_MORE.STRIDE + BANK_MORE.TAIL);
    words[at + BANK.GROUP_AT] = groupsAt + Math.floor(index / banksPerGroup) * GROUP.STRIDE;
    words[at + BANK.RANK_AT] = ranksAt + Math.floor(index / banksPerRank) * RANK.STRIDE;
  }

  return {
    words,
    channelStates,
    first: channelStates[0],
    counters: new Float64Array(channels * COUNTER.STRIDE),
    arrivalPs: new Float64Array(channels * entriesPerChannel),
    baseCycle: new Float64Array(channels),
    account: createBusAccount(channels),
    channels,
    ranks,
    banksPerRank,
    rankShift: Math.log2(banksPerRank),
    banksPerChannel,
    bankMask: banksPerChannel - 1,
    entriesPerChannel,
    ranksAt,
    groupsAt,
    banksAt,
    moreAt,
    masksAt,
    entriesAt,
    tCKps: part.tCKps,
    timings,
    gaps: columnGaps(timings),
    policy: ROW_POLICIES[controller.rowPolicy](controller),
    refresh: controller.refresh,
    ageLimit: Math.min(controller.ageLimitCycles, REBASE_AT / 2),
    scratch: new Int32Array(entriesPerChannel),
  };
}

/** The state of a channel: what a caller has handed on, but that in code for one channel it stands at an address that is part of the code. */
export function knownChannel(d: DramState, ch: ChannelState): ChannelState {
  return d.channels === 1 ? d.first : ch;
}

/** Number of a channel. */
export function numberOf(d: DramState, ch: ChannelState): number {
  return among(d.channels, ch.index);
}

/** Bank (numbered within its channel as by the address map) and rank as word offsets. */
export function bankAt(d: DramState, channel: number, bank: number): number {
  return d.banksAt + (channel * d.banksPerChannel + bank) * BANK.STRIDE;
}

export function rankAt(d: DramState, channel: number, rank: number): number {
  return d.ranksAt + (channel * d.ranks + rank) * RANK.STRIDE;
}

/** First bank of a rank. */
export function firstBankOf(d: DramState, rank: number): number {
  return d.banksAt + ((rank - d.ranksAt) >> RANK.SHIFT) * d.banksPerRank * BANK.STRIDE;
}

/** Moves all cycles of a channel back by `cycles`, at most `REBASE_AT`, and its base cycle up. */
export function rebaseChannel(d: DramState, ch: ChannelState, cycles: number): void {
  const { words } = d;
  const channel = numberOf(d, ch);
  ch.commandFree = movedBack(ch.commandFree, cycles);
  ch.chosenNextBound = LONG_AGO;
  if (ch.next !== NEVER) ch.next = movedBack(ch.next, cycles);
  if (ch.told !== NEVER) ch.told = movedBack(ch.told, cycles);
  ch.ageCheck = 0;
  if (d.refresh) ch.refreshNext = movedBack(ch.refreshNext, cycles);
  for (let rank = 0; rank < d.ranks; rank++) {
    const at = rankAt(d, channel, rank);
    moveBack(words, at, RANK.FOUR_ACTIVATES + 4, cycles);
    if (d.refresh) moveBack(words, at + RANK.REFRESH_DUE, 1, cycles);
    const bounds = d.masksAt + (channel * d.ranks + rank) * MASK.STRIDE + MASK.BOUND;
    for (let kind = 0; kind < MASK.BOUND; kind++) words[bounds + kind] = LONG_AGO;
  }
  for (let bank = 0; bank < d.banksPerChannel; bank++) {
    const at = bankAt(d, channel, bank);
    moveBack(words, at + BANK.READY, 4, cycles);
    // Groups are shared by banks: move each with its first bank.
    const group = words[at + BANK.GROUP_AT];
    if (bank === 0 || words[at - BANK.STRIDE + BANK.GROUP_AT] !== group)
      moveBack(words, group, GROUP.STRIDE, cycles);
  }
  const first = d.entriesAt + channel * d.entriesPerChannel * ENTRY.STRIDE;
  for (let i = 0; i < d.entriesPerChannel; i++)
    moveBack(words, first + i * ENTRY.STRIDE + ENTRY.ACCEPTED, 1, cycles);
  rebaseAccount(d.account, channel, cycles);
  d.baseCycle[channel] += cycles;
}

function moveBack(words: Int32Array, from: number, count: number, cycles: number): void {
  for (let i = from; i < from + count; i++) words[i] = movedBack(words[i], cycles);
}

/** A cycle long ago stays where it is. */
function movedBack(cycle: number, cycles: number): number {
  return Math.max(LONG_AGO, cycle - cycles);
}
