/**
 * The requests that controllers hold: entries from a pool per channel, strung into one list of reads and one of writes per bank, in order of
 * arrival. List heads and row hits live in the bank's words, so that a scheduling decision touches one host line per bank.
 */
import type { ChannelState } from './channel-state.js';
import { BANK, BANK_MORE, ENTRY, FOUND } from './layout.js';
import type { DramState } from './state.js';

const { SHIFT: BANK_SHIFT, OPEN_ROW, HIT, ACTIVE } = BANK;
const { SHIFT: MORE_SHIFT, HEAD, TAIL } = BANK_MORE;
const { ROW, LINE, LIST, NEXT, FOUND: FOUND_WORD } = ENTRY;
const { UNDECIDED } = FOUND;

/** The words of a bank that decisions do not look at. */
export function moreAt(d: DramState, at: number): number {
  return d.moreAt + ((at - d.banksAt) >> (BANK_SHIFT - MORE_SHIFT));
}

/** Takes a free entry of a channel and appends it to its bank's list. The caller sees to it that one is free, and fills in the rest. */
export function addRequest(
  d: DramState,
  ch: ChannelState,
  at: number,
  direction: number,
  row: number,
): number {
  const { words } = d;
  const entry = ch.free;
  ch.free = words[entry + NEXT];
  const list = at + direction;
  words[entry + ROW] = row;
  words[entry + LIST] = list;
  words[entry + NEXT] = -1;
  words[entry + FOUND_WORD] = UNDECIDED;
  const more = moreAt(d, at) + direction;
  if (words[more + HEAD] < 0) words[more + HEAD] = entry;
  else words[words[more + TAIL] + NEXT] = entry;
  words[more + TAIL] = entry;
  if (words[list + HIT] < 0 && words[at + OPEN_ROW] === row) words[list + HIT] = entry;
  return entry;
}

/** Takes an entry out of its bank's list. */
export function unlinkRequest(d: DramState, entry: number): void {
  const { words } = d;
  const list = words[entry + LIST];
  const after = words[entry + NEXT];
  if (words[list + HIT] === entry) words[list + HIT] = nextForRow(words, after, words[entry + ROW]);
  const more = moreAt(d, list & ~1) + (list & 1);
  let before = words[more + HEAD];
  if (before === entry) {
    words[more + HEAD] = after;
    return;
  }
  while (words[before + NEXT] !== entry) before = words[before + NEXT];
  words[before + NEXT] = after;
  if (after < 0) words[more + TAIL] = before;
}

/** Returns an unlinked entry to its channel's pool. */
export function releaseRequest(d: DramState, ch: ChannelState, entry: number): void {
  const { words } = d;
  words[entry + NEXT] = ch.free;
  ch.free = entry;
}

/** Finds the queued hits of a bank whose row has just been opened. */
export function findHits(d: DramState, at: number): void {
  const { words } = d;
  const row = words[at + OPEN_ROW];
  const more = moreAt(d, at);
  const read = words[more + HEAD];
  const write = words[more + HEAD + 1];
  // Few banks have requests beside the one that opened the row.
  words[at + HIT] = read < 0 ? -1 : nextForRow(words, read, row);
  words[at + HIT + 1] = write < 0 ? -1 : nextForRow(words, write, row);
}

/** Forgets the hits of a bank that has been closed. */
export function forgetHits(d: DramState, at: number): void {
  d.words[at + HIT] = -1;
  d.words[at + HIT + 1] = -1;
}

/** Whether a write to a line is queued at a bank, or has opened the bank's row and waits for its column command. */
export function holdsWrite(d: DramState, at: number, line: number): boolean {
  const { words } = d;
  const active = words[at + ACTIVE];
  if (active >= 0 && (words[active + LIST] & 1) === 1 && words[active + LINE] === line) return true;
  let entry = words[moreAt(d, at) + HEAD + 1];
  while (entry >= 0 && words[entry + LINE] !== line) entry = words[entry + NEXT];
  return entry >= 0;
}

function nextForRow(words: Int32Array, from: number, row: number): number {
  let entry = from;
  while (entry >= 0 && words[entry + ROW] !== row) entry = words[entry + NEXT];
  return entry;
}
