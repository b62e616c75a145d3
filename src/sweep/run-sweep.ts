/** A sweep from its points to the files of its results folder. */
import { join } from 'node:path';
import { removeUnfinished, writeDurably } from './durable-file.js';
import { renderManifest, renderOperations, renderPoints, type SweepRow, sweepRows } from './outputs.js';
import { planStored, type RunStoredOptions, runPlan, type StoredPlan, withLock } from './store.js';
import type { Sweep } from './sweep-file.js';

export interface RunSweepOptions extends RunStoredOptions {
  /** Of the package, for the manifest. */
  readonly version: string;
  /** Takes the plan before anything is simulated. */
  readonly onPlan?: (plan: StoredPlan) => void;
}

/**
 * Simulates the points of a sweep that are not stored yet, and writes `points.csv`, `operations.csv` and `manifest.json`. The manifest comes last, with the others' hashes.
 * @returns a row per point; failed ones are among them
 * @throws FolderBusyError while another process works in the folder; the signal's reason when it aborts, before anything of a table is written
 */
export async function runSweep(sweep: Sweep, options: RunSweepOptions): Promise<SweepRow[]> {
  const { dir, version, onPlan = () => {}, onMessage } = options;
  return withLock(dir, async () => {
    removeUnfinished(dir);
    const plan = planStored(
      sweep.points.map(({ settings }) => settings),
      dir,
      onMessage,
    );
    onPlan(plan);
    const rows = sweepRows(sweep, await runPlan(plan, options));
    const files = {
      'points.csv': renderPoints(sweep, rows),
      'operations.csv': renderOperations(sweep, rows),
    };
    for (const [name, text] of Object.entries(files)) writeDurably(join(dir, name), text);
    writeDurably(join(dir, 'manifest.json'), renderManifest(sweep, rows, version, files));
    return rows;
  });
}
