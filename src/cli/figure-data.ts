/** What figures are drawn from: points and sweeps out of stores that keep what is simulated, and measured edges. */
import { join } from 'node:path';
import { EDGE_VARIANTS } from '../bound/edge.js';
import { fileSource, loadMachine } from '../config/load.js';
import type { Network } from '../network/layers.js';
import type {
  EdgeRequest,
  Figure,
  FigurePoint,
  MeasuredEdge,
  PointRequest,
} from '../report/figures/figure.js';
import { EdgeMeasurement, mapBytes, smallestEdgeBatch } from '../simulate/edge.js';
import type { PointSettings } from '../simulate/point.js';
import { DEFAULT_BATCH, DEFAULT_SCHEDULE, DEFAULT_SEED, DEFAULT_SOFTWARE } from '../sweep/point-options.js';
import type { ListProgress } from '../sweep/pool.js';
import { runStored, type StoredOutcome } from '../sweep/store.js';
import { readSweep } from '../sweep/sweep-file.js';
import { loadNetwork } from './network-source.js';

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

  settingsOf({ network, machine, schedule }: PointRequest): PointSettings {
    return {
      network: remember(this.#networks, network, loadNetwork),
      machine: remember(this.#machines, machine, loadMachine),
      schedule,
      batch: DEFAULT_BATCH,
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
export function requestName({ network, machine, schedule }: PointRequest): string {
  return `${network} on ${machine}, ${schedule}`;
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

/** Measures an edge under every variant that docs/paper.md counts, at the smallest mini-batch whose maps outgrow the caches. */
export async function measureEdge(
  { machine: name, channels, image }: EdgeRequest,
  { onMessage, signal }: Pick<FigureDataOptions, 'onMessage' | 'signal'>,
): Promise<MeasuredEdge> {
  const machine = loadMachine(name);
  const batch = smallestEdgeBatch(machine, { channels, image });
  const shape = { batch, channels, image };
  const edge = new EdgeMeasurement({ machine, shape, software: DEFAULT_SOFTWARE });
  const variants: MeasuredEdge['variants'][number][] = [];
  for (const { name: variant, schedule, options, forwardSweeps, backwardSweeps } of EDGE_VARIANTS) {
    onMessage(`sweeps of an edge: ${variant}`);
    // Lets a Ctrl-C through: the measurement itself runs on this thread.
    await new Promise(setImmediate);
    signal.throwIfAborted();
    variants.push({
      name: variant,
      counted: { forward: forwardSweeps, backward: backwardSweeps },
      result: edge.measure(schedule, options),
    });
  }
  const { cores, totalCores } = edge.sample.share;
  return {
    machine: machine.name,
    batch,
    cores,
    totalCores,
    mapBytes: mapBytes(shape, edge.sample),
    variants,
  };
}
