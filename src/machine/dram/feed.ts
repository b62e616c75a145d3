/** Requests offered to a channel as fast as its controller takes them, a batch at a time: who measures a saturated channel need not enter the memory for each command. */
import { acceptsRequest, type ChannelSet, enqueueRequest, stepChannel } from './channel.js';

/** Requests of a batch. */
export const BATCH = 4096;
/** Slack in rounding a time up to a memory cycle, cycles. */
const EDGE_SLACK = 1e-3;

/** A batch of requests to channel 0, and what has come of them and of earlier ones. */
export interface RequestFeed {
  readonly line: Float64Array;
  /** 0 for a read, 1 for a write. */
  readonly direction: Uint8Array;
  /** When the controller's queue took each request of the batch, ps. */
  readonly acceptedPs: Float64Array;
  /** The answers of the last call: tags of the requests, and ends of their data; `WRITE_ANSWER` for a write. */
  readonly tag: Int32Array;
  readonly answerPs: Float64Array;
  answers: number;
  /** Memory cycle in which the next request is offered. */
  offerCycle: number;
  /** End of the last command or data seen. */
  endPs: number;
}

/** In place of the end of a write's data, which nobody waits for. */
export const WRITE_ANSWER = -1;
const OF_WRITE = WRITE_ANSWER;

export function createFeed(): RequestFeed {
  return {
    line: new Float64Array(BATCH),
    direction: new Uint8Array(BATCH),
    acceptedPs: new Float64Array(BATCH),
    tag: new Int32Array(BATCH),
    answerPs: new Float64Array(BATCH),
    answers: 0,
    offerCycle: 0,
    endPs: 0,
  };
}

/**
 * Offers the requests of a batch from `first` to `end`, one per memory cycle, in order, each until the controller takes it. Stops early when there is no room for more answers.
 * @param tag of request `first`; the others' follow
 * @returns the first request not taken
 */
export function offerRequests(
  set: ChannelSet,
  feed: RequestFeed,
  first: number,
  end: number,
  tag: number,
): number {
  feed.answers = 0;
  let at = first;
  while (at < end && feed.answers < feed.tag.length) {
    const direction = feed.direction[at];
    const nextPs = set.nextPs[0];
    if (!acceptsRequest(set, 0, direction)) {
      // What this command makes room for is offered a cycle later.
      const cycle = Math.ceil(nextPs / set.tCKps - EDGE_SLACK) + 1;
      takeStep(set, feed, nextPs);
      if (cycle > feed.offerCycle) feed.offerCycle = cycle;
      continue;
    }
    const offerPs = Math.floor(feed.offerCycle * set.tCKps);
    if (offerPs > nextPs) {
      takeStep(set, feed, nextPs);
      continue;
    }
    enqueueRequest(set, 0, feed.line[at], direction, offerPs, tag + at - first);
    feed.acceptedPs[at] = offerPs;
    feed.offerCycle++;
    at++;
  }
  return at;
}

/** Takes the step that is due at `nextPs`. */
function takeStep(set: ChannelSet, feed: RequestFeed, nextPs: number): void {
  if (nextPs > feed.endPs) feed.endPs = nextPs;
  const tag = stepChannel(set, 0);
  if (tag < 0) return;
  const answerPs = set.answerPs[0];
  if (answerPs > feed.endPs) feed.endPs = answerPs;
  feed.tag[feed.answers] = tag;
  // A forwarded read's latency is one cycle.
  feed.answerPs[feed.answers] = set.unloadedPs[0] > 0 ? answerPs : OF_WRITE;
  feed.answers++;
}
