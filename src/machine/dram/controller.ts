/** A channel's controller: takes requests into its queues and issues the commands that the scheduler has chosen. */
import { accountBurst, accountWake } from './account.js';
import { BANK, BANK_MORE, CHANNEL, COMMAND, COUNTER, ENTRY, FOUND, SEQUENCE_LIMIT } from './layout.js';
import { offerOpened, raiseBound, renumber, updateOffer, updateOffers, withdrawOpened } from './offers.js';
import { catchUpRefresh, closeBank, closeRank, refresh } from './refresh.js';
import {
  addRequest,
  findHits,
  forgetHits,
  holdsWrite,
  moreAt,
  releaseRequest,
  unlinkRequest,
} from './requests.js';
import type { DramState } from './state.js';
import { activate, autoPrecharge, column } from './timing.js';

const {
  STRIDE: CHANNEL_STRIDE,
  CHOSEN_AT,
  CHOSEN_COMMAND,
  CHOSEN_ENTRY,
  QUEUED,
  CAPACITY,
  HELD,
  SEQUENCE,
} = CHANNEL;
const { AGED, AGE_CHECK, REFRESH_NEXT } = CHANNEL;
const { READY: BANK_READY, HIT, ACTIVE } = BANK;
const { HEAD, COLUMNS, ACTIVATE_DELAY } = BANK_MORE;
const { ROW, LINE, LIST, FOUND: FOUND_WORD, ACCEPTED, SEQUENCE: ENTRY_SEQUENCE } = ENTRY;
const { READ, WRITE, ACTIVATE, PRECHARGE, PRECHARGE_ALL } = COMMAND;
const { UNDECIDED, EMPTY, CONFLICT } = FOUND;
const FOUND_HIT = FOUND.HIT;
const { STRIDE: COUNTER_STRIDE, FOUND_BASE, READ_LINES, WRITTEN_LINES, ACTIVATES, PRECHARGES } = COUNTER;

const FIRST_BEYOND = SEQUENCE_LIMIT;

/** Whether the controller's queue of a direction has a free entry. */
export function fits(d: DramState, channel: number, direction: number): boolean {
  const { words } = d;
  const c = channel * CHANNEL_STRIDE + direction;
  return words[c + QUEUED] < words[c + CAPACITY];
}

/**
 * Takes a request into its queue at `cycle`. The queue must have a free entry.
 * @param line low 32 bits of the channel-local line
 * @returns its entry, whose tag and arrival time the caller fills in, or -1 if it is a read that a queued write answers, which takes no entry
 */
export function accept(
  d: DramState,
  channel: number,
  line: number,
  at: number,
  row: number,
  direction: number,
  cycle: number,
): number {
  const { words } = d;
  const c = channel * CHANNEL_STRIDE;
  const more = moreAt(d, at);
  if (direction === 0 && (words[more + HEAD + 1] >= 0 || words[at + ACTIVE] >= 0) && holdsWrite(d, at, line))
    return -1;
  if (words[c + HELD] === 0) {
    if (words[c + REFRESH_NEXT] <= cycle) catchUpRefresh(d, channel, cycle);
    accountWake(d.account, channel, cycle);
  }
  if (words[c + SEQUENCE] === FIRST_BEYOND) renumber(d, channel);
  const entry = addRequest(d, channel, at, direction, row);
  words[entry + LINE] = line;
  words[entry + ACCEPTED] = cycle;
  words[entry + ENTRY_SEQUENCE] = words[c + SEQUENCE]++;
  words[c + QUEUED + direction]++;
  words[c + HELD]++;
  // The youngest request changes what its bank offers only as its first one, or as the first one for the open row.
  if (words[more + HEAD + direction] === entry || words[at + HIT + direction] === entry)
    updateOffer(d, channel, at, direction);
  return entry;
}

/**
 * Issues the chosen command at `cycle`.
 * @returns the request whose column command this was, or -1. It is released, but its words stay valid until the next request is accepted.
 */
export function issue(d: DramState, channel: number, cycle: number): number {
  const { words } = d;
  const c = channel * CHANNEL_STRIDE;
  const at = words[c + CHOSEN_AT];
  const entry = words[c + CHOSEN_ENTRY];
  const command = words[c + CHOSEN_COMMAND];
  if (command < PRECHARGE_ALL) raiseBound(d, channel, at, command);
  switch (command) {
    case READ:
    case WRITE:
      issueColumn(d, channel, at, entry, cycle);
      return entry;
    case ACTIVATE:
      issueActivate(d, channel, at, entry, cycle);
      return -1;
    case PRECHARGE:
      if (words[entry + FOUND_WORD] === UNDECIDED) words[entry + FOUND_WORD] = CONFLICT;
      closeBank(d, channel, at, cycle);
      return -1;
    case PRECHARGE_ALL:
      closeRank(d, channel, at, cycle);
      return -1;
    default:
      refresh(d, channel, at, cycle);
      return -1;
  }
}

function issueColumn(d: DramState, channel: number, at: number, entry: number, cycle: number): void {
  const { words, counters, policy } = d;
  const c = channel * CHANNEL_STRIDE;
  const k = channel * COUNTER_STRIDE;
  const direction = words[entry + LIST] & 1;
  const more = moreAt(d, at);
  const opened = words[at + ACTIVE] === entry;
  accountBurst(d, channel, at, direction, cycle, opened ? words[more + ACTIVATE_DELAY] : 0);
  column(d, at, direction, cycle);
  if (opened) {
    withdrawOpened(d, at, direction);
  } else {
    unlinkRequest(d, entry);
    words[c + QUEUED + direction]--;
  }
  releaseRequest(d, channel, entry);
  words[c + HELD]--;
  if (words[c + AGED] === entry) {
    words[c + AGED] = -1;
    words[c + AGE_CHECK] = 0;
  }
  if (words[entry + FOUND_WORD] === UNDECIDED) words[entry + FOUND_WORD] = FOUND_HIT;
  counters[k + FOUND_BASE + words[entry + FOUND_WORD]]++;
  counters[k + (direction === 1 ? WRITTEN_LINES : READ_LINES)]++;
  const columns = ++words[more + COLUMNS];
  const unwanted = words[at + HIT] < 0 && words[at + HIT + 1] < 0;
  if (columns >= policy.columnsPerActivate || (policy.closeWhenUnwanted && unwanted)) {
    autoPrecharge(d, at);
    forgetHits(d, at);
    counters[k + PRECHARGES]++;
  }
  updateOffers(d, channel, at);
}

function issueActivate(d: DramState, channel: number, at: number, entry: number, cycle: number): void {
  const { words } = d;
  const more = moreAt(d, at);
  if (words[entry + FOUND_WORD] === UNDECIDED) words[entry + FOUND_WORD] = EMPTY;
  const ready = words[at + BANK_READY + ACTIVATE];
  const accepted = words[entry + ACCEPTED];
  words[more + ACTIVATE_DELAY] = cycle - (ready > accepted ? ready : accepted);
  words[more + COLUMNS] = 0;
  d.counters[channel * COUNTER_STRIDE + ACTIVATES]++;
  unlinkRequest(d, entry);
  words[channel * CHANNEL_STRIDE + QUEUED + (words[entry + LIST] & 1)]--;
  activate(d, at, words[entry + ROW], cycle);
  findHits(d, at);
  offerOpened(d, channel, at, entry);
}
