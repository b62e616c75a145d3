/** The words that a channel's controller keeps beside the devices' timing state, shared by scheduler and controller. */

/** Later than any event, cycles. */
export const NEVER = 2 ** 31 - 1;

/** Words of a channel. */
export const CHANNEL_STRIDE = 16;
/** First cycle at which the command bus is free. */
export const COMMAND_FREE = 0;
/** Cycle of the chosen command, or `NEVER`. */
export const NEXT = 1;
/** `READ` .. `PRECHARGE` of the timing state, `PRECHARGE_ALL` or `REFRESH`. */
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

/** Commands to a whole rank, beside those to a bank. */
export const PRECHARGE_ALL = 4;
export const REFRESH = 5;

export function createChannelWords(channels: number): Int32Array {
  const words = new Int32Array(channels * CHANNEL_STRIDE);
  for (let channel = 0; channel < channels; channel++) {
    words[channel * CHANNEL_STRIDE + NEXT] = NEVER;
    words[channel * CHANNEL_STRIDE + AGED] = -1;
    words[channel * CHANNEL_STRIDE + REFRESH_NEXT] = NEVER;
  }
  return words;
}
