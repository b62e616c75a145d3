/**
 * What the banks of a channel offer: the one command that each could issue next, on whose behalf, and by kind of command a lower bound of when the first of them is
 * ready. A bank whose row has just been opened for a request offers that request's column command. Any other bank offers, for reads and for writes, the column
 * command of its oldest row hit, else what its oldest request needs next.
 */
import type { ChannelState } from './channel-state.js';
import { BANK, BANK_MORE, CLASS, COMMAND, ENTRY, KEY, MASK, RANK } from './layout.js';
import { moreAt } from './requests.js';
import { bankAt, type DramState, knownChannel, numberOf } from './state.js';

const { ACTIVATE, PRECHARGE } = COMMAND;
const {
  STRIDE: BANK_STRIDE,
  SHIFT: BANK_SHIFT,
  OPEN_ROW,
  READY: BANK_READY,
  RANK_AT,
  HIT,
  ACTIVE,
  OFFER,
  OFFER_ENTRY,
} = BANK;
const { KEY: BANK_KEY } = BANK;
const { SHIFT: MORE_SHIFT, HEAD } = BANK_MORE;
const { READY: RANK_READY } = RANK;
const {
  STRIDE: MASK_STRIDE,
  OPENED,
  COLUMN,
  ACTIVATE: ACTIVATE_MASK,
  PRECHARGE: PRECHARGE_MASK,
  BOUND,
} = MASK;
const { ROW, LIST, NEXT, SEQUENCE } = ENTRY;
const OPENED_KEY = CLASS.OPENED_BUS << KEY.CLASS_SHIFT;
const QUEUED_KEY = CLASS.QUEUED << KEY.CLASS_SHIFT;

/** To be called when a bank's queued requests of a direction or its row have changed: renews what it offers while that direction is served. */
export function updateOffer(d: DramState, ch: ChannelState, at: number, direction: number): void {
  renewOffers(d, ch, at, direction, direction);
}

/** The same for both directions. */
export function updateOffers(d: DramState, ch: ChannelState, at: number): void {
  renewOffers(d, ch, at, 0, 1);
}

/** The same from one direction to another. One function without calls, since every command runs through it. */
function renewOffers(d: DramState, given: ChannelState, at: number, first: number, last: number): void {
  const ch = knownChannel(d, given);
  const { words } = d;
  if (words[at + ACTIVE] >= 0) return;
  const index = (at - d.banksAt) >> BANK_SHIFT;
  const more = d.moreAt + (index << MORE_SHIFT);
  const masks = d.masksAt + (index >> d.rankShift) * MASK_STRIDE;
  const bit = 1 << (index & (d.banksPerRank - 1));
  const aged = ch.aged;
  const openRow = words[at + OPEN_ROW];
  for (let direction = first; direction <= last; direction++) {
    let entry = words[at + HIT + direction];
    let rank = QUEUED_KEY;
    if (aged >= 0 && words[aged + LIST] === at + direction) {
      entry = aged;
      rank = 0;
    } else if (entry < 0) entry = words[more + HEAD + direction];
    words[at + OFFER_ENTRY + direction] = entry;
    const before = words[at + OFFER + direction];
    if (entry < 0) {
      if (before < 0) continue;
      words[masks + kindOf(before) + direction] &= ~bit;
      words[at + OFFER + direction] = -1;
      continue;
    }
    words[at + BANK_KEY + direction] = rank | words[entry + SEQUENCE];
    const command = openRow < 0 ? ACTIVATE : words[entry + ROW] === openRow ? direction : PRECHARGE;
    const kind = kindOf(command) + direction;
    if (command !== before) {
      if (before >= 0) words[masks + kindOf(before) + direction] &= ~bit;
      words[at + OFFER + direction] = command;
      words[masks + kind] |= bit;
    }
    const own = words[at + BANK_READY + command];
    const shared = words[words[at + RANK_AT] + RANK_READY + command];
    const ready = own > shared ? own : shared;
    if (ready < words[masks + BOUND + kind]) words[masks + BOUND + kind] = ready;
    if (ready < ch.chosenNextBound) ch.chosenNextBound = ready;
  }
}

/** A bank's row has been opened for a request, which is queued no more: the bank offers its column command alone. */
export function offerOpened(d: DramState, given: ChannelState, at: number, entry: number): void {
  const ch = knownChannel(d, given);
  const { words } = d;
  const opened = OPENED + (words[entry + LIST] & 1);
  const masks = masksOf(d, at);
  const bit = bitOf(d, at);
  for (let direction = 0; direction < 2; direction++) {
    const before = words[at + OFFER + direction];
    if (before < 0) continue;
    words[masks + kindOf(before) + direction] &= ~bit;
    words[at + OFFER + direction] = -1;
  }
  words[at + ACTIVE] = entry;
  words[at + BANK_KEY] = (entry === ch.aged ? 0 : OPENED_KEY) | words[entry + SEQUENCE];
  words[masks + opened] |= bit;
  const own = words[at + BANK_READY + opened - OPENED];
  const shared = words[words[at + RANK_AT] + RANK_READY + opened - OPENED];
  const ready = own > shared ? own : shared;
  if (ready < words[masks + BOUND + opened]) words[masks + BOUND + opened] = ready;
  if (ready < ch.chosenNextBound) ch.chosenNextBound = ready;
}

/** The column command of the request that opened the row has been issued. The caller renews the bank's other offers. */
export function withdrawOpened(d: DramState, at: number, direction: number): void {
  d.words[at + ACTIVE] = -1;
  d.words[masksOf(d, at) + OPENED + direction] &= ~bitOf(d, at);
}

/** Numbers the requests that a channel holds anew from 0, in the same order. */
export function renumber(d: DramState, ch: ChannelState): void {
  const { words, scratch } = d;
  const first = bankAt(d, numberOf(d, ch), 0);
  const end = bankAt(d, numberOf(d, ch) + 1, 0);
  let held = 0;
  for (let at = first; at < end; at += BANK_STRIDE) {
    const active = words[at + ACTIVE];
    if (active >= 0) insertBySequence(d, held++, active);
    const lists = moreAt(d, at) + HEAD;
    for (let list = lists; list < lists + 2; list++) {
      for (let entry = words[list]; entry >= 0; entry = words[entry + NEXT])
        insertBySequence(d, held++, entry);
    }
  }
  for (let i = 0; i < held; i++) words[scratch[i] + SEQUENCE] = i;
  ch.sequence = held;
  for (let at = first; at < end; at += BANK_STRIDE) updateKey(d, ch, at);
}

/** Inserts a request into the first `count` words of `scratch`, which are in order. Renumbering is so rare that moving them one by one costs nothing. */
function insertBySequence(d: DramState, count: number, entry: number): void {
  const { words, scratch } = d;
  const sequence = words[entry + SEQUENCE];
  let place = count;
  while (place > 0 && words[scratch[place - 1] + SEQUENCE] > sequence) {
    scratch[place] = scratch[place - 1];
    place--;
  }
  scratch[place] = entry;
}

/** A request has passed the age limit, or has been numbered anew: renews the key of its bank. */
export function updateKey(d: DramState, ch: ChannelState, at: number): void {
  const { words } = d;
  const active = words[at + ACTIVE];
  if (active < 0) updateOffers(d, ch, at);
  else {
    const aged = ch.aged;
    words[at + BANK_KEY] = (active === aged ? 0 : OPENED_KEY) | words[active + SEQUENCE];
  }
}

/** Word of the bound of a kind of queued command: what a bank offers while a direction is served. */
export function boundOf(d: DramState, at: number, command: number, direction: number): number {
  return masksOf(d, at) + BOUND + kindOf(command) + direction;
}

/** The masks of a kind of queued command: those of reads; of writes in the next word. */
function kindOf(command: number): number {
  return command === ACTIVATE ? ACTIVATE_MASK : command === PRECHARGE ? PRECHARGE_MASK : COLUMN;
}

/** Masks of a bank's rank. */
function masksOf(d: DramState, at: number): number {
  return d.masksAt + ((at - d.banksAt) >> (BANK_SHIFT + d.rankShift)) * MASK_STRIDE;
}

/** A bank's bit in the masks of its rank. */
function bitOf(d: DramState, at: number): number {
  return 1 << (((at - d.banksAt) >> BANK_SHIFT) & (d.banksPerRank - 1));
}
