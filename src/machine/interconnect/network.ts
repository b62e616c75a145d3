/**
 * The messages of a chip on the links of its sockets: what each is later for the others.
 *
 * A message is passed on flit by flit as it comes (cut-through): each hop costs its latency once, the message's length counts once at the end, and at each link it waits until its slots are free.
 * The latencies of an empty network are those of the tables (`latency.ts`); here is what comes on top.
 */
import { Clock, type ClockRegisters } from '../clock.js';
import type { InterconnectSpec } from '../spec.js';
import { book, type Calendar, createCalendar } from './calendar.js';
import { FLIT_BYTES } from './message.js';
import { type Link, linksOf, routesOf } from './topology.js';

const { Message: MESSAGE } = Clock;

export interface Network {
  readonly clock: ClockRegisters;
  readonly tiles: number;
  readonly hopPs: number;
  /** Links of one socket. */
  readonly links: readonly Link[];
  /** Links of all sockets, those of the first one first. */
  readonly calendar: Calendar;
  /** Where the way of `[from * tiles + to]` begins in `route`; one entry more, for the end of the last. */
  readonly routeStart: Int32Array;
  readonly route: Uint16Array;
}

/**
 * @param aheadPs how far ahead of the present messages are sent on an idle machine (see `createCalendar`)
 * @returns null where nothing can wait: links without limit
 */
export function createNetwork(
  spec: InterconnectSpec,
  sockets: number,
  tiles: number,
  aheadPs: number,
  clock: ClockRegisters,
): Network | null {
  if (spec.linkBytesPerSecond === Infinity) return null;
  const links = linksOf(spec, tiles);
  const routes = routesOf(spec, tiles);
  const routeStart = new Int32Array(tiles * tiles + 1);
  routes.forEach((route, pair) => {
    routeStart[pair + 1] = routeStart[pair] + route.length;
  });
  return {
    clock,
    tiles,
    hopPs: Math.round(spec.hopPs),
    links,
    calendar: createCalendar(sockets * links.length, spec.linkBytesPerSecond, aheadPs, clock),
    routeStart,
    route: Uint16Array.from(routes.flat()),
  };
}

/**
 * Sends a message of so many flits between a pair of tiles of a socket, numbered `from * tiles + to`, at Clock.Message, which is changed.
 * @returns by how many whole ps it arrives later than on an empty network
 */
export function send(network: Network, socket: number, pair: number, flits: number): number {
  const { clock, calendar, hopPs, route, routeStart } = network;
  const end = routeStart[pair + 1];
  const firstLink = socket * network.links.length;
  let waitPs = 0;
  for (let at = routeStart[pair]; at < end; at++) {
    const wait = book(calendar, firstLink + route[at], flits);
    waitPs += wait;
    clock[MESSAGE] += wait + hopPs;
  }
  return waitPs;
}

/** What links of one kind have carried. */
export interface LinkTraffic {
  /** Directed links. */
  readonly links: number;
  readonly bytesPerSecond: number;
  /** Over all links: a message counts once for each that it passes. */
  readonly bytes: number;
  /** Of the link that carried most. */
  readonly busiestBytes: number;
  readonly busiest: string;
  /** Time that messages waited for links, summed, ps. */
  readonly waitedPs: number;
}

/** A link of a network, for people. */
export function nameLink({ links }: Network, link: number): string {
  const socket = Math.floor(link / links.length);
  const { from, to } = links[link % links.length];
  return `socket ${socket}, ${from < 0 ? 'into' : `tile ${from} to`} tile ${to}`;
}

/**
 * Sums up a calendar.
 * @param name of a link
 */
export function linkTraffic(
  { flits, slotPs, waitedPs }: Calendar,
  name: (link: number) => string,
): LinkTraffic {
  let total = 0;
  let busiestLink = 0;
  flits.forEach((count, link) => {
    total += count;
    if (count > flits[busiestLink]) busiestLink = link;
  });
  return {
    links: flits.length,
    bytesPerSecond: (FLIT_BYTES * 1e12) / slotPs,
    bytes: total * FLIT_BYTES,
    busiestBytes: flits.length === 0 ? 0 : flits[busiestLink] * FLIT_BYTES,
    busiest: flits.length === 0 ? '' : name(busiestLink),
    waitedPs: waitedPs[0],
  };
}
