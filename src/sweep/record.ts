/**
 * Records of the store: a line that says what the record is, a line with its content as JSON, a line with the checksum of both. What is not exactly as it was written does
 * not verify.
 */
import { sha256 } from './canonical.js';

/** What a record says of itself. */
export interface RecordHeader {
  /** Point or part. */
  readonly kind: string;
  /** Hash of the settings that the content follows from. */
  readonly settings: string;
  /** Version of the simulator that made it. */
  readonly code: string;
}

/** A record's content, or why it is not used. */
export type RecordReading = { readonly content: unknown } | { readonly problem: string };

/** The problem of a record that is whole and of an earlier build. */
export const OUTDATED = 'is from another version of the simulator';

/** The record's text. @throws Error for content that JSON cannot hold as it is */
export function writeRecord({ kind, settings, code }: RecordHeader, content: unknown): string {
  const body = `${JSON.stringify({ kind, settings, code })}\n${JSON.stringify(content, refuseLosses)}\n`;
  return `${body}${sha256(body)}\n`;
}

/** Reads a record that should be what `expected` says. */
export function readRecord(text: string, expected: RecordHeader): RecordReading {
  const lines = text.split('\n');
  const [header = '', content = '', checksum = '', end] = lines;
  if (lines.length < 4 || checksum.length < 64) return { problem: 'is truncated' };
  if (end !== '' || lines.length > 4 || sha256(`${header}\n${content}\n`) !== checksum)
    return { problem: 'was changed after it was written: its checksum does not fit' };
  const found = JSON.parse(header) as RecordHeader;
  if (found.kind !== expected.kind || found.settings !== expected.settings)
    return { problem: 'is the result of other settings than its name says' };
  if (found.code !== expected.code) return { problem: OUTDATED };
  return { content: JSON.parse(content) };
}

/** JSON would write NaN and Infinity as null, typed arrays as mappings, and Maps as nothing: a result must come back as it went in. */
function refuseLosses(key: string, value: unknown): unknown {
  const isLost =
    (typeof value === 'number' && !Number.isFinite(value)) ||
    (typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.getPrototypeOf(value) !== Object.prototype);
  if (isLost)
    throw new Error(`a result cannot be stored: its member "${key}" is no plain data (${String(value)})`);
  return value;
}
