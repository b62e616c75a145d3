import { FITS_ANY, moveToFront, type ReplacementKind } from './policy.js';

/** True LRU: reads, writes and fills make a line the most recent of its set; the ways stand in order of recency. */
export const lru: ReplacementKind = {
  sentence: 'the line that was not used for longest',
  refuses: FITS_ANY,
  create: ({ ways }) => ({
    hit: moveToFront,
    fill: moveToFront,
    victim: (_entries, base) => base + ways - 1,
  }),
};
