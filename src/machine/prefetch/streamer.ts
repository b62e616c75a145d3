import type { PrefetchSpec } from '../spec.js';
import { firstOfPage, lastOfPage, offerLines, Policy, type PrefetchState, type ShapeOf } from './state.js';
import { ENTRY, replaceOldest, useEntry } from './stream-table.js';

const { LAST, STEP, AHEAD } = ENTRY;

/**
 * The streamer watches the accesses page by page and runs ahead of an ascending or descending sequence (Intel 64 and IA-32 Architectures Optimization Reference
 * Manual, "Data prefetching": the L2 streamer).
 *
 * A page's first access opens a stream, the second gives its direction; every further access in that direction lets the stream run up to `distance`
 * lines ahead of it, `degree` lines per access at most, never out of the page.
 */
export const streamer: ShapeOf<Extract<PrefetchSpec, { kind: 'streamer' }>> = ({
  streams,
  degree,
  distanceLines,
  pageBytes,
}) => ({
  policy: Policy.Streamer,
  entries: streams,
  degree,
  distance: distanceLines,
  pageBytes,
  byPage: true,
});

/** @returns lines offered */
export function observeStreamer(p: PrefetchState, core: number, line: number): number {
  const { table } = p;
  const { words } = table;
  const page = line >> p.pageShift;
  const at = useEntry(table, core, page);
  if (at < 0) {
    const entry = replaceOldest(table, core, page);
    words[entry + LAST] = line;
    words[entry + STEP] = 0;
    return 0;
  }
  const last = words[at + LAST];
  let way = words[at + STEP];
  let from = words[at + AHEAD];
  words[at + LAST] = line;
  if (way === 0 || (line - last) * way < 0) {
    way = Math.sign(line - last);
    from = line + way;
    words[at + STEP] = way;
  }
  // The accesses have overtaken the stream.
  if ((from - line) * way <= 0) from = line + way;
  words[at + AHEAD] = from;
  if (way === 0) return 0;
  const inPage = way > 0 ? lastOfPage(p, line) - from : from - firstOfPage(p, line);
  const room = Math.min(p.distance - (from - line) * way, inPage, p.degree - 1) + 1;
  if (room <= 0) return 0;
  offerLines(p, at, from, way);
  return room;
}
