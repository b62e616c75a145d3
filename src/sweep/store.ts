/**
 * Results that outlive the process: a file per part and per point in the folder `.normcore` of a results folder. A point is done if its file is there and verifies; its file is
 * written before it counts as done. So a run that was ended anyhow goes on where it stopped, and its results are those of a run that was not.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PartResult, PointSettings } from '../simulate/part.js';
import type { PointResult } from '../simulate/point.js';
import { codeVersion } from './code-version.js';
import { removeUnfinished, writeDurably } from './durable-file.js';
import { isRefusal } from './error-transfer.js';
import { hashSettings, keyOf } from './keys.js';
import { lockFolder } from './lock.js';
import { type PartJob, PointAssembly, planParts } from './part-jobs.js';
import { defaultWorkers, type ListProgress, runJobs } from './pool.js';
import { OUTDATED, readRecord, writeRecord } from './record.js';

/** Name of the store's folder in a results folder. */
export const STORE_FOLDER = '.normcore';

type RecordKind = 'point' | 'part';

/** The files. Knows nothing of who else uses them: see `withLock`. */
class ResultStore {
  readonly #folder: string;
  readonly #onMessage: (message: string) => void;
  /** Files that are whole and from another version of the simulator. */
  readonly #outdated: string[] = [];

  /** @param onMessage takes a sentence for each file that is there and not used; those of another version of the simulator wait for `reportOutdated` */
  constructor(dir: string, onMessage: (message: string) => void) {
    this.#folder = join(dir, STORE_FOLDER);
    this.#onMessage = onMessage;
  }

  /** What is stored, or null. */
  load(kind: RecordKind, settings: string): unknown {
    const path = this.#pathOf(kind, settings);
    if (!existsSync(path)) return null;
    const reading = readRecord(readFileSync(path, 'utf8'), { kind, settings, code: codeVersion() });
    if ('content' in reading) return reading.content;
    if (reading.problem === OUTDATED) this.#outdated.push(path);
    else this.#onMessage(`${path} ${reading.problem}; it is not used and will be simulated again`);
    return null;
  }

  /** Says what was found from another version of the simulator: after an update that is all there is, and one sentence is enough. */
  reportOutdated(): void {
    const [first] = this.#outdated;
    if (first === undefined) return;
    const count = this.#outdated.length;
    this.#onMessage(
      count === 1
        ? `${first} ${OUTDATED}; it is not used and will be simulated again`
        : `${count} results stored in ${this.#folder} are from another version of the simulator; they are not used and will be simulated again`,
    );
  }

  save(kind: RecordKind, settings: string, content: unknown): void {
    const text = writeRecord({ kind, settings, code: codeVersion() }, content);
    writeDurably(this.#pathOf(kind, settings), text);
  }

  /** Removes what writers that were killed left. */
  clean(): void {
    for (const kind of ['point', 'part'] as const) {
      const folder = this.#folderOf(kind);
      if (existsSync(folder)) removeUnfinished(folder);
    }
  }

  #folderOf(kind: RecordKind): string {
    return join(this.#folder, `${kind}s`);
  }

  #pathOf(kind: RecordKind, settings: string): string {
    return join(this.#folderOf(kind), `${settings}.jsonl`);
  }
}

/** Why a point has no result. */
export interface PointFailure {
  /** Refused: the settings cannot be simulated. Defect: the simulator or its host failed. */
  readonly kind: 'refused' | 'defect';
  readonly cause: string;
}

/** What a point came to; `key` is the hash of everything that can change it. */
export type StoredOutcome =
  | { readonly key: string; readonly result: PointResult }
  | { readonly key: string; readonly failure: PointFailure };

/** What is done of a list of points, and what there is to do. */
export interface StoredPlan {
  readonly dir: string;
  readonly points: readonly PointSettings[];
  /** Done, or known to fail; in order of the points, undefined where there is something to do. */
  readonly outcomes: readonly (StoredOutcome | undefined)[];
  /** Parts to simulate, points with the most work first. */
  readonly jobs: readonly PartJob[];
  /** Parts of points to do that are stored. */
  readonly storedParts: readonly { readonly job: PartJob; readonly result: PartResult }[];
  /** Hashes of the points' settings. */
  readonly settings: readonly string[];
}

export interface RunStoredOptions {
  /** The results folder. */
  readonly dir: string;
  /** Threads; default: as many as the host runs at once. */
  readonly workers?: number;
  readonly onProgress?: (progress: ListProgress) => void;
  /** Takes a sentence for each stored file that is not used, and one for all that are from another version of the simulator. */
  readonly onMessage?: (message: string) => void;
  /** Gives up when it aborts, without waiting for parts under way; what is finished is stored. */
  readonly signal?: AbortSignal;
  /** Files that the points' `userPasses` were loaded from. */
  readonly passFiles?: readonly string[];
}

/**
 * Simulates what is not stored yet of a list of points, and stores it.
 * @returns an outcome per point, in their order, the same for any number of workers and whatever was stored before; a point that fails does not keep the others from going on
 * @throws FolderBusyError while another process works in the folder; the signal's reason when it aborts
 */
export async function runStored(
  points: readonly PointSettings[],
  options: RunStoredOptions,
): Promise<StoredOutcome[]> {
  return withLock(options.dir, () => runPlan(planStored(points, options.dir, options.onMessage), options));
}

/**
 * Runs with the store of a results folder to itself.
 * @throws FolderBusyError while another process has it
 */
export async function withLock<T>(dir: string, run: () => Promise<T>): Promise<T> {
  const unlock = lockFolder(join(dir, STORE_FOLDER));
  try {
    new ResultStore(dir, () => {}).clean();
    return await run();
  } finally {
    unlock();
  }
}

/** Looks up what is stored of points; changes nothing. */
export function planStored(
  points: readonly PointSettings[],
  dir: string,
  onMessage: (message: string) => void = () => {},
): StoredPlan {
  const store = new ResultStore(dir, onMessage);
  const outcomes: (StoredOutcome | undefined)[] = points.map(() => undefined);
  const settings = points.map(hashSettings);
  settings.forEach((hash, index) => {
    const result = store.load('point', hash) as PointResult | null;
    if (result !== null) outcomes[index] = { key: keyOf(hash), result };
  });
  const missing = points.flatMap((_point, index) => (outcomes[index] === undefined ? [index] : []));
  const planned = planParts(
    missing.map((index) => points[index] as PointSettings),
    (at, error) => {
      const index = missing[at] as number;
      outcomes[index] = { key: keyOf(settings[index] as string), failure: describeFailure(error) };
    },
  );
  const jobs: PartJob[] = [];
  const storedParts: { job: PartJob; result: PartResult }[] = [];
  for (const of of planned) {
    const uses = of.uses.map(({ point, place }) => ({ point: missing[point] as number, place }));
    const job = { ...of, uses };
    const result = store.load('part', job.identity) as PartResult | null;
    if (result === null) jobs.push(job);
    else storedParts.push({ job, result });
  }
  store.reportOutdated();
  return { dir, points, outcomes, jobs: pointByPoint(jobs), storedParts, settings };
}

/** Parts in the order of their points, those with the most work first: so points are done one after another, and what is left for the end is small. */
function pointByPoint(jobs: readonly PartJob[]): PartJob[] {
  const work = new Map<number, number>();
  for (const { uses, cost } of jobs)
    for (const { point } of uses) work.set(point, (work.get(point) ?? 0) + cost);
  const points = [...work.keys()].sort((a, b) => (work.get(b) as number) - (work.get(a) as number) || a - b);
  const longestFirst = jobs.toSorted((a, b) => b.cost - a.cost);
  return [
    ...new Set(
      points.flatMap((of) => longestFirst.filter(({ uses }) => uses.some(({ point }) => point === of))),
    ),
  ];
}

/** Does what a plan says is to do. For who has the folder's lock. @throws the signal's reason when it aborts */
export async function runPlan(plan: StoredPlan, options: RunStoredOptions): Promise<StoredOutcome[]> {
  const { workers = defaultWorkers(), onProgress = () => {}, signal, passFiles } = options;
  const { points, jobs, settings } = plan;
  const store = new ResultStore(plan.dir, () => {});
  const outcomes = [...plan.outcomes];
  /** By point, then by place of the part: which of several failures is told does not depend on which came first. */
  const failures = new Map<number, Map<number, PointFailure>>();
  const assembly = new PointAssembly(points);
  const finish = (point: number, result: PointResult): void => {
    const hash = settings[point] as string;
    store.save('point', hash, result);
    outcomes[point] = { key: keyOf(hash), result };
  };
  const report = (share: number): void => {
    const known = outcomes.filter((outcome) => outcome !== undefined);
    const pointsFailed = known.filter((outcome) => 'failure' in outcome).length + failures.size;
    onProgress({
      share,
      pointsDone: known.length + failures.size,
      pointsFailed,
      points: points.length,
    });
  };
  for (const { job, result } of plan.storedParts) assembly.add(job, result, finish);
  await runJobs(jobs, {
    workers,
    ...(signal === undefined ? {} : { signal }),
    ...(passFiles === undefined ? {} : { passFiles }),
    onShare: report,
    onResult(job, result) {
      store.save('part', job.identity, result);
      assembly.add(job, result, finish);
    },
    onFailure(job, error) {
      const failure = describeFailure(error);
      for (const { point, place } of job.uses)
        failures.set(point, (failures.get(point) ?? new Map<number, PointFailure>()).set(place, failure));
    },
  });
  return outcomes.map((outcome, point) => {
    if (outcome !== undefined) return outcome;
    const [[, failure] = missingPart(point)] = [...(failures.get(point) ?? [])].sort(([a], [b]) => a - b);
    return { key: keyOf(settings[point] as string), failure };
  });
}

function missingPart(point: number): never {
  throw new Error(`point ${point} has neither a result nor a failure`);
}

/** The cause without what differs from run to run or from host to host: stacks. */
function describeFailure(error: unknown): PointFailure {
  if (isRefusal(error)) return { kind: 'refused', cause: error.message };
  const cause = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { kind: 'defect', cause };
}
