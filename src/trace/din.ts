/**
 * Dinero's traditional trace format, `.din`: a line per access, a label (0 read, 1 write, 2 instruction fetch) and a hexadecimal address with or without 0x, parted by blanks; what
 * follows is ignored (Dinero IV, dinfmt.c). Beside that, blank lines and carriage returns are passed over, which Dinero IV refuses. An access
 * touches the one line that its address lies in.
 */
import {
  type ByteSink,
  TRACE_LINE_LIMIT,
  TraceAccess,
  TraceError,
  type TraceReader,
  type TraceWriter,
} from './access.js';
import type { SourceBuffer } from './source-buffer.js';

/** Bytes that label and address must fit in, blanks before, between and behind included. */
const LONGEST_RECORD = 4096;
/** Digits of a 64-bit address. */
const MAX_DIGITS = 16;
/** Of a word, in messages. */
const SHOWN_BYTES = 40;
/** Lines of 4 GiB: what one more in the upper half of an address stands for. */
const LINES_PER_HIGH_WORD = 2 ** 26;
const NEWLINE = 10;
const ZERO = 48;
const LOWER_X = 120;
const EXPECTED = 'Expected: 0 (read), 1 (write) or 2 (fetch), blanks, a hexadecimal address';

const OTHER = -1;
const BLANK = -2;
const LINE_END = -3;

/** Class of each byte: the value of a hexadecimal digit, or one of the names above. */
const CLASS = (() => {
  const table = new Int8Array(256).fill(OTHER);
  for (let digit = 0; digit < 16; digit++) {
    const character = digit.toString(16);
    table[character.charCodeAt(0)] = digit;
    table[character.toUpperCase().charCodeAt(0)] = digit;
  }
  for (const blank of ' \t\r') table[blank.charCodeAt(0)] = BLANK;
  table[NEWLINE] = LINE_END;
  return table;
})();

/** Reads a `.din` trace. */
export function createDinReader(input: SourceBuffer): TraceReader {
  const { bytes } = input;
  const { name } = input.source;
  let lineNumber = 1;
  /** Inside what follows an address. */
  let isInRest = false;

  /** Says what is wrong with the word at a position: of the line, or of the file where the word holds what no text holds. */
  function fail(at: number, problem: string): never {
    for (
      let to = at;
      to < input.end && to < at + SHOWN_BYTES && (CLASS[bytes[to] as number] as number) > BLANK;
      to++
    ) {
      const byte = bytes[to] as number;
      if (byte >= 32 && byte < 127) continue;
      throw new TraceError(
        `${name}:${lineNumber}: byte offset ${input.offsetOf(to)}: 0x${byte.toString(16).padStart(2, '0')} is no text: this is no Dinero trace, nor a binary trace of Normcore's or ` +
          `a gzip file. ${EXPECTED}`,
      );
    }
    throw new TraceError(`${name}:${lineNumber}: ${problem}`);
  }

  /** The word at a position, for messages. */
  function wordAt(at: number): string {
    let to = at;
    while (to < input.end && to < at + SHOWN_BYTES && (CLASS[bytes[to] as number] as number) > BLANK) to++;
    return String.fromCharCode(...bytes.subarray(at, to));
  }

  /** Moves past the rest of a line. @returns false at the end of the trace */
  function skipRest(): boolean {
    for (;;) {
      const found = bytes.indexOf(NEWLINE, input.at);
      if (found >= 0 && found < input.end) {
        input.at = found + 1;
        lineNumber++;
        isInRest = false;
        return true;
      }
      input.at = input.end;
      if (input.fill(1) === 0) return false;
    }
  }

  function readLabel(at: number): number {
    const label = (bytes[at] as number) - ZERO;
    const isAlone = (CLASS[bytes[at + 1] as number] as number) <= BLANK;
    if (label < 0 || label > 2 || !isAlone) fail(at, `"${wordAt(at)}" is no label of an access. ${EXPECTED}`);
    return label;
  }

  function read({ kinds, lines }: { kinds: Uint8Array; lines: Float64Array }): number {
    const capacity = kinds.length;
    let count = 0;
    while (count < capacity) {
      if (isInRest && !skipRest()) return count;
      if (input.end - input.at < LONGEST_RECORD && input.fill(LONGEST_RECORD) === 0) return count;
      // Every line ends, the last one too.
      bytes[input.end] = NEWLINE;
      let at = input.at;
      while (CLASS[bytes[at] as number] === BLANK) at++;
      if (bytes[at] === NEWLINE) {
        if (at < input.end) lineNumber++;
        input.at = Math.min(at + 1, input.end);
        continue;
      }
      const kind = readLabel(at);
      at++;
      while (CLASS[bytes[at] as number] === BLANK) at++;
      if (bytes[at] === NEWLINE)
        fail(input.end, `the address is missing behind the label ${kind}. ${EXPECTED}`);
      const start = at;
      if (isPrefix(at)) at += 2;
      const firstDigit = at;
      while (bytes[at] === ZERO) at++;
      const firstNonZero = at;
      let low = 0;
      let high = 0;
      let digit = CLASS[bytes[at] as number] as number;
      while (digit >= 0) {
        high = (high << 4) | (low >>> 28);
        low = (low << 4) | digit;
        digit = CLASS[bytes[++at] as number] as number;
      }
      if (digit === OTHER || at === firstDigit)
        fail(start, `"${wordAt(start)}" is no hexadecimal address. ${EXPECTED}`);
      const line = (high >>> 0) * LINES_PER_HIGH_WORD + (low >>> 6);
      if (at - firstNonZero > MAX_DIGITS || line >= TRACE_LINE_LIMIT)
        fail(start, `the address ${wordAt(start)} is too large. Allowed: addresses below 2^58`);
      kinds[count] = kind;
      lines[count] = line;
      count++;
      while (digit === BLANK) digit = CLASS[bytes[++at] as number] as number;
      if (digit === LINE_END && at < input.end) {
        lineNumber++;
        input.at = at + 1;
      } else {
        input.at = at;
        isInRest = true;
      }
    }
    return count;
  }

  /** Whether 0x or 0X stands at a position. */
  function isPrefix(at: number): boolean {
    return bytes[at] === ZERO && ((bytes[at + 1] as number) | 32) === LOWER_X;
  }

  return { read, close: () => input.source.close() };
}

/** Bytes collected before they are handed on. */
const CHUNK_BYTES = 2 ** 16;
const LONGEST_LINE = 20;

/**
 * Writes a `.din` trace. Non-temporal writes become writes, dependent reads become reads; prefetches, which the format has no label for, are left out.
 * @throws RangeError for accesses of a core other than 0: the format knows one
 */
export function createDinWriter(sink: ByteSink): TraceWriter {
  const chunk = new Uint8Array(CHUNK_BYTES);
  let used = 0;

  function write(core: number, kind: TraceAccess, line: number): void {
    if (core !== 0) throw new RangeError('a .din trace holds the accesses of one core');
    if (kind === TraceAccess.PrefetchL1 || kind === TraceAccess.PrefetchL2) return;
    if (used + LONGEST_LINE > CHUNK_BYTES) flush();
    const label =
      kind === TraceAccess.WriteNonTemporal
        ? TraceAccess.Write
        : kind === TraceAccess.ReadDependent
          ? TraceAccess.Read
          : kind;
    chunk[used++] = ZERO + label;
    chunk[used++] = 32;
    const digits = (line * 64).toString(16);
    for (let at = 0; at < digits.length; at++) chunk[used++] = digits.charCodeAt(at);
    chunk[used++] = NEWLINE;
  }

  function flush(): void {
    if (used > 0) sink(chunk.slice(0, used));
    used = 0;
  }

  return { write, end: flush };
}
