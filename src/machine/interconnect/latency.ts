/** Message latencies on an empty network between a core, the slice that a line belongs to, and other clusters. */
import { rangeOfHash } from '../coherence/shared-level.js';
import type { InterconnectSpec, SocketLinkSpec } from '../spec.js';
import { ADDRESS_FLITS, LINE_FLITS, serialisationPs } from './message.js';
import { latencyTable } from './topology.js';

/** Times in whole ps. */
export interface LatencyModel {
  /** An address message from a core to the slice of a line of this hash, on the core's own socket; and the other way. */
  toSlicePs(core: number, hash: number): number;
  /** A line from the slice of this hash to a core of the same socket; and the other way. */
  lineFromSlicePs(core: number, hash: number): number;
  /** An address message from the slice of a line of this hash to a cluster of the same socket. */
  sliceToClusterPs(cluster: number, hash: number): number;
  /** A line from a cluster to a core of the same socket. */
  betweenClustersPs(cluster: number, core: number): number;
  /** An address message to the tile farthest from a core: how long an invalidation of all takes. */
  farthestPs(core: number): number;
  /** One way over the socket link, without the message's own length; 0 on one socket. */
  readonly crossingPs: number;
  /** Tile of a cluster on its socket, by clusters of the whole chip. */
  readonly tileOfCluster: Int32Array;
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
  const { interconnect, tilesPerSocket: tiles, clustersPerSocket, coresPerCluster, cores } = shape;
  const ofAddress = serialisationPs(ADDRESS_FLITS, interconnect.linkBytesPerSecond);
  const ofLine = serialisationPs(LINE_FLITS, interconnect.linkBytesPerSecond);
  const addressTable = latencyTable(interconnect, tiles, ofAddress);
  const lineTable = latencyTable(interconnect, tiles, ofLine);
  // A slice of the chip keeps the distances of the whole chip: cluster i of n sits where the middle of the i-th n-th of the tiles is.
  const tileOfCluster = Int32Array.from({ length: Math.ceil(cores / coresPerCluster) }, (_, cluster) =>
    Math.floor((((cluster % clustersPerSocket) + 0.5) * tiles) / clustersPerSocket),
  );
  const tileOfCore = Int32Array.from(
    { length: cores },
    (_, core) => tileOfCluster[Math.floor(core / coresPerCluster)] as number,
  );
  // Where the row of a core's tile begins in the tables.
  const rowOfCore = tileOfCore.map((tile) => tile * tiles);
  const farthest = Int32Array.from({ length: tiles }, (_, from) =>
    Math.max(...addressTable.subarray(from * tiles, (from + 1) * tiles)),
  );

  return {
    toSlicePs: (core, hash) => addressTable[(rowOfCore[core] as number) + rangeOfHash(hash, tiles)] as number,
    lineFromSlicePs: (core, hash) =>
      lineTable[(rowOfCore[core] as number) + rangeOfHash(hash, tiles)] as number,
    sliceToClusterPs: (cluster, hash) =>
      addressTable[(tileOfCluster[cluster] as number) * tiles + rangeOfHash(hash, tiles)] as number,
    betweenClustersPs: (cluster, core) =>
      lineTable[(tileOfCluster[cluster] as number) * tiles + (tileOfCore[core] as number)] as number,
    farthestPs: (core) => farthest[tileOfCore[core] as number] as number,
    crossingPs: Math.round(shape.socketLink?.latencyPs ?? 0),
    tileOfCluster,
  };
}
