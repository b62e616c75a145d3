/**
 * Where a channel's time went: every cycle of its data bus is a data burst or is lost to one cause. A loss is charged when the burst that
 * ends it is scheduled, to what held that burst's column command back, so the account costs a few operations per burst and adds up exactly.
 */
export interface BusTime {
  /** Data bursts, ps. */
  readonly dataPs: number;
  /** Waiting for a row: precharge, activate and tRCD of the burst's own bank. */
  readonly rowPs: number;
  /** Waiting for the distances within a bank group or rank: tCCD_L, tRRD, tFAW. */
  readonly bankPs: number;
  /** Turnaround between reads and writes or between ranks. */
  readonly turnaroundPs: number;
  readonly refreshPs: number;
  /** No request was waiting in the channel. */
  readonly idlePs: number;
}

const DATA = 0;
const ROW = 1;
const BANK = 2;
const TURNAROUND = 3;
const REFRESH = 4;
const IDLE = 5;
const CAUSES = 6;

/** Words of a channel. */
const STRIDE = 8;
/** End of the last burst. */
const BUS_FREE = 0;
const LAST_WRITE = 1;
const LAST_RANK = 2;
/** Cycle of the request that ended the last time without requests. */
const WAKE = 3;
/** Cycle at which the last refresh ends. */
const REFRESH_END = 4;

export interface BusAccount {
  /** A request arrives at a channel that had none. */
  wake(channel: number, cycle: number): void;
  refreshed(channel: number, endCycle: number): void;
  /**
   * A column command is issued.
   * @param rowReady earliest cycle that the bank's own row allowed
   * @param groupReady, rankReady the same for its bank group and rank, before this command
   * @param activateDelay cycles by which tRRD and tFAW delayed the activate that opened the row for this request, 0 for a hit
   */
  burst(
    channel: number,
    cycle: number,
    isWrite: number,
    rank: number,
    rowReady: number,
    groupReady: number,
    rankReady: number,
    activateDelay: number,
  ): void;
  rebase(channel: number, cycles: number): void;
  /**
   * The account from time 0 to `untilPs`, in whole picoseconds that add up to it exactly. The tail behind the last burst counts as waiting for
   * a row if `waiting`, else as idle; bursts that are scheduled beyond `untilPs` come off the data bursts.
   */
  read(channel: number, untilPs: number, waiting: boolean): BusTime;
}

export function createBusAccount(
  channels: number,
  tCKps: number,
  latency: { readonly read: number; readonly write: number; readonly burst: number },
): BusAccount {
  // Doubles, because an idle time may be longer than 32 bits of cycles.
  const words = new Float64Array(channels * STRIDE);
  const cycles = new Float64Array(channels * CAUSES);
  for (let channel = 0; channel < channels; channel++) words[channel * STRIDE + LAST_RANK] = -1;

  return {
    wake(channel, cycle) {
      words[channel * STRIDE + WAKE] = cycle;
    },
    refreshed(channel, endCycle) {
      words[channel * STRIDE + REFRESH_END] = endCycle;
    },

    burst(channel, cycle, isWrite, rank, rowReady, groupReady, rankReady, activateDelay) {
      const at = channel * STRIDE;
      const sums = channel * CAUSES;
      const delay = isWrite === 1 ? latency.write : latency.read;
      const start = cycle + delay;
      let cursor = words[at + BUS_FREE];
      if (start > cursor) {
        // The bus shows what happened at the command side one column latency earlier.
        const woken = Math.min(start, words[at + WAKE] + delay);
        if (woken > cursor) {
          cycles[sums + IDLE] += woken - cursor;
          cursor = woken;
        }
        const refreshed = Math.min(start, words[at + REFRESH_END] + delay);
        if (refreshed > cursor) {
          cycles[sums + REFRESH] += refreshed - cursor;
          cursor = refreshed;
        }
        const rest = start - cursor;
        if (rest > 0) {
          const shared = groupReady > rankReady ? groupReady : rankReady;
          if (rowReady >= shared || cycle > shared) {
            const held = Math.min(rest, activateDelay);
            cycles[sums + BANK] += held;
            cycles[sums + ROW] += rest - held;
          } else if (words[at + LAST_WRITE] === isWrite && words[at + LAST_RANK] === rank && groupReady > rankReady) {
            cycles[sums + BANK] += rest;
          } else {
            cycles[sums + TURNAROUND] += rest;
          }
        }
      }
      cycles[sums + DATA] += latency.burst;
      words[at + BUS_FREE] = start + latency.burst;
      words[at + LAST_WRITE] = isWrite;
      words[at + LAST_RANK] = rank;
    },

    rebase(channel, shift) {
      const at = channel * STRIDE;
      for (const word of [BUS_FREE, WAKE, REFRESH_END]) words[at + word] -= shift;
    },

    read(channel, untilPs, waiting) {
      // Whole picoseconds by rounding the running sum, so that the parts add up exactly.
      const sums = channel * CAUSES;
      const parts = new Float64Array(CAUSES);
      let sum = 0;
      let edge = 0;
      for (let cause = 0; cause < CAUSES; cause++) {
        sum += cycles[sums + cause];
        const next = Math.round(sum * tCKps);
        parts[cause] = next - edge;
        edge = next;
      }
      const tail = untilPs - edge;
      parts[tail < 0 ? DATA : waiting ? ROW : IDLE] += tail;
      return {
        dataPs: parts[DATA],
        rowPs: parts[ROW],
        bankPs: parts[BANK],
        turnaroundPs: parts[TURNAROUND],
        refreshPs: parts[REFRESH],
        idlePs: parts[IDLE],
      };
    },
  };
}
