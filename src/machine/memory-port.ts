/** The way from the cores and the shared level to main memory: which channel, over the socket link or not, and what the way takes. */
import { Clock, type ClockRegisters } from './clock.js';
import { ANSWER } from './coherence/layout.js';
import { hashLine, rangeOfHash } from './coherence/line-hash.js';
import type { MainMemory } from './dram/memory.js';
import { type EventOrder, updateOrder } from './event-order.js';
import type { LatencyModel } from './interconnect/latency.js';
import { homeOf, type Placement } from './placement.js';

const { Now: NOW, Ready: READY, Known: KNOWN, Horizon: HORIZON } = Clock;
const { WAY_PS } = ANSWER;

export interface MemoryPort {
  readonly memory: MainMemory;
  readonly latency: LatencyModel;
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
  /** The socket link: one way, what a line takes of its bandwidth, when each direction is free again. */
  readonly crossingPs: number;
  readonly linkPsPerLine: number;
  readonly linkFreePs: Float64Array;
  /** Both directions of the link are simulated: there are two sockets. In a share, one direction stands for both. */
  readonly isWhole: boolean;
  /** Lines that crossed the link, towards the requester and away from it. */
  readonly linkLines: Float64Array;
  readonly parameterBase: number;
  readonly parameterEnd: number;
  /** Shares of a socket that read the same parameters: each line is fetched by one of them. */
  readonly fetchers: number;
  /** Every thread reads the whole parameter region, not a part of its own. */
  sharesParameters: boolean;
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
  const { clock } = p;
  const socket = p.sockets === 2 && core >= p.coresPerSocket ? 1 : 0;
  const home = homeOf(p.placement, line, socket);
  const now = clock[NOW];
  let extra = clock[KNOWN] - now + p.controllerPs + p.sharedAnswer[WAY_PS];
  if (home !== socket) {
    p.linkLines[IN]++;
    extra += crossLink(p, socket);
  }
  if (
    p.sharesParameters &&
    line >= p.parameterBase &&
    line < p.parameterEnd &&
    rangeOfHash(hashLine(line), p.fetchers) !== 0
  ) {
    clock[READY] = now + extra + p.idleMemoryPs;
    return true;
  }
  clock[READY] = extra;
  enqueue(p, channelOf(p, line, home), line, false, tag);
  return false;
}

/** A core sends a whole line to memory at Clock.Now; the answer tells when the controller has taken it. Clock.Ready is what is to be added to the answer. */
export function writeLine(p: MemoryPort, core: number, line: number, tag: number): void {
  const socket = p.sockets === 2 && core >= p.coresPerSocket ? 1 : 0;
  const home = homeOf(p.placement, line, socket);
  let extra = p.latency.toSlicePs(core, hashLine(line)) * 2 + p.controllerPs;
  if (home !== socket) {
    p.linkLines[OUT]++;
    extra += crossLink(p, home);
  }
  p.clock[READY] = extra;
  enqueue(p, channelOf(p, line, home), line, true, tag);
}

/** The shared level of a socket writes a line back at Clock.Now. Nobody waits for it. */
export function writeBackLine(p: MemoryPort, socket: number, line: number): void {
  const home = homeOf(p.placement, line, socket);
  if (home !== socket) {
    p.linkLines[OUT]++;
    crossLink(p, home);
  }
  enqueue(p, channelOf(p, line, home), line, true, -1);
}

/** Hands a request to a channel at Clock.Now, and lets the event loop know when the channel acts. */
function enqueue(p: MemoryPort, channel: number, line: number, isWrite: boolean, tag: number): void {
  const { memory, order, clock, lastEnqueuePs } = p;
  const now = clock[NOW];
  const time = now > lastEnqueuePs[channel] ? now : lastEnqueuePs[channel];
  lastEnqueuePs[channel] = time;
  memory.enqueue(channel, line, isWrite, time, tag);
  const next = memory.nextPs[channel];
  const entity = p.channelsFrom + channel;
  if (next === order.times[entity]) return;
  order.times[entity] = next;
  updateOrder(order, entity);
  if (next < clock[HORIZON]) clock[HORIZON] = next;
}

/**
 * Extra time of a line that crosses the link to socket `to`, both ways and the wait for its bandwidth. In a share, what its cores write leaves by one direction while what their
 * mirror images on the other socket write comes in by the one that its cores' reads take: each direction carries reads and writes alike, and one of them is simulated.
 */
function crossLink(p: MemoryPort, to: number): number {
  const direction = p.isWhole ? to : 0;
  const now = p.clock[NOW];
  const free = Math.max(p.linkFreePs[direction], now);
  p.linkFreePs[direction] = free + p.linkPsPerLine;
  return 2 * p.crossingPs + free - now;
}

function channelOf(p: MemoryPort, line: number, home: number): number {
  if (p.channelsPerSocket === 1) return p.sockets === 2 ? home : 0;
  const local = p.memory.channelOf(line);
  return p.sockets === 2 ? home * p.channelsPerSocket + local : local;
}
