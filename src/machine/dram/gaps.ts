import type { DramTimings } from '../spec.js';

/**
 * Bubble between a read burst and a following write burst of one rank, memory cycles: JESD79-4B, "Read to Write": CL - CWL + BL/2 + 1 tCK + tWPRE
 * with a write preamble of one cycle.
 */
export const READ_TO_WRITE_BUBBLE = 2;

/** Minimum distances that involve column commands, memory cycles, derived from a part's timings. */
export interface ColumnGaps {
  /** Read to read and write to write, other bank group of the same rank. */
  readonly sameDirection: number;
  /** Read to read and write to write, same bank group. */
  readonly sameGroup: number;
  readonly readToWrite: number;
  readonly writeToRead: number;
  readonly writeToReadSameGroup: number;
  /** Between ranks: same direction, read to write, write to read. */
  readonly otherRank: number;
  readonly readToWriteOtherRank: number;
  readonly writeToReadOtherRank: number;
  /** To a precharge of the same bank. */
  readonly readToPrecharge: number;
  readonly writeToPrecharge: number;
}

/** Derives the distances (JESD79-4B, sections on read and write timing; HBM and GDDR have the same form). */
export function columnGaps(t: DramTimings): ColumnGaps {
  const sameDirection = Math.max(t.nCCDS, t.nBL);
  return {
    sameDirection,
    sameGroup: Math.max(t.nCCDL, sameDirection),
    readToWrite: t.nCL + t.nBL + READ_TO_WRITE_BUBBLE - t.nCWL,
    writeToRead: t.nCWL + t.nBL + t.nWTRS,
    writeToReadSameGroup: t.nCWL + t.nBL + t.nWTRL,
    otherRank: t.nBL + t.nRTRS,
    readToWriteOtherRank: t.nCL + t.nBL + t.nRTRS - t.nCWL,
    writeToReadOtherRank: Math.max(0, t.nCWL + t.nBL + t.nRTRS - t.nCL),
    readToPrecharge: t.nRTP,
    writeToPrecharge: t.nCWL + t.nBL + t.nWR,
  };
}
