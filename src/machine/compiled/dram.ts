/** A DRAM of its own whose channels run as WebAssembly. */
import type { Dram } from '../dram/dram.js';
import type { RequestFeed } from '../dram/feed.js';
import { growRingAt } from './grow-ring.js';
import { MachineImage } from './image.js';
import { instantiate } from './instance.js';
import type { MachineCode } from './layout.js';

/** Moves a DRAM, and the feed that it is offered requests by, into a compiled machine. What the DRAM was must not be used any more. */
export function compileDram(dram: Dram, feed: RequestFeed, code: MachineCode): Dram {
  if (dram.data?.kind !== 'dram') return dram;
  const { set } = dram.data;
  const image = MachineImage.of(code, [
    ['ChannelSet', set],
    ['RequestFeed', feed],
  ]);
  if (image === null) return dram;
  const instance = instantiate(code, image, {
    refill: () => 0,
    observe: () => {},
    growRing: (pointer) => growRingAt(image, pointer),
  });
  return {
    ...dram,
    data: null,
    // Views of memory, renewed when it grows.
    get nextPs() {
      return set.nextPs;
    },
    get answerPs() {
      return set.answerPs;
    },
    get unloadedPs() {
      return set.unloadedPs;
    },
    enqueue: (channel, line, isWrite, timePs, tag) =>
      instance.enqueueRequest(channel, line, isWrite ? 1 : 0, timePs, tag),
    step: (channel) => instance.stepChannel(channel),
    accepts: (channel, isWrite) => instance.acceptsRequest(channel, isWrite ? 1 : 0) !== 0,
    offer: (_feed, first, end, tag) => {
      const taken = instance.offerRequests(first, end, tag);
      image.copyOut();
      return taken;
    },
    channelOf: (line) => instance.channelOfLine(line),
    busy: (channel) => {
      image.copyOut();
      return dram.busy(channel);
    },
    busTime: (channel, untilPs) => {
      image.copyOut();
      return dram.busTime(channel, untilPs);
    },
  };
}
