/** Uncontended message latencies between a core, the slice that a line belongs to, and other clusters. */
import { rangeOfHash } from '../coherence/shared-level.js';
import type { InterconnectSpec, SocketLinkSpec } from '../spec.js';
import { latencyTable } from './topology.js';

export interface LatencyModel {
  /** One way from a core to the slice of a line of this hash, on the core's own socket. */
  toSlicePs(core: number, hash: number): number;
  /** One way from the slice of a line of this hash to a cluster of the same socket. */
  sliceToClusterPs(cluster: number, hash: number): number;
  /** One way from a cluster to a core of the same socket. */
  betweenClustersPs(cluster: number, core: number): number;
  /** One way to the tile farthest from a core: how long an invalidation of all takes. */
  farthestPs(core: number): number;
  /** One way over the socket link; 0 on one socket. */
  readonly crossingPs: number;
}

export interface LatencyShape {
  readonly interconnect: InterconnectSpec;
  readonly socketLink: SocketLinkSpec | null;
  /** Tiles of a whole socket, each with a core cluster and a slice. */
  readonly tilesPerSocket: number;
  /** Simulated clusters of a socket; they sit evenly spread over the tiles. */
  readonly clustersPerSocket: number;
  /** All simulated cores. */
  readonly cores: number;
  /** Simulated cores that share a cluster. */
  readonly coresPerCluster: number;
}

export function createLatencyModel(shape: LatencyShape): LatencyModel {
  const { tilesPerSocket: tiles, clustersPerSocket, coresPerCluster } = shape;
  const table = latencyTable(shape.interconnect, tiles);
  // A slice of the chip keeps the distances of the whole chip: cluster i of n sits where the middle of the i-th n-th of the tiles is.
  const tileOfCluster = Int32Array.from({ length: clustersPerSocket }, (_, index) =>
    Math.floor(((index + 0.5) * tiles) / clustersPerSocket),
  );
  // Where the row of a core's tile begins in the table.
  const rowOfCore = Int32Array.from(
    { length: shape.cores },
    (_, core) => tileOf(Math.floor(core / coresPerCluster)) * tiles,
  );
  const farthest = Int32Array.from({ length: tiles }, (_, from) => {
    let most = 0;
    for (let to = 0; to < tiles; to++) most = Math.max(most, table[from * tiles + to] as number);
    return most;
  });

  function tileOf(cluster: number): number {
    return tileOfCluster[cluster % clustersPerSocket] as number;
  }

  return {
    toSlicePs: (core, hash) => table[(rowOfCore[core] as number) + rangeOfHash(hash, tiles)] as number,
    sliceToClusterPs: (cluster, hash) => table[tileOf(cluster) * tiles + rangeOfHash(hash, tiles)] as number,
    betweenClustersPs: (cluster, core) =>
      table[tileOf(cluster) * tiles + tileOf(Math.floor(core / coresPerCluster))] as number,
    farthestPs: (core) => farthest[tileOf(Math.floor(core / coresPerCluster))] as number,
    crossingPs: Math.round(shape.socketLink?.latencyPs ?? 0),
  };
}
