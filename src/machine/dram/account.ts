import type { BusTime } from './bus-time.js';
import { BANK as BANK_LAYOUT, GROUP, RANK } from './layout.js';
import type { DramState } from './state.js';

const { READY: BANK_READY, GROUP_AT, RANK_AT } = BANK_LAYOUT;
const { READY: GROUP_READY } = GROUP;
const { READY: RANK_READY } = RANK;

/*
 * The account of a channel's data bus (see `bus-time.ts`). A loss is charged when the burst that ends it is scheduled, to what held that burst's column command
 * back, so the account costs a few operations per burst and adds up exactly.
 */
const DATA = 0;
const ROW = 1;
const BANK = 2;
const TURNAROUND = 3;
const REFRESH = 4;
const IDLE = 5;
const CAUSES = 6;

/** Further words of a channel: end of the last burst, its direction and rank, cycle of the request that ended the last idle time, end of the last refresh. */
const BUS_FREE = 6;
const LAST_DIRECTION = 7;
const LAST_RANK = 8;
const WAKE = 9;
const REFRESH_END = 10;
const STRIDE = 12;

/** `STRIDE` doubles per channel: cycles by cause, then the further words. Doubles, because an idle time may exceed 32 bits of cycles. */
export type BusAccount = Float64Array;

export function createBusAccount(channels: number): BusAccount {
  const account = new Float64Array(channels * STRIDE);
  for (let channel = 0; channel < channels; channel++) account[channel * STRIDE + LAST_RANK] = -1;
  return account;
}

/** A request arrives at a channel that had none. */
export function accountWake(account: BusAccount, channel: number, cycle: number): void {
  account[channel * STRIDE + WAKE] = cycle;
}

export function accountRefresh(account: BusAccount, channel: number, endCycle: number): void {
  account[channel * STRIDE + REFRESH_END] = endCycle;
}

/**
 * A column command is about to be issued at `cycle` and puts its burst on the bus one column latency later.
 * @param bank the word offset of its bank
 * @param activateDelay cycles by which tRRD and tFAW delayed the activate that opened the row for this request, 0 for a hit
 */
export function accountBurst(
  d: DramState,
  channel: number,
  bank: number,
  direction: number,
  cycle: number,
  activateDelay: number,
): void {
  const { account, words, timings } = d;
  const at = channel * STRIDE;
  const latency = direction === 1 ? timings.nCWL : timings.nCL;
  const start = cycle + latency;
  const rank = words[bank + RANK_AT];
  const busFree = account[at + BUS_FREE];
  if (start > busFree) {
    let cursor = busFree;
    // The bus shows what happened at the command side one column latency earlier.
    const woken = Math.min(start, account[at + WAKE] + latency);
    if (woken > cursor) {
      account[at + IDLE] += woken - cursor;
      cursor = woken;
    }
    const refreshed = Math.min(start, account[at + REFRESH_END] + latency);
    if (refreshed > cursor) {
      account[at + REFRESH] += refreshed - cursor;
      cursor = refreshed;
    }
    const rest = start - cursor;
    const groupReady = words[words[bank + GROUP_AT] + GROUP_READY + direction];
    const rankReady = words[rank + RANK_READY + direction];
    const shared = groupReady > rankReady ? groupReady : rankReady;
    if (words[bank + BANK_READY + direction] >= shared || cycle > shared) {
      const held = rest < activateDelay ? rest : activateDelay;
      account[at + BANK] += held;
      account[at + ROW] += rest - held;
    } else if (
      groupReady > rankReady &&
      account[at + LAST_DIRECTION] === direction &&
      account[at + LAST_RANK] === rank
    ) {
      account[at + BANK] += rest;
    } else {
      account[at + TURNAROUND] += rest;
    }
  }
  account[at + DATA] += timings.nBL;
  account[at + BUS_FREE] = start + timings.nBL;
  account[at + LAST_DIRECTION] = direction;
  account[at + LAST_RANK] = rank;
}

/** Moves a channel's cycles back. */
export function rebaseAccount(account: BusAccount, channel: number, cycles: number): void {
  const at = channel * STRIDE;
  account[at + BUS_FREE] -= cycles;
  account[at + WAKE] -= cycles;
  account[at + REFRESH_END] -= cycles;
}

/**
 * The account from time 0 to `untilPs`, in whole picoseconds that add up to it exactly. The tail behind the last burst counts as waiting for a row
 * if `waiting`, else as idle; bursts that are scheduled beyond `untilPs` come off the data bursts.
 */
export function readAccount(
  account: BusAccount,
  channel: number,
  tCKps: number,
  untilPs: number,
  waiting: boolean,
): BusTime {
  // Rounding the running sum, not the parts, keeps the total whole.
  const parts = new Float64Array(CAUSES);
  let sum = 0;
  let edge = 0;
  for (let cause = 0; cause < CAUSES; cause++) {
    sum += account[channel * STRIDE + cause];
    const next = Math.round(sum * tCKps);
    parts[cause] = next - edge;
    edge = next;
  }
  const tail = untilPs - edge;
  parts[tail < 0 ? DATA : waiting ? ROW : IDLE] += tail;
  return {
    dataPs: parts[DATA],
    rowPs: parts[ROW],
    bankPs: parts[BANK],
    turnaroundPs: parts[TURNAROUND],
    refreshPs: parts[REFRESH],
    idlePs: parts[IDLE],
  };
}
