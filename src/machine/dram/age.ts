/** The age limit: a request that has waited beyond it goes before all others, so that none starves behind row hits. */
import type { ChannelState } from './channel-state.js';
import { BANK, BANK_MORE, ENTRY, NEVER } from './layout.js';
import { updateKey } from './offers.js';
import { moreAt } from './requests.js';
import { type DramState, numberOf } from './state.js';

const { STRIDE: BANK_STRIDE, ACTIVE } = BANK;
const { HEAD } = BANK_MORE;
const { LIST, ACCEPTED, SEQUENCE } = ENTRY;

/** Finds the oldest request held, and whether it has passed the age limit. Runs at most once per `ageLimit` cycles and overaged request. */
export function checkAge(d: DramState, ch: ChannelState, now: number): void {
  const { words, banksPerChannel } = d;
  const first = d.banksAt + numberOf(d, ch) * banksPerChannel * BANK_STRIDE;
  let oldest = -1;
  for (let at = first; at < first + banksPerChannel * BANK_STRIDE; at += BANK_STRIDE) {
    const more = moreAt(d, at);
    oldest = olderOf(words, oldest, words[at + ACTIVE]);
    oldest = olderOf(words, oldest, words[more + HEAD]);
    oldest = olderOf(words, oldest, words[more + HEAD + 1]);
  }
  const limit = words[oldest + ACCEPTED] + d.ageLimit;
  ch.aged = limit <= now ? oldest : -1;
  ch.ageCheck = limit <= now ? NEVER : limit;
  if (limit <= now) updateKey(d, ch, words[oldest + LIST] & ~1);
}

function olderOf(words: Int32Array, first: number, second: number): number {
  if (second < 0) return first;
  return first < 0 || words[second + SEQUENCE] < words[first + SEQUENCE] ? second : first;
}
