import { BANK_STRIDE, LONG_AGO, OPEN_ROW, OWNER_WORDS } from './timing.js';

/**
 * The requests that controllers hold: a pool of entries per channel, strung into one list of reads and one of writes per bank, in order of
 * arrival. List heads live in the bank's words beside its timing state, so that a scheduling decision touches one host line per bank.
 */

/** Words of a bank that belong to its requests; where there are two, the first is that of reads, the second that of writes. */
export const HEAD = OWNER_WORDS;
/** The oldest listed request for the open row, or -1. */
export const HIT = OWNER_WORDS + 2;
/** The request that opened the row and has not had its column command yet, or -1. It is in no list. */
export const ACTIVE = OWNER_WORDS + 4;

/** What the first command on behalf of a request found. */
export const UNDECIDED = 0;
export const ROW_HIT = 1;
export const ROW_EMPTY = 2;
export const ROW_CONFLICT = 3;

export interface RequestPool {
  readonly row: Int32Array;
  /** Low 32 bits of the channel-local line. */
  readonly line: Int32Array;
  /** Word offset of the request's bank. */
  readonly bankAt: Int32Array;
  readonly isWrite: Uint8Array;
  readonly found: Uint8Array;
  readonly tag: Int32Array;
  readonly arrivalPs: Float64Array;
  /** Cycle at which the controller's queue took it. */
  readonly acceptedCycle: Int32Array;
  /** Order of acceptance within the channel; wraps, so compare differences. */
  readonly sequence: Int32Array;

  /** Takes a free entry of a channel and appends it to its bank's list. */
  add(channel: number, bankAt: number, isWrite: number, row: number): number;
  /** Takes an entry out of its bank's list. */
  unlink(entry: number): void;
  /** Returns an unlinked entry to its channel's pool. */
  release(channel: number, entry: number): void;
  /** Finds the hits of a bank whose row has just been opened, and forgets them when it is closed. */
  rowOpened(bankAt: number): void;
  rowClosed(bankAt: number): void;
  /** The bank's listed write to a line, or -1. */
  findWrite(bankAt: number, line: number): number;
  /** Moves a channel's acceptance cycles back. */
  rebase(channel: number, cycles: number): void;
}

/**
 * @param banks the words of `createTimingState`, whose words from `HEAD` to `ACTIVE` are initialised here
 * @param capacity entries per channel
 */
export function createRequestPool(banks: Int32Array, channels: number, capacity: number): RequestPool {
  const size = channels * capacity;
  const row = new Int32Array(size);
  const line = new Int32Array(size);
  const bankAtOf = new Int32Array(size);
  const next = new Int32Array(size);
  const isWriteOf = new Uint8Array(size);
  const found = new Uint8Array(size);
  /** Ends of the banks' lists, two per bank. */
  const tails = new Int32Array((2 * banks.length) / BANK_STRIDE).fill(-1);
  const free = new Int32Array(size);
  const freeCount = new Int32Array(channels).fill(capacity);
  const acceptedCycle = new Int32Array(size);
  for (let i = 0; i < size; i++) free[i] = i;
  for (let at = 0; at < banks.length; at += BANK_STRIDE) banks.fill(-1, at + HEAD, at + ACTIVE + 1);

  function nextHit(from: number, openRow: number): number {
    let entry = from;
    while (entry >= 0 && row[entry] !== openRow) entry = next[entry];
    return entry;
  }

  function tailAt(at: number, isWrite: number): number {
    return ((2 * at) / BANK_STRIDE) | isWrite;
  }

  return {
    row,
    line,
    bankAt: bankAtOf,
    isWrite: isWriteOf,
    found,
    tag: new Int32Array(size),
    arrivalPs: new Float64Array(size),
    acceptedCycle,
    sequence: new Int32Array(size),

    add(channel, at, isWrite, requestRow) {
      const left = freeCount[channel] - 1;
      freeCount[channel] = left;
      const entry = free[channel * capacity + left];
      row[entry] = requestRow;
      bankAtOf[entry] = at;
      isWriteOf[entry] = isWrite;
      found[entry] = UNDECIDED;
      next[entry] = -1;
      const list = at + isWrite;
      if (banks[list + HEAD] < 0) banks[list + HEAD] = entry;
      else next[tails[tailAt(at, isWrite)]] = entry;
      tails[tailAt(at, isWrite)] = entry;
      if (banks[list + HIT] < 0 && banks[at + OPEN_ROW] === requestRow) banks[list + HIT] = entry;
      return entry;
    },

    unlink(entry) {
      const list = bankAtOf[entry] + isWriteOf[entry];
      const after = next[entry];
      if (banks[list + HIT] === entry) banks[list + HIT] = nextHit(after, row[entry]);
      let before = banks[list + HEAD];
      if (before === entry) {
        banks[list + HEAD] = after;
        return;
      }
      while (next[before] !== entry) before = next[before];
      next[before] = after;
      if (after < 0) tails[tailAt(bankAtOf[entry], isWriteOf[entry])] = before;
    },

    release(channel, entry) {
      const count = freeCount[channel];
      free[channel * capacity + count] = entry;
      freeCount[channel] = count + 1;
    },

    rowOpened(at) {
      const openRow = banks[at + OPEN_ROW];
      banks[at + HIT] = nextHit(banks[at + HEAD], openRow);
      banks[at + HIT + 1] = nextHit(banks[at + HEAD + 1], openRow);
    },
    rowClosed(at) {
      banks[at + HIT] = -1;
      banks[at + HIT + 1] = -1;
    },

    findWrite(at, wanted) {
      const active = banks[at + ACTIVE];
      if (active >= 0 && isWriteOf[active] === 1 && line[active] === wanted) return active;
      let entry = banks[at + HEAD + 1];
      while (entry >= 0 && line[entry] !== wanted) entry = next[entry];
      return entry;
    },

    rebase(channel, cycles) {
      for (let i = channel * capacity; i < (channel + 1) * capacity; i++) {
        acceptedCycle[i] = Math.max(LONG_AGO, acceptedCycle[i] - cycles);
      }
    },
  };
}
