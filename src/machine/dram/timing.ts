import type { DramPartSpec, DramTimings } from '../spec.js';

/**
 * The timing state of DRAM devices: for every bank, bank group and rank the earliest cycle of each command, as JEDEC's minimum distances
 * between commands allow. It knows nothing of queues; the scheduler asks and issues.
 *
 * State is one Int32Array per level, `STRIDE` words per instance, cycles of the memory clock relative to the owner's base.
 */

/** Commands, in the order of the words that hold their earliest cycles. A read and a write are those of the open row. */
export const READ = 0;
export const WRITE = 1;
export const ACTIVATE = 2;
export const PRECHARGE = 3;

/** Words of a bank (one 64-byte host line). Those from `OWNER_WORDS` on belong to the request queues and the scheduler. */
export const BANK_STRIDE = 16;
export const OPEN_ROW = 0;
/** First of four words: the earliest cycle of each command as far as the bank itself constrains it. */
export const BANK_READY = 1;
/** Offset of the bank's group in `groups`. */
export const GROUP_AT = 5;
/** Offset of the bank's rank in `ranks`. */
export const RANK_AT = 6;
export const OWNER_WORDS = 7;

/** Words of a bank group and of a rank: first the earliest cycle of each command as far as that level constrains it. */
export const GROUP_STRIDE = 4;
export const RANK_STRIDE = 16;
/** Rank only: the last four activates, oldest at the cursor, for tFAW. */
const FOUR_ACTIVATES = 4;
const ACTIVATE_CURSOR = 8;
/** Rank only: the cycle from which the next refresh is due. */
export const REFRESH_DUE = 9;

/** A time so far back that it constrains nothing, yet safe from overflow when a distance is added. */
export const LONG_AGO = -(2 ** 29);

/**
 * Bubble between a read burst and a following write burst of one rank, memory cycles: JESD79-4B, "Read to Write": CL - CWL + BL/2 + 1 tCK + tWPRE
 * with a write preamble of one cycle.
 */
export const READ_TO_WRITE_BUBBLE = 2;

/** Minimum distances between column commands, memory cycles, derived from the part's timings. */
export interface ColumnGaps {
  /** Read to read, write to write, other bank group of the same rank. */
  readonly sameDirection: number;
  /** Read to read, write to write, same bank group. */
  readonly sameGroup: number;
  readonly readToWrite: number;
  readonly writeToRead: number;
  readonly writeToReadSameGroup: number;
  /** Between ranks: same direction, read to write, write to read. */
  readonly otherRank: number;
  readonly readToWriteOtherRank: number;
  readonly writeToReadOtherRank: number;
  /** Read and write to precharge of the same bank. */
  readonly readToPrecharge: number;
  readonly writeToPrecharge: number;
}

/** Derives the distances between column commands (JESD79-4B, sections on read and write timing; the same form in HBM, GDDR). */
export function columnGaps(t: DramTimings): ColumnGaps {
  const sameDirection = Math.max(t.nCCDS, t.nBL);
  return {
    sameDirection,
    sameGroup: Math.max(t.nCCDL, sameDirection),
    readToWrite: t.nCL + t.nBL + READ_TO_WRITE_BUBBLE - t.nCWL,
    writeToRead: t.nCWL + t.nBL + t.nWTRS,
    writeToReadSameGroup: t.nCWL + t.nBL + t.nWTRL,
    otherRank: t.nBL + t.nRTRS,
    readToWriteOtherRank: t.nCL + t.nBL + t.nRTRS - t.nCWL,
    writeToReadOtherRank: Math.max(0, t.nCWL + t.nBL + t.nRTRS - t.nCL),
    readToPrecharge: t.nRTP,
    writeToPrecharge: t.nCWL + t.nBL + t.nWR,
  };
}

/** Banks are named by their word offset in `banks` (`bankAt`). `issue` functions do not check; `earliest` functions say from when they are legal. */
export interface DramTimingState {
  readonly banks: Int32Array;
  readonly groups: Int32Array;
  readonly ranks: Int32Array;
  readonly banksPerChannel: number;
  readonly banksPerRank: number;
  /** Word offset of a channel's bank. */
  bankAt(channel: number, bank: number): number;

  /** Earliest cycle of a command (`READ` .. `PRECHARGE`) to a bank. */
  earliest(at: number, command: number): number;
  /** Earliest refresh of a rank whose banks are all closed. */
  earliestRefresh(channel: number, rank: number): number;

  activate(at: number, row: number, cycle: number): void;
  column(at: number, isWrite: boolean, cycle: number): void;
  precharge(at: number, cycle: number): void;
  /** Read or write just issued with auto-precharge: the bank closes by itself as soon as its row has been open and recovered long enough. */
  autoPrecharge(at: number): void;
  refresh(channel: number, rank: number, cycle: number): void;
  /** Moves a channel's times back by `cycles`, so that they stay small. */
  rebase(channel: number, cycles: number): void;
}

/** The timing state of `channels` channels of a part, all banks closed, the first refresh of rank r due after (r + 1)/ranks of tREFI. */
export function createTimingState(part: DramPartSpec, channels: number): DramTimingState {
  const { nRCD, nRP, nRAS, nRC, nRRDS, nRRDL, nFAW, nRFC, nREFI } = part.timings;
  const gaps = columnGaps(part.timings);
  const { ranks: rankCount, bankGroups, banksPerGroup } = part;
  const banksPerRank = bankGroups * banksPerGroup;
  const banksPerChannel = rankCount * banksPerRank;
  const groupsPerChannel = rankCount * bankGroups;
  const banks = new Int32Array(channels * banksPerChannel * BANK_STRIDE);
  const groups = new Int32Array(channels * groupsPerChannel * GROUP_STRIDE);
  const ranks = new Int32Array(channels * rankCount * RANK_STRIDE);

  for (let index = 0; index < channels * banksPerChannel; index++) {
    const at = index * BANK_STRIDE;
    banks[at + OPEN_ROW] = -1;
    banks[at + GROUP_AT] = Math.floor(index / banksPerGroup) * GROUP_STRIDE;
    banks[at + RANK_AT] = Math.floor(index / banksPerRank) * RANK_STRIDE;
  }
  for (let index = 0; index < channels * rankCount; index++) {
    const at = index * RANK_STRIDE;
    ranks.fill(LONG_AGO, at + FOUR_ACTIVATES, at + FOUR_ACTIVATES + 4);
    // Ranks take turns, so that one of them can always work; one rank alone refreshes first after a whole interval.
    ranks[at + REFRESH_DUE] = Math.floor((nREFI * ((index % rankCount) + 1)) / rankCount);
  }

  function atLeast(words: Int32Array, index: number, cycle: number): void {
    if (words[index] < cycle) words[index] = cycle;
  }

  return {
    banks,
    groups,
    ranks,
    banksPerChannel,
    banksPerRank,
    bankAt: (channel, bank) => (channel * banksPerChannel + bank) * BANK_STRIDE,

    earliest(at, command) {
      return Math.max(
        banks[at + BANK_READY + command],
        groups[banks[at + GROUP_AT] + command],
        ranks[banks[at + RANK_AT] + command],
      );
    },
    earliestRefresh(channel, rank) {
      let cycle = LONG_AGO;
      const first = (channel * banksPerChannel + rank * banksPerRank) * BANK_STRIDE;
      for (let i = 0; i < banksPerRank; i++) cycle = Math.max(cycle, banks[first + i * BANK_STRIDE + BANK_READY + ACTIVATE]);
      return cycle;
    },

    activate(at, row, cycle) {
      banks[at + OPEN_ROW] = row;
      banks[at + BANK_READY + READ] = cycle + nRCD;
      banks[at + BANK_READY + WRITE] = cycle + nRCD;
      banks[at + BANK_READY + ACTIVATE] = cycle + nRC;
      banks[at + BANK_READY + PRECHARGE] = cycle + nRAS;
      groups[banks[at + GROUP_AT] + ACTIVATE] = cycle + nRRDL;
      const rank = banks[at + RANK_AT];
      const cursor = ranks[rank + ACTIVATE_CURSOR];
      ranks[rank + FOUR_ACTIVATES + cursor] = cycle;
      const next = (cursor + 1) & 3;
      ranks[rank + ACTIVATE_CURSOR] = next;
      const fifth = ranks[rank + FOUR_ACTIVATES + next] + nFAW;
      const second = cycle + nRRDS;
      ranks[rank + ACTIVATE] = fifth > second ? fifth : second;
    },

    column(at, isWrite, cycle) {
      const group = banks[at + GROUP_AT];
      const rank = banks[at + RANK_AT];
      if (isWrite) {
        atLeast(banks, at + BANK_READY + PRECHARGE, cycle + gaps.writeToPrecharge);
        groups[group + WRITE] = cycle + gaps.sameGroup;
        groups[group + READ] = cycle + gaps.writeToReadSameGroup;
        ranks[rank + WRITE] = cycle + gaps.sameDirection;
        ranks[rank + READ] = cycle + gaps.writeToRead;
      } else {
        atLeast(banks, at + BANK_READY + PRECHARGE, cycle + gaps.readToPrecharge);
        groups[group + READ] = cycle + gaps.sameGroup;
        ranks[rank + READ] = cycle + gaps.sameDirection;
        ranks[rank + WRITE] = cycle + gaps.readToWrite;
      }
      if (rankCount > 1) spread(rank, isWrite, cycle);
    },

    precharge(at, cycle) {
      banks[at + OPEN_ROW] = -1;
      atLeast(banks, at + BANK_READY + ACTIVATE, cycle + nRP);
    },
    autoPrecharge(at) {
      banks[at + OPEN_ROW] = -1;
      atLeast(banks, at + BANK_READY + ACTIVATE, banks[at + BANK_READY + PRECHARGE] + nRP);
    },

    refresh(channel, rank, cycle) {
      const first = (channel * banksPerChannel + rank * banksPerRank) * BANK_STRIDE;
      for (let i = 0; i < banksPerRank; i++) banks[first + i * BANK_STRIDE + BANK_READY + ACTIVATE] = cycle + nRFC;
      ranks[(channel * rankCount + rank) * RANK_STRIDE + REFRESH_DUE] += nREFI;
    },

    rebase(channel, cycles) {
      const shift = (words: Int32Array, from: number, count: number): void => {
        for (let i = from; i < from + count; i++) words[i] = Math.max(LONG_AGO, words[i] - cycles);
      };
      for (let bank = 0; bank < banksPerChannel; bank++) {
        shift(banks, (channel * banksPerChannel + bank) * BANK_STRIDE + BANK_READY, 4);
      }
      for (let group = 0; group < groupsPerChannel; group++) shift(groups, (channel * groupsPerChannel + group) * GROUP_STRIDE, GROUP_STRIDE);
      for (let rank = 0; rank < rankCount; rank++) {
        const at = (channel * rankCount + rank) * RANK_STRIDE;
        shift(ranks, at, ACTIVATE_CURSOR);
        shift(ranks, at + REFRESH_DUE, 1);
      }
    },
  };

  /** The data bus is one for all ranks of a channel: the others wait for the burst and the turnaround between ranks. */
  function spread(rank: number, isWrite: boolean, cycle: number): void {
    const first = rank - (rank % (rankCount * RANK_STRIDE));
    for (let at = first; at < first + rankCount * RANK_STRIDE; at += RANK_STRIDE) {
      if (at === rank) continue;
      atLeast(ranks, at + READ, cycle + (isWrite ? gaps.writeToReadOtherRank : gaps.otherRank));
      atLeast(ranks, at + WRITE, cycle + (isWrite ? gaps.otherRank : gaps.readToWriteOtherRank));
    }
  }
}
