/**
 * FR-FCFS. A bank whose row has just been opened for a request offers that request's column command. Any other bank offers the column command of
 * its oldest row hit, else what its oldest request needs next. Of all offers the first to be ready is chosen; of those ready together the oldest
 * request's. A row is closed only when nothing queued wants it or a request is overaged.
 */
import { BANK, CHANNEL, COMMAND, ENTRY, GROUP, MASK, NEVER, RANK } from './layout.js';
import { type DramState, firstBankOf, rankAt } from './state.js';
import { earliest, earliestPrechargeAll, earliestRefresh } from './timing.js';

const { ACTIVATE, PRECHARGE, PRECHARGE_ALL, REFRESH } = COMMAND;
const { STRIDE: CHANNEL_STRIDE, NEXT, CHOSEN_COMMAND, CHOSEN_AT, CHOSEN_ENTRY, CHOSEN_CLASS } = CHANNEL;
const { WRITE_MODE, QUEUED, HELD, AGED, AGE_CHECK, REFRESH_NEXT, SEQUENCE: SEQUENCE_COUNT } = CHANNEL;
const { STRIDE: BANK_STRIDE, OPEN_ROW, READY: BANK_READY, GROUP_AT, RANK_AT, HEAD, HIT, ACTIVE, OFFER, OFFER_ENTRY } = BANK;
const { READY: GROUP_READY } = GROUP;
const { STRIDE: RANK_STRIDE, READY: RANK_READY, REFRESH_DUE, PRECHARGE_FROM } = RANK;
const { STRIDE: MASK_STRIDE, OPENED, COLUMN, ACTIVATE: ACTIVATE_MASK, PRECHARGE: PRECHARGE_MASK } = MASK;
const { ROW, LIST, ACCEPTED, SEQUENCE } = ENTRY;

/**
 * Who goes first among commands that are ready in the same cycle: the request beyond the age limit, the column command of a request that has
 * opened its row, refresh, then queued requests. Within a class the oldest.
 */
const CLASS_OPENED = 1;
const CLASS_REFRESH = 2;
const CLASS_QUEUED = 3;

/**
 * Key of an offer, the smallest wins: cycles until it is ready (9 bits), class (2), age (15), bank within its rank (5). Longer delays are told
 * apart by looking again later; requests accepted more than 2^15 others ago count as equally old.
 */
const DELAY_SHIFT = 22;
const DELAY_LIMIT = 2 ** 9 - 1;
const CLASS_SHIFT = 20;
const CLASS_MASK = 3 << CLASS_SHIFT;
const AGE_SHIFT = 5;
const AGE_LIMIT = 2 ** 15;
const BANK_MASK = 31;
const NO_KEY = 2 ** 31 - 1;

/** To be called when a bank's queued requests of a direction or its row have changed: renews what it offers while that direction is served. */
export function updateOffer(d: DramState, channel: number, at: number, direction: number): void {
  const { words } = d;
  let entry = -1;
  let command = -1;
  if (words[at + ACTIVE] < 0) {
    const openRow = words[at + OPEN_ROW];
    const aged = words[channel * CHANNEL_STRIDE + AGED];
    entry = words[at + HIT + direction];
    if (aged >= 0 && words[aged + LIST] === at + direction) entry = aged;
    else if (entry < 0) entry = words[at + HEAD + direction];
    if (entry >= 0) command = openRow < 0 ? ACTIVATE : words[entry + ROW] === openRow ? direction : PRECHARGE;
  }
  words[at + OFFER_ENTRY + direction] = entry;
  if (command === PRECHARGE) {
    const from = words[at + RANK_AT] + PRECHARGE_FROM + direction;
    const ready = words[at + BANK_READY + PRECHARGE];
    if (ready < words[from]) words[from] = ready;
  }
  const before = words[at + OFFER + direction];
  if (command === before) return;
  words[at + OFFER + direction] = command;
  const bank = (at - d.banksAt) / BANK_STRIDE;
  const masks = d.masksAt + (bank >> d.rankShift) * MASK_STRIDE + direction;
  const bit = 1 << (bank & (d.banksPerRank - 1));
  if (before >= 0) words[masks + maskOf(before)] &= ~bit;
  if (command >= 0) words[masks + maskOf(command)] |= bit;
}

function maskOf(command: number): number {
  return command === ACTIVATE ? ACTIVATE_MASK : command === PRECHARGE ? PRECHARGE_MASK : COLUMN;
}

/** The same for both directions. */
export function updateOffers(d: DramState, channel: number, at: number): void {
  updateOffer(d, channel, at, 0);
  // Most banks have reads alone: nothing listed and nothing offered.
  if ((d.words[at + HEAD + 1] & d.words[at + OFFER + 1]) >= 0) updateOffer(d, channel, at, 1);
}

/** Gives a bank the request that opens its row, or takes it away (-1) when its column command has been issued. */
export function setActive(d: DramState, at: number, entry: number): void {
  const { words } = d;
  const bank = (at - d.banksAt) / BANK_STRIDE;
  const masks = d.masksAt + (bank >> d.rankShift) * MASK_STRIDE + OPENED;
  const bit = 1 << (bank & (d.banksPerRank - 1));
  if (entry >= 0) words[masks + (words[entry + LIST] & 1)] |= bit;
  else words[masks + (words[words[at + ACTIVE] + LIST] & 1)] &= ~bit;
  words[at + ACTIVE] = entry;
}

/** Chooses a channel's next command, to be issued at `from` or later, and writes it to the channel's words. */
export function choose(d: DramState, channel: number, from: number): void {
  const { words } = d;
  const c = channel * CHANNEL_STRIDE;
  if (words[c + HELD] === 0) {
    words[c + NEXT] = NEVER;
    return;
  }
  if (from >= words[c + AGE_CHECK]) checkAge(d, channel, from);
  words[c + WRITE_MODE] = modeOf(d, c);
  const due = words[c + REFRESH_NEXT];
  if (from < due) scan(d, channel, from, false);
  if (from >= due || words[c + NEXT] >= due) scanRefreshing(d, channel, from < due ? due : from);
}

/** The same after one request has come to a bank (its offer is already renewed): looks only there where that is enough. */
export function reconsider(d: DramState, channel: number, at: number, direction: number, from: number): void {
  const { words } = d;
  const c = channel * CHANNEL_STRIDE;
  const mode = words[c + WRITE_MODE];
  const chosen = words[c + NEXT];
  if (
    chosen >= words[c + REFRESH_NEXT] ||
    words[c + CHOSEN_COMMAND] >= PRECHARGE_ALL ||
    words[c + CHOSEN_AT] === at ||
    from >= words[c + AGE_CHECK] ||
    modeOf(d, c) !== mode
  ) {
    choose(d, channel, from);
    return;
  }
  const command = words[at + OFFER + mode];
  if (direction !== mode || command < 0) return;
  // The newcomer is the youngest, so it has to be ready strictly earlier than what was chosen.
  const ready = earliest(d, at, command);
  const cycle = ready < from ? from : ready;
  if (cycle >= chosen) return;
  words[c + NEXT] = cycle;
  words[c + CHOSEN_COMMAND] = command;
  words[c + CHOSEN_AT] = at;
  words[c + CHOSEN_ENTRY] = words[at + OFFER_ENTRY + mode];
}

/** Chooses among the banks' offers. With `refreshing`, ranks whose refresh is due by `from` only finish what they have opened. */
function scan(d: DramState, channel: number, from: number, refreshing: boolean): void {
  const { words, ranks } = d;
  const c = channel * CHANNEL_STRIDE;
  const mode = words[c + WRITE_MODE];
  let best = NO_KEY;
  let command = -1;
  let bestBanks = 0;
  for (let r = channel * ranks; r < (channel + 1) * ranks; r++) {
    const rank = d.ranksAt + r * RANK_STRIDE;
    const masks = d.masksAt + r * MASK_STRIDE;
    const banks = d.banksAt + r * d.banksPerRank * BANK_STRIDE;
    const before = best;
    for (let direction = 0; direction < 2; direction++) {
      const opened = words[masks + OPENED + direction];
      if (opened === 0) continue;
      const key = bestOf(words, c, opened, banks, direction, ACTIVE, CLASS_OPENED, from, best);
      if (key !== best) command = direction;
      best = key;
    }
    if (!refreshing || words[rank + REFRESH_DUE] > from) {
      const hits = words[masks + COLUMN + mode];
      if (hits !== 0) {
        const key = bestOf(words, c, hits, banks, mode, OFFER_ENTRY + mode, CLASS_QUEUED, from, best);
        if (key !== best) command = mode;
        best = key;
      }
      // Banks that wait to close or to open often cannot do so before what is found already: no need to look at each.
      const closing = words[masks + PRECHARGE_MASK + mode];
      if (closing !== 0 && words[rank + PRECHARGE_FROM + mode] - from <= best >> DELAY_SHIFT) {
        words[rank + PRECHARGE_FROM + mode] = firstPrecharge(words, closing, banks);
        const key = bestOf(words, c, closing, banks, PRECHARGE, OFFER_ENTRY + mode, CLASS_QUEUED, from, best);
        if (key !== best) command = PRECHARGE;
        best = key;
      }
      const opening = words[masks + ACTIVATE_MASK + mode];
      if (opening !== 0 && words[rank + RANK_READY + ACTIVATE] - from <= best >> DELAY_SHIFT) {
        const key = bestOf(words, c, opening, banks, ACTIVATE, OFFER_ENTRY + mode, CLASS_QUEUED, from, best);
        if (key !== best) command = ACTIVATE;
        best = key;
      }
    }
    if (best !== before) bestBanks = banks;
  }
  if (command < 0) {
    words[c + NEXT] = NEVER;
    words[c + CHOSEN_CLASS] = CLASS_QUEUED;
    return;
  }
  if (best >> DELAY_SHIFT === DELAY_LIMIT) {
    scan(d, channel, from + DELAY_LIMIT, refreshing);
    return;
  }
  const at = bestBanks + (best & BANK_MASK) * BANK_STRIDE;
  const active = words[at + ACTIVE];
  words[c + NEXT] = from + (best >> DELAY_SHIFT);
  words[c + CHOSEN_CLASS] = (best >> CLASS_SHIFT) & 3;
  words[c + CHOSEN_COMMAND] = command;
  words[c + CHOSEN_AT] = at;
  words[c + CHOSEN_ENTRY] = active >= 0 ? active : words[at + OFFER_ENTRY + mode];
}

/**
 * The smallest key of the banks in `mask` for one command, or `best` if that is smaller. Which bank wins is as good as random, so it is found
 * without branches.
 * @param entryWord the bank's word that names the request
 */
function bestOf(
  words: Int32Array,
  c: number,
  mask: number,
  banks: number,
  command: number,
  entryWord: number,
  ownClass: number,
  from: number,
  best: number,
): number {
  const aged = words[c + AGED];
  const oldest = (words[c + SEQUENCE_COUNT] - AGE_LIMIT) | 0;
  const rankReady = words[words[banks + RANK_AT] + RANK_READY + command];
  let smallest = best;
  for (let left = mask; left !== 0; left &= left - 1) {
    const bank = 31 - Math.clz32(left & -left);
    const at = banks + bank * BANK_STRIDE;
    const entry = words[at + entryWord];
    const ready = later(later(words[at + BANK_READY + command], words[words[at + GROUP_AT] + GROUP_READY + command]), rankReady);
    const delay = notNegative((ready - from) | 0);
    const age = notNegative((words[entry + SEQUENCE] - oldest) | 0);
    let key = ((delay - notNegative(delay - DELAY_LIMIT)) << DELAY_SHIFT) | (ownClass << CLASS_SHIFT) | (age << AGE_SHIFT) | bank;
    if (entry === aged) key &= ~CLASS_MASK;
    const difference = (key - smallest) | 0;
    smallest = (smallest + (difference & (difference >> 31))) | 0;
  }
  return smallest;
}

/** The larger of two cycles, without a branch. They are less than 2^31 apart. */
function later(a: number, b: number): number {
  return (a - ((a - b) & ((a - b) >> 31))) | 0;
}

function notNegative(value: number): number {
  return value & ~(value >> 31);
}

/** The earliest precharge of the banks in `mask`. */
function firstPrecharge(words: Int32Array, mask: number, banks: number): number {
  let first = NEVER;
  for (let left = mask; left !== 0; left &= left - 1) {
    const ready = words[banks + (31 - Math.clz32(left & -left)) * BANK_STRIDE + BANK_READY + PRECHARGE];
    if (ready < first) first = ready;
  }
  return first;
}

/** Chooses while a refresh is due: ranks finish what they have opened, close all banks, refresh; the other ranks work on. */
function scanRefreshing(d: DramState, channel: number, from: number): void {
  const { words } = d;
  let now = from;
  for (;;) {
    scan(d, channel, now, true);
    let nextDue = NEVER;
    for (let rank = 0; rank < d.ranks; rank++) {
      const at = rankAt(d, channel, rank);
      const due = words[at + REFRESH_DUE];
      if (due <= now) considerRefresh(d, channel, at, now);
      else if (due < nextDue) nextDue = due;
    }
    if (words[channel * CHANNEL_STRIDE + NEXT] < nextDue || nextDue === NEVER) return;
    now = nextDue;
  }
}

/** The next step of a rank's refresh, if it comes before the choice so far. None while a row just opened awaits its column command. */
function considerRefresh(d: DramState, channel: number, rank: number, from: number): void {
  const { words } = d;
  const c = channel * CHANNEL_STRIDE;
  const first = firstBankOf(d, rank);
  for (let at = first; at < first + d.banksPerRank * BANK_STRIDE; at += BANK_STRIDE) {
    if (words[at + ACTIVE] >= 0) return;
  }
  const close = earliestPrechargeAll(d, rank);
  const cycle = Math.max(from, close >= 0 ? close : earliestRefresh(d, rank));
  if (cycle > words[c + NEXT] || (cycle === words[c + NEXT] && words[c + CHOSEN_CLASS] <= CLASS_REFRESH)) return;
  words[c + NEXT] = cycle;
  words[c + CHOSEN_COMMAND] = close >= 0 ? PRECHARGE_ALL : REFRESH;
  words[c + CHOSEN_AT] = rank;
  words[c + CHOSEN_ENTRY] = -1;
  words[c + CHOSEN_CLASS] = CLASS_REFRESH;
}

/** The mode that the queues call for: drain above the high watermark or when no read waits, until below the low one. */
function modeOf(d: DramState, c: number): number {
  const { words } = d;
  const aged = words[c + AGED];
  if (aged >= 0) return words[aged + LIST] & 1;
  const reads = words[c + QUEUED];
  const writes = words[c + QUEUED + 1];
  if (words[c + WRITE_MODE] === 0) return writes > d.drainAbove || (reads === 0 && writes > 0) ? 1 : 0;
  return reads > 0 && (writes < d.drainBelow || writes === 0) ? 0 : 1;
}

/** Finds the oldest request held, and whether it has passed the age limit. Runs at most once per `ageLimit` cycles and overaged request. */
function checkAge(d: DramState, channel: number, now: number): void {
  const { words, banksPerChannel } = d;
  const c = channel * CHANNEL_STRIDE;
  const first = d.banksAt + channel * banksPerChannel * BANK_STRIDE;
  let oldest = -1;
  for (let at = first; at < first + banksPerChannel * BANK_STRIDE; at += BANK_STRIDE) {
    for (const entry of [words[at + ACTIVE], words[at + HEAD], words[at + HEAD + 1]]) {
      if (entry >= 0 && (oldest < 0 || ((words[entry + SEQUENCE] - words[oldest + SEQUENCE]) | 0) < 0)) oldest = entry;
    }
  }
  const limit = words[oldest + ACCEPTED] + d.ageLimit;
  words[c + AGED] = limit <= now ? oldest : -1;
  words[c + AGE_CHECK] = limit <= now ? NEVER : limit;
  if (limit <= now) updateOffers(d, channel, words[oldest + LIST] & ~1);
}
