/** The words that a channel's controller keeps beside the devices' timing state, shared by scheduler and controller. */

/** Later than any event, cycles. */
export const NEVER = 2 ** 31 - 1;

/** Words of a channel. */
export const CHANNEL_STRIDE = 16;
/** First cycle at which the command bus is free. */
export const COMMAND_FREE = 0;
/** Cycle of the chosen command, or `NEVER`. */
export const NEXT = 1;
export const CHOSEN_COMMAND = 2;
/** Word offset of the chosen command's bank; of its rank for commands to a whole rank. */
export const CHOSEN_AT = 3;
export const CHOSEN_ENTRY = 4;
/** 0: reads are served, 1: writes are drained. */
export const WRITE_MODE = 5;
/** Entries in the read queue; the next word is that of the write queue. */
export const QUEUED = 6;
/** Requests in the queues and in the banks' active slots. */
export const HELD = 8;
export const SEQUENCE = 9;
/** The request that has passed the age limit, or -1. */
export const AGED = 10;
/** The cycle from which a request may have passed it. */
export const AGE_CHECK = 11;
/** Earliest refresh due of the channel's ranks. */
export const REFRESH_NEXT = 12;

/** Commands that a channel may choose. */
export const COLUMN = 0;
export const ACTIVATE = 1;
export const PRECHARGE = 2;
export const PRECHARGE_ALL = 3;
export const REFRESH = 4;

/** Masks of a channel's banks, one bit each: with listed reads, with listed writes, with an active request. */
export const MASK_ACTIVE = 2;
const MASKS = 3;

export interface ChannelState {
  readonly words: Int32Array;
  readonly masks: Int32Array;
  /** 32-bit words of one mask. */
  readonly maskWords: number;
  /** Index of a channel's mask. */
  maskAt(channel: number, mask: number): number;
}

export function createChannelState(channels: number, banksPerChannel: number): ChannelState {
  const words = new Int32Array(channels * CHANNEL_STRIDE);
  const maskWords = Math.ceil(banksPerChannel / 32);
  for (let channel = 0; channel < channels; channel++) {
    words[channel * CHANNEL_STRIDE + NEXT] = NEVER;
    words[channel * CHANNEL_STRIDE + AGED] = -1;
    words[channel * CHANNEL_STRIDE + REFRESH_NEXT] = NEVER;
  }
  return {
    words,
    masks: new Int32Array(channels * MASKS * maskWords),
    maskWords,
    maskAt: (channel, mask) => (channel * MASKS + mask) * maskWords,
  };
}
