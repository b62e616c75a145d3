/** All-bank refresh of ranks, and the refreshes that an idle channel has done meanwhile. */
import { accountRefresh } from './account.js';
import type { ChannelState } from './channel-state.js';
import { BANK, COUNTER, NEVER, RANK } from './layout.js';
import { updateOffers } from './offers.js';
import { forgetHits } from './requests.js';
import { type DramState, firstBankOf, numberOf, rankAt } from './state.js';
import { earliestPrechargeAll, earliestRefresh, precharge, refreshRank } from './timing.js';

const { STRIDE: BANK_STRIDE, OPEN_ROW } = BANK;
const { STRIDE: COUNTER_STRIDE, PRECHARGES, REFRESHES } = COUNTER;
const { REFRESH_DUE } = RANK;

/** Closes all open banks of a rank. */
export function closeRank(d: DramState, ch: ChannelState, rank: number, cycle: number): void {
  const first = firstBankOf(d, rank);
  for (let at = first; at < first + d.banksPerRank * BANK_STRIDE; at += BANK_STRIDE) {
    if (d.words[at + OPEN_ROW] < 0) continue;
    closeBank(d, ch, at, cycle);
  }
}

/** Closes one bank, by a precharge command issued at `cycle`. */
export function closeBank(d: DramState, ch: ChannelState, at: number, cycle: number): void {
  precharge(d, at, cycle);
  forgetHits(d, at);
  updateOffers(d, ch, at);
  d.counters[numberOf(d, ch) * COUNTER_STRIDE + PRECHARGES]++;
}

/** Refreshes a rank whose banks are closed. */
export function refresh(d: DramState, ch: ChannelState, rank: number, cycle: number): void {
  refreshRank(d, rank, cycle);
  d.counters[numberOf(d, ch) * COUNTER_STRIDE + REFRESHES]++;
  accountRefresh(d.account, numberOf(d, ch), cycle + d.timings.nRFC);
  let next = NEVER;
  for (let i = 0; i < d.ranks; i++)
    next = Math.min(next, d.words[rankAt(d, numberOf(d, ch), i) + REFRESH_DUE]);
  ch.refreshNext = next;
}

/**
 * Does the refreshes that fell due by `now` while a channel had no requests. Nobody waited for them, so they cost no events: they are made
 * up for when the next request comes. One that would begin at `now` or later is left to the scheduler.
 */
export function catchUpRefresh(d: DramState, ch: ChannelState, now: number): void {
  const { words } = d;
  const { nREFI } = d.timings;
  const commandFree = ch.commandFree;
  for (let i = 0; i < d.ranks; i++) {
    const rank = rankAt(d, numberOf(d, ch), i);
    for (;;) {
      const due = words[rank + REFRESH_DUE];
      const start = Math.max(due, commandFree, earliestPrechargeAll(d, rank));
      if (start >= now) break;
      closeRank(d, ch, rank, start);
      const cycle = Math.max(start, earliestRefresh(d, rank));
      if (cycle >= now) break;
      const skipped = Math.max(0, (((now - due) / nREFI) | 0) - 1);
      words[rank + REFRESH_DUE] += skipped * nREFI;
      d.counters[numberOf(d, ch) * COUNTER_STRIDE + REFRESHES] += skipped;
      refresh(d, ch, rank, cycle + skipped * nREFI);
    }
  }
}
