import { FITS_ANY, moveToFront, type ReplacementKind } from './policy.js';

/** First in, first out: the ways stand in order of their fills, which hits do not change. */
export const fifo: ReplacementKind = {
  sentence: 'the line that was brought in first',
  refuses: FITS_ANY,
  create: ({ ways }) => ({
    hit: (_entries, _base, at) => at,
    fill: moveToFront,
    victim: (_entries, base) => base + ways - 1,
  }),
};
