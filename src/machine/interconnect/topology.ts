/**
 * The links of a socket and the ways over them. Tiles are numbered row by row on a mesh, around the loop on a ring.
 *
 * Each link is one direction. A message's way is fixed by where it goes from and to:
 * - mesh: along its row to the column, then along the column (dimension order);
 * - ring: the shorter way round, clockwise where both are as long;
 * - crossbar: through the output port of the tile that it goes to.
 *
 * None of them can deadlock. Packets that hold one channel while they wait for the next can only do so if the graph of which channel waits for which has a cycle (Dally and Seitz, IEEE Trans. Computers
 * C-36(5), 1987). On a mesh in dimension order it has none: no way turns from a column back into a row. A crossbar's way is a single channel. The channels of a ring do wait for each other in a
 * circle, which real rings break by a dateline: a packet that crosses a chosen link goes on in a second set of buffers, so that no buffer waits for itself. Here a message holds nothing while it
 * waits: its time on each link is booked at once (`calendar.ts`), a booking is never taken back and never refused, so hold-and-wait, which any deadlock needs, does not occur, and a ring needs no
 * dateline. Requests cannot hold up the answers that they wait for either, the reason for virtual networks per class of message: every booking has a finite time when it is made.
 */
import type { InterconnectSpec } from '../spec.js';

/** Hops between two tiles of a socket: links on the way. */
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

/**
 * One-way latencies on an empty network in ps, `[from * tiles + to]`: the hops, and behind them the message itself. Small integers, so that they are never boxed.
 * @param serialisationPs of the message, which takes no link where it stays on its tile
 */
export function latencyTable(spec: InterconnectSpec, tiles: number, serialisationPs: number): Int32Array {
  const table = new Int32Array(tiles * tiles);
  for (let from = 0; from < tiles; from++) {
    for (let to = 0; to < tiles; to++) {
      const hops = hopsBetween(spec, tiles, from, to);
      table[from * tiles + to] = hops === 0 ? 0 : hops * Math.round(spec.hopPs) + serialisationPs;
    }
  }
  return table;
}

/** Mesh stops: a mesh has one at every crossing, also where tiles do not fill the last row (a disabled tile keeps its stop); elsewhere a tile has one each. */
function stopsOf(spec: InterconnectSpec, tiles: number): number {
  return spec.kind === 'mesh' ? Math.max(tiles, spec.columns * spec.rows) : tiles;
}

/** A directed link between two stops; on a crossbar, the output port of the tile `to` (`from` is -1). */
export interface Link {
  readonly from: number;
  readonly to: number;
}

/** The links of a socket in the order that numbers them. */
export function linksOf(spec: InterconnectSpec, tiles: number): Link[] {
  const stops = stopsOf(spec, tiles);
  const all = Array.from({ length: stops }, (_, stop) => stop);
  switch (spec.kind) {
    case 'mesh':
      return all.flatMap((from) => {
        const column = from % spec.columns;
        const eastWest = [
          ...(column + 1 < spec.columns ? [from + 1] : []),
          ...(column > 0 ? [from - 1] : []),
        ];
        return [...eastWest, from + spec.columns, from - spec.columns]
          .filter((to) => to >= 0 && to < stops)
          .map((to) => ({ from, to }));
      });
    case 'ring':
      if (tiles === 1) return [];
      return [
        ...all.map((from) => ({ from, to: (from + 1) % tiles })),
        ...all.map((from) => ({ from, to: (from + tiles - 1) % tiles })),
      ];
    case 'crossbar':
      return all.map((to) => ({ from: -1, to }));
  }
}

/** The ways over the links of a socket: `[from * tiles + to]` is a list of numbers of links (see `linksOf`), from the first to the last. */
export function routesOf(spec: InterconnectSpec, tiles: number): number[][] {
  const pairs = Array.from({ length: tiles * tiles }, (_, pair) => [Math.floor(pair / tiles), pair % tiles]);
  const ways = pairs as [number, number][];
  switch (spec.kind) {
    case 'mesh': {
      const numbers = new Map(linksOf(spec, tiles).map(({ from, to }, link) => [`${from} ${to}`, link]));
      return ways.map(([from, to]) => meshRoute(spec.columns, from, to, numbers));
    }
    case 'ring':
      return ways.map(([from, to]) => ringRoute(tiles, from, to));
    case 'crossbar':
      return ways.map(([, to]) => [to]);
  }
}

function meshRoute(
  columns: number,
  from: number,
  to: number,
  numbers: ReadonlyMap<string, number>,
): number[] {
  const route: number[] = [];
  let at = from;
  const go = (next: number): void => {
    route.push(numbers.get(`${at} ${next}`) as number);
    at = next;
  };
  while (at % columns !== to % columns) go(at % columns < to % columns ? at + 1 : at - 1);
  while (at !== to) go(at < to ? at + columns : at - columns);
  return route;
}

function ringRoute(tiles: number, from: number, to: number): number[] {
  const clockwise = (to - from + tiles) % tiles;
  if (clockwise <= tiles / 2) return Array.from({ length: clockwise }, (_, hop) => (from + hop) % tiles);
  // Links the other way round are numbered behind those, by the tile that they leave.
  return Array.from({ length: tiles - clockwise }, (_, hop) => tiles + ((from - hop + tiles) % tiles));
}

/** Links that cross the narrowest straight cut through the middle of a socket, in one direction; what uniform traffic can carry at most follows from it. */
export function linksAcrossMiddle(spec: InterconnectSpec, tiles: number): number {
  switch (spec.kind) {
    case 'mesh':
      if (spec.columns === 1 || spec.rows === 1) return tiles === 1 ? 0 : 1;
      return Math.min(spec.columns, spec.rows);
    case 'ring':
      return tiles === 1 ? 0 : 2;
    case 'crossbar':
      return Math.floor(tiles / 2);
  }
}
