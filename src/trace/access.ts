/**
 * Accesses of a trace and how they are handed on: in batches that a consumer pulls, so that a trace of any length takes little memory and a core of the simulator,
 * which cannot wait for a promise, can be fed.
 */

/** What an access is. The values are part of the binary format (docs/trace-format.md). */
export const TraceAccess = {
  Read: 0,
  Write: 1,
  /** Of an instruction. The machines have no instruction caches: it is read as data are. */
  Fetch: 2,
  /** A whole line past the caches. */
  WriteNonTemporal: 3,
  /** A read whose address needs the data of the read before it. */
  ReadDependent: 4,
  PrefetchL1: 5,
  PrefetchL2: 6,
} as const;
export type TraceAccess = (typeof TraceAccess)[keyof typeof TraceAccess];

/** Lines of a trace are below this (addresses below 2^58): doubles hold them, and their doubles, exactly. */
export const TRACE_LINE_LIMIT = 2 ** 52;

/** Accesses side by side: kind and line (byte address / 64) of each. */
export interface AccessBatch {
  readonly kinds: Uint8Array;
  readonly lines: Float64Array;
}

/** Accesses of a batch: enough to make the call for it cheap, few enough to stay in the host's L2. */
const BATCH_ACCESSES = 4096;

export function createBatch(accesses = BATCH_ACCESSES): AccessBatch {
  return { kinds: new Uint8Array(accesses), lines: new Float64Array(accesses) };
}

/** The accesses of one core, in order. */
export interface TraceReader {
  /**
   * Puts the next accesses into the batch, from its start.
   * @returns how many; 0 when the trace has ended, and only then
   * @throws TraceError where the trace is not what it should be
   */
  read(batch: AccessBatch): number;
  close(): void;
}

/** Takes accesses in order and writes them as a trace. */
export interface TraceWriter {
  /** @param core 0-based */
  write(core: number, kind: TraceAccess, line: number): void;
  /** Writes what is held back. Nothing may be written after it. */
  end(): void;
}

/** Bytes from somewhere, pulled. */
export interface ByteSource {
  /** As messages call it. */
  readonly name: string;
  /**
   * Puts up to `length` bytes into `target` from `offset`.
   * @returns how many; 0 at the end, and only there
   * @throws TraceError
   */
  read(target: Uint8Array, offset: number, length: number): number;
  close(): void;
}

/** Where bytes go. */
export type ByteSink = (bytes: Uint8Array) => void;

/** A trace that is not what it should be: where, what is wrong, and what would be right. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}
