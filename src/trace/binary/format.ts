/**
 * Layout of the binary trace format, version 1; docs/trace-format.md has it in prose. Numbers are little-endian.
 *
 * File header (20 bytes): magic (8), version (2), cores (2), bytes of a line (2), zero (2), CRC-32 of the 16 bytes before it (4).
 * Block header (16 bytes): core (2), zero (2), accesses (4), bytes of the payload (4), CRC-32 of the 12 bytes before it and of the payload (4); then the payload.
 * The last block names core 65535; its payload is the number of accesses of each core (8 bytes each).
 *
 * A payload is a row of records, each a variable-length number: the first byte holds an operation in bits 0 to 2 and the value's lowest 4 bits in bits 3 to 6, the
 * bytes after it 7 bits each, lowest first; bit 7 says that another byte follows. Operations 0 to 6 are an access of that kind (`TraceAccess`), the value is the
 * difference from the line before it (0 at the start of a block), zigzag-coded; operation 7 repeats the record before it value + 1 times.
 */

/** The first byte is no text, the line ends and the control-Z are harmed by what harms binary files in transit (as in PNG's signature). */
export const MAGIC = Uint8Array.of(0x8e, 0x4e, 0x43, 0x54, 0x0d, 0x0a, 0x1a, 0x0a);
export const VERSION = 1;
export const FILE_HEADER_BYTES = 20;
export const BLOCK_HEADER_BYTES = 16;
/** The core that the last block names. */
export const END_CORE = 0xffff;
/** Bytes of a payload at most: what a reader must have room for. */
export const MAX_PAYLOAD_BYTES = 2 ** 16;
/** Longest record: 4 bits and six times 7 make 46, a seventh makes 53. */
export const MAX_RECORD_BYTES = 8;
/** Cores of a trace at most. */
export const MAX_TRACE_CORES = 1024;
export const REPEAT = 7;
export const CORE_COUNT_BYTES = 8;
