/**
 * FR-FCFS. Each bank offers one command: the column command of its oldest row hit, else what its oldest request needs next. Of these the first
 * to be ready is chosen; of those ready together the oldest request's. A row is closed only when nothing queued wants it or a request is overaged.
 */
import { BANK, CHANNEL, COMMAND, ENTRY, GROUP, NEVER, RANK } from './layout.js';
import { type DramState, firstBankOf, rankAt } from './state.js';
import { earliest, earliestPrechargeAll, earliestRefresh } from './timing.js';

const { ACTIVATE, PRECHARGE, PRECHARGE_ALL, REFRESH } = COMMAND;
const { STRIDE: CHANNEL_STRIDE, NEXT, CHOSEN_COMMAND, CHOSEN_AT, CHOSEN_ENTRY, WRITE_MODE, QUEUED, HELD } = CHANNEL;
const { AGED, AGE_CHECK, REFRESH_NEXT, CHOSEN_CLASS } = CHANNEL;
const { STRIDE: BANK_STRIDE, OPEN_ROW, READY: BANK_READY, GROUP_AT, RANK_AT, HEAD, HIT, ACTIVE, OFFER, OFFER_ENTRY } = BANK;
const { READY: GROUP_READY } = GROUP;
const { STRIDE: RANK_STRIDE, READY: RANK_READY, REFRESH_DUE } = RANK;
const { ROW, LIST, ACCEPTED, SEQUENCE } = ENTRY;
const LATER = NEVER;

/**
 * Who goes first among commands that are ready in the same cycle: the request beyond the age limit, the column command of a request that has
 * opened its row, refresh, then queued requests. Within a class the oldest.
 */
const CLASS_AGED = 0;
const CLASS_OPENED = 1;
const CLASS_REFRESH = 2;
const CLASS_QUEUED = 3;

/** Kinds of offers, one mask each: column commands, activates, precharges. */
const KINDS = 3;
const COLUMNS = 0;
const ACTIVATES = 1;
const PRECHARGES = 2;

/** To be called when a bank's requests of a direction or its row have changed: renews what it offers while that direction is served. */
export function updateOffer(d: DramState, channel: number, at: number, direction: number): void {
  const { words } = d;
  let entry = words[at + ACTIVE];
  let command = direction;
  if (entry >= 0) {
    command = words[entry + LIST] & 1;
  } else {
    const aged = words[channel * CHANNEL_STRIDE + AGED];
    if (aged >= 0 && words[aged + LIST] === at + direction) {
      entry = aged;
      if (words[aged + ROW] !== words[at + OPEN_ROW]) command = words[at + OPEN_ROW] < 0 ? ACTIVATE : PRECHARGE;
    } else {
      entry = words[at + HIT + direction];
      if (entry < 0) {
        entry = words[at + HEAD + direction];
        command = entry < 0 ? -1 : words[at + OPEN_ROW] < 0 ? ACTIVATE : PRECHARGE;
      }
    }
  }
  words[at + OFFER_ENTRY + direction] = entry;
  const before = words[at + OFFER + direction];
  if (command === before) return;
  words[at + OFFER + direction] = command;
  const bank = (at - d.banksAt) / BANK_STRIDE - channel * d.banksPerChannel;
  const masks = d.masksAt + (channel * 2 + direction) * KINDS * d.maskWords + (bank >> 5);
  const bit = 1 << (bank & 31);
  if (before >= 0) words[masks + kindOf(before) * d.maskWords] &= ~bit;
  if (command >= 0) words[masks + kindOf(command) * d.maskWords] |= bit;
}

function kindOf(command: number): number {
  return command < ACTIVATE ? COLUMNS : command - ACTIVATE + ACTIVATES;
}

/** The same for both directions. */
export function updateOffers(d: DramState, channel: number, at: number): void {
  updateOffer(d, channel, at, 0);
  updateOffer(d, channel, at, 1);
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
  if (direction !== mode) return;
  // The newcomer is the youngest, so it has to be ready strictly earlier than what was chosen.
  const command = words[at + OFFER + mode];
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
  const { words, maskWords, banksPerChannel } = d;
  const c = channel * CHANNEL_STRIDE;
  const mode = words[c + WRITE_MODE];
  const aged = words[c + AGED];
  const masks = d.masksAt + (channel * 2 + mode) * KINDS * maskWords;
  const banks = d.banksAt + channel * banksPerChannel * BANK_STRIDE;
  let cycle = LATER;
  let bestClass = CLASS_QUEUED;
  let best = -1;
  let bestAt = -1;
  for (let kind = COLUMNS; kind <= PRECHARGES; kind++) {
    // Most waiting banks wait for tRRD or tFAW: no need to look at each when all are later.
    if (kind === ACTIVATES && activateFrom(d, channel) > cycle) continue;
    for (let word = 0; word < maskWords; word++) {
      let mask = words[masks + kind * maskWords + word];
      while (mask !== 0) {
        const at = banks + ((word << 5) + 31 - Math.clz32(mask & -mask)) * BANK_STRIDE;
        mask &= mask - 1;
        const command = words[at + OFFER + mode];
        const rank = words[at + RANK_AT];
        let t = words[at + BANK_READY + command];
        if (kind !== PRECHARGES) {
          const groupReady = words[words[at + GROUP_AT] + GROUP_READY + command];
          const rankReady = words[rank + RANK_READY + command];
          if (groupReady > t) t = groupReady;
          if (rankReady > t) t = rankReady;
        }
        if (t < from) t = from;
        if (t > cycle) continue;
        if (refreshing && words[at + ACTIVE] < 0 && words[rank + REFRESH_DUE] <= from) continue;
        const entry = words[at + OFFER_ENTRY + mode];
        const ownClass = entry === aged ? CLASS_AGED : words[at + ACTIVE] >= 0 ? CLASS_OPENED : CLASS_QUEUED;
        if (t === cycle) {
          if (ownClass > bestClass) continue;
          if (ownClass === bestClass && best >= 0 && ((words[entry + SEQUENCE] - words[best + SEQUENCE]) | 0) > 0) continue;
        }
        cycle = t;
        bestClass = ownClass;
        best = entry;
        bestAt = at;
      }
    }
  }
  words[c + NEXT] = cycle;
  words[c + CHOSEN_AT] = bestAt;
  words[c + CHOSEN_ENTRY] = best;
  words[c + CHOSEN_COMMAND] = bestAt < 0 ? -1 : words[bestAt + OFFER + mode];
  words[c + CHOSEN_CLASS] = bestClass;
}

/** Earliest activate that any rank of a channel allows. */
function activateFrom(d: DramState, channel: number): number {
  const { words } = d;
  let at = d.ranksAt + channel * d.ranks * RANK_STRIDE;
  let cycle = words[at + RANK_READY + ACTIVATE];
  for (let rank = 1; rank < d.ranks; rank++) {
    at += RANK_STRIDE;
    if (words[at + RANK_READY + ACTIVATE] < cycle) cycle = words[at + RANK_READY + ACTIVATE];
  }
  return cycle;
}

/** Chooses while a refresh is due: ranks finish what they have opened, close all banks, refresh; the other ranks work on. */
function scanRefreshing(d: DramState, channel: number, from: number): void {
  const { words } = d;
  let now = from;
  for (;;) {
    scan(d, channel, now, true);
    let nextDue = LATER;
    for (let rank = 0; rank < d.ranks; rank++) {
      const at = rankAt(d, channel, rank);
      const due = words[at + REFRESH_DUE];
      if (due <= now) considerRefresh(d, channel, at, now);
      else if (due < nextDue) nextDue = due;
    }
    if (words[channel * CHANNEL_STRIDE + NEXT] < nextDue || nextDue === LATER) return;
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
