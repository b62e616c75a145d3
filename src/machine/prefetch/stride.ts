import type { PrefetchSpec } from '../spec.js';
import { firstOfPage, lastOfPage, offerLines, Policy, type PrefetchState, type ShapeOf } from './state.js';
import { ENTRY, replaceOldest, useEntry } from './stream-table.js';

const { LAST, STEP, AHEAD, CONFIDENCE } = ENTRY;

/**
 * A reference prediction table (Chen and Baer, "Effective hardware-based data prefetching for high-performance processors", IEEE Transactions on Computers 44(5),
 * 1995): an entry per load or store instruction holds its last address and its stride, and how far that stride has been borne out; unless the entry makes no
 * prediction, the accesses that the stride foretells are fetched. Their basic scheme looks one access ahead; here the stream runs up to `distance` of its
 * strides ahead, `degree` per access at most, never out of the page of the access.
 *
 * The instruction's address is stood for by the number of the line stream within its run, or, where accesses name no stream (traces), by the page: a
 * page-local table, which has to learn a stride anew on each page. Addresses are lines: an access to the line of the one before tells nothing and is passed over.
 */
export const stride: ShapeOf<Extract<PrefetchSpec, { kind: 'stride' }>> = ({
  index,
  entries,
  degree,
  distanceStrides,
  pageBytes,
}) => ({
  policy: Policy.Stride,
  entries,
  degree,
  distance: distanceStrides,
  pageBytes,
  byPage: index === 'page',
});

/** The states of an entry, by the paper's names. */
const Confidence = { Initial: 0, Transient: 1, Steady: 2, NoPrediction: 3 } as const;

const { Initial: INITIAL, Steady: STEADY, NoPrediction: NO_PREDICTION } = Confidence;

/** From state s, `[s]` after an access where the stride foretold it, `[4 + s]` after another one (figure 4 of the paper). */
const NEXT_STATE = Uint8Array.of(
  Confidence.Steady,
  Confidence.Steady,
  Confidence.Steady,
  Confidence.Transient,
  Confidence.Transient,
  Confidence.NoPrediction,
  Confidence.Initial,
  Confidence.NoPrediction,
);

/** @returns lines offered */
export function observeStride(p: PrefetchState, core: number, stream: number, line: number): number {
  const { table } = p;
  const { words } = table;
  const key = p.byPage ? line >> p.pageShift : stream;
  const at = useEntry(table, core, key);
  if (at < 0) {
    const entry = replaceOldest(table, core, key);
    words[entry + LAST] = line;
    words[entry + STEP] = 0;
    words[entry + CONFIDENCE] = INITIAL;
    return 0;
  }
  const moved = line - words[at + LAST];
  if (moved === 0) return 0;
  words[at + LAST] = line;
  let step = words[at + STEP];
  let from = words[at + AHEAD];
  const before = words[at + CONFIDENCE];
  const isForetold = moved === step;
  const confidence = NEXT_STATE[isForetold ? before : before + 4];
  words[at + CONFIDENCE] = confidence;
  if (!isForetold) {
    // A steady stride outlives one access elsewhere: the next row of a matrix has the same.
    if (before !== STEADY) step = moved;
    words[at + STEP] = step;
    from = line + step;
  } else if ((from - line) * step <= 0) from = line + step;
  words[at + AHEAD] = from;
  if (confidence === NO_PREDICTION) return 0;
  const ahead = ((from - line) / step) | 0;
  const room = Math.min(p.distance - ahead + 1, stepsInPage(p, line, from, step), p.degree);
  if (room <= 0) return 0;
  offerLines(p, at, from, step);
  return room;
}

/** Of the lines `from`, `from + step`, ... those before the first outside the page of `line`. */
function stepsInPage(p: PrefetchState, line: number, from: number, step: number): number {
  const first = firstOfPage(p, line);
  const last = lastOfPage(p, line);
  if (from < first || from > last) return 0;
  return (((step > 0 ? last - from : first - from) / step) | 0) + 1;
}
