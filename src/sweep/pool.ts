/** Points on worker threads, cut into parts. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import {
  buildStep,
  type PartName,
  type PartResult,
  type PointSettings,
  type Progress,
  partIdentity,
  partsOf,
  sampleOf,
} from '../simulate/part.js';
import { assemblePoint, type PointResult } from '../simulate/point.js';
import { estimatePart } from './cost.js';
import { unpackError } from './error-transfer.js';
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

async function runOnThread(task: PartTask, onProgress: Progress, signal?: AbortSignal): Promise<PartResult> {
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
  readonly points: number;
}

export interface RunPointsOptions {
  /** Threads; default: as many as the host runs at once. Never more than there are parts. */
  readonly workers?: number;
  readonly onProgress?: (progress: ListProgress) => void;
  /** Gives up when it aborts, without waiting for points under way. */
  readonly signal?: AbortSignal;
  /** Files that the points' `userPasses` were loaded from. */
  readonly passFiles?: readonly string[];
}

/** A part that is simulated once, and the places in the points that it fills. */
interface Task {
  readonly point: PointSettings;
  readonly part: PartName;
  readonly cost: number;
  readonly uses: { readonly point: number; readonly place: number }[];
  share: number;
}

/** The parts of all points, each once. */
function planTasks(points: readonly PointSettings[]): Task[] {
  const tasks = new Map<string, Task>();
  points.forEach((point, index) => {
    const step = buildStep(point, sampleOf(point).images);
    partsOf(point).forEach((part, place) => {
      const identity = partIdentity(point, part, step);
      const task = tasks.get(identity) ?? {
        point,
        part,
        cost: estimatePart(point, part, step),
        uses: [],
        share: 0,
      };
      task.uses.push({ point: index, place });
      tasks.set(identity, task);
    });
  });
  return [...tasks.values()];
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
  if (points.length === 0) return [];
  const { workers = defaultWorkers(), onProgress = () => {}, signal, passFiles } = options;
  const tasks = planTasks(points);
  const work = tasks.reduce((sum, { cost }) => sum + cost, 0);
  const parts: PartResult[][] = points.map(() => []);
  const missing = points.map((point) => partsOf(point).length);
  const report = (task: Task, share: number): void => {
    task.share = share;
    const done = tasks.reduce((sum, { cost, share: part }) => sum + cost * part, 0);
    onProgress({
      share: done / work,
      pointsDone: missing.filter((left) => left === 0).length,
      points: points.length,
    });
  };

  const pool = new PartPool(workers, passFiles);
  const stop = new AbortController();
  const given = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  // First come, first served: a long part that starts last would leave the other threads idle at the end.
  const longestFirst = tasks.toSorted((a, b) => b.cost - a.cost);
  try {
    await Promise.all(
      longestFirst.map(async (task) => {
        const progress: Progress = (done, steps) => report(task, done / steps);
        const result = await pool.run(task.point, task.part, progress, given);
        for (const { point, place } of task.uses) {
          (parts[point] as PartResult[])[place] = result;
          missing[point] = (missing[point] as number) - 1;
        }
        report(task, 1);
      }),
    );
  } finally {
    stop.abort();
  }
  return points.map((point, index) => assemblePoint(point, parts[index] as PartResult[]));
}
