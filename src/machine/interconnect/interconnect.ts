/**
 * How messages travel between the tiles of a socket and between sockets, and when they arrive: latencies from tables, and the waits for links where these have a finite bandwidth.
 *
 * The register Clock.Message holds the time of the message in hand: set it to when the message sets out; `carry` and `cross` move it to when it arrives.
 *
 * A share of a chip has the latencies of the whole. Links within a socket are asked where all its cores are simulated, whose messages they carry; of the link between sockets a share has its part
 * (see docs/sampling.md).
 */
import { Clock, type ClockRegisters } from '../clock.js';
import type { InterconnectSpec, SocketLinkSpec } from '../spec.js';
import { book, type Calendar, createCalendar } from './calendar.js';
import { ADDRESS_FLITS, LINE_FLITS, serialisationPs } from './message.js';
import { createNetwork, type Network, send } from './network.js';
import { latencyTable } from './topology.js';

const { Message: MESSAGE } = Clock;
const LINE = LINE_FLITS;

export interface InterconnectShape {
  readonly interconnect: InterconnectSpec;
  /** Null on one socket. */
  readonly socketLink: SocketLinkSpec | null;
  /** Simulated sockets. */
  readonly sockets: number;
  /** Tiles of a whole socket, each with a core cluster and a slice. */
  readonly tilesPerSocket: number;
  /** Simulated clusters of a socket; they sit evenly spread over the tiles. */
  readonly clustersPerSocket: number;
  /** Simulated cores that share a cluster. */
  readonly coresPerCluster: number;
  /** All cores of a socket are simulated, so that its links carry what they carry. */
  readonly isWholeSocket: boolean;
  /** The part of the bandwidth of the socket link that belongs to the simulated cores. */
  readonly linkShare: number;
  /** How far ahead of the present messages are sent on an idle machine, ps (see `createCalendar`). */
  readonly aheadPs: number;
}

/** Plain data; times in whole ps. A pair of tiles, from and to, is numbered `from * tiles + to`. */
export interface Interconnect {
  readonly clock: ClockRegisters;
  readonly tiles: number;
  /** On their socket; by cores and by clusters of the whole chip. */
  readonly tileOfCore: Int32Array;
  readonly tileOfCluster: Int32Array;
  /** Of an address message and of a line between a pair of tiles, on an empty network. */
  readonly addressPs: Int32Array;
  readonly linePs: Int32Array;
  /** An address message to the tile farthest from a tile: how long it takes to tell all. */
  readonly farthestPs: Int32Array;
  /** Null where links have no limit, and in a share of a chip. */
  readonly network: Network | null;
  /** One way over the socket link, the messages' own length included; 0 on one socket. */
  readonly crossingPs: number;
  /** The socket link by direction: that of the socket it leads to. Null without a link and without a limit. */
  readonly socketLink: Calendar | null;
  /** 1 where both directions are simulated, else 0. In a share one direction carries all: what its cores send, their mirror images on the other socket send towards them. */
  readonly directionMask: number;
}

export function createInterconnect(shape: InterconnectShape, clock: ClockRegisters): Interconnect {
  const { interconnect, socketLink, sockets, tilesPerSocket: tiles, clustersPerSocket, aheadPs } = shape;
  const bandwidth = interconnect.linkBytesPerSecond;
  const addressPs = latencyTable(interconnect, tiles, serialisationPs(ADDRESS_FLITS, bandwidth));
  // A share of the chip keeps the distances of the whole chip: cluster i of n sits where the middle of the i-th n-th of the tiles is.
  const tileOfCluster = Int32Array.from({ length: sockets * clustersPerSocket }, (_, cluster) =>
    Math.floor((((cluster % clustersPerSocket) + 0.5) * tiles) / clustersPerSocket),
  );
  const linkBandwidth = (socketLink?.bytesPerSecond ?? Infinity) * shape.linkShare;
  return {
    clock,
    tiles,
    tileOfCore: Int32Array.from(
      { length: sockets * clustersPerSocket * shape.coresPerCluster },
      (_, core) => tileOfCluster[Math.floor(core / shape.coresPerCluster)],
    ),
    tileOfCluster,
    addressPs,
    linePs: latencyTable(interconnect, tiles, serialisationPs(LINE_FLITS, bandwidth)),
    farthestPs: Int32Array.from({ length: tiles }, (_, from) =>
      Math.max(...addressPs.subarray(from * tiles, (from + 1) * tiles)),
    ),
    network: shape.isWholeSocket ? createNetwork(interconnect, sockets, tiles, aheadPs, clock) : null,
    crossingPs: Math.round(socketLink?.latencyPs ?? 0),
    socketLink: linkBandwidth === Infinity ? null : createCalendar(2, linkBandwidth, aheadPs, clock),
    directionMask: sockets - 1,
  };
}

/**
 * Carries a message between two tiles of a socket.
 * @param flits ADDRESS_FLITS or LINE_FLITS
 * @returns how much of the time it waited for links, ps
 */
export function carry(i: Interconnect, socket: number, pair: number, flits: number): number {
  const { clock, network } = i;
  const arrival = clock[MESSAGE] + (flits === LINE ? i.linePs[pair] : i.addressPs[pair]);
  const waitPs = network === null ? 0 : send(network, socket, pair, flits);
  clock[MESSAGE] = arrival + waitPs;
  return waitPs;
}

/** Carries a message over the link to socket `to`. @returns as `carry` */
export function cross(i: Interconnect, to: number, flits: number): number {
  const waitPs = i.socketLink === null ? 0 : book(i.socketLink, to & i.directionMask, flits);
  i.clock[MESSAGE] += i.crossingPs + waitPs;
  return waitPs;
}
