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
  const instance = instantiate(code, {
    refill: () => 0,
    growRing: (pointer) => growRingAt(image, pointer),
  });
  const image = new MachineImage(instance.memory, code.layout, instance.dataStart());
  const pointers = image.carry([['ChannelSet', set]]);
  if (pointers === undefined) return dram;
  const [pointer = 0] = pointers;
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
      instance.enqueueRequest(pointer, channel, line, isWrite ? 1 : 0, timePs, tag),
    step: (channel) => instance.stepChannel(pointer, channel),
    accepts: (channel, isWrite) => instance.acceptsRequest(pointer, channel, isWrite ? 1 : 0) !== 0,
    channelOf: (line) => instance.channelOfLine(pointer, line),
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
