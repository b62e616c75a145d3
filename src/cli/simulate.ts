/** Simulation as commands do it: on the pool, with progress, stopping at Ctrl-C, telling mistakes from defects. */
import { ConfigurationError } from '../config/problem.js';
import type { PointResult, PointSettings } from '../simulate/point.js';
import { isRefusal } from '../sweep/error-transfer.js';
import { runPoints } from '../sweep/pool.js';
import { type CliContext, Interrupted, UserError } from './command.js';
import { createProgress } from './progress.js';

export interface SimulateOptions {
  readonly workers: number;
  readonly quiet: boolean;
  /** Files of the points' passes, see `RunPointsOptions`. */
  readonly passFiles?: readonly string[];
}

/**
 * Simulates points; results are in their order.
 * @throws Interrupted at Ctrl-C; ConfigurationError and UserError for what cannot be simulated; anything else is a defect
 */
export async function simulatePoints(
  context: CliContext,
  points: readonly PointSettings[],
  { workers, quiet, passFiles = [] }: SimulateOptions,
): Promise<PointResult[]> {
  const progress = createProgress(context, quiet);
  const controller = new AbortController();
  const interrupt = (): void => controller.abort(new Interrupted('stopped; no result was written'));
  process.once('SIGINT', interrupt);
  try {
    return await runPoints(points, {
      workers,
      passFiles,
      onProgress: (state) => progress.update(state),
      signal: controller.signal,
    });
  } catch (error) {
    if (isRefusal(error) && !(error instanceof ConfigurationError)) throw new UserError(error.message);
    throw error;
  } finally {
    process.removeListener('SIGINT', interrupt);
    progress.stop();
  }
}
