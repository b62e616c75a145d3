/** Reads the binary trace format, one core's accesses at a time. */
import { LINE_BYTES } from '../../kernel/op-stream.js';
import { type AccessBatch, TRACE_LINE_LIMIT, TraceError, type TraceReader } from '../access.js';
import type { SourceBuffer } from '../source-buffer.js';
import { crc32 } from './checksum.js';
import {
  BLOCK_HEADER_BYTES,
  CORE_COUNT_BYTES,
  END_CORE,
  FILE_HEADER_BYTES,
  MAGIC,
  MAX_PAYLOAD_BYTES,
  MAX_RECORD_BYTES,
  MAX_TRACE_CORES,
  REPEAT,
  VERSION,
} from './format.js';

/** Whether bytes begin as a binary trace does. */
export function isBinaryTrace(bytes: Uint8Array): boolean {
  return bytes.length >= MAGIC.length && MAGIC.every((byte, at) => bytes[at] === byte);
}

function fail(input: SourceBuffer, at: number, problem: string): never {
  throw new TraceError(`${input.source.name}: byte offset ${input.offsetOf(at)}: ${problem}`);
}

function viewOf(input: SourceBuffer): DataView {
  return new DataView(input.bytes.buffer, input.at);
}

/**
 * Reads the file header.
 * @returns the number of cores
 * @throws TraceError
 */
export function readBinaryHeader(input: SourceBuffer): number {
  const got = input.fill(FILE_HEADER_BYTES);
  if (got < FILE_HEADER_BYTES) {
    fail(input, input.end, `the trace ends within its header of ${FILE_HEADER_BYTES} bytes: it was cut off`);
  }
  const view = viewOf(input);
  const version = view.getUint16(8, true);
  if (version !== VERSION)
    fail(input, input.at + 8, `version ${version} of the format is unknown. Known: ${VERSION}`);
  if (crc32(input.bytes, input.at, input.at + 16) !== view.getUint32(16, true)) {
    fail(input, input.at + 16, 'the checksum of the header is wrong: the file was changed or damaged');
  }
  const cores = view.getUint16(10, true);
  if (cores < 1 || cores > MAX_TRACE_CORES)
    fail(input, input.at + 10, `${cores} cores are out of range. Allowed: 1 to ${MAX_TRACE_CORES}`);
  const lineBytes = view.getUint16(12, true);
  if (lineBytes !== LINE_BYTES)
    fail(input, input.at + 12, `lines of ${lineBytes} bytes are unknown. Known: ${LINE_BYTES}`);
  input.at += FILE_HEADER_BYTES;
  return cores;
}

/**
 * Reads the accesses of one core, passing over the blocks of the others.
 * @param input behind the file header
 * @param cores as the header says
 */
export function createBinaryReader(input: SourceBuffer, cores: number, core: number): TraceReader {
  const { bytes } = input;
  let blockEnd = 0;
  /** Accesses of the block still to come. */
  let left = 0;
  let total = 0;
  let hasEnded = false;
  let kind = 0;
  let delta = 0;
  let line = 0;
  let repeats = 0;

  /** Moves to the next block of the core. @returns false at the end of the trace */
  function nextBlock(): boolean {
    for (;;) {
      const got = input.fill(BLOCK_HEADER_BYTES);
      if (got < BLOCK_HEADER_BYTES) {
        fail(
          input,
          input.end,
          got === 0
            ? 'the end block is missing: the trace was cut off'
            : 'the trace ends within a block header: it was cut off',
        );
      }
      let view = viewOf(input);
      const payload = view.getUint32(8, true);
      const owner = view.getUint16(0, true);
      if (payload > MAX_PAYLOAD_BYTES || (owner >= cores && owner !== END_CORE)) {
        fail(input, input.at, 'this is no block header: the file was changed or damaged');
      }
      if (input.fill(BLOCK_HEADER_BYTES + payload) < BLOCK_HEADER_BYTES + payload) {
        fail(input, input.end, `the trace ends within a block of ${payload} bytes: it was cut off`);
      }
      view = viewOf(input);
      const start = input.at + BLOCK_HEADER_BYTES;
      if (
        crc32(bytes, start, start + payload, crc32(bytes, input.at, input.at + 12)) !==
        view.getUint32(12, true)
      ) {
        fail(
          input,
          input.at,
          'the checksum of the block that starts here is wrong: the file was changed or damaged',
        );
      }
      if (owner === END_CORE) {
        checkEnd(view, start, payload);
        return false;
      }
      if (owner === core) {
        left = view.getUint32(4, true);
        total += left;
        input.at = start;
        blockEnd = start + payload;
        line = 0;
        repeats = 0;
        kind = -1;
        return true;
      }
      input.at = start + payload;
    }
  }

  function checkEnd(view: DataView, start: number, payload: number): void {
    if (payload !== cores * CORE_COUNT_BYTES)
      fail(input, input.at, `the end block does not count the accesses of ${cores} cores`);
    const counted = Number(view.getBigUint64(BLOCK_HEADER_BYTES + core * CORE_COUNT_BYTES, true));
    if (counted !== total)
      fail(
        input,
        input.at,
        `core ${core} has ${total} accesses, but the end block counts ${counted}: blocks are missing or doubled`,
      );
    input.at = start + payload;
    if (input.fill(1) > 0) fail(input, input.at, 'something follows the end of the trace');
    hasEnded = true;
  }

  /** Reads a record. Sets kind and delta, or repeats. */
  function nextRecord(): void {
    let at = input.at;
    let byte = bytes[at++] as number;
    const operation = byte & 7;
    let value = (byte >> 3) & 15;
    let scale = 16;
    while (byte >= 128 && at < blockEnd && at - input.at < MAX_RECORD_BYTES) {
      byte = bytes[at++] as number;
      value += (byte & 127) * scale;
      scale *= 128;
    }
    if (byte >= 128 || input.at >= blockEnd) fail(input, input.at, 'a record is not whole');
    input.at = at;
    if (operation === REPEAT) {
      if (kind < 0) fail(input, at - 1, 'the block starts with a repetition, of nothing');
      repeats = value + 1;
    } else {
      kind = operation;
      delta = value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      repeats = 1;
    }
  }

  function read({ kinds, lines }: AccessBatch): number {
    let count = 0;
    while (count < kinds.length) {
      if (left === 0) {
        if (hasEnded) break;
        if (input.at < blockEnd) fail(input, input.at, 'the block goes on behind its last access');
        // The batch is handed over first, so that nothing of it is lost to an error in the next block.
        if (count > 0) break;
        blockEnd = 0;
        if (!nextBlock()) break;
        continue;
      }
      if (repeats === 0) nextRecord();
      const run = Math.min(repeats, left, kinds.length - count);
      for (let index = 0; index < run; index++) {
        line += delta;
        kinds[count] = kind;
        lines[count] = line;
        count++;
      }
      // Lines of a repetition are monotonic: its last is its worst.
      if (line < 0 || line >= TRACE_LINE_LIMIT) fail(input, input.at, `line ${line} is out of range`);
      repeats -= run;
      left -= run;
      if (left === 0 && repeats > 0)
        fail(input, input.at, 'the block repeats an access more often than it has accesses');
    }
    return count;
  }

  return { read, close: () => input.source.close() };
}
