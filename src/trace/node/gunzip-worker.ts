/** The unpacking thread: see gunzip-channel.ts. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { workerData } from 'node:worker_threads';
import { createGunzip } from 'node:zlib';
import { Control, type GunzipTask, PACKED_UNIT, SLOT_BYTES, SLOTS, State } from './gunzip-channel.js';

const task = workerData as GunzipTask;
const control = new Int32Array(task.control);
const lengths = new Int32Array(task.lengths);
const slots = new Uint8Array(task.slots);

function put(bytes: Uint8Array): void {
  const filled = Atomics.load(control, Control.Filled);
  for (;;) {
    const emptied = Atomics.load(control, Control.Emptied);
    if (((filled - emptied) | 0) < SLOTS) break;
    Atomics.wait(control, Control.Emptied, emptied);
  }
  const slot = (filled >>> 0) % SLOTS;
  slots.set(bytes, slot * SLOT_BYTES);
  lengths[slot] = bytes.length;
  Atomics.store(control, Control.Filled, filled + 1);
  tell();
}

function tell(): void {
  Atomics.add(control, Control.Events, 1);
  Atomics.notify(control, Control.Events);
}

function finish(state: number): void {
  Atomics.store(control, Control.State, state);
  tell();
}

async function* packedBytes(): AsyncGenerator<Uint8Array> {
  yield task.head;
  yield* createReadStream('', { fd: task.descriptor, autoClose: false, highWaterMark: SLOT_BYTES });
}

const gunzip = createGunzip({ chunkSize: SLOT_BYTES });
try {
  const packed = Readable.from(packedBytes());
  packed.on('error', (error) => gunzip.destroy(error));
  for await (const bytes of packed.pipe(gunzip)) {
    Atomics.store(control, Control.PackedUnits, Math.floor(gunzip.bytesWritten / PACKED_UNIT));
    put(bytes as Uint8Array);
  }
  finish(State.Ended);
} catch (error) {
  const text = `${gunzip.bytesWritten}\n${(error as Error).message}`;
  const { written } = new TextEncoder().encodeInto(text, new Uint8Array(task.message));
  Atomics.store(control, Control.MessageBytes, written);
  finish(State.Failed);
}
