/** A window onto a byte source for decoders: so many bytes ahead, and where in the source they are. */
import type { ByteSource } from './access.js';

const BUFFER_BYTES = 2 ** 18;

export class SourceBuffer {
  readonly source: ByteSource;
  /** What was read and not yet consumed is bytes[at .. end); one byte more is always there for a sentinel. */
  readonly bytes: Uint8Array;
  at = 0;
  end = 0;
  /** Offset in the source of bytes[0]. */
  #base = 0;
  #isAtEnd = false;

  constructor(source: ByteSource, capacity = BUFFER_BYTES) {
    this.source = source;
    this.bytes = new Uint8Array(capacity + 1);
  }

  /** Offset in the source of a position. */
  offsetOf(at: number): number {
    return this.#base + at;
  }

  /** Whether the source holds nothing beyond `end`. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Makes `wanted` bytes available from `at` on, or as many as there are. @returns how many there are, which may be more */
  fill(wanted: number): number {
    if (this.end - this.at < wanted && !this.#isAtEnd) {
      this.bytes.copyWithin(0, this.at, this.end);
      this.#base += this.at;
      this.end -= this.at;
      this.at = 0;
      while (this.end < wanted && !this.#isAtEnd) {
        const got = this.source.read(this.bytes, this.end, this.bytes.length - 1 - this.end);
        if (got === 0) this.#isAtEnd = true;
        this.end += got;
      }
    }
    return this.end - this.at;
  }
}
