/** Bytes of a gzip file, unpacked by a thread of its own while the simulation goes on. */
import { closeSync, existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type ByteSource, TraceError } from '../access.js';
import type { ReadState } from './file-source.js';
import {
  CONTROL_WORDS,
  Control,
  type GunzipTask,
  MESSAGE_BYTES,
  PACKED_UNIT,
  SLOT_BYTES,
  SLOTS,
  State,
} from './gunzip-channel.js';

/** The compiled worker: a thread cannot load TypeScript. `src/trace/node` and `dist/trace/node` are equally deep, so this is right from both. */
const WORKER = new URL('../../../dist/trace/node/gunzip-worker.js', import.meta.url);

/** Files unpacked side by side at most: each has a thread, which takes some 14 MB. */
export const MOST_UNPACKED = 16;

/** What zlib says of a file that was cut off. */
const CUT_OFF = /unexpected end of file/;

/**
 * @param descriptor of the open file, which `close` closes
 * @param head bytes that were read from it already
 * @throws Error where the package is not built
 */
export function createGunzipSource(
  name: string,
  descriptor: number,
  head: Uint8Array,
  state: ReadState,
): ByteSource {
  if (!existsSync(WORKER)) throw new Error('the compiled worker is missing; build first (npm run build)');
  const task: GunzipTask = {
    descriptor,
    head,
    control: new SharedArrayBuffer(CONTROL_WORDS * 4),
    lengths: new SharedArrayBuffer(SLOTS * 4),
    slots: new SharedArrayBuffer(SLOTS * SLOT_BYTES),
    message: new SharedArrayBuffer(MESSAGE_BYTES),
  };
  const control = new Int32Array(task.control);
  const lengths = new Int32Array(task.lengths);
  const slots = new Uint8Array(task.slots);
  // Flags of the parent (a test runner's loader, say) are not for the worker.
  const worker = new Worker(WORKER, { workerData: task, execArgv: [] });
  worker.unref();
  /** Bytes of the current slot that were handed on. */
  let taken = 0;
  /** Packed bytes that the state knows of: several cores of one file share it. */
  let told = 0;

  /** Waits for a slot with bytes. @returns its index; -1 at the end */
  function waitForSlot(): number {
    for (;;) {
      // In this order: what was filled before the end is then seen before it.
      const events = Atomics.load(control, Control.Events);
      const outcome = Atomics.load(control, Control.State);
      const emptied = Atomics.load(control, Control.Emptied);
      if (Atomics.load(control, Control.Filled) !== emptied) return (emptied >>> 0) % SLOTS;
      if (outcome === State.Failed) fail();
      if (outcome === State.Ended) return -1;
      Atomics.wait(control, Control.Events, events);
    }
  }

  function fail(): never {
    const bytes = new Uint8Array(task.message).slice(0, Atomics.load(control, Control.MessageBytes));
    const [offset, message] = new TextDecoder().decode(bytes).split('\n') as [string, string];
    const place = `byte offset ${offset} of the gzip file`;
    // What zlib stumbles over lies somewhere in the bytes that it was given after those that it counts.
    throw new TraceError(
      CUT_OFF.test(message)
        ? `${name}: ${place}: its end is missing: it was cut off`
        : `${name}: behind ${place}: ${message}: it was changed or damaged`,
    );
  }

  return {
    name,
    read(target, offset, length) {
      const slot = waitForSlot();
      if (slot < 0) return 0;
      const size = lengths[slot] as number;
      const part = Math.min(length, size - taken);
      target.set(slots.subarray(slot * SLOT_BYTES + taken, slot * SLOT_BYTES + taken + part), offset);
      taken += part;
      if (taken === size) {
        taken = 0;
        Atomics.add(control, Control.Emptied, 1);
        Atomics.notify(control, Control.Emptied);
      }
      const packed = Atomics.load(control, Control.PackedUnits) * PACKED_UNIT;
      state.done += packed - told;
      told = packed;
      return part;
    },
    close() {
      void worker.terminate();
      if (descriptor !== 0) closeSync(descriptor);
    },
  };
}
