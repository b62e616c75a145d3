/** How much work a point is for the host: what balances the workers and weighs the progress. Never part of a result. */
import { operationTraffic } from '../bound/sweeps.js';
import { resolveSchedule } from '../schedule/apply.js';
import { type PointSettings, sampleOf } from '../simulate/point.js';
import { buildTrainingStep } from '../training/build.js';
import type { TrainingStep } from '../training/step.js';

/** What an operation that sweeps no feature map is reckoned at, bytes: it still has parameters to walk and barriers to meet. */
const SMALLEST_COST_BYTES = 1e5;

/** A pilot (see `simulatePoint`) runs its operation behind the one or more before it that fill the caches: about two operations. */
const OPERATIONS_PER_PILOT = 2;
/** Pilots that are reckoned with before a point has said how many it has. */
const EXPECTED_PILOTS = 6;

/** Work of a point. */
export interface PointCost {
  /** Relative to other points: bytes of feature maps that the simulated images sweep. */
  readonly total: number;
  /** Share of the point, 0 to 1, that is done after `done` of `steps` steps (operations first, then pilots). */
  shareDone(done: number, steps: number): number;
}

/** Estimates points; remembers what points of the same network and schedule have in common. */
export class CostEstimator {
  readonly #perImage = new Map<PointSettings['network'], Map<string, readonly number[]>>();

  /** Never throws: a schedule that is refused later counts like the baseline here. */
  estimate(point: PointSettings): PointCost {
    const perImage = this.#costsPerImage(point);
    const { images, scale, share } = sampleOf(point);
    // after[i]: cost of the first i operations.
    const after = [0];
    for (const bytes of perImage)
      after.push((after.at(-1) as number) + Math.max(SMALLEST_COST_BYTES, bytes * images));
    const operations = after.at(-1) as number;
    // On the sample and on a socket.
    const larger = point.machine.coresPerSocket / share.cores;
    const pilot = scale === 1 ? 0 : (OPERATIONS_PER_PILOT * (1 + larger) * operations) / perImage.length;
    return {
      total: operations + EXPECTED_PILOTS * pilot,
      shareDone(done, steps) {
        const whole = operations + (steps - perImage.length) * pilot;
        if (done <= perImage.length) return (after[done] as number) / whole;
        return (operations + (done - perImage.length) * pilot) / whole;
      },
    };
  }

  #costsPerImage(point: PointSettings): readonly number[] {
    const { network, schedule, software, scheduleOptions } = point;
    let known = this.#perImage.get(network);
    if (known === undefined) {
      known = new Map();
      this.#perImage.set(network, known);
    }
    const key = JSON.stringify([schedule, software, scheduleOptions]);
    let costs = known.get(key);
    if (costs === undefined) {
      const step = scheduledStep(point);
      costs = step.operations.map((operation) => {
        const { readBytes, writeBytes } = operationTraffic(operation, step, software);
        return readBytes + writeBytes;
      });
      known.set(key, costs);
    }
    return costs;
  }
}

/** The step of one image, without the checks of each pass, which take longer than the passes; the worker makes them. */
function scheduledStep({ network, schedule, software, scheduleOptions }: PointSettings): TrainingStep {
  const baseline = buildTrainingStep(network, { batch: 1, fuseBnRelu: software.fuseBnRelu });
  try {
    return resolveSchedule(schedule).reduce((step, pass) => pass.apply(step, scheduleOptions), baseline);
  } catch {
    return baseline;
  }
}
