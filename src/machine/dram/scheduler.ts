/**
 * FR-FCFS. A bank whose row has just been opened for a request offers that request's column command. Any other bank offers the column command of
 * its oldest row hit, else what its oldest request needs next. Of all offers the first to be ready is chosen; of those ready together the oldest
 * request's. A row is closed only when nothing queued wants it or a request is overaged.
 */
import { BANK, CHANNEL, COMMAND, ENTRY, GROUP, LONG_AGO, MASK, NEVER, RANK } from './layout.js';
import { type DramState, firstBankOf, rankAt } from './state.js';
import { earliest, earliestPrechargeAll, earliestRefresh } from './timing.js';

const { ACTIVATE, PRECHARGE, PRECHARGE_ALL, REFRESH } = COMMAND;
const { STRIDE: CHANNEL_STRIDE, NEXT, CHOSEN_COMMAND, CHOSEN_AT, CHOSEN_ENTRY, CHOSEN_CLASS } = CHANNEL;
const { WRITE_MODE, QUEUED, HELD, AGED, AGE_CHECK, REFRESH_NEXT, SEQUENCE: SEQUENCE_COUNT } = CHANNEL;
const {
  STRIDE: BANK_STRIDE,
  SHIFT: BANK_SHIFT,
  OPEN_ROW,
  READY: BANK_READY,
  GROUP_AT,
  HEAD,
  HIT,
  ACTIVE,
  OFFER,
  OFFER_ENTRY,
} = BANK;
const { READY: GROUP_READY } = GROUP;
const { STRIDE: RANK_STRIDE, READY: RANK_READY, REFRESH_DUE, WINDOW_BOUND } = RANK;
const { STRIDE: MASK_STRIDE, OPENED, COLUMN, ACTIVATE: ACTIVATE_MASK, PRECHARGE: PRECHARGE_MASK } = MASK;
const { ROW, LIST, ACCEPTED, SEQUENCE } = ENTRY;

/**
 * Who goes first among commands that are ready in the same cycle; within a class the oldest request's. The request beyond the age limit comes before
 * all (class 0). Then what keeps the scarcer resource busy: the column command of an opened row that has waited for the bus, an activate that has
 * waited for tFAW, the column command of an opened row that has waited for its own bank alone. Then refresh, then queued requests.
 */
const CLASS_OPENED_BUS = 1;
const CLASS_ACTIVATE_WINDOW = 2;
const CLASS_OPENED_BANK = 3;
const CLASS_REFRESH = 4;
const CLASS_QUEUED = 5;

/**
 * Key of an offer, the smallest wins: cycles until it is ready (9 bits), class (3), age (19). Longer delays are told apart by looking again
 * later; requests accepted more than 2^19 others ago count as equally old.
 */
const DELAY_SHIFT = 22;
const DELAY_LIMIT = 2 ** 9 - 1;
const CLASS_SHIFT = 19;
const CLASS_MASK = 7 << CLASS_SHIFT;
const OPENED_BUS_KEY = CLASS_OPENED_BUS << CLASS_SHIFT;
const OPENED_BANK_STEP = (CLASS_OPENED_BANK - CLASS_OPENED_BUS) << CLASS_SHIFT;
const QUEUED_KEY = CLASS_QUEUED << CLASS_SHIFT;
const ACTIVATE_WINDOW_STEP = (CLASS_QUEUED - CLASS_ACTIVATE_WINDOW) << CLASS_SHIFT;
const AGE_LIMIT = 2 ** 19;
const NO_KEY = 2 ** 31 - 1;

/** To be called when a bank's queued requests of a direction or its row have changed: renews what it offers while that direction is served. */
export function updateOffer(d: DramState, channel: number, at: number, direction: number): void {
  const { words } = d;
  const c = channel * CHANNEL_STRIDE;
  let entry = -1;
  let command = -1;
  if (words[at + ACTIVE] < 0) {
    const openRow = words[at + OPEN_ROW];
    const aged = words[c + AGED];
    entry = words[at + HIT + direction];
    if (aged >= 0 && words[aged + LIST] === at + direction) entry = aged;
    else if (entry < 0) entry = words[at + HEAD + direction];
    if (entry >= 0) command = openRow < 0 ? ACTIVATE : words[entry + ROW] === openRow ? direction : PRECHARGE;
  }
  words[at + OFFER_ENTRY + direction] = entry;
  const before = words[at + OFFER + direction];
  if (command === before) return;
  words[at + OFFER + direction] = command;
  const masks = maskAt(d, at) + direction;
  const bit = 1 << bankInRank(d, at);
  if (before >= 0) words[masks + maskOf(before)] &= ~bit;
  if (command >= 0) words[masks + maskOf(command)] |= bit;
}

function maskOf(command: number): number {
  return command === ACTIVATE ? ACTIVATE_MASK : command === PRECHARGE ? PRECHARGE_MASK : COLUMN;
}

/** Masks of a bank's rank. */
function maskAt(d: DramState, at: number): number {
  return d.masksAt + ((at - d.banksAt) >> (BANK_SHIFT + d.rankShift)) * MASK_STRIDE;
}

function bankInRank(d: DramState, at: number): number {
  return ((at - d.banksAt) >> BANK_SHIFT) & (d.banksPerRank - 1);
}

/** The same for both directions. */
export function updateOffers(d: DramState, channel: number, at: number): void {
  updateOffer(d, channel, at, 0);
  // Most banks have reads alone: no write listed and none offered.
  if ((d.words[at + HEAD + 1] & d.words[at + OFFER + 1]) >= 0) updateOffer(d, channel, at, 1);
}

/** Gives a bank the request that has opened its row, or takes it away (-1). The bank's offers are to be renewed after it. */
export function setActive(d: DramState, at: number, entry: number): void {
  const { words } = d;
  const bit = 1 << bankInRank(d, at);
  words[at + ACTIVE] = entry;
  if (entry >= 0) words[maskAt(d, at) + OPENED] |= bit;
  else words[maskAt(d, at) + OPENED] &= ~bit;
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
  if (from < due) chooseOffer(d, channel, from, LONG_AGO);
  if (from >= due || words[c + NEXT] >= due) chooseRefreshing(d, channel, from < due ? due : from);
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
  words[c + CHOSEN_CLASS] = CLASS_QUEUED;
  words[c + CHOSEN_COMMAND] = command;
  words[c + CHOSEN_AT] = at;
  words[c + CHOSEN_ENTRY] = words[at + OFFER_ENTRY + mode];
}

/**
 * Chooses among the banks' offers. Ranks whose refresh is due by `dueBy` only finish what they have opened.
 *
 * This is the innermost loop of the model. Which bank wins is as good as random, so the smallest key is found without branches.
 */
function chooseOffer(d: DramState, channel: number, from: number, dueBy: number): void {
  const { words, ranks } = d;
  const c = channel * CHANNEL_STRIDE;
  const mode = words[c + WRITE_MODE];
  const aged = words[c + AGED];
  const oldest = (words[c + SEQUENCE_COUNT] - AGE_LIMIT) | 0;
  let best = NO_KEY;
  let bestAt = -1;
  for (let r = channel * ranks; r < (channel + 1) * ranks; r++) {
    const rank = d.ranksAt + r * RANK_STRIDE;
    const masks = d.masksAt + r * MASK_STRIDE;
    const banks = d.banksAt + r * d.banksPerRank * BANK_STRIDE;

    for (let mask = words[masks + OPENED]; mask !== 0; mask &= mask - 1) {
      const at = banks + (31 - Math.clz32(mask & -mask)) * BANK_STRIDE;
      const entry = words[at + ACTIVE];
      const command = words[entry + LIST] & 1;
      const shared = later(
        words[words[at + GROUP_AT] + GROUP_READY + command],
        words[rank + RANK_READY + command],
      );
      const own = words[at + BANK_READY + command];
      let key = keyOf(later(own, shared) - from, words[entry + SEQUENCE] - oldest);
      key |= OPENED_BUS_KEY + (((shared - own - 1) >> 31) & OPENED_BANK_STEP);
      if (entry === aged) key &= ~CLASS_MASK;
      const less = (key - best) >> 31;
      best += (key - best) & less;
      bestAt += (at - bestAt) & less;
    }
    if (words[rank + REFRESH_DUE] <= dueBy) continue;

    for (let mask = words[masks + COLUMN + mode]; mask !== 0; mask &= mask - 1) {
      const at = banks + (31 - Math.clz32(mask & -mask)) * BANK_STRIDE;
      const entry = words[at + OFFER_ENTRY + mode];
      const shared = later(words[words[at + GROUP_AT] + GROUP_READY + mode], words[rank + RANK_READY + mode]);
      let key =
        keyOf(later(words[at + BANK_READY + mode], shared) - from, words[entry + SEQUENCE] - oldest) |
        QUEUED_KEY;
      if (entry === aged) key &= ~CLASS_MASK;
      const less = (key - best) >> 31;
      best += (key - best) & less;
      bestAt += (at - bestAt) & less;
    }

    for (let mask = words[masks + PRECHARGE_MASK + mode]; mask !== 0; mask &= mask - 1) {
      const at = banks + (31 - Math.clz32(mask & -mask)) * BANK_STRIDE;
      const entry = words[at + OFFER_ENTRY + mode];
      let key =
        keyOf(words[at + BANK_READY + PRECHARGE] - from, words[entry + SEQUENCE] - oldest) | QUEUED_KEY;
      if (entry === aged) key &= ~CLASS_MASK;
      const less = (key - best) >> 31;
      best += (key - best) & less;
      bestAt += (at - bestAt) & less;
    }

    // Most waiting banks wait for tRRD or tFAW: no need to look at each when all are later than what is found.
    const rankReady = words[rank + RANK_READY + ACTIVATE];
    if (bestAt >= 0 && rankReady - from > best >> DELAY_SHIFT) continue;
    const windowStep = words[rank + WINDOW_BOUND] & ACTIVATE_WINDOW_STEP;
    for (let mask = words[masks + ACTIVATE_MASK + mode]; mask !== 0; mask &= mask - 1) {
      const at = banks + (31 - Math.clz32(mask & -mask)) * BANK_STRIDE;
      const entry = words[at + OFFER_ENTRY + mode];
      const own = later(
        words[at + BANK_READY + ACTIVATE],
        words[words[at + GROUP_AT] + GROUP_READY + ACTIVATE],
      );
      let key = keyOf(later(own, rankReady) - from, words[entry + SEQUENCE] - oldest);
      key |= QUEUED_KEY - (((own - rankReady - 1) >> 31) & windowStep);
      if (entry === aged) key &= ~CLASS_MASK;
      const less = (key - best) >> 31;
      best += (key - best) & less;
      bestAt += (at - bestAt) & less;
    }
  }
  if (bestAt < 0) {
    words[c + NEXT] = NEVER;
    return;
  }
  if (best >> DELAY_SHIFT === DELAY_LIMIT) {
    chooseOffer(d, channel, from + DELAY_LIMIT, dueBy);
    return;
  }
  const active = words[bestAt + ACTIVE];
  words[c + NEXT] = from + (best >> DELAY_SHIFT);
  words[c + CHOSEN_CLASS] = (best & CLASS_MASK) >> CLASS_SHIFT;
  words[c + CHOSEN_AT] = bestAt;
  words[c + CHOSEN_ENTRY] = active >= 0 ? active : words[bestAt + OFFER_ENTRY + mode];
  words[c + CHOSEN_COMMAND] = active >= 0 ? words[active + LIST] & 1 : words[bestAt + OFFER + mode];
}

/** Key of an offer that is ready after `delay` cycles (or has been for long), without its class. */
function keyOf(delay: number, age: number): number {
  const waited = delay & ~(delay >> 31);
  const beyond = waited - DELAY_LIMIT;
  return ((waited - (beyond & ~(beyond >> 31))) << DELAY_SHIFT) | (age & ~(age >> 31));
}

/** The larger of two cycles, without a branch. They are less than 2^31 apart. */
function later(a: number, b: number): number {
  const difference = (a - b) | 0;
  return a - (difference & (difference >> 31));
}

/** Chooses while a refresh is due: ranks finish what they have opened, close all banks, refresh; the other ranks work on. */
function chooseRefreshing(d: DramState, channel: number, from: number): void {
  const { words } = d;
  const c = channel * CHANNEL_STRIDE;
  let now = from;
  for (;;) {
    chooseOffer(d, channel, now, now);
    let nextDue = NEVER;
    for (let rank = 0; rank < d.ranks; rank++) {
      const at = rankAt(d, channel, rank);
      const due = words[at + REFRESH_DUE];
      if (due <= now) considerRefresh(d, channel, at, now);
      else if (due < nextDue) nextDue = due;
    }
    if (words[c + NEXT] < nextDue || nextDue === NEVER) return;
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
  if (cycle > words[c + NEXT] || (cycle === words[c + NEXT] && words[c + CHOSEN_CLASS] <= CLASS_REFRESH))
    return;
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
      if (entry >= 0 && (oldest < 0 || ((words[entry + SEQUENCE] - words[oldest + SEQUENCE]) | 0) < 0))
        oldest = entry;
    }
  }
  const limit = words[oldest + ACCEPTED] + d.ageLimit;
  words[c + AGED] = limit <= now ? oldest : -1;
  words[c + AGE_CHECK] = limit <= now ? NEVER : limit;
  if (limit <= now) updateOffers(d, channel, words[oldest + LIST] & ~1);
}
