import { describe, expect, it } from 'vitest';
import { hashLine } from '../../../../src/machine/coherence/shared-level.js';
import { createLatencyModel, type LatencyShape } from '../../../../src/machine/interconnect/latency.js';
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

function shapeOf(changes: Partial<LatencyShape>): LatencyShape {
  return {
    interconnect: MESH,
    socketLink: null,
    tilesPerSocket: 20,
    clustersPerSocket: 20,
    cores: 80,
    coresPerCluster: 1,
    ...changes,
  };
}

/** Hashes of the lines of a tensor. */
const HASHES = Array.from({ length: 4000 }, (_, line) => hashLine(line));

describe('latencies on the chip', () => {
  it('to a slice lie between none and the farthest tile', () => {
    const latency = createLatencyModel(shapeOf({}));
    for (let core = 0; core < 20; core++) {
      const times = HASHES.map((hash) => latency.toSlicePs(core, hash));
      expect(Math.min(...times)).toBe(0);
      expect(Math.max(...times)).toBe(latency.farthestPs(core));
    }
  });

  it('are farthest from a corner, nearest from the middle', () => {
    const latency = createLatencyModel(shapeOf({}));
    expect(latency.farthestPs(0)).toBe((4 + 3) * 1000);
    expect(latency.farthestPs(7)).toBe((2 + 2) * 1000);
  });

  it('spread lines evenly over the tiles: on average as far as the mean distance to all tiles', () => {
    const latency = createLatencyModel(shapeOf({}));
    const mean = (values: readonly number[]): number =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    for (const core of [0, 7, 19]) {
      const toTiles = Array.from({ length: 20 }, (_, tile) => hopsBetween(MESH, 20, core, tile) * 1000);
      expect(mean(HASHES.map((hash) => latency.toSlicePs(core, hash)))).toBeCloseTo(mean(toTiles), -2);
    }
  });

  it('are the same for the cores of a cluster, and for the same place on the other socket', () => {
    const latency = createLatencyModel(
      shapeOf({
        clustersPerSocket: 20,
        coresPerCluster: 2,
        socketLink: { latencyPs: 60_000, bytesPerSecond: Infinity },
      }),
    );
    for (const hash of HASHES.slice(0, 50)) {
      expect(latency.toSlicePs(6, hash)).toBe(latency.toSlicePs(7, hash));
      expect(latency.toSlicePs(6, hash)).toBe(latency.toSlicePs(46, hash));
      expect(latency.toSlicePs(6, hash)).toBe(latency.sliceToClusterPs(3, hash));
    }
    expect(latency.betweenClustersPs(0, 2 * 19)).toBe(7000);
    expect(latency.crossingPs).toBe(60_000);
  });

  it('of a part of the chip are about those of the whole: its clusters sit spread over all tiles', () => {
    const mean = (clusters: number): number => {
      const latency = createLatencyModel(shapeOf({ clustersPerSocket: clusters }));
      let sum = 0;
      for (let core = 0; core < clusters; core++)
        for (const hash of HASHES) sum += latency.toSlicePs(core, hash);
      return sum / clusters / HASHES.length;
    };
    const whole = mean(20);
    for (const part of [2, 4, 5, 10]) expect(Math.abs(mean(part) / whole - 1)).toBeLessThan(0.15);
  });
});
