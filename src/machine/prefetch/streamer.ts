/**
 * The streamer: a prefetcher that watches the accesses of a core to the level below its L1D, page by page, and runs ahead of an ascending or
 * descending sequence (Intel 64 and IA-32 Architectures Optimization Reference Manual, "Data prefetching": the L2 streamer).
 *
 * A page's first access opens a stream, the second gives its direction; every further access in that direction lets the stream run up to `distance`
 * lines ahead of it, `degree` lines per access at most, never out of the page.
 */
import type { PrefetchSpec } from '../spec.js';

export interface Streamer {
  /**
   * A core touches a line below its L1D.
   * @returns lines the stream may fetch now (0: none); the first is `next[0]`, the following ones are `direction[0]` apart. The caller confirms with `issued`.
   */
  observe(core: number, line: number): number;
  /** The caller has asked for (or found present) the first `lines` lines offered by the last `observe`. */
  issued(lines: number): void;
  readonly next: Int32Array;
  readonly direction: Int32Array;
}

export function createStreamer(spec: PrefetchSpec, cores: number): Streamer {
  const { streams, degree, distanceLines } = spec;
  const pageLines = spec.pageBytes / 64;
  const pageShift = Math.log2(pageLines);
  // Streams of a core in recency order; page -1 is a free one.
  const pages = new Int32Array(cores * streams).fill(-1);
  const lastLine = new Int32Array(cores * streams);
  const directions = new Int8Array(cores * streams);
  /** The line that the stream fetches next. */
  const ahead = new Int32Array(cores * streams);
  const next = new Int32Array(1);
  const direction = new Int32Array(1);
  let offered = 0;

  function observe(core: number, line: number): number {
    const base = core * streams;
    const page = line >> pageShift;
    let at = base;
    const end = base + streams;
    while (at < end && (pages[at] as number) !== page) at++;
    if (at === end) {
      for (let to = end - 1; to > base; to--) {
        pages[to] = pages[to - 1] as number;
        lastLine[to] = lastLine[to - 1] as number;
        directions[to] = directions[to - 1] as number;
        ahead[to] = ahead[to - 1] as number;
      }
      pages[base] = page;
      lastLine[base] = line;
      directions[base] = 0;
      return 0;
    }
    const last = lastLine[at] as number;
    let way = directions[at] as number;
    let from = ahead[at] as number;
    if (at !== base) {
      for (let to = at; to > base; to--) {
        pages[to] = pages[to - 1] as number;
        lastLine[to] = lastLine[to - 1] as number;
        directions[to] = directions[to - 1] as number;
        ahead[to] = ahead[to - 1] as number;
      }
      pages[base] = page;
    }
    lastLine[base] = line;
    if (way === 0 || (line - last) * way < 0) {
      way = line > last ? 1 : line < last ? -1 : 0;
      from = line + way;
    }
    directions[base] = way;
    if ((from - line) * way <= 0) from = line + way;
    ahead[base] = from;
    if (way === 0) return 0;
    const lastOfPage = way > 0 ? (page << pageShift) + pageLines - 1 : page << pageShift;
    const room = Math.min(distanceLines - (from - line) * way + 1, (lastOfPage - from) * way + 1, degree);
    if (room <= 0) return 0;
    next[0] = from;
    direction[0] = way;
    offered = base;
    return room;
  }

  function issued(lines: number): void {
    ahead[offered] = (ahead[offered] as number) + lines * (directions[offered] as number);
  }

  return { observe, issued, next, direction };
}
