/**
 * How the unpacking thread hands bytes to the reading one, which waits without a promise: slots of shared memory in a ring, with the number of slots filled so far and emptied so
 * far as two shared counters (they may wrap).
 */

/** Indices of the control words. */
export const Control = {
  /** Slots filled so far. */
  Filled: 0,
  /** Slots emptied so far. */
  Emptied: 1,
  /** One of `State`. */
  State: 2,
  /** Bytes of the message that says what is wrong. */
  MessageBytes: 3,
  /** Packed bytes read so far, in units of 64 KiB, for progress. */
  PackedUnits: 4,
  /** Counts what the unpacking thread has done: the reading one waits for it to change. */
  Events: 5,
} as const;
export const CONTROL_WORDS = 6;

export const State = { Running: 0, Ended: 1, Failed: 2 } as const;

export const SLOTS = 8;
export const SLOT_BYTES = 2 ** 18;
export const MESSAGE_BYTES = 1024;
export const PACKED_UNIT = 2 ** 16;

/** What the unpacking thread starts with. */
export interface GunzipTask {
  readonly descriptor: number;
  /** Bytes that were read from the descriptor already. */
  readonly head: Uint8Array;
  readonly control: SharedArrayBuffer;
  /** Bytes in each slot. */
  readonly lengths: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
  readonly message: SharedArrayBuffer;
}
