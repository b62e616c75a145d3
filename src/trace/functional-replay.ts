/** Replays traces through plain caches: which lines they hold, nothing of time. */
import type { FunctionalCache } from '../machine/cache/functional/cache.js';
import type { LevelGeometry } from '../machine/cache/functional/geometry.js';
import { createHierarchy, type LevelCounts } from '../machine/cache/functional/hierarchy.js';
import { type AccessBatch, createBatch, TraceAccess, type TraceReader } from './access.js';

/** What plain caches counted, in lines of 64 bytes. */
export interface FunctionalReplay {
  /** Accesses replayed; prefetches, which are no demand of the program's, are passed over. */
  readonly accesses: number;
  /** In order from the core. */
  readonly levels: readonly LevelCounts[];
}

/** How a functional replay ends, and what its chance is drawn from. */
export interface FunctionalOptions {
  /** Write every dirty line to memory at the end and count it. */
  readonly flush: boolean;
  /** Of the random streams. */
  readonly seed: string;
  /** Called after each batch of each core. */
  readonly onBatch?: () => void;
}

/** How each kind of access uses a plain cache. */
const Use = { Read: 0, Write: 1, None: 2 } as const;
const USES: Readonly<Record<TraceAccess, number>> = {
  [TraceAccess.Read]: Use.Read,
  [TraceAccess.Write]: Use.Write,
  [TraceAccess.Fetch]: Use.Read,
  [TraceAccess.WriteNonTemporal]: Use.Write,
  [TraceAccess.ReadDependent]: Use.Read,
  [TraceAccess.PrefetchL1]: Use.None,
  [TraceAccess.PrefetchL2]: Use.None,
};
const USE_OF_KIND = Uint8Array.from({ length: 7 }, (_, kind) => USES[kind as TraceAccess]);

/** @returns demand accesses among accesses [from, to) of the batch, which the cache has now seen */
function feed(cache: FunctionalCache, { kinds, lines }: AccessBatch, from: number, to: number): number {
  let accesses = 0;
  for (let index = from; index < to; index++) {
    const use = USE_OF_KIND[kinds[index] as number] as number;
    if (use === Use.None) continue;
    accesses++;
    if (use === Use.Write) cache.write(lines[index] as number);
    else cache.read(lines[index] as number);
  }
  return accesses;
}

/**
 * Replays a trace per core. The cores take turns, an access each: plain caches know no time that could order them otherwise.
 * @param geometry in order from the core
 * @throws TraceError for a trace that is not what it should be, RangeError for a geometry that cannot be
 */
export function replayFunctional(
  geometry: readonly LevelGeometry[],
  readers: readonly TraceReader[],
  { flush, seed, onBatch }: FunctionalOptions,
): FunctionalReplay {
  const hierarchy = createHierarchy(geometry, readers.length, seed);
  let accesses = 0;
  const cores = readers.map((reader, core) => ({
    reader,
    cache: hierarchy.first(core),
    batch: createBatch(),
    at: 0,
    count: 0,
  }));
  let running = cores;
  for (;;) {
    for (const core of running) {
      if (core.at < core.count) continue;
      core.at = 0;
      core.count = core.reader.read(core.batch);
      onBatch?.();
    }
    running = running.filter((core) => core.count > 0);
    const [only] = running;
    if (only === undefined) break;
    if (running.length === 1) {
      accesses += feed(only.cache, only.batch, only.at, only.count);
      only.at = only.count;
      continue;
    }
    const turns = Math.min(...running.map((core) => core.count - core.at));
    for (let turn = 0; turn < turns; turn++) {
      for (const core of running) {
        accesses += feed(core.cache, core.batch, core.at, core.at + 1);
        core.at++;
      }
    }
  }
  if (flush) hierarchy.flush();
  return { accesses, levels: hierarchy.counts() };
}
