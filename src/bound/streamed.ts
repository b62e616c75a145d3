/**
 * Traffic of a kernel through a cache with just one line per stream: the other end from compulsory traffic. What a run touches is gone when the next one
 * starts, so that every emitted access goes to memory unless it repeats one of the last few.
 *
 * Each run is counted in closed form. When all its streams advance by the same number of lines, what hits and what is evicted repeats from step to
 * step as soon as a step leaves the cache as it found it, but for that advance; the steps after it are multiplied, not walked.
 */
import { visitRuns, visitTiles } from '../kernel/check/runs.js';
import type { Kernel } from '../kernel/kernel.js';
import { Access, MAX_STREAMS, OpStream, STREAM_WORDS } from '../kernel/op-stream.js';

export interface StreamedTraffic {
  /** Lines read for loads. */
  readonly readLines: number;
  /** Lines read for ordinary stores (write-allocate). */
  readonly allocatedLines: number;
  /** Lines written: evicted or flushed where modified, and non-temporal stores. */
  readonly writtenLines: number;
}

/** A fully associative LRU cache of a few lines, with its traffic. */
class FewLines {
  /** Most recent first. */
  lines: number[] = [];
  modified: boolean[] = [];
  reads = 0;
  allocations = 0;
  writes = 0;

  constructor(readonly capacity: number) {}

  access(line: number, kind: number): void {
    const at = this.lines.indexOf(line);
    if (kind === Access.StoreNonTemporal) {
      // The line goes past the cache; a copy in it is dropped.
      if (at >= 0) this.#remove(at);
      this.writes++;
      return;
    }
    const isStore = kind === Access.Store;
    const wasModified = at >= 0 && (this.modified[at] as boolean);
    if (at >= 0) this.#remove(at);
    else if (isStore) this.allocations++;
    else this.reads++;
    this.lines.unshift(line);
    this.modified.unshift(wasModified || isStore);
    if (this.lines.length > this.capacity) {
      if (this.modified.pop() === true) this.writes++;
      this.lines.pop();
    }
  }

  copy() {
    const { reads, allocations, writes } = this;
    return { lines: [...this.lines], modified: [...this.modified], reads, allocations, writes };
  }

  /** Whether the cache is in the given state, with every line `by` further on. */
  isShiftOf(lines: readonly number[], modified: readonly boolean[], by: number): boolean {
    return (
      lines.length === this.lines.length &&
      lines.every((line, at) => line + by === this.lines[at] && modified[at] === this.modified[at])
    );
  }

  /** Renames every line as if `lines` further on. */
  shift(lines: number): void {
    this.lines = this.lines.map((line) => line + lines);
  }

  flush(): void {
    for (const isModified of this.modified) if (isModified) this.writes++;
    this.lines = [];
    this.modified = [];
  }

  #remove(at: number): void {
    this.lines.splice(at, 1);
    this.modified.splice(at, 1);
  }
}

/**
 * Traffic of one thread after the other through one such cache, from cold to flushed.
 * @param lines of the cache: by default one per stream that a run may have
 */
export function streamedTraffic(kernel: Kernel, threads = 1, lines: number = MAX_STREAMS): StreamedTraffic {
  const out = new OpStream();
  const cache = new FewLines(lines);
  for (const phase of kernel.phases) {
    for (let thread = 0; thread < threads; thread++) {
      visitTiles(kernel, phase, thread, out, () => {
        visitRuns(out, ({ words, steps, streams, firstStream }) => {
          const own = words.slice(firstStream, firstStream + streams * STREAM_WORDS);
          countRun(cache, own, streams, steps);
        });
      });
    }
  }
  cache.flush();
  return { readLines: cache.reads, allocatedLines: cache.allocations, writtenLines: cache.writes };
}

function countRun(cache: FewLines, words: Int32Array, streams: number, steps: number): void {
  if (streams === 0) return;
  const walk = (from: number, to: number): void => {
    for (let step = from; step < to; step++) {
      for (let at = 0; at < words.length; at += STREAM_WORDS) {
        cache.access((words[at + 1] as number) + step * (words[at + 2] as number), words[at] as number);
      }
    }
  };
  const stride = words[2] as number;
  const isUniform = words.every((word, at) => at % STREAM_WORDS !== 2 || word === stride);
  if (!isUniform) {
    walk(0, steps);
    return;
  }
  for (let step = 0; step < steps; step++) {
    const { lines, modified, reads, allocations, writes } = cache.copy();
    walk(step, step + 1);
    if (!cache.isShiftOf(lines, modified, stride)) continue;
    // The same cache, a stride further on, meets the same step, a stride further on: so it goes on.
    const rest = steps - step - 1;
    cache.reads += (cache.reads - reads) * rest;
    cache.allocations += (cache.allocations - allocations) * rest;
    cache.writes += (cache.writes - writes) * rest;
    cache.shift(rest * stride);
    return;
  }
}
