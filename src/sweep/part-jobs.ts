/** The parts that a list of points is made of, each once however many points share it. */
import {
  buildStep,
  type PartName,
  type PartResult,
  type PointSettings,
  partIdentity,
  partsOf,
  sampleOf,
} from '../simulate/part.js';
import { assemblePoint, type PointResult } from '../simulate/point.js';
import type { TrainingStep } from '../training/step.js';
import { canonicalJson, sha256 } from './canonical.js';
import { estimatePart } from './cost.js';

/** A part that is simulated once, and the places in the points that its result fills. */
export interface PartJob {
  /** Hash of everything that can change its result but the simulator's code. */
  readonly identity: string;
  readonly point: PointSettings;
  readonly part: PartName;
  /** Work, relative to other parts. */
  readonly cost: number;
  readonly uses: readonly { readonly point: number; readonly place: number }[];
}

/**
 * The parts of points, in the order in which the points need them.
 * @param onRefusal takes what a point throws that cannot be built (its schedule is unknown or illegal); its parts are left out. Absent: thrown
 */
export function planParts(
  points: readonly PointSettings[],
  onRefusal: (point: number, error: unknown) => void = (_point, error) => {
    throw error;
  },
): PartJob[] {
  const steps = new StepCache();
  const jobs = new Map<string, PartJob & { readonly uses: { point: number; place: number }[] }>();
  points.forEach((point, index) => {
    let step: TrainingStep;
    try {
      step = steps.build(point);
    } catch (error) {
      onRefusal(index, error);
      return;
    }
    partsOf(point).forEach((part, place) => {
      const identity = sha256(partIdentity(point, part, step));
      const job = jobs.get(identity) ?? {
        identity,
        point,
        part,
        cost: estimatePart(point, part, step),
        uses: [],
      };
      job.uses.push({ point: index, place });
      jobs.set(identity, job);
    });
  });
  return [...jobs.values()];
}

/** Training steps, which many points of a sweep have in common: a large network's takes most of a second to build and check. */
class StepCache {
  readonly #networks = new Map<PointSettings['network'], Map<string, TrainingStep>>();

  build(point: PointSettings): TrainingStep {
    const { network, schedule, scheduleOptions, software, userPasses = [] } = point;
    const { images } = sampleOf(point);
    const known = this.#networks.get(network) ?? new Map<string, TrainingStep>();
    this.#networks.set(network, known);
    const passes = userPasses.map(({ name }) => name);
    const key = canonicalJson([schedule, scheduleOptions, software.fuseBnRelu, images, passes]);
    const step = known.get(key) ?? buildStep(point, images);
    known.set(key, step);
    return step;
  }
}

/** Collects the results of parts until points are whole. */
export class PointAssembly {
  readonly #points: readonly PointSettings[];
  readonly #parts: PartResult[][];
  readonly #missing: number[];

  constructor(points: readonly PointSettings[]) {
    this.#points = points;
    this.#parts = points.map(() => []);
    this.#missing = points.map((point) => partsOf(point).length);
  }

  /**
   * Adds a part's result to all points that it belongs to.
   * @param onPoint takes each point that this makes whole
   */
  add(job: PartJob, result: PartResult, onPoint: (point: number, result: PointResult) => void): void {
    for (const { point, place } of job.uses) {
      const parts = this.#parts[point] as PartResult[];
      parts[place] = result;
      this.#missing[point] = (this.#missing[point] as number) - 1;
      if (this.#missing[point] !== 0) continue;
      onPoint(point, assemblePoint(this.#points[point] as PointSettings, parts));
      // Whole points are not kept: a long sweep's parts are large.
      this.#parts[point] = [];
    }
  }
}
