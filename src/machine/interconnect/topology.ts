/** Distances on the chip: how long a message between two tiles of a socket takes without contention. */
import type { InterconnectSpec } from '../spec.js';

/** Hops between two tiles of a socket. Tiles are numbered row by row on a mesh, around the loop on a ring. */
export function hopsBetween(spec: InterconnectSpec, tiles: number, from: number, to: number): number {
  switch (spec.kind) {
    case 'mesh': {
      const dx = Math.abs((from % spec.columns) - (to % spec.columns));
      const dy = Math.abs(Math.floor(from / spec.columns) - Math.floor(to / spec.columns));
      return dx + dy;
    }
    case 'ring': {
      const clockwise = Math.abs(from - to);
      return Math.min(clockwise, tiles - clockwise);
    }
    case 'crossbar':
      return 1;
  }
}

/** One-way latencies in ps, `[from * tiles + to]`. Small integers, so that they are never boxed. */
export function latencyTable(spec: InterconnectSpec, tiles: number): Int32Array {
  const table = new Int32Array(tiles * tiles);
  for (let from = 0; from < tiles; from++) {
    for (let to = 0; to < tiles; to++)
      table[from * tiles + to] = hopsBetween(spec, tiles, from, to) * Math.round(spec.hopPs);
  }
  return table;
}
