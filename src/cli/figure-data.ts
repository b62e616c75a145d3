/** What figures are drawn from: points and sweeps out of stores that keep what is simulated, and measured edges. */
import { join } from 'node:path';
import { Piscina } from 'piscina';
import { fileSource, loadMachine } from '../config/load.js';
import type { Network } from '../network/layers.js';
import { loadNetwork } from '../network/load.js';
import type {
  EdgeRequest,
  Figure,
  FigurePoint,
  MeasuredEdge,
  PointRequest,
} from '../report/figures/figure.js';
import type { PointSettings } from '../simulate/point.js';
import { DEFAULT_BATCH, DEFAULT_SCHEDULE, DEFAULT_SEED, DEFAULT_SOFTWARE } from '../sweep/point-options.js';
import type { ListProgress } from '../sweep/pool.js';
import { runStored, type StoredOutcome } from '../sweep/store.js';
import { readSweep } from '../sweep/sweep-file.js';

/** The compiled worker: a thread cannot load TypeScript. `src/cli` and `dist/cli` are equally deep, so this is right from both. */
const EDGE_WORKER = new URL('../../dist/cli/edge-worker.js', import.meta.url);

export interface FigureDataOptions {
  /** The figures' folder, which also keeps the results of their points. */
  readonly out: string;
  readonly workers: number;
  readonly onProgress: (progress: ListProgress) => void;
  /** Takes a sentence for people. */
  readonly onMessage: (message: string) => void;
  readonly signal: AbortSignal;
}

/** Points that came to a result, and a sentence for each that did not. */
export interface SimulatedPoints {
  readonly points: readonly FigurePoint[];
  readonly failures: readonly string[];
}

/** A figure's points by request, as settings. Networks and machines are loaded once. @throws ConfigurationError */
export class RequestedPoints {
  readonly #networks = new Map<string, Network>();
  readonly #machines = new Map<string, PointSettings['machine']>();

  settingsOf({ network, machine, schedule, batch = DEFAULT_BATCH }: PointRequest): PointSettings {
    return {
      network: remember(this.#networks, network, loadNetwork),
      machine: remember(this.#machines, machine, loadMachine),
      schedule,
      batch,
      exact: false,
      seed: DEFAULT_SEED,
      software: DEFAULT_SOFTWARE,
      scheduleOptions: DEFAULT_SCHEDULE,
    };
  }
}

function remember<T>(known: Map<string, T>, key: string, load: (key: string) => T): T {
  const value = known.get(key) ?? load(key);
  known.set(key, value);
  return value;
}

/** Which point a request means. */
export function requestName({ network, machine, schedule, batch = DEFAULT_BATCH }: PointRequest): string {
  return `${network} on ${machine}, batch ${batch}, ${schedule}`;
}

/** Every point that any of the figures asks for, once. */
export function requestedPoints(figures: readonly Figure[]): PointRequest[] {
  const requests = figures.flatMap((figure) => (figure.source === 'points' ? figure.points : []));
  return [...new Map(requests.map((request) => [requestName(request), request])).values()];
}

/** Simulates points that are not in the store of the figures' folder. @returns outcomes by `requestName` */
export async function simulateRequests(
  requests: readonly PointRequest[],
  { out, ...options }: FigureDataOptions,
): Promise<Map<string, SimulatedPoints>> {
  const loaded = new RequestedPoints();
  const settings = requests.map((request) => loaded.settingsOf(request));
  const outcomes = requests.length === 0 ? [] : await runStored(settings, { ...options, dir: out });
  return new Map(
    requests.map((request, at) => [
      requestName(request),
      sortOut([settings[at] as PointSettings], [outcomes[at] as StoredOutcome], () => requestName(request)),
    ]),
  );
}

/** Simulates the points of a shipped sweep that are not in the store of its results folder, where `normcore sweep` keeps them. */
export async function simulateSweep(
  name: string,
  { out: _out, ...options }: FigureDataOptions,
): Promise<SimulatedPoints> {
  const sweep = readSweep(name, fileSource);
  const settings = sweep.points.map((point) => point.settings);
  const outcomes = await runStored(settings, { ...options, dir: join('results', sweep.name) });
  return sortOut(settings, outcomes, (at) => {
    const cells = sweep.points[at]?.cells ?? [];
    return `${name}, ${cells.join(', ')}`;
  });
}

function sortOut(
  settings: readonly PointSettings[],
  outcomes: readonly StoredOutcome[],
  nameOf: (at: number) => string,
): SimulatedPoints {
  return {
    points: outcomes.flatMap((outcome, at) =>
      'result' in outcome ? [{ settings: settings[at] as PointSettings, result: outcome.result }] : [],
    ),
    failures: outcomes.flatMap((outcome, at) =>
      'failure' in outcome ? [`${nameOf(at)}: ${outcome.failure.cause}`] : [],
    ),
  };
}

/** Measures an edge (see edge-worker.ts). @throws the signal's reason when it aborts */
export async function measureEdge(
  request: EdgeRequest,
  { onMessage, signal }: Pick<FigureDataOptions, 'onMessage' | 'signal'>,
): Promise<MeasuredEdge> {
  const thread = new Piscina<EdgeRequest, MeasuredEdge>({
    filename: EDGE_WORKER.href,
    maxThreads: 1,
    // Flags of the parent (a test runner's loader, say) are not for the worker.
    execArgv: [],
  });
  thread.on('message', (variant: string) => onMessage(`sweeps of an edge: ${variant}`));
  try {
    return await thread.run(request, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await thread.destroy();
  }
}
