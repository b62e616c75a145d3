/** Values as texts and hashes that depend on nothing but the values: what keys are made of. */
import { createHash } from 'node:crypto';

/** SHA-256 of a text, 64 hexadecimal digits. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * JSON with the keys of every mapping in order, so that equal values have equal texts however they were put together. Members that are undefined are left out; numbers
 * that JSON has no notation for are written as texts.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'number' && !Number.isFinite(item)) return String(item);
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
