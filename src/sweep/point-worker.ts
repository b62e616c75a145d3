/** The pool's worker: simulates one point per task, reports progress by message, hands errors back as data. */
import { parentPort } from 'node:worker_threads';
import { type PointResult, type PointSettings, simulatePoint } from '../simulate/point.js';
import { type PackedError, packError } from './error-transfer.js';

/** What the pool sends: plain data only, as it is cloned into the worker. */
export interface PointTask {
  /** Tells the messages of one task from those of others. */
  readonly id: number;
  readonly point: PointSettings;
}

/** Steps that a task has done so far, of all. */
export interface ProgressMessage {
  readonly id: number;
  readonly done: number;
  readonly steps: number;
}

/** What a task comes to. */
export type PointReply = { readonly result: PointResult } | { readonly error: PackedError };

/** Simulates; never throws. */
export default function runTask({ id, point }: PointTask): PointReply {
  try {
    return {
      result: simulatePoint(point, (done, steps) => {
        parentPort?.postMessage({ id, done, steps } satisfies ProgressMessage);
      }),
    };
  } catch (error) {
    return { error: packError(error) };
  }
}
