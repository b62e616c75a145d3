/** A channel's controller: takes requests into its queues and issues the commands that the scheduler has chosen. */
import { accountBurst, accountWake } from './account.js';
import { type ChannelState, capacityOf, countQueued, queuedOf } from './channel-state.js';
import { BANK, BANK_MORE, COMMAND, COUNTER, ENTRY, FOUND, SEQUENCE_LIMIT } from './layout.js';
import { offerOpened, renumber, updateOffer, updateOffers, withdrawOpened } from './offers.js';
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
import { type DramState, knownChannel, numberOf } from './state.js';
import { activate, autoPrecharge, column } from './timing.js';

const { READY: BANK_READY, HIT, ACTIVE } = BANK;
const { HEAD, COLUMNS, ACTIVATE_DELAY } = BANK_MORE;
const { ROW, LINE, LIST, FOUND: FOUND_WORD, ACCEPTED, SEQUENCE: ENTRY_SEQUENCE } = ENTRY;
const { READ, WRITE, ACTIVATE, PRECHARGE, PRECHARGE_ALL } = COMMAND;
const { UNDECIDED, EMPTY, CONFLICT } = FOUND;
const FOUND_HIT = FOUND.HIT;
const { STRIDE: COUNTER_STRIDE, FOUND_BASE, READ_LINES, WRITTEN_LINES, ACTIVATES, PRECHARGES } = COUNTER;

const FIRST_BEYOND = SEQUENCE_LIMIT;

/** Whether the controller's queue of a direction has a free entry. */
export function fits(ch: ChannelState, direction: number): boolean {
  return queuedOf(ch, direction) < capacityOf(ch, direction);
}

/**
 * Takes a request into its queue at `cycle`. The queue must have a free entry.
 * @param line low 32 bits of the channel-local line
 * @returns its entry, whose tag and arrival time the caller fills in, or -1 if it is a read that a queued write answers, which takes no entry
 */
export function accept(
  d: DramState,
  given: ChannelState,
  line: number,
  at: number,
  row: number,
  direction: number,
  cycle: number,
): number {
  const ch = knownChannel(d, given);
  const { words } = d;
  const more = moreAt(d, at);
  if (direction === 0 && (words[more + HEAD + 1] >= 0 || words[at + ACTIVE] >= 0) && holdsWrite(d, at, line))
    return -1;
  if (ch.held === 0) {
    if (ch.refreshNext <= cycle) catchUpRefresh(d, ch, cycle);
    accountWake(d.account, numberOf(d, ch), cycle);
  }
  if (ch.sequence === FIRST_BEYOND) renumber(d, ch);
  const entry = addRequest(d, ch, at, direction, row);
  words[entry + LINE] = line;
  words[entry + ACCEPTED] = cycle;
  words[entry + ENTRY_SEQUENCE] = ch.sequence++;
  countQueued(ch, direction, 1);
  ch.held++;
  // The youngest request changes what its bank offers only as its first one, or as the first one for the open row.
  if (words[more + HEAD + direction] === entry || words[at + HIT + direction] === entry)
    updateOffer(d, ch, at, direction);
  return entry;
}

/**
 * Issues the chosen command at `cycle`.
 * @returns the request whose column command this was, or -1. It is released, but its words stay valid until the next request is accepted.
 */
export function issue(d: DramState, given: ChannelState, cycle: number): number {
  const ch = knownChannel(d, given);
  const { words } = d;
  const at = ch.chosenAt;
  const entry = ch.chosenEntry;
  const command = ch.chosenCommand;
  // Of the command's kind there remain the others; set before the command changes what its bank offers.
  if (command < PRECHARGE_ALL) words[ch.chosenBoundAt] = ch.chosenNextBound;
  switch (command) {
    case READ:
    case WRITE:
      issueColumn(d, ch, at, entry, cycle);
      return entry;
    case ACTIVATE:
      issueActivate(d, ch, at, entry, cycle);
      return -1;
    case PRECHARGE:
      if (words[entry + FOUND_WORD] === UNDECIDED) words[entry + FOUND_WORD] = CONFLICT;
      closeBank(d, ch, at, cycle);
      return -1;
    case PRECHARGE_ALL:
      closeRank(d, ch, at, cycle);
      return -1;
    default:
      refresh(d, ch, at, cycle);
      return -1;
  }
}

function issueColumn(d: DramState, given: ChannelState, at: number, entry: number, cycle: number): void {
  const ch = knownChannel(d, given);
  const { words, counters, policy } = d;
  const k = numberOf(d, ch) * COUNTER_STRIDE;
  const direction = words[entry + LIST] & 1;
  const more = moreAt(d, at);
  const opened = words[at + ACTIVE] === entry;
  accountBurst(d, numberOf(d, ch), at, direction, cycle, opened ? words[more + ACTIVATE_DELAY] : 0);
  column(d, at, direction, cycle);
  if (opened) {
    withdrawOpened(d, at, direction);
  } else {
    unlinkRequest(d, entry);
    countQueued(ch, direction, -1);
  }
  releaseRequest(d, ch, entry);
  ch.held--;
  if (ch.aged === entry) {
    ch.aged = -1;
    ch.ageCheck = 0;
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
  updateOffers(d, ch, at);
}

function issueActivate(d: DramState, given: ChannelState, at: number, entry: number, cycle: number): void {
  const ch = knownChannel(d, given);
  const { words } = d;
  const more = moreAt(d, at);
  if (words[entry + FOUND_WORD] === UNDECIDED) words[entry + FOUND_WORD] = EMPTY;
  const ready = words[at + BANK_READY + ACTIVATE];
  const accepted = words[entry + ACCEPTED];
  words[more + ACTIVATE_DELAY] = cycle - (ready > accepted ? ready : accepted);
  words[more + COLUMNS] = 0;
  d.counters[numberOf(d, ch) * COUNTER_STRIDE + ACTIVATES]++;
  unlinkRequest(d, entry);
  countQueued(ch, words[entry + LIST] & 1, -1);
  activate(d, at, words[entry + ROW], cycle);
  findHits(d, at);
  offerOpened(d, ch, at, entry);
}
