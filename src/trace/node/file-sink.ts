/** Trace files, written piece by piece: whole or not at all. */
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ByteSink } from '../access.js';

/** A trace file that is being written: its bytes go to `sink`, and it appears whole under its name or not at all. */
export interface TraceFile {
  readonly sink: ByteSink;
  /** Makes the file appear under its name. */
  finish(): void;
  /** Leaves nothing behind. To be called where `finish` is not. */
  discard(): void;
}

/** Bytes packed as one member of a gzip file; a file of several members unpacks to all of them in a row (RFC 1952, 2.2). */
const MEMBER_BYTES = 2 ** 20;

/**
 * Creates a trace file beside its final name, packed where that ends in `.gz`. Missing folders are made.
 * @throws NodeJS.ErrnoException where the file system refuses
 */
export function createTraceFile(path: string): TraceFile {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  const partial = join(folder, `.${basename(path)}.${process.pid}.partial`);
  const descriptor = openSync(partial, 'w');
  const isPacked = path.endsWith('.gz');
  const pending: Uint8Array[] = [];
  let pendingBytes = 0;

  function writeWhole(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
  }

  function pack(): void {
    if (pendingBytes > 0) writeWhole(gzipSync(Buffer.concat(pending)));
    pending.length = 0;
    pendingBytes = 0;
  }

  return {
    sink(bytes) {
      if (!isPacked) {
        writeWhole(bytes);
        return;
      }
      pending.push(bytes);
      pendingBytes += bytes.length;
      if (pendingBytes >= MEMBER_BYTES) pack();
    },
    finish() {
      pack();
      closeSync(descriptor);
      renameSync(partial, path);
    },
    discard() {
      closeSync(descriptor);
      rmSync(partial, { force: true });
    },
  };
}
