/** Byte sources, sinks and whole traces in memory, for tests. */
import {
  type ByteSource,
  createBatch,
  type TraceAccess,
  type TraceReader,
  type TraceWriter,
} from '../../../src/trace/access.js';
import { createBinaryReader, readBinaryHeader } from '../../../src/trace/binary/reader.js';
import { createBinaryWriter } from '../../../src/trace/binary/writer.js';
import { createDinReader, createDinWriter } from '../../../src/trace/din.js';
import { SourceBuffer } from '../../../src/trace/source-buffer.js';

/** One access: core, kind, line. */
export type Access = readonly [core: number, kind: TraceAccess, line: number];

/** A source that gives at most `grain` bytes at a time. */
export function sourceOf(bytes: Uint8Array, grain = bytes.length, name = 'trace'): ByteSource {
  let at = 0;
  return {
    name,
    read(target, offset, length) {
      const part = bytes.subarray(at, at + Math.min(length, grain));
      target.set(part, offset);
      at += part.length;
      return part.length;
    },
    close() {},
  };
}

export function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** What a writer makes of accesses. */
export function written(
  create: (sink: (bytes: Uint8Array) => void) => TraceWriter,
  accesses: readonly Access[],
): Uint8Array {
  const parts: number[] = [];
  const writer = create((bytes) => {
    for (const byte of bytes) parts.push(byte);
  });
  for (const [core, kind, line] of accesses) writer.write(core, kind, line);
  writer.end();
  return Uint8Array.from(parts);
}

export const writtenDin = (accesses: readonly Access[]): Uint8Array => written(createDinWriter, accesses);
export const writtenBinary = (accesses: readonly Access[], cores = 1): Uint8Array =>
  written((sink) => createBinaryWriter(sink, cores), accesses);

/** Every access that a reader gives, as kind and line. */
export function readAll(reader: TraceReader, batchSize?: number): [number, number][] {
  const batch = createBatch(batchSize);
  const accesses: [number, number][] = [];
  for (;;) {
    const count = reader.read(batch);
    if (count === 0) return accesses;
    for (let at = 0; at < count; at++) accesses.push([batch.kinds[at] as number, batch.lines[at] as number]);
  }
}

export function readDin(bytes: Uint8Array, grain?: number, batchSize?: number): [number, number][] {
  return readAll(createDinReader(new SourceBuffer(sourceOf(bytes, grain))), batchSize);
}

export function readBinary(
  bytes: Uint8Array,
  core = 0,
  grain?: number,
  batchSize?: number,
): [number, number][] {
  const input = new SourceBuffer(sourceOf(bytes, grain));
  return readAll(createBinaryReader(input, readBinaryHeader(input), core), batchSize);
}
