/**
 * FR-FCFS: of all that the banks offer the command is chosen that is ready first; of those ready together the one of the first class, and within it the oldest request's.
 * A row is closed only when nothing queued wants it or a request is overaged.
 */
import {
  BANK,
  BANK_MORE,
  CHANNEL,
  CLASS,
  COMMAND,
  ENTRY,
  GROUP,
  KEY,
  LONG_AGO,
  MASK,
  NEVER,
  RANK,
} from './layout.js';
import { updateKey } from './offers.js';
import { moreAt } from './requests.js';
import { type DramState, firstBankOf, rankAt } from './state.js';
import { earliest, earliestPrechargeAll, earliestRefresh } from './timing.js';

const { ACTIVATE, PRECHARGE, PRECHARGE_ALL, REFRESH } = COMMAND;
const { STRIDE: CHANNEL_STRIDE, NEXT, CHOSEN_COMMAND, CHOSEN_AT, CHOSEN_ENTRY, CHOSEN_CLASS } = CHANNEL;
const { WRITE_MODE, QUEUED, HELD, AGED, AGE_CHECK, REFRESH_NEXT, CHOSEN_NEXT_BOUND, SCAN_AT, SCAN_SECOND } =
  CHANNEL;
const { CAPACITY, DRAIN_ABOVE, DRAIN_BELOW, LOOK_AHEAD, WAITING } = CHANNEL;
const {
  STRIDE: BANK_STRIDE,
  READY: BANK_READY,
  GROUP_AT,
  RANK_AT,
  ACTIVE,
  OFFER,
  OFFER_ENTRY,
  KEY: BANK_KEY,
} = BANK;
const { HEAD } = BANK_MORE;
const { READY: GROUP_READY } = GROUP;
const { STRIDE: RANK_STRIDE, READY: RANK_READY, REFRESH_DUE, WINDOW_BOUND } = RANK;
const {
  STRIDE: MASK_STRIDE,
  OPENED,
  COLUMN,
  ACTIVATE: ACTIVATE_MASK,
  PRECHARGE: PRECHARGE_MASK,
  BOUND,
} = MASK;
const { LIST, ACCEPTED, SEQUENCE } = ENTRY;
const { CLASS_SHIFT, DELAY_SHIFT } = KEY;
const CLASS_MASK = 7;
const CLASS_REFRESH = CLASS.REFRESH;
const CLASS_QUEUED = CLASS.QUEUED;
/** From the class that an offer has by its key to the one that it has for what it waits for. */
const OPENED_BANK_STEP = (CLASS.OPENED_BANK - CLASS.OPENED_BUS) << CLASS_SHIFT;
const ACTIVATE_WINDOW_STEP = (CLASS.QUEUED - CLASS.ACTIVATE_WINDOW) << CLASS_SHIFT;
const NO_KEY = 2 ** 31 - 1;

/** Chooses a channel's next command, to be issued at `from` or later, and writes it to the channel's words. */
export function choose(d: DramState, channel: number, from: number): void {
  const { words } = d;
  const c = channel * CHANNEL_STRIDE;
  if (words[c + HELD] === 0) {
    words[c + NEXT] = NEVER;
    return;
  }
  if (from >= words[c + AGE_CHECK]) checkAge(d, channel, from);
  words[c + WRITE_MODE] = modeOf(words, c);
  const due = words[c + REFRESH_NEXT];
  if (from < due) chooseOffer(d, channel, from, LONG_AGO);
  if (from >= due || words[c + NEXT] >= due) chooseRefreshing(d, channel, from < due ? due : from);
}

/**
 * The same after a request has come to a bank: looks only there, and only if that is needed. Returns whether it looked.
 * @param entry the request; what its bank offers is already renewed
 */
export function reconsider(
  d: DramState,
  channel: number,
  at: number,
  direction: number,
  entry: number,
  from: number,
): boolean {
  const { words } = d;
  const c = channel * CHANNEL_STRIDE;
  const mode = words[c + WRITE_MODE];
  const aging = from >= words[c + AGE_CHECK];
  // One more of the kind that is served changes no mode.
  const sameMode = direction === mode || modeOf(words, c) === mode;
  if (sameMode && !aging && words[at + OFFER_ENTRY + direction] !== entry) return false;
  const chosen = words[c + NEXT];
  if (
    aging ||
    !sameMode ||
    chosen >= words[c + REFRESH_NEXT] ||
    words[c + CHOSEN_COMMAND] >= PRECHARGE_ALL ||
    words[c + CHOSEN_AT] === at
  ) {
    choose(d, channel, from);
    return true;
  }
  const command = words[at + OFFER + mode];
  if (direction !== mode || command < 0) return false;
  const ready = earliest(d, at, command);
  const cycle = ready < from ? from : ready;
  if (cycle > chosen) return false;
  if (command === ACTIVATE && words[words[at + RANK_AT] + WINDOW_BOUND] !== 0) {
    choose(d, channel, from);
    return true;
  }
  // Being the youngest of the last class, the newcomer has to be ready strictly earlier.
  if (cycle === chosen) return false;
  words[c + NEXT] = cycle;
  words[c + CHOSEN_CLASS] = CLASS_QUEUED;
  words[c + CHOSEN_COMMAND] = command;
  words[c + CHOSEN_AT] = at;
  words[c + CHOSEN_ENTRY] = words[at + OFFER_ENTRY + mode];
  words[c + CHOSEN_NEXT_BOUND] = from;
  return true;
}

/**
 * Chooses among the banks' offers. Ranks whose refresh is due by `dueBy` only finish what they have opened.
 *
 * This is the innermost loop of the model. Banks are looked at by the kind of their offer, the kind first that may be ready first; kinds that cannot be
 * ready as early as the best offer so far are not looked at. Most decisions look at one kind.
 */
function chooseOffer(d: DramState, channel: number, from: number, dueBy: number): void {
  const { words, ranks } = d;
  const c = channel * CHANNEL_STRIDE;
  const mode = words[c + WRITE_MODE];
  let best = NO_KEY;
  let bestAt = -1;
  let second = NO_KEY;
  for (let r = channel * ranks; r < (channel + 1) * ranks; r++) {
    const rank = d.ranksAt + r * RANK_STRIDE;
    const masks = d.masksAt + r * MASK_STRIDE;
    const banks = d.banksAt + ((r * BANK_STRIDE) << d.rankShift);
    let readFrom = words[masks + OPENED] === 0 ? NEVER : words[masks + BOUND + OPENED];
    let writeFrom = words[masks + OPENED + 1] === 0 ? NEVER : words[masks + BOUND + OPENED + 1];
    let columnFrom = NEVER;
    let activateFrom = NEVER;
    let prechargeFrom = NEVER;
    if (words[rank + REFRESH_DUE] > dueBy) {
      const m = masks + mode;
      if (words[m + COLUMN] !== 0) columnFrom = words[m + BOUND + COLUMN];
      if (words[m + PRECHARGE_MASK] !== 0) prechargeFrom = words[m + BOUND + PRECHARGE_MASK];
      if (words[m + ACTIVATE_MASK] !== 0) {
        const bound = words[m + BOUND + ACTIVATE_MASK];
        const shared = words[rank + RANK_READY + ACTIVATE];
        activateFrom = bound > shared ? bound : shared;
      }
    }

    for (;;) {
      const column = columnFrom < writeFrom ? columnFrom : writeFrom;
      const row = activateFrom < prechargeFrom ? activateFrom : prechargeFrom;
      const other = column < row ? column : row;
      const first = readFrom < other ? readFrom : other;
      if (first === NEVER || first - from > best >> DELAY_SHIFT) break;
      let key = NO_KEY;
      let kind = masks;
      if (first === readFrom) {
        readFrom = NEVER;
        kind += OPENED;
        key = scanColumns(words, c, words[kind], banks, rank, from, 0, BANK_KEY, OPENED_BANK_STEP);
      } else if (first === activateFrom) {
        activateFrom = NEVER;
        kind += ACTIVATE_MASK + mode;
        key = scanActivates(words, c, words[kind], banks, rank, from, BANK_KEY + mode);
      } else if (first === prechargeFrom) {
        prechargeFrom = NEVER;
        kind += PRECHARGE_MASK + mode;
        key = scanPrecharges(words, c, words[kind], banks, from, BANK_KEY + mode);
      } else if (first === columnFrom) {
        columnFrom = NEVER;
        kind += COLUMN + mode;
        key = scanColumns(words, c, words[kind], banks, rank, from, mode, BANK_KEY + mode, 0);
      } else {
        writeFrom = NEVER;
        kind += OPENED + 1;
        key = scanColumns(words, c, words[kind], banks, rank, from, 1, BANK_KEY, OPENED_BANK_STEP);
      }
      words[kind + BOUND] = from + (key >> DELAY_SHIFT);
      if (key < best) {
        best = key;
        bestAt = words[c + SCAN_AT];
        second = words[c + SCAN_SECOND];
      }
    }
  }
  if (bestAt < 0) {
    words[c + NEXT] = NEVER;
    return;
  }
  const active = words[bestAt + ACTIVE];
  words[c + NEXT] = from + (best >> DELAY_SHIFT);
  words[c + CHOSEN_CLASS] = (best >> CLASS_SHIFT) & CLASS_MASK;
  words[c + CHOSEN_AT] = bestAt;
  words[c + CHOSEN_ENTRY] = active >= 0 ? active : words[bestAt + OFFER_ENTRY + mode];
  words[c + CHOSEN_COMMAND] = active >= 0 ? words[active + LIST] & 1 : words[bestAt + OFFER + mode];
  words[c + CHOSEN_NEXT_BOUND] = from + (second >> DELAY_SHIFT);
}

/*
 * The three looks at the banks of a mask. Each returns the smallest key and leaves its bank and the second smallest with the channel. Which bank wins is as good as
 * random, so the smallest is found without branches; `a - ((a - b) & ((a - b) >> 31))` is the larger of two.
 */

/** Column commands of one direction. `step` is added to the key of one that has waited for its bank alone, unless it is the overaged request's. */
function scanColumns(
  words: Int32Array,
  c: number,
  mask: number,
  banks: number,
  rank: number,
  from: number,
  command: number,
  keyWord: number,
  step: number,
): number {
  const ready = BANK_READY + command;
  const groupWord = GROUP_READY + command;
  const rankReady = words[rank + RANK_READY + command];
  let best = NO_KEY;
  let second = NO_KEY;
  let bestAt = 0;
  for (let left = mask; left !== 0; left &= left - 1) {
    const at = banks + (31 - Math.clz32(left & -left)) * BANK_STRIDE;
    const own = words[at + ready];
    const gap = (words[words[at + GROUP_AT] + groupWord] - rankReady) | 0;
    const shared = rankReady + (gap & ~(gap >> 31));
    const key = words[at + keyWord];
    const late = (shared - own) | 0;
    const delay = (own + (late & ~(late >> 31)) - from) | 0;
    const offer =
      (((delay & ~(delay >> 31)) << DELAY_SHIFT) +
        key +
        (((late - 1) >> 31) & step & (-(key >> CLASS_SHIFT) >> 31))) |
      0;
    const less = (offer - best) >> 31;
    const larger = offer - ((offer - best) & less);
    second += (larger - second) & ((larger - second) >> 31);
    best += (offer - best) & less;
    bestAt += (at - bestAt) & less;
  }
  words[c + SCAN_AT] = bestAt;
  words[c + SCAN_SECOND] = second;
  return best;
}

/** Activates. One that the four-activate window alone holds back goes before other queued commands. */
function scanActivates(
  words: Int32Array,
  c: number,
  mask: number,
  banks: number,
  rank: number,
  from: number,
  keyWord: number,
): number {
  const rankReady = words[rank + RANK_READY + ACTIVATE];
  const step = words[rank + WINDOW_BOUND] & ACTIVATE_WINDOW_STEP;
  let best = NO_KEY;
  let second = NO_KEY;
  let bestAt = 0;
  for (let left = mask; left !== 0; left &= left - 1) {
    const at = banks + (31 - Math.clz32(left & -left)) * BANK_STRIDE;
    const bank = words[at + BANK_READY + ACTIVATE];
    const gap = (words[words[at + GROUP_AT] + GROUP_READY + ACTIVATE] - bank) | 0;
    const own = bank + (gap & ~(gap >> 31));
    const key = words[at + keyWord];
    const early = (rankReady - own) | 0;
    const delay = (own + (early & ~(early >> 31)) - from) | 0;
    const offer =
      (((delay & ~(delay >> 31)) << DELAY_SHIFT) +
        key -
        (~(early >> 31) & step & (-(key >> CLASS_SHIFT) >> 31))) |
      0;
    const less = (offer - best) >> 31;
    const larger = offer - ((offer - best) & less);
    second += (larger - second) & ((larger - second) >> 31);
    best += (offer - best) & less;
    bestAt += (at - bestAt) & less;
  }
  words[c + SCAN_AT] = bestAt;
  words[c + SCAN_SECOND] = second;
  return best;
}

/** Precharges, which only their own bank holds back. */
function scanPrecharges(
  words: Int32Array,
  c: number,
  mask: number,
  banks: number,
  from: number,
  keyWord: number,
): number {
  let best = NO_KEY;
  let second = NO_KEY;
  let bestAt = 0;
  for (let left = mask; left !== 0; left &= left - 1) {
    const at = banks + (31 - Math.clz32(left & -left)) * BANK_STRIDE;
    const delay = (words[at + BANK_READY + PRECHARGE] - from) | 0;
    const offer = (((delay & ~(delay >> 31)) << DELAY_SHIFT) + words[at + keyWord]) | 0;
    const less = (offer - best) >> 31;
    const larger = offer - ((offer - best) & less);
    second += (larger - second) & ((larger - second) >> 31);
    best += (offer - best) & less;
    bestAt += (at - bestAt) & less;
  }
  words[c + SCAN_AT] = bestAt;
  words[c + SCAN_SECOND] = second;
  return best;
}

/**
 * A cycle before which no command answers a request or makes room in a full queue: that of the chosen command, or later if that opens or closes a row and what would be
 * read or written after it is known well enough.
 */
export function nextToTell(d: DramState, channel: number): number {
  const { words } = d;
  const c = channel * CHANNEL_STRIDE;
  const next = words[c + NEXT];
  const command = words[c + CHOSEN_COMMAND];
  if (
    (command !== ACTIVATE && command !== PRECHARGE) ||
    next === NEVER ||
    words[c + WAITING] > 0 ||
    words[c + QUEUED] >= words[c + CAPACITY] ||
    words[c + QUEUED + 1] >= words[c + CAPACITY + 1]
  )
    return next;
  const masks = d.masksAt + channel * MASK_STRIDE;
  if ((words[masks + COLUMN] | words[masks + COLUMN + 1]) !== 0) return next;
  let column = next + words[c + LOOK_AHEAD];
  for (let opened = masks + OPENED; opened < masks + OPENED + 2; opened++) {
    if (words[opened] !== 0 && words[opened + BOUND] < column) column = words[opened + BOUND];
  }
  return column > next ? column : next;
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
function modeOf(words: Int32Array, c: number): number {
  const aged = words[c + AGED];
  if (aged >= 0) return words[aged + LIST] & 1;
  const reads = words[c + QUEUED];
  const writes = words[c + QUEUED + 1];
  if (words[c + WRITE_MODE] === 0)
    return writes > words[c + DRAIN_ABOVE] || (reads === 0 && writes > 0) ? 1 : 0;
  return reads > 0 && (writes < words[c + DRAIN_BELOW] || writes === 0) ? 0 : 1;
}

/** Finds the oldest request held, and whether it has passed the age limit. Runs at most once per `ageLimit` cycles and overaged request. */
function checkAge(d: DramState, channel: number, now: number): void {
  const { words, banksPerChannel } = d;
  const c = channel * CHANNEL_STRIDE;
  const first = d.banksAt + channel * banksPerChannel * BANK_STRIDE;
  let oldest = -1;
  for (let at = first; at < first + banksPerChannel * BANK_STRIDE; at += BANK_STRIDE) {
    const more = moreAt(d, at);
    oldest = olderOf(words, oldest, words[at + ACTIVE]);
    oldest = olderOf(words, oldest, words[more + HEAD]);
    oldest = olderOf(words, oldest, words[more + HEAD + 1]);
  }
  const limit = words[oldest + ACCEPTED] + d.ageLimit;
  words[c + AGED] = limit <= now ? oldest : -1;
  words[c + AGE_CHECK] = limit <= now ? NEVER : limit;
  if (limit <= now) updateKey(d, channel, words[oldest + LIST] & ~1);
}

function olderOf(words: Int32Array, first: number, second: number): number {
  if (second < 0) return first;
  return first < 0 || words[second + SEQUENCE] < words[first + SEQUENCE] ? second : first;
}
