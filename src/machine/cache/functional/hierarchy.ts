/** Levels of plain caches between cores and memory, and what is counted at each. */
import { createRandomStream } from '../replacement/random-stream.js';
import { REPLACEMENTS } from '../replacement/registry.js';
import { type CacheCounters, createFunctionalCache, type FunctionalCache } from './cache.js';
import type { LevelGeometry } from './geometry.js';

/** A level's counters, summed over its caches. */
export interface LevelCounts extends Readonly<CacheCounters> {
  readonly name: string;
}

export interface FunctionalHierarchy {
  /** The cache that a core's accesses go to. */
  first(core: number): FunctionalCache;
  /** Writes every dirty line to memory, level by level from the cores down. */
  flush(): void;
  /** Counters of the levels, in order from the core. */
  counts(): LevelCounts[];
  /** Dirty lines of each level, in order from the core. */
  dirtyLines(): number[];
}

/**
 * Builds the caches that `cores` cores use.
 * @param seed of the run; a cache's random stream is drawn from it and the cache's name
 * @throws RangeError for a level whose policy does not fit its ways
 */
export function createHierarchy(
  levels: readonly LevelGeometry[],
  cores: number,
  seed: string,
): FunctionalHierarchy {
  let below: FunctionalCache[] = [];
  let coresPerCacheBelow = cores;
  const built: FunctionalCache[][] = [];
  for (const level of [...levels].reverse()) {
    const refusal = REPLACEMENTS[level.replacement].refuses(level.ways);
    if (refusal !== undefined) throw new RangeError(`${level.name}: ${refusal}`);
    const caches = Array.from({ length: Math.ceil(cores / level.sharedBy) }, (_, index) => {
      const random = createRandomStream(seed, `${level.name}[${index}]`);
      const policy = REPLACEMENTS[level.replacement].create({ sets: level.sets, ways: level.ways, random });
      const next = below[Math.floor((index * level.sharedBy) / coresPerCacheBelow)] ?? null;
      return createFunctionalCache(level.sets, level.ways, policy, next);
    });
    built.unshift(caches);
    below = caches;
    coresPerCacheBelow = level.sharedBy;
  }

  return {
    first: (core) =>
      (built[0] as FunctionalCache[])[
        Math.floor(core / (levels[0] as LevelGeometry).sharedBy)
      ] as FunctionalCache,
    flush() {
      for (const caches of built) for (const cache of caches) cache.flush();
    },
    counts: () => built.map((caches, at) => sumCounters((levels[at] as LevelGeometry).name, caches)),
    dirtyLines: () => built.map((caches) => caches.reduce((sum, cache) => sum + cache.dirtyLines(), 0)),
  };
}

function sumCounters(name: string, caches: readonly FunctionalCache[]): LevelCounts {
  const sumOf = (key: keyof CacheCounters): number =>
    caches.reduce((sum, { counters }) => sum + counters[key], 0);
  return {
    name,
    reads: sumOf('reads'),
    writes: sumOf('writes'),
    readMisses: sumOf('readMisses'),
    writeMisses: sumOf('writeMisses'),
    writebacks: sumOf('writebacks'),
  };
}
