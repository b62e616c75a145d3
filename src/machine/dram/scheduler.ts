import type { DramControllerSpec, DramPartSpec } from '../spec.js';
import {
  AGE_CHECK,
  AGED,
  CHANNEL_STRIDE,
  CHOSEN_AT,
  CHOSEN_COMMAND,
  CHOSEN_ENTRY,
  HELD,
  NEVER,
  NEXT,
  PRECHARGE_ALL,
  QUEUED,
  REFRESH,
  REFRESH_NEXT,
  WRITE_MODE,
} from './channel-state.js';
import { ACTIVE, HEAD, HIT, type RequestPool } from './requests.js';
import {
  ACTIVATE,
  BANK_READY,
  BANK_STRIDE,
  type DramTimingState,
  GROUP_AT,
  OPEN_ROW,
  PRECHARGE,
  RANK_AT,
  RANK_STRIDE,
  REFRESH_DUE,
} from './timing.js';

/** Words of a bank: the command it offers while reads are served and while writes are drained, and on behalf of which request. */
const OFFER = ACTIVE + 1;
const OFFER_ENTRY = OFFER + 2;

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
 * FR-FCFS. Each bank offers one command: the column command of its oldest row hit, else what its oldest request needs next. Of these the first
 * to be ready is chosen; of those ready together the oldest request's. A row is closed only when nothing queued wants it or a request is overaged.
 */
export interface Scheduler {
  /** To be called when a bank's requests of a direction or its row have changed: renews what it offers. */
  update(channel: number, bankAt: number, direction: number): void;
  updateBoth(channel: number, bankAt: number): void;
  /** Chooses the channel's next command, to be issued at `from` or later, and writes it to the channel's words. */
  choose(channel: number, from: number): void;
  /** The same after one request has come to a bank (offer already renewed): looks only there where that is enough. */
  reconsider(channel: number, bankAt: number, direction: number, from: number): void;
}

export function createScheduler(
  part: DramPartSpec,
  controller: DramControllerSpec,
  ageLimit: number,
  words: Int32Array,
  timing: DramTimingState,
  pool: RequestPool,
): Scheduler {
  const { banks, groups, ranks, banksPerChannel, banksPerRank } = timing;
  const { sequence, isWrite: isWriteOf, bankAt: bankAtOf, acceptedCycle, row: rowOf } = pool;
  const rankCount = part.ranks;
  const drainAbove = controller.writeHighWatermark * controller.writeQueueEntries;
  const drainBelow = controller.writeLowWatermark * controller.writeQueueEntries;
  const maskWords = Math.ceil(banksPerChannel / 32);
  /** Banks that offer something, one bit each, per channel and direction. */
  const offering = new Int32Array((banks.length / BANK_STRIDE / banksPerChannel) * 2 * maskWords);

  // The best command found by the search under way.
  let bestCycle = NEVER;
  let bestClass = CLASS_NONE;
  let bestCommand = 0;
  let bestEntry = -1;
  let bestAt = -1;

  function update(channel: number, at: number, direction: number): void {
    let entry = banks[at + ACTIVE];
    let command = direction;
    if (entry >= 0) {
      command = isWriteOf[entry];
    } else {
      const aged = words[channel * CHANNEL_STRIDE + AGED];
      const openRow = banks[at + OPEN_ROW];
      if (aged >= 0 && bankAtOf[aged] === at && isWriteOf[aged] === direction) {
        entry = aged;
        if (rowOf[aged] !== openRow) command = openRow < 0 ? ACTIVATE : PRECHARGE;
      } else {
        entry = banks[at + HIT + direction];
        if (entry < 0) {
          entry = banks[at + HEAD + direction];
          command = openRow < 0 ? ACTIVATE : PRECHARGE;
        }
      }
    }
    banks[at + OFFER + direction] = command;
    banks[at + OFFER_ENTRY + direction] = entry;
    const bank = at / BANK_STRIDE - channel * banksPerChannel;
    const word = (channel * 2 + direction) * maskWords + (bank >> 5);
    if (entry >= 0) offering[word] |= 1 << (bank & 31);
    else offering[word] &= ~(1 << (bank & 31));
  }

  function updateBoth(channel: number, at: number): void {
    update(channel, at, 0);
    update(channel, at, 1);
  }

  /** Looks through the banks that offer something. With `refreshing`, ranks whose refresh is due by `from` only finish what they have opened. */
  function scan(channel: number, from: number, refreshing: boolean): void {
    const mode = words[channel * CHANNEL_STRIDE + WRITE_MODE];
    const aged = words[channel * CHANNEL_STRIDE + AGED];
    const b = banks;
    const g = groups;
    const r = ranks;
    let cycle = NEVER;
    let rankOfBest = CLASS_NONE;
    let best = -1;
    let bestBank = -1;
    for (let word = 0; word < maskWords; word++) {
      const first = channel * banksPerChannel + (word << 5);
      let mask = offering[(channel * 2 + mode) * maskWords + word];
      while (mask !== 0) {
        const at = (first + 31 - Math.clz32(mask & -mask)) * BANK_STRIDE;
        mask &= mask - 1;
        const command = b[at + OFFER + mode];
        const rank = b[at + RANK_AT];
        let t = b[at + BANK_READY + command];
        const groupReady = g[b[at + GROUP_AT] + command];
        const rankReady = r[rank + command];
        if (groupReady > t) t = groupReady;
        if (rankReady > t) t = rankReady;
        if (t < from) t = from;
        if (t > cycle) continue;
        if (refreshing && b[at + ACTIVE] < 0 && r[rank + REFRESH_DUE] <= from) continue;
        const entry = b[at + OFFER_ENTRY + mode];
        const rankOfClass = entry === aged ? CLASS_AGED : b[at + ACTIVE] >= 0 ? CLASS_OPENED : CLASS_QUEUED;
        if (t === cycle) {
          if (rankOfClass > rankOfBest) continue;
          if (rankOfClass === rankOfBest && ((sequence[entry] - sequence[best]) | 0) > 0) continue;
        }
        cycle = t;
        rankOfBest = rankOfClass;
        best = entry;
        bestBank = at;
      }
    }
    bestCycle = cycle;
    bestClass = rankOfBest;
    bestEntry = best;
    bestAt = bestBank;
    bestCommand = bestBank < 0 ? 0 : b[bestBank + OFFER + mode];
  }

  /** The next step of a due refresh: nothing while a row just opened awaits its column command, precharge all, refresh. */
  function considerRefresh(channel: number, rank: number, from: number): void {
    const first = (channel * banksPerChannel + rank * banksPerRank) * BANK_STRIDE;
    let closed = -NEVER;
    for (let at = first; at < first + banksPerRank * BANK_STRIDE; at += BANK_STRIDE) {
      if (banks[at + ACTIVE] >= 0) return;
      if (banks[at + OPEN_ROW] >= 0) closed = Math.max(closed, banks[at + BANK_READY + PRECHARGE]);
    }
    const open = closed > -NEVER;
    const cycle = Math.max(from, open ? closed : timing.earliestRefresh(channel, rank));
    if (cycle > bestCycle || (cycle === bestCycle && bestClass <= CLASS_REFRESH)) return;
    bestCycle = cycle;
    bestClass = CLASS_REFRESH;
    bestCommand = open ? PRECHARGE_ALL : REFRESH;
    bestEntry = -1;
    bestAt = (channel * rankCount + rank) * RANK_STRIDE;
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
    if (limit <= now) updateBoth(channel, bankAtOf[oldest]);
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
    if (from >= due || bestCycle >= due) scanRefreshing(channel, from < due ? due : from);
    commit(c);
  }

  return {
    update,
    updateBoth,
    choose,
    reconsider(channel, at, direction, from) {
      const c = channel * CHANNEL_STRIDE;
      const mode = words[c + WRITE_MODE];
      const chosen = words[c + NEXT];
      if (chosen >= words[c + REFRESH_NEXT] || words[c + CHOSEN_AT] === at || words[c + CHOSEN_COMMAND] >= PRECHARGE_ALL) {
        choose(channel, from);
        return;
      }
      if (from >= words[c + AGE_CHECK] || modeOf(c) !== mode) {
        choose(channel, from);
        return;
      }
      if (direction !== mode) return;
      // The newcomer is the youngest, so it has to be ready strictly earlier than what was chosen.
      const command = banks[at + OFFER + mode];
      const cycle = Math.max(from, timing.earliest(at, command));
      if (cycle >= chosen) return;
      words[c + NEXT] = cycle;
      words[c + CHOSEN_COMMAND] = command;
      words[c + CHOSEN_AT] = at;
      words[c + CHOSEN_ENTRY] = banks[at + OFFER_ENTRY + mode];
    },
  };
}
