/** The way from the cores and the shared level to main memory: which channel, over the socket link or not, and what the way takes. */
import { Clock, type ClockRegisters } from './clock.js';
import { ANSWER } from './coherence/layout.js';
import { hashLine, rangeOfHash } from './coherence/line-hash.js';
import type { MainMemory } from './dram/memory.js';
import { type EventOrder, updateOrder } from './event-order.js';
import { carry, cross, type Interconnect } from './interconnect/interconnect.js';
import { ADDRESS_FLITS, LINE_FLITS } from './interconnect/message.js';
import { homeOf, type Placement } from './placement.js';

const { Now: NOW, Ready: READY, Known: KNOWN, Horizon: HORIZON, Message: MESSAGE } = Clock;
const { PAIR } = ANSWER;
const [ADDRESS, LINE] = [ADDRESS_FLITS, LINE_FLITS];

/** Called with every line that is handed to main memory. */
export type MemoryObserver = (line: number, isWrite: boolean) => void;

export interface MemoryPort {
  readonly memory: MainMemory;
  readonly interconnect: Interconnect;
  readonly placement: Placement;
  readonly order: EventOrder;
  readonly clock: ClockRegisters;
  /** Answer of the shared level to the last request. */
  readonly sharedAnswer: Int32Array;
  /** First channel in the event order. */
  readonly channelsFrom: number;
  readonly sockets: number;
  readonly coresPerSocket: number;
  readonly channelsPerSocket: number;
  readonly controllerPs: number;
  /** What an idle memory takes to read, ps. */
  readonly idleMemoryPs: number;
  /** Of each channel: when it was handed its last request. */
  readonly lastEnqueuePs: Float64Array;
  /** Lines from and for memory that crossed the socket link, towards the requester and away from it. */
  readonly linkLines: Float64Array;
  readonly parameterBase: number;
  readonly parameterEnd: number;
  /** Shares of a socket that read the same parameters: each line is fetched by one of them. */
  readonly fetchers: number;
  /** Every thread reads the whole parameter region, not a part of its own. */
  sharesParameters: boolean;
  /** What a line that memory has been asked for has to go, by tag; empty where nothing can wait on its way. */
  ways: Ways;
  /** Whether somebody sees each request before memory takes it, and who. */
  isObserved: boolean;
  observe: MemoryObserver;
}

/** Ways of lines from the memory controller to the core, by tag. */
export interface Ways {
  /** Pair of tiles of the slice and the core << 2 | socket << 1 | whether it crosses to that socket first; -1 for what goes nowhere. */
  readonly route: Int32Array;
  /** When the line leaves the controller, after memory's answer, ps. */
  readonly leavesPs: Float64Array;
}

/** @param tags highest tag + 1; 0 where nothing can wait */
export function createWays(tags: number): Ways {
  return { route: new Int32Array(tags).fill(-1), leavesPs: new Float64Array(tags) };
}

/** Lines towards the requester, and away from it. */
const IN = 0;
const OUT = 1;

/**
 * A core asks for a line at Clock.Now; Clock.Known says when the miss became known at the slice.
 * @param tag of the answer
 * @returns true when the arrival is known at once: it is Clock.Ready; false when memory will answer: Clock.Ready is what is to be added to its answer
 */
export function readLine(p: MemoryPort, core: number, line: number, tag: number): boolean {
  const { clock, interconnect, ways } = p;
  const socket = p.sockets === 2 && core >= p.coresPerSocket ? 1 : 0;
  const home = homeOf(p.placement, line, socket);
  const isFar = home !== socket;
  const now = clock[NOW];
  const pair = p.sharedAnswer[PAIR];
  const wayPs = interconnect.linePs[pair] + (isFar ? interconnect.crossingPs : 0);
  const isFetchedByNeighbour =
    p.sharesParameters &&
    line >= p.parameterBase &&
    line < p.parameterEnd &&
    rangeOfHash(hashLine(line), p.fetchers) !== 0;
  if (isFetchedByNeighbour) {
    // It is the neighbour's fetch that loads the links.
    const askPs = clock[KNOWN] - now + (isFar ? interconnect.crossingPs : 0);
    clock[READY] = now + askPs + p.controllerPs + p.idleMemoryPs + wayPs;
    return true;
  }
  clock[MESSAGE] = clock[KNOWN];
  if (isFar) {
    p.linkLines[IN]++;
    cross(interconnect, home, ADDRESS);
  }
  const leavesPs = clock[MESSAGE] - now + p.controllerPs;
  if (ways.route.length > 0) {
    ways.route[tag] = (pair << 2) | (socket << 1) | (isFar ? 1 : 0);
    ways.leavesPs[tag] = leavesPs;
  }
  clock[READY] = leavesPs + wayPs;
  enqueue(p, channelOf(p, line, home), line, false, tag);
  return false;
}

/**
 * Carries the line that memory answers with to its core.
 * @param answerPs one element: when memory has it
 * @returns how long it waits for links on its way, ps
 */
export function deliverLine(p: MemoryPort, tag: number, answerPs: Float64Array): number {
  const { interconnect, ways } = p;
  if (ways.route.length === 0) return 0;
  const route = ways.route[tag];
  if (route < 0) return 0;
  const socket = (route >> 1) & 1;
  p.clock[MESSAGE] = answerPs[0] + ways.leavesPs[tag];
  const linkWaitPs = (route & 1) === 0 ? 0 : cross(interconnect, socket, LINE);
  return linkWaitPs + carry(interconnect, socket, route >> 2, LINE);
}

/** A core sends a whole line to memory at Clock.Now; the answer tells when the controller has taken it. Clock.Ready is what is to be added to the answer. */
export function writeLine(p: MemoryPort, core: number, line: number, tag: number): void {
  const { clock, interconnect } = p;
  const { tiles } = interconnect;
  const socket = p.sockets === 2 && core >= p.coresPerSocket ? 1 : 0;
  const home = homeOf(p.placement, line, socket);
  const coreTile = interconnect.tileOfCore[core];
  const sliceTile = rangeOfHash(hashLine(line), tiles);
  clock[MESSAGE] = clock[NOW];
  carry(interconnect, socket, coreTile * tiles + sliceTile, LINE);
  let backPs = interconnect.addressPs[sliceTile * tiles + coreTile];
  if (home !== socket) {
    p.linkLines[OUT]++;
    cross(interconnect, home, LINE);
    backPs += interconnect.crossingPs;
  }
  clock[READY] = clock[MESSAGE] - clock[NOW] + p.controllerPs + backPs;
  enqueue(p, channelOf(p, line, home), line, true, tag);
}

/** The shared level of a socket writes a line back at Clock.Now. Nobody waits for it. */
export function writeBackLine(p: MemoryPort, socket: number, line: number): void {
  const home = homeOf(p.placement, line, socket);
  if (home !== socket) {
    p.linkLines[OUT]++;
    p.clock[MESSAGE] = p.clock[NOW];
    cross(p.interconnect, home, LINE);
  }
  enqueue(p, channelOf(p, line, home), line, true, -1);
}

/** Channel that a core's request for a line goes to; for reports. */
export function channelFor(p: MemoryPort, core: number, line: number): number {
  return channelOf(p, line, homeOf(p.placement, line, p.sockets === 2 && core >= p.coresPerSocket ? 1 : 0));
}

/** Hands a request to a channel at Clock.Now, and lets the event loop know when the channel acts. */
function enqueue(p: MemoryPort, channel: number, line: number, isWrite: boolean, tag: number): void {
  const { memory, order, clock, lastEnqueuePs } = p;
  const now = clock[NOW];
  const time = now > lastEnqueuePs[channel] ? now : lastEnqueuePs[channel];
  lastEnqueuePs[channel] = time;
  if (p.isObserved) p.observe(line, isWrite);
  memory.enqueue(channel, line, isWrite, time, tag);
  const next = memory.nextPs[channel];
  const entity = p.channelsFrom + channel;
  if (next === order.times[entity]) return;
  order.times[entity] = next;
  updateOrder(order, entity);
  if (next < clock[HORIZON]) clock[HORIZON] = next;
}

function channelOf(p: MemoryPort, line: number, home: number): number {
  if (p.channelsPerSocket === 1) return p.sockets === 2 ? home : 0;
  const local = p.memory.channelOf(line);
  return p.sockets === 2 ? home * p.channelsPerSocket + local : local;
}
