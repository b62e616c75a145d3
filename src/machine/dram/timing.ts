/**
 * What the devices' timings allow: for every bank the earliest cycle of each command, from the minimum distances that JEDEC sets between commands
 * at bank, bank group and rank, and how issuing a command moves them. Knows nothing of queues. Issuing does not check; ask `earliest` first.
 */
import { BANK as BANK_LAYOUT, COMMAND, GROUP as GROUP_LAYOUT, RANK as RANK_LAYOUT } from './layout.js';
import { type DramState, firstBankOf } from './state.js';

const { READ, WRITE, ACTIVATE, PRECHARGE } = COMMAND;
const { STRIDE: BANK_STRIDE, OPEN_ROW, READY: BANK_READY, GROUP_AT, RANK_AT } = BANK_LAYOUT;
const { READY: GROUP_READY } = GROUP_LAYOUT;
const {
  STRIDE: RANK_STRIDE,
  READY: RANK_READY,
  FOUR_ACTIVATES,
  ACTIVATE_CURSOR,
  REFRESH_DUE,
  WINDOW_BOUND,
} = RANK_LAYOUT;

/** Earliest cycle of a command to a bank (`READ` .. `PRECHARGE`). */
export function earliest(d: DramState, at: number, command: number): number {
  const { words } = d;
  let cycle = words[at + BANK_READY + command];
  const group = words[words[at + GROUP_AT] + GROUP_READY + command];
  const rank = words[words[at + RANK_AT] + RANK_READY + command];
  if (group > cycle) cycle = group;
  return rank > cycle ? rank : cycle;
}

/** Earliest precharge of all open banks of a rank, or -1 if none is open. */
export function earliestPrechargeAll(d: DramState, rank: number): number {
  const { words } = d;
  const first = firstBankOf(d, rank);
  let cycle = -1;
  for (let at = first; at < first + d.banksPerRank * BANK_STRIDE; at += BANK_STRIDE) {
    if (words[at + OPEN_ROW] >= 0) cycle = Math.max(cycle, 0, words[at + BANK_READY + PRECHARGE]);
  }
  return cycle;
}

/** Earliest refresh of a rank whose banks are all closed. */
export function earliestRefresh(d: DramState, rank: number): number {
  const { words } = d;
  const first = firstBankOf(d, rank);
  let cycle = 0;
  for (let at = first; at < first + d.banksPerRank * BANK_STRIDE; at += BANK_STRIDE) {
    cycle = Math.max(cycle, words[at + BANK_READY + ACTIVATE]);
  }
  return cycle;
}

export function activate(d: DramState, at: number, row: number, cycle: number): void {
  const { words, timings } = d;
  words[at + OPEN_ROW] = row;
  words[at + BANK_READY + READ] = cycle + timings.nRCD;
  words[at + BANK_READY + WRITE] = cycle + timings.nRCD;
  words[at + BANK_READY + ACTIVATE] = cycle + timings.nRC;
  words[at + BANK_READY + PRECHARGE] = cycle + timings.nRAS;
  words[words[at + GROUP_AT] + GROUP_READY + ACTIVATE] = cycle + timings.nRRDL;
  const rank = words[at + RANK_AT];
  const cursor = words[rank + ACTIVATE_CURSOR];
  const oldest = (cursor + 1) & 3;
  words[rank + FOUR_ACTIVATES + cursor] = cycle;
  words[rank + ACTIVATE_CURSOR] = oldest;
  const fifth = words[rank + FOUR_ACTIVATES + oldest] + timings.nFAW;
  const second = cycle + timings.nRRDS;
  words[rank + RANK_READY + ACTIVATE] = fifth > second ? fifth : second;
  words[rank + WINDOW_BOUND] = (second - fifth) >> 31;
}

/** @param direction 0 for a read, 1 for a write */
export function column(d: DramState, at: number, direction: number, cycle: number): void {
  const { words, gaps } = d;
  const group = words[at + GROUP_AT] + GROUP_READY;
  const rank = words[at + RANK_AT] + RANK_READY;
  let recovered = cycle;
  if (direction === 1) {
    recovered += gaps.writeToPrecharge;
    words[group + WRITE] = cycle + gaps.sameGroup;
    words[group + READ] = cycle + gaps.writeToReadSameGroup;
    words[rank + WRITE] = cycle + gaps.sameDirection;
    words[rank + READ] = cycle + gaps.writeToRead;
  } else {
    recovered += gaps.readToPrecharge;
    words[group + READ] = cycle + gaps.sameGroup;
    words[rank + READ] = cycle + gaps.sameDirection;
    words[rank + WRITE] = cycle + gaps.readToWrite;
  }
  if (recovered > words[at + BANK_READY + PRECHARGE]) words[at + BANK_READY + PRECHARGE] = recovered;
  if (d.ranks > 1) holdOtherRanks(d, words[at + RANK_AT], direction, cycle);
}

/** The data bus is one for all ranks of a channel: the others wait for the burst and for the turnaround between ranks. */
function holdOtherRanks(d: DramState, rank: number, direction: number, cycle: number): void {
  const { words, gaps } = d;
  const read = cycle + (direction === 1 ? gaps.writeToReadOtherRank : gaps.otherRank);
  const write = cycle + (direction === 1 ? gaps.otherRank : gaps.readToWriteOtherRank);
  const first = rank - ((rank - d.ranksAt) % (d.ranks * RANK_STRIDE));
  for (let other = first; other < first + d.ranks * RANK_STRIDE; other += RANK_STRIDE) {
    if (other === rank) continue;
    if (words[other + RANK_READY + READ] < read) words[other + RANK_READY + READ] = read;
    if (words[other + RANK_READY + WRITE] < write) words[other + RANK_READY + WRITE] = write;
  }
}

export function precharge(d: DramState, at: number, cycle: number): void {
  const { words, timings } = d;
  words[at + OPEN_ROW] = -1;
  const ready = cycle + timings.nRP;
  if (ready > words[at + BANK_READY + ACTIVATE]) words[at + BANK_READY + ACTIVATE] = ready;
}

/** The column command just issued was one with auto-precharge: the bank closes by itself as soon as it may. */
export function autoPrecharge(d: DramState, at: number): void {
  precharge(d, at, d.words[at + BANK_READY + PRECHARGE]);
}

export function refreshRank(d: DramState, rank: number, cycle: number): void {
  const { words, timings } = d;
  const first = firstBankOf(d, rank);
  for (let at = first; at < first + d.banksPerRank * BANK_STRIDE; at += BANK_STRIDE) {
    words[at + BANK_READY + ACTIVATE] = cycle + timings.nRFC;
  }
  words[rank + REFRESH_DUE] += timings.nREFI;
}
