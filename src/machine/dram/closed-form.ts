import type { DramPartSpec } from '../spec.js';
import { columnGaps } from './gaps.js';

/** A sustained rate in memory cycles per 64-byte line. */
export interface DramRate {
  /** Without refresh. */
  readonly cyclesPerLine: number;
  /** With refresh, which stops the accesses for a time in each tREFI. */
  readonly refreshedCyclesPerLine: number;
}

/**
 * What a part of one rank can do at most, in closed form from its timings alone: the cheapest oracle, valid for any part. Latencies are memory
 * cycles from the first command of the access to the end of the data burst.
 */
export interface DramClosedForms {
  readonly idleHit: number;
  readonly idleEmpty: number;
  readonly idleConflict: number;
  /** Reads that take turns between bank groups and hit open rows. */
  readonly stream: DramRate;
  /** Reads that hit open rows of one bank group: tCCD_L. */
  readonly bankGroup: DramRate;
  /** Reads that always need a new row, all banks in turn: tFAW or tRRD_S, where neither the bus nor the banks are slower. */
  readonly activate: DramRate;
  /** Reads that always need a new row of one bank: tRC, or the way from activate over read to precharge where that is longer. */
  readonly bank: DramRate;
}

/** Commands of an access that finds another row open (precharge, activate, read); a channel issues one per cycle. */
const CONFLICT_COMMANDS = 3;

/** Derives the closed forms of a part. */
export function dramClosedForms(part: DramPartSpec): DramClosedForms {
  const { timings: t, bankGroups, banksPerGroup } = part;
  const { sameDirection, sameGroup } = columnGaps(t);
  // From a row's activate over its read until the bank is closed.
  const openAndClose = Math.max(t.nRAS, t.nRCD + t.nRTP) + t.nRP;
  const bank = Math.max(t.nRC, openAndClose);
  const activate = Math.max(
    t.nFAW / 4,
    t.nRRDS,
    sameDirection,
    bank / (bankGroups * banksPerGroup),
    CONFLICT_COMMANDS,
  );
  const stream = bankGroups > 1 ? sameDirection : sameGroup;
  /** @param interrupted cycles from the last command before a refresh to the first one after it, which otherwise would be one line apart */
  const rate = (cyclesPerLine: number, interrupted: number): DramRate => ({
    cyclesPerLine,
    refreshedCyclesPerLine: cyclesPerLine / (1 - (interrupted - cyclesPerLine) / t.nREFI),
  });
  // Read to read: close the row, refresh, open it again. Activate to activate: use and close the row, refresh.
  const readToRead = t.nRTP + t.nRP + t.nRFC + t.nRCD;
  const activateToActivate = openAndClose + t.nRFC;
  return {
    idleHit: t.nCL + t.nBL,
    idleEmpty: t.nRCD + t.nCL + t.nBL,
    idleConflict: t.nRP + t.nRCD + t.nCL + t.nBL,
    stream: rate(stream, readToRead),
    bankGroup: rate(sameGroup, readToRead),
    activate: rate(activate, activateToActivate),
    bank: rate(bank, activateToActivate),
  };
}
