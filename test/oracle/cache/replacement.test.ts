import { describe, expect, it } from 'vitest';
import { createFunctionalCache, type FunctionalCache } from '../../../src/machine/cache/functional/cache.js';
import type { ReplacementPolicy } from '../../../src/machine/cache/replacement/policy.js';
import { createRandomStream } from '../../../src/machine/cache/replacement/random-stream.js';
import { REPLACEMENTS } from '../../../src/machine/cache/replacement/registry.js';
import type { Replacement } from '../../../src/machine/spec.js';
import { createXorshift } from '../../../src/trace/patterns.js';

/** One set: hits and misses of a row of lines. */
interface NaiveSet {
  access(line: number): boolean;
}

/** A set whose ways are listed plainly, with a policy's own way of naming a victim. */
function naiveSet(
  ways: number,
  policy: { use(way: number): void; fill(way: number): void; victim(): number },
): NaiveSet {
  const held: number[] = [];
  return {
    access(line) {
      const way = held.indexOf(line);
      if (way >= 0) {
        policy.use(way);
        return true;
      }
      const target = held.length < ways ? held.length : policy.victim();
      held[target] = line;
      policy.fill(target);
      return false;
    },
  };
}

/** Least recently used: by a list of ways in order of use. */
function naiveLru(ways: number): NaiveSet {
  let order: number[] = [];
  const use = (way: number): void => {
    order = [...order.filter((other) => other !== way), way];
  };
  return naiveSet(ways, { use, fill: use, victim: () => order[0] as number });
}

/** First in, first out: by a queue of ways in order of fill. */
function naiveFifo(ways: number): NaiveSet {
  const queue: number[] = [];
  return naiveSet(ways, {
    use: () => {},
    fill: (way) => {
      queue.push(way);
    },
    victim: () => queue.shift() as number,
  });
}

/** The tree written as nested halves: each node says which half was used less recently. */
function naivePlru(ways: number): NaiveSet {
  const pointsRight = new Map<string, boolean>();
  const use = (way: number): void => {
    let from = 0;
    for (let size = ways; size > 1; size /= 2) {
      const isRight = way >= from + size / 2;
      pointsRight.set(`${from}+${size}`, !isRight);
      if (isRight) from += size / 2;
    }
  };
  const victim = (): number => {
    let from = 0;
    for (let size = ways; size > 1; size /= 2)
      if (pointsRight.get(`${from}+${size}`) === true) from += size / 2;
    return from;
  };
  return naiveSet(ways, { use, fill: use, victim });
}

/** Jaleel et al., ISCA 2010, section 4.1, with M = 2 and hit priority. */
function naiveSrrip(ways: number): NaiveSet {
  const values = new Array<number>(ways).fill(3);
  return naiveSet(ways, {
    use: (way) => {
      values[way] = 0;
    },
    fill: (way) => {
      values[way] = 2;
    },
    victim: () => {
      while (!values.includes(3))
        for (let way = 0; way < ways; way++) values[way] = (values[way] as number) + 1;
      return values.indexOf(3);
    },
  });
}

const NAIVE = { lru: naiveLru, fifo: naiveFifo, plru: naivePlru, srrip: naiveSrrip };

function cacheOf(replacement: Replacement, sets: number, ways: number, name = 'cache'): FunctionalCache {
  const random = createRandomStream('seed', name);
  return createFunctionalCache(sets, ways, REPLACEMENTS[replacement].create({ sets, ways, random }), null);
}

/** Whether each of a row of reads hits. */
function hitsOf(cache: FunctionalCache, lines: readonly number[]): boolean[] {
  return lines.map((line) => {
    const before = cache.counters.readMisses;
    cache.read(line);
    return cache.counters.readMisses === before;
  });
}

describe.each(Object.entries(NAIVE))('%s', (name, naive) => {
  it.each([1, 2, 4, 8, 16])('with %i ways hits and misses as its definition says', (ways) => {
    const sets = 4;
    const draw = createXorshift(0x2545f491 + ways);
    // Twice as many lines as there are ways, so that hits and evictions are both common; small draws are likelier.
    const lines = Array.from({ length: 4000 }, () => Math.min(draw() % (8 * ways), draw() % (8 * ways)));
    const models = Array.from({ length: sets }, () => naive(ways));
    const expected = lines.map((line) => (models[line % sets] as NaiveSet).access(line));
    expect(hitsOf(cacheOf(name as Replacement, sets, ways), lines)).toEqual(expected);
    expect(expected.filter((hit) => hit).length).toBeGreaterThan(0);
  });
});

describe('tree pseudo-LRU', () => {
  it('differs from LRU where the tree forgets: after A B C D A C, line B and not line D gives way next but one', () => {
    // Ways 0 to 3 hold A to D. After D the root points left, its left node to A, its right node to C. A: root right, left node to B. C: root left, right node to D.
    // So the victims are B (root left, left node B), then, B's place being used, D (root right, right node D).
    const [A, B, C, D, E, F] = [0, 1, 2, 3, 4, 5] as const;
    const cache = cacheOf('plru', 1, 4);
    hitsOf(cache, [A, B, C, D, A, C, E, F]);
    expect(hitsOf(cache, [A, C, E, F])).toEqual([true, true, true, true]);
  });

  it('has no tree over ways that are no power of two', () => {
    expect(REPLACEMENTS.plru.refuses(11)).toContain('power of two');
    expect(REPLACEMENTS.plru.refuses(16)).toBeUndefined();
  });
});

describe('SRRIP', () => {
  it("keeps a working set through a scan, the paper's mixed access pattern, where LRU loses it", () => {
    // Two lines twice, then a scan of three new ones, again and again, in four ways.
    const rounds = Array.from({ length: 50 }, (_, round) => [
      0,
      1,
      0,
      1,
      100 + 3 * round,
      101 + 3 * round,
      102 + 3 * round,
    ]);
    const hitsInWorkingSet = (replacement: Replacement): boolean[] => {
      const cache = cacheOf(replacement, 1, 4);
      return rounds.map((lines) =>
        hitsOf(cache, lines)
          .slice(0, 2)
          .every((hit) => hit),
      );
    };
    expect(hitsInWorkingSet('srrip').slice(1)).toEqual(new Array<boolean>(49).fill(true));
    expect(hitsInWorkingSet('lru').slice(1)).toEqual(new Array<boolean>(49).fill(false));
  });
});

describe('random replacement', () => {
  it('draws every way as often as every other', () => {
    const ways = 11;
    const policy: ReplacementPolicy = REPLACEMENTS.random.create({
      sets: 1,
      ways,
      random: createRandomStream('seed', 'llc'),
    });
    const draws = 110_000;
    const times = new Array<number>(ways).fill(0);
    const entries = new Float64Array(ways);
    for (let index = 0; index < draws; index++) {
      const way = policy.victim(entries, 0);
      times[way] = (times[way] as number) + 1;
    }
    // Five standard deviations of a binomial count.
    const mean = draws / ways;
    const tolerance = 5 * Math.sqrt(mean * (1 - 1 / ways));
    for (const count of times) expect(Math.abs(count - mean)).toBeLessThan(tolerance);
  });

  it("draws the same again for the same seed and name, and otherwise for another cache's name", () => {
    const drawsOf = (seed: string, name: string): number[] => {
      const draw = createRandomStream(seed, name);
      return Array.from({ length: 8 }, draw);
    };
    expect(drawsOf('s', 'L1D[0]')).toEqual(drawsOf('s', 'L1D[0]'));
    expect(drawsOf('s', 'L1D[0]')).not.toEqual(drawsOf('s', 'L1D[1]'));
    expect(drawsOf('s', 'L1D[0]')).not.toEqual(drawsOf('t', 'L1D[0]'));
  });
});

describe('the registry', () => {
  it('has a sentence for every policy', () => {
    for (const { sentence } of Object.values(REPLACEMENTS)) expect(sentence).not.toBe('');
  });
});

describe('a plain cache', () => {
  it('takes a line written down from above without a fetch, and dirty', () => {
    const below = cacheOf('lru', 1, 1);
    const policy = REPLACEMENTS.lru.create({ sets: 1, ways: 1, random: () => 0 });
    const cache = createFunctionalCache(1, 1, policy, below);
    cache.write(7);
    cache.read(8);
    // The write fetched 7, the read fetched 8, then 7 came down and displaced 8 below, clean.
    expect(below.counters).toEqual({ reads: 2, writes: 1, readMisses: 2, writeMisses: 1, writebacks: 0 });
    expect(below.dirtyLines()).toBe(1);
  });

  it('chooses the set by the remainder where their number is no power of two', () => {
    const cache = cacheOf('lru', 3, 1);
    expect(hitsOf(cache, [0, 3, 0, 1, 2, 1])).toEqual([false, false, false, false, false, true]);
  });

  it('tells apart lines beyond 2^32 that agree in their lower bits', () => {
    const cache = cacheOf('lru', 64, 8);
    const far = 2 ** 41;
    expect(hitsOf(cache, [5, 5 + far, 5 + 2 ** 51, 5, 5 + far, 5 + 2 ** 51])).toEqual([
      false,
      false,
      false,
      true,
      true,
      true,
    ]);
  });
});
