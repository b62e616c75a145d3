/**
 * FR-FCFS: of all that the banks offer the command is chosen that is ready first; of those ready together the one of the first class, and within it the oldest request's.
 * A row is closed only when nothing queued wants it or a request is overaged.
 */
import { checkAge } from './age.js';
import type { ChannelState } from './channel-state.js';
import { BANK, CLASS, COMMAND, ENTRY, GROUP, KEY, LONG_AGO, MASK, NEVER, RANK } from './layout.js';
import { boundOf } from './offers.js';
import { type DramState, firstBankOf, knownChannel, numberOf, rankAt } from './state.js';
import { earliest, earliestPrechargeAll, earliestRefresh } from './timing.js';

const { ACTIVATE, PRECHARGE, PRECHARGE_ALL, REFRESH } = COMMAND;
const {
  STRIDE: BANK_STRIDE,
  SHIFT: BANK_SHIFT,
  READY: BANK_READY,
  GROUP_AT,
  RANK_AT,
  ACTIVE,
  OFFER,
  OFFER_ENTRY,
  KEY: BANK_KEY,
} = BANK;
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
const { LIST } = ENTRY;
const { CLASS_SHIFT, DELAY_SHIFT } = KEY;
const CLASS_MASK = 7;
const CLASS_REFRESH = CLASS.REFRESH;
const CLASS_QUEUED = CLASS.QUEUED;
/** From the class that an offer has by its key to the one that it has for what it waits for. */
const OPENED_BANK_STEP = (CLASS.OPENED_BANK - CLASS.OPENED_BUS) << CLASS_SHIFT;
const ACTIVATE_WINDOW_STEP = (CLASS.QUEUED - CLASS.ACTIVATE_WINDOW) << CLASS_SHIFT;
const NO_KEY = 2 ** 31 - 1;
/** Shifted right by a word's leading zeros: the bits below its highest one. */
const BELOW_TOP = 2 ** 31 - 1;

/** Chooses a channel's next command, to be issued at `from` or later, and writes it to the channel's state. */
export function choose(d: DramState, given: ChannelState, from: number): void {
  const ch = knownChannel(d, given);
  const { words } = d;
  if (ch.held === 0) {
    ch.next = NEVER;
    return;
  }
  if (from >= ch.ageCheck) checkAge(d, ch, from);
  ch.writeMode = modeOf(words, ch);
  const due = ch.refreshNext;
  if (from < due) chooseOffer(d, ch, from, LONG_AGO);
  if (from >= due || ch.next >= due) chooseRefreshing(d, ch, from < due ? due : from);
}

/**
 * The same after a request has come to a bank: looks only there, and only if that is needed. Returns whether it looked.
 * @param entry the request; what its bank offers is already renewed
 */
export function reconsider(
  d: DramState,
  given: ChannelState,
  at: number,
  direction: number,
  entry: number,
  from: number,
): boolean {
  const ch = knownChannel(d, given);
  const { words } = d;
  const mode = ch.writeMode;
  const aging = from >= ch.ageCheck;
  // One more of the kind that is served changes no mode.
  const sameMode = direction === mode || modeOf(words, ch) === mode;
  if (sameMode && !aging && words[at + OFFER_ENTRY + direction] !== entry) return false;
  const chosen = ch.next;
  if (
    aging ||
    !sameMode ||
    chosen >= ch.refreshNext ||
    ch.chosenCommand >= PRECHARGE_ALL ||
    ch.chosenAt === at
  ) {
    choose(d, ch, from);
    return true;
  }
  const command = words[at + OFFER + mode];
  if (direction !== mode || command < 0) return false;
  const ready = earliest(d, at, command);
  const cycle = ready < from ? from : ready;
  if (cycle > chosen) return false;
  if (command === ACTIVATE && words[words[at + RANK_AT] + WINDOW_BOUND] !== 0) {
    choose(d, ch, from);
    return true;
  }
  // Being the youngest of the last class, the newcomer has to be ready strictly earlier.
  if (cycle === chosen) return false;
  ch.next = cycle;
  ch.chosenClass = CLASS_QUEUED;
  ch.chosenCommand = command;
  ch.chosenAt = at;
  ch.chosenEntry = words[at + OFFER_ENTRY + mode];
  ch.chosenBoundAt = boundOf(d, at, command, mode);
  ch.chosenNextBound = from;
  return true;
}

/**
 * Chooses among the banks' offers. Ranks whose refresh is due by `dueBy` only finish what they have opened.
 *
 * This is the innermost loop of the model. Banks are looked at by the kind of their offer, the kind first that may be ready first; kinds that cannot be
 * ready as early as the best offer so far are not looked at. Most decisions look at one kind.
 */
function chooseOffer(d: DramState, given: ChannelState, from: number, dueBy: number): void {
  const ch = knownChannel(d, given);
  const { words, ranks } = d;
  const mode = ch.writeMode;
  let best = NO_KEY;
  let bestAt = -1;
  let second = NO_KEY;
  let boundAt = -1;
  let r = numberOf(d, ch) * ranks;
  const end = r + ranks;
  do {
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
      if (first === activateFrom) {
        activateFrom = NEVER;
        kind += ACTIVATE_MASK + mode;
        key = scanActivates(words, ch, words[kind], banks, rank, from, BANK_KEY + mode);
      } else if (first === prechargeFrom) {
        prechargeFrom = NEVER;
        kind += PRECHARGE_MASK + mode;
        key = scanPrecharges(words, ch, words[kind], banks, from, BANK_KEY + mode);
      } else {
        let direction = 0;
        let keyWord = BANK_KEY;
        let step = OPENED_BANK_STEP;
        if (first === readFrom) {
          readFrom = NEVER;
          kind += OPENED;
        } else if (first === columnFrom) {
          columnFrom = NEVER;
          kind += COLUMN + mode;
          direction = mode;
          keyWord += mode;
          step = 0;
        } else {
          writeFrom = NEVER;
          kind += OPENED + 1;
          direction = 1;
        }
        key = scanColumns(words, ch, words[kind], banks, rank, from, direction, keyWord, step);
      }
      words[kind + BOUND] = from + (key >> DELAY_SHIFT);
      if (key < best) {
        best = key;
        bestAt = ch.scanAt;
        second = ch.scanSecond;
        boundAt = kind + BOUND;
      }
    }
    r++;
    // Code for one rank knows by the first condition that there is no second round.
  } while (ranks > 1 && r < end);
  if (bestAt < 0) {
    ch.next = NEVER;
    return;
  }
  const active = words[bestAt + ACTIVE];
  ch.next = from + (best >> DELAY_SHIFT);
  ch.chosenClass = (best >> CLASS_SHIFT) & CLASS_MASK;
  ch.chosenAt = bestAt;
  ch.chosenEntry = active >= 0 ? active : words[bestAt + OFFER_ENTRY + mode];
  ch.chosenCommand = active >= 0 ? words[active + LIST] & 1 : words[bestAt + OFFER + mode];
  ch.chosenBoundAt = boundAt;
  ch.chosenNextBound = from + (second >> DELAY_SHIFT);
}

/*
 * The three looks at the banks of a mask. Each returns the smallest key and leaves its bank and the second smallest with the channel. Which bank wins is as good as
 * random; choices between two numbers, not statements, let the compiled machine do without branches.
 */

/** Column commands of one direction. `step` is added to the key of one that has waited for its bank alone, unless it is the overaged request's. */
function scanColumns(
  words: Int32Array,
  ch: ChannelState,
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
  const last = banks + (31 << BANK_SHIFT);
  let best = NO_KEY;
  let second = NO_KEY;
  let bestAt = 0;
  for (let left = mask; left !== 0; ) {
    const zeros = Math.clz32(left);
    left &= BELOW_TOP >>> zeros;
    const at = (last - (zeros << BANK_SHIFT)) | 0;
    const own = words[at + ready];
    const shared = Math.max(rankReady, words[words[at + GROUP_AT] + groupWord]);
    const key = words[at + keyWord];
    const delay = Math.max(0, Math.max(own, shared) - from);
    const waitsForBank = shared <= own && key >> CLASS_SHIFT > 0;
    const offer = (delay << DELAY_SHIFT) + key + (waitsForBank ? step : 0);
    const isBest = offer < best;
    second = Math.min(second, isBest ? best : offer);
    bestAt = isBest ? at : bestAt;
    best = isBest ? offer : best;
  }
  ch.scanAt = bestAt;
  ch.scanSecond = second;
  return best;
}

/** Activates. One that the four-activate window alone holds back goes before other queued commands. */
function scanActivates(
  words: Int32Array,
  ch: ChannelState,
  mask: number,
  banks: number,
  rank: number,
  from: number,
  keyWord: number,
): number {
  const rankReady = words[rank + RANK_READY + ACTIVATE];
  const step = words[rank + WINDOW_BOUND] & ACTIVATE_WINDOW_STEP;
  /** No activate is ready before, and its delay. */
  const shared = rankReady < from ? from : rankReady;
  const delay = shared - from;
  const last = banks + (31 << BANK_SHIFT);
  let best = NO_KEY;
  let second = NO_KEY;
  let bestAt = 0;
  for (let left = mask; left !== 0; ) {
    const zeros = Math.clz32(left);
    left &= BELOW_TOP >>> zeros;
    const at = (last - (zeros << BANK_SHIFT)) | 0;
    const bank = words[at + BANK_READY + ACTIVATE];
    const own = Math.max(bank, words[words[at + GROUP_AT] + GROUP_READY + ACTIVATE]);
    const key = words[at + keyWord];
    const isWindowed = rankReady >= own && key >> CLASS_SHIFT > 0;
    const offer = ((delay + Math.max(0, own - shared)) << DELAY_SHIFT) + key - (isWindowed ? step : 0);
    const isBest = offer < best;
    second = Math.min(second, isBest ? best : offer);
    bestAt = isBest ? at : bestAt;
    best = isBest ? offer : best;
  }
  ch.scanAt = bestAt;
  ch.scanSecond = second;
  return best;
}

/** Precharges, which only their own bank holds back. */
function scanPrecharges(
  words: Int32Array,
  ch: ChannelState,
  mask: number,
  banks: number,
  from: number,
  keyWord: number,
): number {
  const last = banks + (31 << BANK_SHIFT);
  let best = NO_KEY;
  let second = NO_KEY;
  let bestAt = 0;
  for (let left = mask; left !== 0; ) {
    const zeros = Math.clz32(left);
    left &= BELOW_TOP >>> zeros;
    const at = (last - (zeros << BANK_SHIFT)) | 0;
    const delay = Math.max(0, words[at + BANK_READY + PRECHARGE] - from);
    const offer = (delay << DELAY_SHIFT) + words[at + keyWord];
    const isBest = offer < best;
    second = Math.min(second, isBest ? best : offer);
    bestAt = isBest ? at : bestAt;
    best = isBest ? offer : best;
  }
  ch.scanAt = bestAt;
  ch.scanSecond = second;
  return best;
}

/**
 * A cycle before which no command answers a request or makes room in a full queue: that of the chosen command, or later if that opens or closes a row and what would be
 * read or written after it is known well enough.
 */
export function nextToTell(d: DramState, ch: ChannelState): number {
  const { words } = d;
  const next = ch.next;
  const command = ch.chosenCommand;
  if (
    (command !== ACTIVATE && command !== PRECHARGE) ||
    next === NEVER ||
    ch.waiting > 0 ||
    ch.queuedReads >= ch.readCapacity ||
    ch.queuedWrites >= ch.writeCapacity
  )
    return next;
  const masks = d.masksAt + numberOf(d, ch) * MASK_STRIDE;
  if ((words[masks + COLUMN] | words[masks + COLUMN + 1]) !== 0) return next;
  let column = next + ch.lookAhead;
  for (let opened = masks + OPENED; opened < masks + OPENED + 2; opened++) {
    if (words[opened] !== 0 && words[opened + BOUND] < column) column = words[opened + BOUND];
  }
  return column > next ? column : next;
}

/** Chooses while a refresh is due: ranks finish what they have opened, close all banks, refresh; the other ranks work on. */
function chooseRefreshing(d: DramState, ch: ChannelState, from: number): void {
  const { words } = d;
  let now = from;
  for (;;) {
    chooseOffer(d, ch, now, now);
    let nextDue = NEVER;
    for (let rank = 0; rank < d.ranks; rank++) {
      const at = rankAt(d, numberOf(d, ch), rank);
      const due = words[at + REFRESH_DUE];
      if (due <= now) considerRefresh(d, ch, at, now);
      else if (due < nextDue) nextDue = due;
    }
    if (ch.next < nextDue || nextDue === NEVER) return;
    now = nextDue;
  }
}

/** The next step of a rank's refresh, if it comes before the choice so far. None while a row just opened awaits its column command. */
function considerRefresh(d: DramState, ch: ChannelState, rank: number, from: number): void {
  const { words } = d;
  const first = firstBankOf(d, rank);
  for (let at = first; at < first + d.banksPerRank * BANK_STRIDE; at += BANK_STRIDE) {
    if (words[at + ACTIVE] >= 0) return;
  }
  const close = earliestPrechargeAll(d, rank);
  const cycle = Math.max(from, close >= 0 ? close : earliestRefresh(d, rank));
  if (cycle > ch.next || (cycle === ch.next && ch.chosenClass <= CLASS_REFRESH)) return;
  ch.next = cycle;
  ch.chosenCommand = close >= 0 ? PRECHARGE_ALL : REFRESH;
  ch.chosenAt = rank;
  ch.chosenEntry = -1;
  ch.chosenBoundAt = -1;
  ch.chosenClass = CLASS_REFRESH;
}

/** The mode that the queues call for: drain above the high watermark or when no read waits, until below the low one. */
function modeOf(words: Int32Array, ch: ChannelState): number {
  const aged = ch.aged;
  if (aged >= 0) return words[aged + LIST] & 1;
  const reads = ch.queuedReads;
  const writes = ch.queuedWrites;
  if (ch.writeMode === 0) return writes > ch.drainAbove || (reads === 0 && writes > 0) ? 1 : 0;
  return reads > 0 && (writes < ch.drainBelow || writes === 0) ? 0 : 1;
}
