import { FITS_ANY, type ReplacementKind } from './policy.js';

/** Re-reference prediction value of M = 2 bits: the width that the paper settles on. */
const DISTANT = 3;
/** Prediction of a line that was just brought in: "long", one below "distant". */
const LONG = DISTANT - 1;
/** Prediction of a line that was used again. */
const NEAR_IMMEDIATE = 0;

/**
 * Static re-reference interval prediction with hit priority and M = 2 (Jaleel, Theobald, Steely and Emer, "High Performance Cache Replacement Using Re-Reference Interval
 * Prediction (RRIP)", ISCA 2010, section 4.1): a hit makes a line's value 0, a fill sets it to 2^M - 2, the victim is the first line from the left with 2^M - 1; while
 * there is none, all values of the set grow by one.
 */
export const srrip: ReplacementKind = {
  sentence: 'the first line predicted to be used in the distant future, by counters of two bits',
  refuses: FITS_ANY,
  create({ sets, ways }) {
    const values = new Uint8Array(sets * ways);
    return {
      hit(_entries, _base, at) {
        values[at] = NEAR_IMMEDIATE;
        return at;
      },
      fill(_entries, _base, at) {
        values[at] = LONG;
        return at;
      },
      victim(_entries, base) {
        for (;;) {
          for (let at = base; at < base + ways; at++) if (values[at] === DISTANT) return at;
          for (let at = base; at < base + ways; at++) values[at] = (values[at] as number) + 1;
        }
      },
    };
  },
};
