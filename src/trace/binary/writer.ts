/** Writes the binary trace format. */
import { LINE_BYTES } from '../../kernel/op-stream.js';
import { type ByteSink, TRACE_LINE_LIMIT, type TraceAccess, type TraceWriter } from '../access.js';
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

/** A record and the repeat that may be pending before it must always fit. */
const FULL = MAX_PAYLOAD_BYTES - 2 * MAX_RECORD_BYTES;

/** Collects one core's block. */
class BlockWriter {
  readonly bytes = new Uint8Array(BLOCK_HEADER_BYTES + MAX_PAYLOAD_BYTES);
  used = BLOCK_HEADER_BYTES;
  accesses = 0;
  total = 0;
  #kind = -1;
  #delta = 0;
  #line = 0;
  #repeats = 0;

  add(kind: TraceAccess, line: number): void {
    const delta = line - this.#line;
    this.#line = line;
    this.accesses++;
    this.total++;
    if (kind === this.#kind && delta === this.#delta) {
      this.#repeats++;
      return;
    }
    this.#endRepeat();
    this.#put(kind, delta >= 0 ? delta * 2 : -delta * 2 - 1);
    this.#kind = kind;
    this.#delta = delta;
  }

  /** Finishes the block. @returns its bytes, header included; valid until the next access */
  take(core: number): Uint8Array {
    this.#endRepeat();
    const bytes = this.bytes.subarray(0, this.used);
    sealBlock(bytes, core, this.accesses);
    this.used = BLOCK_HEADER_BYTES;
    this.accesses = 0;
    this.#kind = -1;
    this.#line = 0;
    return bytes;
  }

  #endRepeat(): void {
    if (this.#repeats > 0) this.#put(REPEAT, this.#repeats - 1);
    this.#repeats = 0;
  }

  #put(operation: number, value: number): void {
    const { bytes } = this;
    let rest = Math.floor(value / 16);
    bytes[this.used++] = operation | ((value % 16) << 3) | (rest > 0 ? 128 : 0);
    while (rest > 0) {
      const next = Math.floor(rest / 128);
      bytes[this.used++] = (rest % 128) | (next > 0 ? 128 : 0);
      rest = next;
    }
  }
}

/** Fills in the header of a block whose payload stands behind it. */
function sealBlock(bytes: Uint8Array, core: number, accesses: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint16(0, core, true);
  view.setUint16(2, 0, true);
  view.setUint32(4, accesses, true);
  view.setUint32(8, bytes.length - BLOCK_HEADER_BYTES, true);
  view.setUint32(12, crc32(bytes, BLOCK_HEADER_BYTES, bytes.length, crc32(bytes, 0, 12)), true);
}

/**
 * Writes a binary trace.
 * @throws RangeError for more cores than the format has room for; its `write` throws one for a core or a line that is out of range
 */
export function createBinaryWriter(sink: ByteSink, cores: number): TraceWriter {
  if (!Number.isInteger(cores) || cores < 1 || cores > MAX_TRACE_CORES) {
    throw new RangeError(`a binary trace holds 1 to ${MAX_TRACE_CORES} cores, not ${cores}`);
  }
  const header = new Uint8Array(FILE_HEADER_BYTES);
  header.set(MAGIC);
  const view = new DataView(header.buffer);
  view.setUint16(8, VERSION, true);
  view.setUint16(10, cores, true);
  view.setUint16(12, LINE_BYTES, true);
  view.setUint32(16, crc32(header, 0, 16), true);
  sink(header);
  const blocks = Array.from({ length: cores }, () => new BlockWriter());

  function flush(core: number): void {
    const block = blocks[core] as BlockWriter;
    if (block.accesses > 0) sink(block.take(core).slice());
  }

  return {
    write(core, kind, line) {
      const block = blocks[core];
      if (block === undefined) throw new RangeError(`the trace has ${cores} cores; there is no core ${core}`);
      if (!(line >= 0 && line < TRACE_LINE_LIMIT)) throw new RangeError(`line ${line} is out of range`);
      block.add(kind, line);
      if (block.used >= BLOCK_HEADER_BYTES + FULL) flush(core);
    },
    end() {
      for (let core = 0; core < cores; core++) flush(core);
      const end = new Uint8Array(BLOCK_HEADER_BYTES + cores * CORE_COUNT_BYTES);
      const counts = new DataView(end.buffer, BLOCK_HEADER_BYTES);
      for (const [core, { total }] of blocks.entries()) {
        counts.setBigUint64(core * CORE_COUNT_BYTES, BigInt(total), true);
      }
      sealBlock(end, END_CORE, 0);
      sink(end);
    },
  };
}
