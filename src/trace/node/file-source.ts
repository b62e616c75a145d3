/** Traces from the file system: plain files, gzip files, pipes, standard input. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type ByteSource, TraceError } from '../access.js';
import { openTrace, type Trace } from '../open.js';
import { createGunzipSource, MOST_UNPACKED } from './gunzip-source.js';

/** Standard input, by the name that it has on most systems; read by its descriptor, which works on all. */
const STANDARD_INPUT = '/dev/stdin';

/** First bytes of a gzip file (RFC 1952, 2.3.1). */
const GZIP_MAGIC = [0x1f, 0x8b];

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of its path is not a directory',
  EISDIR: 'it is a directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its symbolic links run in a circle',
};

function unreadable(name: string, error: unknown): TraceError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return new TraceError(`${name} cannot be read: ${REASONS[code] ?? (error as Error).message}`);
}

interface OpenFile {
  readonly name: string;
  readonly descriptor: number;
  readonly isRegular: boolean;
  /** Bytes; 0 where that is not known. */
  readonly size: number;
}

function openFile(path: string): OpenFile {
  try {
    const descriptor = path === STANDARD_INPUT ? 0 : openSync(path, 'r');
    const status = fstatSync(descriptor);
    if (status.isDirectory()) {
      closeSync(descriptor);
      throw new TraceError(`${path} cannot be read: it is a directory`);
    }
    return { name: path, descriptor, isRegular: status.isFile(), size: status.isFile() ? status.size : 0 };
  } catch (error) {
    throw error instanceof TraceError ? error : unreadable(path, error);
  }
}

/** Lets a pipe that has nothing just now fill up, ms. */
const RETRY_MS = 5;
const pause = new Int32Array(new SharedArrayBuffer(4));

function readBytes(file: OpenFile, target: Uint8Array, offset: number, length: number): number {
  for (;;) {
    try {
      return readSync(file.descriptor, target, offset, length, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0; // how some systems report the end of a pipe
      if (code !== 'EAGAIN') throw unreadable(file.name, error);
      Atomics.wait(pause, 0, 0, RETRY_MS);
    }
  }
}

/** How far the reading of a file is. */
export interface ReadState {
  /** Bytes of the file, packed ones where it is packed; 0 where that is not known. */
  readonly size: number;
  /** Bytes of it that were read so far. */
  done: number;
}

/** Reads from the descriptor, with what was read already in front. */
function createPlainSource(file: OpenFile, head: Uint8Array, state: ReadState): ByteSource {
  let headAt = 0;
  return {
    name: file.name,
    read(target, offset, length) {
      if (headAt < head.length) {
        const part = head.subarray(headAt, headAt + length);
        target.set(part, offset);
        headAt += part.length;
        return part.length;
      }
      const got = readBytes(file, target, offset, length);
      state.done += got;
      return got;
    },
    close() {
      if (file.descriptor !== 0) closeSync(file.descriptor);
    },
  };
}

/** A trace and how far its reading is. */
export interface FileTrace extends Trace {
  readonly state: ReadState;
}

/**
 * Opens a trace by its path; `/dev/stdin` is standard input on every system. Gzip is told by its first bytes.
 * @throws TraceError
 */
export function openTraceFile(path: string): FileTrace {
  const opened: { file: OpenFile; head: Uint8Array } = openHead(path);
  const { file, head } = opened;
  const isPacked = GZIP_MAGIC.every((byte, at) => head[at] === byte);
  const state: ReadState = { size: file.size, done: head.length };
  let isFirst = true;
  const openSource = (): ByteSource => {
    const next = isFirst ? opened : openHead(path);
    isFirst = false;
    return isPacked
      ? createGunzipSource(next.file.name, next.file.descriptor, next.head, state)
      : createPlainSource(next.file, next.head, state);
  };
  const mostSources = !file.isRegular ? 1 : isPacked ? MOST_UNPACKED : Number.POSITIVE_INFINITY;
  return Object.assign(openTrace(openSource, mostSources), { state });
}

function openHead(path: string): { file: OpenFile; head: Uint8Array } {
  const file = openFile(path);
  const head = new Uint8Array(GZIP_MAGIC.length);
  let got = 0;
  while (got < head.length) {
    const more = readBytes(file, head, got, head.length - got);
    if (more === 0) break;
    got += more;
  }
  return { file, head: head.subarray(0, got) };
}
