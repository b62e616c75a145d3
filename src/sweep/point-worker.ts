/** The pool's worker: simulates one part of a point per task, reports progress by message, hands errors back as data. */
import { parentPort } from 'node:worker_threads';
import { type PartName, type PartResult, type PointSettings, simulatePart } from '../simulate/part.js';
import { type PackedError, packError } from './error-transfer.js';
import { loadUserPasses } from './user-passes.js';

/** What the pool sends: plain data only, as it is cloned into the worker. */
export interface PartTask {
  readonly point: PointSettings;
  readonly part: PartName;
  /** Files of the user's passes: functions cannot be sent. */
  readonly passFiles: readonly string[];
}

/** Steps that a task has done so far, of all. */
export interface ProgressMessage {
  readonly done: number;
  readonly steps: number;
}

/** What a task comes to. */
export type PartReply = { readonly result: PartResult } | { readonly error: PackedError };

/** Simulates; never throws. */
export default async function runTask({ point, part, passFiles }: PartTask): Promise<PartReply> {
  try {
    // The module loader keeps what it has loaded: a second task costs nothing.
    const userPasses = await loadUserPasses(passFiles);
    return {
      result: simulatePart({ ...point, userPasses }, part, (done, steps) => {
        parentPort?.postMessage({ done, steps } satisfies ProgressMessage);
      }),
    };
  } catch (error) {
    return { error: packError(error) };
  }
}
