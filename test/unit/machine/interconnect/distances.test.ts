import { describe, expect, it } from 'vitest';
import { hopsBetween, latencyTable } from '../../../../src/machine/interconnect/topology.js';
import type { InterconnectSpec } from '../../../../src/machine/spec.js';

const MESH: InterconnectSpec = {
  kind: 'mesh',
  columns: 5,
  rows: 4,
  hopPs: 1000,
  linkBytesPerSecond: Infinity,
};
const RING: InterconnectSpec = {
  kind: 'ring',
  columns: 1,
  rows: 1,
  hopPs: 700,
  linkBytesPerSecond: Infinity,
};
const CROSSBAR: InterconnectSpec = {
  kind: 'crossbar',
  columns: 1,
  rows: 1,
  hopPs: 2000,
  linkBytesPerSecond: Infinity,
};

/** Hops by walking: breadth-first over the links that there are. */
function walk(tiles: number, neighbours: (tile: number) => number[], from: number): number[] {
  const hops = new Array<number>(tiles).fill(-1);
  hops[from] = 0;
  const queue = [from];
  for (const tile of queue) {
    for (const next of neighbours(tile)) {
      if (next < 0 || next >= tiles || hops[next] !== -1) continue;
      hops[next] = (hops[tile] as number) + 1;
      queue.push(next);
    }
  }
  return hops;
}

describe('distances', () => {
  it('on a mesh are those of a walk along its links', () => {
    const tiles = 20;
    const neighbours = (tile: number): number[] => {
      const column = tile % 5;
      return [tile - 5, tile + 5, ...(column > 0 ? [tile - 1] : []), ...(column < 4 ? [tile + 1] : [])];
    };
    for (let from = 0; from < tiles; from++) {
      expect(Array.from({ length: tiles }, (_, to) => hopsBetween(MESH, tiles, from, to))).toEqual(
        walk(tiles, neighbours, from),
      );
    }
  });

  it('on a ring are the shorter way round', () => {
    for (const tiles of [1, 2, 5, 8]) {
      const neighbours = (tile: number): number[] => [(tile + 1) % tiles, (tile + tiles - 1) % tiles];
      for (let from = 0; from < tiles; from++) {
        expect(Array.from({ length: tiles }, (_, to) => hopsBetween(RING, tiles, from, to))).toEqual(
          walk(tiles, neighbours, from),
        );
      }
    }
  });

  it('through a crossbar are one crossing', () => {
    expect(hopsBetween(CROSSBAR, 8, 0, 7)).toBe(1);
    expect(hopsBetween(CROSSBAR, 8, 3, 3)).toBe(1);
  });

  it('become times of a hop each, the same both ways', () => {
    const table = latencyTable(MESH, 20, 0);
    for (let from = 0; from < 20; from++) {
      for (let to = 0; to < 20; to++) {
        expect(table[from * 20 + to]).toBe(hopsBetween(MESH, 20, from, to) * MESH.hopPs);
        expect(table[from * 20 + to]).toBe(table[to * 20 + from]);
      }
    }
  });
});
