import { among } from '../among.js';

/** Spreads line addresses evenly over slices: the golden-ratio multiplicative hash (Knuth, TAOCP 3, 6.4). */
export function hashLine(line: number): number {
  return Math.imul(line ^ (line >>> 15), 0x9e3779b1);
}

/** Which of n equal ranges a hash falls in, n < 2^15. */
export function rangeOfHash(hash: number, n: number): number {
  return among(n, ((hash >>> 16) * n) >>> 16);
}
