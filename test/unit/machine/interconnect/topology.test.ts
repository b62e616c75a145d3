import { describe, expect, it } from 'vitest';
import {
  hopsBetween,
  type Link,
  linksAcrossMiddle,
  linksOf,
  routesOf,
} from '../../../../src/machine/interconnect/topology.js';
import type { InterconnectSpec } from '../../../../src/machine/spec.js';

function mesh(columns: number, rows: number): InterconnectSpec {
  return { kind: 'mesh', columns, rows, hopPs: 1000, linkBytesPerSecond: 1e9 };
}
const RING: InterconnectSpec = { ...mesh(0, 0), kind: 'ring' };
const CROSSBAR: InterconnectSpec = { ...mesh(0, 0), kind: 'crossbar' };

/** Every kind with its tiles; a mesh that its tiles do not fill among them. */
const SHAPES: [string, InterconnectSpec, number][] = [
  ['5 x 4 mesh', mesh(5, 4), 20],
  ['6 x 6 mesh of 32 tiles', mesh(6, 6), 32],
  ['3 x 1 mesh', mesh(3, 1), 3],
  ['mesh of one tile', mesh(1, 1), 1],
  ['ring of 8', RING, 8],
  ['ring of 5', RING, 5],
  ['ring of 2', RING, 2],
  ['ring of 1', RING, 1],
  ['crossbar of 4', CROSSBAR, 4],
];

function eachPair(tiles: number, visit: (from: number, to: number) => void): void {
  for (let from = 0; from < tiles; from++) for (let to = 0; to < tiles; to++) visit(from, to);
}

/** For each link the links that some message takes right behind it: what waits for what, if messages held a link while they wait for the next. */
function dependencies(routes: readonly number[][], links: number): Set<number>[] {
  const next = Array.from({ length: links }, () => new Set<number>());
  for (const route of routes)
    route.forEach((link, hop) => {
      if (hop > 0) next[route[hop - 1] as number]?.add(link);
    });
  return next;
}

function hasCycle(next: readonly Set<number>[]): boolean {
  // Links that nothing waits behind are taken away until none is left, or only cycles and what leads to them.
  const left = new Set(next.keys());
  for (let removed = true; removed; ) {
    removed = false;
    for (const link of left) {
      if ([...(next[link] as Set<number>)].some((other) => left.has(other))) continue;
      left.delete(link);
      removed = true;
    }
  }
  return left.size > 0;
}

describe('the ways of messages', () => {
  it.each(SHAPES)(
    'on a %s lead from link to link to the other tile, in as many hops as the distance',
    (_name, spec, tiles) => {
      const links = linksOf(spec, tiles);
      const routes = routesOf(spec, tiles);
      eachPair(tiles, (from, to) => {
        const route = (routes[from * tiles + to] as number[]).map((link) => links[link] as Link);
        expect(route).toHaveLength(hopsBetween(spec, tiles, from, to));
        if (spec.kind === 'crossbar') expect(route).toEqual([{ from: -1, to }]);
        else {
          expect([from, ...route.map((link) => link.to)]).toEqual([...route.map((link) => link.from), to]);
        }
      });
    },
  );

  it('on a mesh turn from the row into the column, never back', () => {
    const links = linksOf(mesh(5, 4), 20);
    for (const route of routesOf(mesh(5, 4), 20)) {
      const isInRow = route.map((link) => {
        const { from, to } = links[link] as Link;
        return Math.floor(from / 5) === Math.floor(to / 5);
      });
      expect([...isInRow].sort((a, b) => Number(b) - Number(a))).toEqual(isInRow);
    }
  });

  it('round a ring are clockwise where both are as long', () => {
    const links = linksOf(RING, 8);
    const route = routesOf(RING, 8)[6 * 8 + 2] as number[];
    expect(route.map((link) => (links[link] as Link).to)).toEqual([7, 0, 1, 2]);
  });

  it('between two tiles of a ring use the two links of a direction, not those of the other', () => {
    expect(linksOf(RING, 2)).toHaveLength(4);
    expect(routesOf(RING, 2)).toEqual([[], [0], [1], []]);
  });
});

describe('links that could wait for each other', () => {
  it.each([mesh(5, 4), mesh(6, 6), mesh(2, 2), mesh(8, 1), mesh(16, 8)])(
    'never do so in a circle on a mesh: %o',
    (spec) => {
      const tiles = spec.columns * spec.rows;
      expect(hasCycle(dependencies(routesOf(spec, tiles), linksOf(spec, tiles).length))).toBe(false);
    },
  );

  it('do so on a mesh where some messages go along the column first: the test can tell', () => {
    const spec = mesh(3, 3);
    const links = linksOf(spec, 9);
    const number = (from: number, to: number): number =>
      links.findIndex((link) => link.from === from && link.to === to);
    // Round the square of tiles 0, 1, 4, 3, each message turning once.
    const turns = [
      [0, 1, 4],
      [1, 4, 3],
      [4, 3, 0],
      [3, 0, 1],
    ].map(([a, b, c]) => [number(a as number, b as number), number(b as number, c as number)]);
    expect(hasCycle(dependencies(turns, links.length))).toBe(true);
  });

  it('do so on a ring, which is why bookings must not be held while waiting', () => {
    expect(hasCycle(dependencies(routesOf(RING, 8), linksOf(RING, 8).length))).toBe(true);
  });

  it('are no more than one on the way through a crossbar', () => {
    expect(dependencies(routesOf(CROSSBAR, 6), 6).every((next) => next.size === 0)).toBe(true);
  });
});

describe('the cut through the middle', () => {
  it.each([
    [mesh(5, 4), 20, 4],
    [mesh(4, 5), 20, 4],
    [mesh(6, 6), 36, 6],
    [mesh(8, 1), 8, 1],
    [RING, 8, 2],
    [CROSSBAR, 8, 4],
  ] as const)('of %o is crossed by the links that it is crossed by', (spec, tiles, expected) => {
    expect(linksAcrossMiddle(spec, tiles)).toBe(expected);
    if (spec.kind === 'crossbar') return;
    const side = (tile: number): boolean => {
      if (spec.kind === 'ring') return tile < tiles / 2;
      if (spec.columns >= spec.rows) return tile % spec.columns < Math.floor(spec.columns / 2);
      return Math.floor(tile / spec.columns) < Math.floor(spec.rows / 2);
    };
    expect(linksOf(spec, tiles).filter(({ from, to }) => side(from) && !side(to))).toHaveLength(expected);
  });
});
