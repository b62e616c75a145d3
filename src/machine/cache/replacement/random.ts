import { FITS_ANY, type ReplacementKind } from './policy.js';

/** Values that a draw may take. */
const DRAWS = 2 ** 32;

/** Random: every way is as likely as every other. */
export const random: ReplacementKind = {
  sentence: 'a line drawn at random',
  refuses: FITS_ANY,
  create: ({ ways, random: draw }) => ({
    hit: (_entries, _base, at) => at,
    fill: (_entries, _base, at) => at,
    victim: (_entries, base) => base + Math.floor((draw() * ways) / DRAWS),
  }),
};
