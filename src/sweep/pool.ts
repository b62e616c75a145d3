/** Points on worker threads. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import type { PointResult, PointSettings, Progress } from '../simulate/point.js';
import { CostEstimator } from './cost.js';
import { unpackError } from './error-transfer.js';
import type { PointReply, PointTask, ProgressMessage } from './point-worker.js';

/** The compiled worker: a thread cannot load TypeScript. `src/sweep` and `dist/sweep` are equally deep, so this is right from both. */
const WORKER = new URL('../../dist/sweep/point-worker.js', import.meta.url);

/** Threads that run at once when nobody says how many. */
export function defaultWorkers(): number {
  return availableParallelism();
}

/** Simulates points on a pool of threads. `close` it when done; a point under way is then given up. */
export class PointPool {
  readonly #pool: Piscina<PointTask, PointReply>;
  readonly #listeners = new Map<number, Progress>();
  #nextId = 0;

  /**
   * @param workers threads, at least 1
   * @throws Error where the package is not built
   */
  constructor(workers: number) {
    if (!existsSync(WORKER)) throw new Error('the compiled worker is missing; build first (npm run build)');
    this.#pool = new Piscina({
      filename: WORKER.href,
      minThreads: 1,
      maxThreads: workers,
      // Flags of the parent (a test runner's loader, say) are not for the workers.
      execArgv: [],
    });
    this.#pool.on('message', ({ id, done, steps }: ProgressMessage) =>
      this.#listeners.get(id)?.(done, steps),
    );
  }

  /**
   * Simulates a point; a pure function of it.
   * @param signal gives the point up, with its thread
   * @throws what `simulatePoint` throws, of the same class; the signal's reason when it aborts
   */
  async run(point: PointSettings, onProgress: Progress, signal?: AbortSignal): Promise<PointResult> {
    signal?.throwIfAborted();
    const id = this.#nextId++;
    this.#listeners.set(id, onProgress);
    try {
      const task: PointTask = { id, point };
      const reply = await this.#pool.run(task, signal === undefined ? {} : { signal });
      if ('error' in reply) throw unpackError(reply.error);
      return reply.result;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      this.#listeners.delete(id);
    }
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await this.#pool.destroy();
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
  /** Threads; default: as many as the host runs at once. Never more than there are points. */
  readonly workers?: number;
  readonly onProgress?: (progress: ListProgress) => void;
  /** Gives up when it aborts, without waiting for points under way. */
  readonly signal?: AbortSignal;
}

/**
 * Simulates points side by side, the longest first.
 * @returns results in the order of the points, the same for any number of workers
 * @throws what the first point that fails throws, after giving up the others; the signal's reason when it aborts
 */
export async function runPoints(
  points: readonly PointSettings[],
  options: RunPointsOptions = {},
): Promise<PointResult[]> {
  if (points.length === 0) return [];
  const { workers = defaultWorkers(), onProgress = () => {}, signal } = options;
  const estimator = new CostEstimator();
  const entries = points.map((point, index) => ({ point, index, cost: estimator.estimate(point) }));
  const work = entries.reduce((sum, { cost }) => sum + cost.total, 0);
  const shares = new Float64Array(points.length);
  let pointsDone = 0;
  const report = (index: number, share: number): void => {
    shares[index] = share;
    const done = entries.reduce((sum, { cost, index: at }) => sum + cost.total * (shares[at] as number), 0);
    onProgress({ share: done / work, pointsDone, points: points.length });
  };

  const pool = new PointPool(Math.min(workers, points.length));
  try {
    const results: PointResult[] = [];
    // The queue is first in, first out: a long point that starts last would leave the other threads idle at the end.
    const longestFirst = entries.toSorted((a, b) => b.cost.total - a.cost.total || a.index - b.index);
    await Promise.all(
      longestFirst.map(async ({ point, index, cost }) => {
        results[index] = await pool.run(
          point,
          (done, steps) => report(index, cost.shareDone(done, steps)),
          signal,
        );
        pointsDone++;
        report(index, 1);
      }),
    );
    return results;
  } finally {
    await pool.close();
  }
}
