/** What figures take of an operation. */
import type { OperationResult } from '../../simulate/point.js';

export const PASSES = ['forward', 'backward'] as const;
export type Pass = (typeof PASSES)[number];

/** The pass that an operation is counted to: the weight update goes with the backward pass. */
export function passOf({ phase }: OperationResult): Pass {
  return phase === 'forward' ? 'forward' : 'backward';
}

/** Bytes that an operation moved while it ran, both directions. */
export function dramBytes({ dramReadBytes, dramWriteBytes }: OperationResult): number {
  return dramReadBytes + dramWriteBytes;
}
