/** The messages of the protocol: who sends what to whom, and which clock register they move. What crosses a socket's links from or for the socket link or a memory controller is left out. */
import { Clock } from '../clock.js';
import { carry, cross } from '../interconnect/interconnect.js';
import { ADDRESS_FLITS, LINE_FLITS } from '../interconnect/message.js';
import { ANSWER } from './layout.js';
import { hashLine, rangeOfHash } from './line-hash.js';
import type { SharedLevel } from './state.js';

const { Now: NOW, Ready: READY, Known: KNOWN, Message: MESSAGE } = Clock;
const { PAIR, SOCKET, SNOOP_WAIT_PS } = ANSWER;
/** Flits of a message that carries no line: a request, a permission, an acknowledgement. */
export const ADDRESS = ADDRESS_FLITS;
export const LINE = LINE_FLITS;

/** A core's request for a line of this hash goes to its slice: Clock.Message is when it arrives. Notes the way back in the answer. */
export function sendRequest(s: SharedLevel, socket: number, core: number, hash: number): void {
  const { answer, clock, interconnect } = s;
  const { tiles } = interconnect;
  const coreTile = interconnect.tileOfCore[core];
  const sliceTile = rangeOfHash(hash, tiles);
  answer[SOCKET] = socket;
  answer[PAIR] = sliceTile * tiles + coreTile;
  clock[MESSAGE] = clock[NOW];
  carry(interconnect, socket, coreTile * tiles + sliceTile, ADDRESS);
}

/** The slice answers the request at Clock.Known: Clock.Ready is when that arrives. */
export function sendAnswer(s: SharedLevel, flits: number): void {
  const { answer, clock } = s;
  clock[MESSAGE] = clock[KNOWN];
  carry(s.interconnect, answer[SOCKET], answer[PAIR], flits);
  clock[READY] = clock[MESSAGE];
}

/** The slice asks the owner of a line at Clock.Known to send it to the requester: Clock.Ready is when it arrives. */
export function sendForward(s: SharedLevel, ownerCluster: number): void {
  const { answer, clock, interconnect } = s;
  const { tiles } = interconnect;
  const socket = answer[SOCKET];
  const coreTile = answer[PAIR] % tiles;
  const sliceTile = ((answer[PAIR] - coreTile) / tiles) | 0;
  const ownerTile = interconnect.tileOfCluster[ownerCluster];
  clock[MESSAGE] = clock[KNOWN];
  carry(interconnect, socket, sliceTile * tiles + ownerTile, ADDRESS);
  clock[MESSAGE] += s.snoopPs;
  carry(interconnect, socket, ownerTile * tiles + coreTile, LINE);
  clock[READY] = clock[MESSAGE];
}

/** The other socket is asked for the line of a request at Clock.Known, which becomes when its answer is here. @param flits of the answer */
export function askAcross(s: SharedLevel, socket: number, lookupPs: number, flits: number): void {
  const { clock, interconnect } = s;
  clock[MESSAGE] = clock[KNOWN];
  cross(interconnect, 1 - socket, ADDRESS);
  clock[MESSAGE] += lookupPs;
  cross(interconnect, socket, flits);
  clock[KNOWN] = clock[MESSAGE];
}

/** The slice has a cluster drop its copy at Clock.Known; the cluster acknowledges, with the line where that was modified. Notes the longest wait for links. */
export function sendInvalidation(s: SharedLevel, cluster: number, line: number, dirty: number): void {
  const { answer, clock, interconnect } = s;
  if (interconnect.network === null) return;
  const { tiles } = interconnect;
  const socket = cluster < s.clustersPerSocket ? 0 : 1;
  const holderTile = interconnect.tileOfCluster[cluster];
  const sliceTile = rangeOfHash(hashLine(line), tiles);
  clock[MESSAGE] = clock[KNOWN];
  let waitPs = carry(interconnect, socket, sliceTile * tiles + holderTile, ADDRESS);
  clock[MESSAGE] += s.snoopPs;
  waitPs += carry(interconnect, socket, holderTile * tiles + sliceTile, dirty === 0 ? ADDRESS : LINE);
  if (waitPs > answer[SNOOP_WAIT_PS]) answer[SNOOP_WAIT_PS] = waitPs;
}

/**
 * A cluster sends its slice a line, or the note that it has given one up. Nobody waits for it.
 * @param from the register that holds when it does: a word of Clock. Clock.Known becomes when the message arrives.
 */
export function sendDown(s: SharedLevel, cluster: number, line: number, from: number, flits: number): void {
  const { clock, interconnect } = s;
  if (interconnect.network === null) return;
  const { tiles } = interconnect;
  const socket = cluster < s.clustersPerSocket ? 0 : 1;
  const pair = interconnect.tileOfCluster[cluster] * tiles + rangeOfHash(hashLine(line), tiles);
  clock[MESSAGE] = clock[from];
  carry(interconnect, socket, pair, flits);
  clock[KNOWN] = clock[MESSAGE];
}
