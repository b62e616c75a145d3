/** A DRAM of its own whose channels run as WebAssembly. */
import type { Dram } from '../dram/dram.js';
import { growRingAt } from './grow-ring.js';
import { MachineImage } from './image.js';
import { instantiate } from './instance.js';
import type { MachineCode } from './layout.js';

/** Moves a DRAM into a compiled machine. What it was must not be used any more. */
export function compileDram(dram: Dram, code: MachineCode): Dram {
  if (dram.data?.kind !== 'dram') return dram;
  const { set } = dram.data;
  const image = new MachineImage(code);
  if (!image.carry([['ChannelSet', set]])) return dram;
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
