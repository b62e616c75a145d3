/** Points on worker threads, cut into parts. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import type { PartName, PartResult, PointSettings, Progress } from '../simulate/part.js';
import type { PointResult } from '../simulate/point.js';
import { unpackError } from './error-transfer.js';
import { type PartJob, PointAssembly, planParts } from './part-jobs.js';
import type { PartReply, PartTask, ProgressMessage } from './point-worker.js';

/** The compiled worker: a thread cannot load TypeScript. `src/sweep` and `dist/sweep` are equally deep, so this is right from both. */
const WORKER = new URL('../../dist/sweep/point-worker.js', import.meta.url);

/** Threads that run at once when nobody says how many. */
export function defaultWorkers(): number {
  return availableParallelism();
}

/**
 * Simulates parts of points, each on a thread of its own, at most so many at once. A fresh thread per part costs a tenth of a second and saves half of the part's time: the compiler
 * specialises the machine's closures for the one machine that a thread has seen, and no longer does once it has seen two.
 */
export class PartPool {
  readonly #workers: number;
  readonly #passFiles: readonly string[];
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /**
   * @param workers threads at once, at least 1
   * @param passFiles files of the user's passes, which each thread loads for itself: functions cannot be sent
   * @throws Error where the package is not built
   */
  constructor(workers: number, passFiles: readonly string[] = []) {
    if (!existsSync(WORKER)) throw new Error('the compiled worker is missing; build first (npm run build)');
    this.#workers = workers;
    this.#passFiles = passFiles;
  }

  /**
   * Simulates a part of a point; a pure function of both. Parts begin in the order of the calls.
   * @param signal gives the part up, with its thread
   * @throws what `simulatePart` throws, of the same class; the signal's reason when it aborts
   */
  async run(
    point: PointSettings,
    part: PartName,
    onProgress: Progress,
    signal?: AbortSignal,
  ): Promise<PartResult> {
    if (this.#running === this.#workers) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      signal?.throwIfAborted();
      const { userPasses: _functions, ...plain } = point;
      return await runOnThread({ point: plain, part, passFiles: this.#passFiles }, onProgress, signal);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

/** How often a part is begun whose thread ends without an answer: something outside ended it, or the part itself does so each time. */
const MAX_ATTEMPTS = 4;
/** What Piscina says of a thread that ended by itself. */
const THREAD_ENDED = /^worker exited with code/;

async function runOnThread(task: PartTask, onProgress: Progress, signal?: AbortSignal): Promise<PartResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(task, onProgress, signal);
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !(error instanceof Error && THREAD_ENDED.test(error.message)))
        throw error;
    }
  }
}

async function runOnce(task: PartTask, onProgress: Progress, signal?: AbortSignal): Promise<PartResult> {
  const thread = new Piscina<PartTask, PartReply>({
    filename: WORKER.href,
    minThreads: 1,
    maxThreads: 1,
    // Flags of the parent (a test runner's loader, say) are not for the workers.
    execArgv: [],
  });
  thread.on('message', ({ done, steps }: ProgressMessage) => onProgress(done, steps));
  try {
    const reply = await thread.run(task, signal === undefined ? {} : { signal });
    if ('error' in reply) throw unpackError(reply.error);
    return reply.result;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    await thread.destroy();
  }
}

/** How far a list of points is. */
export interface ListProgress {
  /** Share of the whole work, 0 to 1, as estimated. */
  readonly share: number;
  readonly pointsDone: number;
  /** Points of them that failed; absent where the first failure ends the list. */
  readonly pointsFailed?: number;
  readonly points: number;
}

export interface RunJobsOptions {
  /** Threads. */
  readonly workers: number;
  /** Files that the points' `userPasses` were loaded from. */
  readonly passFiles?: readonly string[];
  /** Gives up when it aborts, without waiting for parts under way. */
  readonly signal?: AbortSignal;
  /** Takes the share of the work that is done, 0 to 1, as estimated. */
  readonly onShare: (share: number) => void;
  readonly onResult: (job: PartJob, result: PartResult) => void;
  /** Takes what a part throws; the others go on unless this throws too. */
  readonly onFailure: (job: PartJob, error: unknown) => void;
}

/**
 * Simulates parts side by side, in their order.
 * @throws the signal's reason when it aborts; what a callback throws, after giving up the parts under way
 */
export async function runJobs(jobs: readonly PartJob[], options: RunJobsOptions): Promise<void> {
  const { workers, passFiles, signal, onShare, onResult, onFailure } = options;
  const pool = new PartPool(workers, passFiles);
  const work = jobs.reduce((sum, { cost }) => sum + cost, 0);
  const shares = new Float64Array(jobs.length);
  const report = (index: number, share: number): void => {
    // A part that is begun again starts from nothing; the display does not go back.
    shares[index] = Math.max(shares[index] as number, share);
    onShare(jobs.reduce((sum, { cost }, at) => sum + cost * (shares[at] as number), 0) / work);
  };
  const stop = new AbortController();
  const given = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const runJob = async (job: PartJob, index: number): Promise<void> => {
    let result: PartResult;
    try {
      result = await pool.run(job.point, job.part, (done, steps) => report(index, done / steps), given);
    } catch (error) {
      given.throwIfAborted();
      onFailure(job, error);
      report(index, 1);
      return;
    }
    onResult(job, result);
    report(index, 1);
  };
  try {
    await Promise.all(jobs.map(runJob));
  } finally {
    stop.abort();
  }
}

/** How points are simulated side by side; nothing of it changes a result. */
export interface RunPointsOptions {
  /** Threads; default: as many as the host runs at once. Never more than there are parts. */
  readonly workers?: number;
  readonly onProgress?: (progress: ListProgress) => void;
  /** Gives up when it aborts, without waiting for points under way. */
  readonly signal?: AbortSignal;
  /** Files that the points' `userPasses` were loaded from. */
  readonly passFiles?: readonly string[];
}

/**
 * Simulates points side by side, part by part, the longest part first; a part that several points have in common is simulated once.
 * @returns results in the order of the points, the same for any number of workers
 * @throws what the first point that fails throws, after giving up the others; the signal's reason when it aborts
 */
export async function runPoints(
  points: readonly PointSettings[],
  options: RunPointsOptions = {},
): Promise<PointResult[]> {
  const { workers = defaultWorkers(), onProgress = () => {}, signal, passFiles } = options;
  const assembly = new PointAssembly(points);
  const results: PointResult[] = [];
  let pointsDone = 0;
  // First come, first served: a long part that starts last would leave the other threads idle at the end.
  const longestFirst = planParts(points).sort((a, b) => b.cost - a.cost);
  await runJobs(longestFirst, {
    workers,
    ...(signal === undefined ? {} : { signal }),
    ...(passFiles === undefined ? {} : { passFiles }),
    onShare: (share) => onProgress({ share, pointsDone, points: points.length }),
    onResult(job, part) {
      assembly.add(job, part, (point, result) => {
        results[point] = result;
        pointsDone++;
      });
    },
    onFailure(_job, error) {
      throw error;
    },
  });
  return results;
}
