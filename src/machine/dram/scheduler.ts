import type { DramControllerSpec, DramPartSpec } from '../spec.js';
import {
  ACTIVATE,
  AGE_CHECK,
  AGED,
  CHANNEL_STRIDE,
  CHOSEN_AT,
  CHOSEN_COMMAND,
  CHOSEN_ENTRY,
  type ChannelState,
  COLUMN,
  HELD,
  MASK_ACTIVE,
  NEVER,
  NEXT,
  PRECHARGE,
  PRECHARGE_ALL,
  QUEUED,
  REFRESH,
  REFRESH_NEXT,
  WRITE_MODE,
} from './channel-state.js';
import { ACTIVE, HEAD, HIT, type RequestPool } from './requests.js';
import {
  ACTIVATE_READY,
  BANK_STRIDE,
  COLUMN_READY,
  type DramTimingState,
  GROUP_ACTIVATE_READY,
  GROUP_AT,
  OPEN_ROW,
  PRECHARGE_READY,
  RANK_ACTIVATE_READY,
  RANK_AT,
  RANK_STRIDE,
  REFRESH_DUE,
} from './timing.js';

/**
 * Who goes first among commands that are ready in the same cycle: the request beyond the age limit, the column command of a request that has
 * opened its row, refresh, then queued requests. Within a class the oldest.
 */
const CLASS_AGED = 0;
const CLASS_OPENED = 1;
const CLASS_REFRESH = 2;
const CLASS_QUEUED = 3;
const CLASS_NONE = 4;

/**
 * FR-FCFS: each bank offers one command, the column command of its oldest row hit, else what its oldest request needs next. Among these the first
 * to be ready is chosen; among those ready together the oldest request's. A row is closed only when nothing queued wants it or a request is overaged.
 */
export interface Scheduler {
  /** Chooses the channel's next command, to be issued at `from` or later, and writes it to the channel's words. */
  choose(channel: number, from: number): void;
  /** The same after one request has come to a bank: looks only there where that is enough. */
  reconsider(channel: number, bankAt: number, isWrite: number, from: number): void;
}

export function createScheduler(
  part: DramPartSpec,
  controller: DramControllerSpec,
  ageLimit: number,
  state: ChannelState,
  timing: DramTimingState,
  pool: RequestPool,
): Scheduler {
  const { words, masks, maskWords, maskAt } = state;
  const { banks, groups, ranks, banksPerChannel, banksPerRank } = timing;
  const { sequence, isWrite: isWriteOf, bankAt: bankAtOf, acceptedCycle } = pool;
  const rankCount = part.ranks;
  const drainAbove = controller.writeHighWatermark * controller.writeQueueEntries;
  const drainBelow = controller.writeLowWatermark * controller.writeQueueEntries;

  // What `evaluate` found for one bank.
  let cycle = NEVER;
  let rankOfClass = CLASS_NONE;
  let command = COLUMN;
  let entry = -1;
  // The best so far.
  let bestCycle = NEVER;
  let bestClass = CLASS_NONE;
  let bestCommand = COLUMN;
  let bestEntry = -1;
  let bestAt = -1;

  function columnCycle(at: number, direction: number): number {
    let t = banks[at + COLUMN_READY];
    const group = groups[banks[at + GROUP_AT] + direction];
    if (group > t) t = group;
    const rank = ranks[banks[at + RANK_AT] + direction];
    return rank > t ? rank : t;
  }

  function activateCycle(at: number): number {
    let t = banks[at + ACTIVATE_READY];
    const group = groups[banks[at + GROUP_AT] + GROUP_ACTIVATE_READY];
    if (group > t) t = group;
    const rank = ranks[banks[at + RANK_AT] + RANK_ACTIVATE_READY];
    return rank > t ? rank : t;
  }

  /** The command that a bank offers in a mode; `cycle` is `NEVER` if it has none. */
  function evaluate(at: number, mode: number, aged: number): void {
    const opened = banks[at + ACTIVE];
    if (opened >= 0) {
      cycle = columnCycle(at, isWriteOf[opened]);
      rankOfClass = CLASS_OPENED;
      command = COLUMN;
      entry = opened;
      return;
    }
    rankOfClass = CLASS_QUEUED;
    entry = banks[at + HIT + mode];
    if (entry < 0) entry = banks[at + HEAD + mode];
    if (aged >= 0 && bankAtOf[aged] === at) {
      rankOfClass = CLASS_AGED;
      entry = aged;
    }
    const openRow = banks[at + OPEN_ROW];
    if (entry < 0) {
      cycle = NEVER;
    } else if (openRow < 0) {
      cycle = activateCycle(at);
      command = ACTIVATE;
    } else if (pool.row[entry] === openRow) {
      cycle = columnCycle(at, mode);
      command = COLUMN;
    } else {
      cycle = banks[at + PRECHARGE_READY];
      command = PRECHARGE;
    }
  }

  function keepIfBetter(at: number, from: number): void {
    const t = cycle < from ? from : cycle;
    if (t > bestCycle) return;
    if (t === bestCycle) {
      if (rankOfClass > bestClass) return;
      if (rankOfClass === bestClass && ((sequence[entry] - sequence[bestEntry]) | 0) >= 0) return;
    }
    bestCycle = t;
    bestClass = rankOfClass;
    bestCommand = command;
    bestEntry = entry;
    bestAt = at;
  }

  /** Looks through the banks with something to do. With `refreshing`, ranks whose refresh is due by `from` only finish what they have opened. */
  function scan(channel: number, from: number, refreshing: boolean): void {
    const c = channel * CHANNEL_STRIDE;
    const mode = words[c + WRITE_MODE];
    const aged = words[c + AGED];
    const listed = maskAt(channel, mode);
    const active = maskAt(channel, MASK_ACTIVE);
    const first = channel * banksPerChannel * BANK_STRIDE;
    bestCycle = NEVER;
    bestClass = CLASS_NONE;
    bestEntry = -1;
    for (let word = 0; word < maskWords; word++) {
      let mask = masks[listed + word] | masks[active + word];
      while (mask !== 0) {
        const low = mask & -mask;
        mask ^= low;
        const at = first + ((word << 5) + 31 - Math.clz32(low)) * BANK_STRIDE;
        if (refreshing && banks[at + ACTIVE] < 0 && ranks[banks[at + RANK_AT] + REFRESH_DUE] <= from) continue;
        evaluate(at, mode, aged);
        keepIfBetter(at, from);
      }
    }
  }

  /** The next step of a due refresh: nothing while a row just opened awaits its column command, precharge all, refresh. */
  function considerRefresh(channel: number, rank: number, from: number): void {
    const first = (channel * banksPerChannel + rank * banksPerRank) * BANK_STRIDE;
    let closed = -NEVER;
    for (let at = first; at < first + banksPerRank * BANK_STRIDE; at += BANK_STRIDE) {
      if (banks[at + ACTIVE] >= 0) return;
      if (banks[at + OPEN_ROW] >= 0) closed = Math.max(closed, banks[at + PRECHARGE_READY]);
    }
    const open = closed > -NEVER;
    cycle = open ? closed : timing.earliestRefresh(channel, rank);
    rankOfClass = CLASS_REFRESH;
    command = open ? PRECHARGE_ALL : REFRESH;
    entry = 0;
    keepIfBetter((channel * rankCount + rank) * RANK_STRIDE, from);
  }

  function scanRefreshing(channel: number, from: number): void {
    let now = from;
    for (;;) {
      scan(channel, now, true);
      let nextDue = NEVER;
      for (let rank = 0; rank < rankCount; rank++) {
        const due = ranks[(channel * rankCount + rank) * RANK_STRIDE + REFRESH_DUE];
        if (due <= now) considerRefresh(channel, rank, now);
        else if (due < nextDue) nextDue = due;
      }
      if (bestCycle < nextDue || nextDue === NEVER) return;
      now = nextDue;
    }
  }

  /** The mode that the queues call for: drain above the high watermark or when no read waits, until below the low one. */
  function modeOf(c: number): number {
    const aged = words[c + AGED];
    if (aged >= 0) return isWriteOf[aged];
    const reads = words[c + QUEUED];
    const writes = words[c + QUEUED + 1];
    if (words[c + WRITE_MODE] === 0) return writes > drainAbove || (reads === 0 && writes > 0) ? 1 : 0;
    return reads > 0 && (writes < drainBelow || writes === 0) ? 0 : 1;
  }

  /** Finds the oldest request held, and whether it has passed the age limit. Runs at most once per `ageLimit` cycles and overaged request. */
  function checkAge(channel: number, now: number): void {
    const c = channel * CHANNEL_STRIDE;
    const first = channel * banksPerChannel * BANK_STRIDE;
    let oldest = -1;
    for (let at = first; at < first + banksPerChannel * BANK_STRIDE; at += BANK_STRIDE) {
      for (const candidate of [banks[at + ACTIVE], banks[at + HEAD], banks[at + HEAD + 1]]) {
        if (candidate >= 0 && (oldest < 0 || ((sequence[candidate] - sequence[oldest]) | 0) < 0)) oldest = candidate;
      }
    }
    const limit = oldest < 0 ? now + ageLimit : acceptedCycle[oldest] + ageLimit;
    words[c + AGED] = limit <= now ? oldest : -1;
    words[c + AGE_CHECK] = limit <= now ? NEVER : limit;
  }

  function commit(c: number): void {
    words[c + NEXT] = bestCycle;
    words[c + CHOSEN_COMMAND] = bestCommand;
    words[c + CHOSEN_AT] = bestAt;
    words[c + CHOSEN_ENTRY] = bestEntry;
  }

  function choose(channel: number, from: number): void {
    const c = channel * CHANNEL_STRIDE;
    if (words[c + HELD] === 0) {
      words[c + NEXT] = NEVER;
      return;
    }
    if (from >= words[c + AGE_CHECK]) checkAge(channel, from);
    words[c + WRITE_MODE] = modeOf(c);
    const due = words[c + REFRESH_NEXT];
    if (from < due) scan(channel, from, false);
    if (from >= due || bestCycle >= due) scanRefreshing(channel, Math.max(from, due));
    commit(c);
  }

  return {
    choose,
    reconsider(channel, at, isWrite, from) {
      const c = channel * CHANNEL_STRIDE;
      const mode = words[c + WRITE_MODE];
      if (
        words[c + NEXT] >= words[c + REFRESH_NEXT] ||
        words[c + CHOSEN_AT] === at ||
        from >= words[c + AGE_CHECK] ||
        words[c + CHOSEN_COMMAND] >= PRECHARGE_ALL ||
        modeOf(c) !== mode
      ) {
        choose(channel, from);
        return;
      }
      if (isWrite !== mode) return;
      bestCycle = words[c + NEXT];
      bestCommand = words[c + CHOSEN_COMMAND];
      bestAt = words[c + CHOSEN_AT];
      bestEntry = words[c + CHOSEN_ENTRY];
      // The newcomer is the youngest of its class; only an opened row's column command could be of a better one, and that is not news.
      bestClass = CLASS_AGED;
      evaluate(at, mode, words[c + AGED]);
      keepIfBetter(at, from);
      commit(c);
    },
  };
}
