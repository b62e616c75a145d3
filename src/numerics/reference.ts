/**
 * The baseline's results, and how far rounding alone may carry another schedule's away from them.
 *
 * **Measure.** The error of a tensor is the Euclidean norm of the difference, relative to the norm of the baseline's tensor.
 *
 * **Tolerance.** What a reordering of sums does to a tensor depends on the network's condition at that tensor, which is measured, not guessed:
 *
 * - rounding at large: d = |baseline in float32 - baseline in float64|, the effect of all roundings to eps32 in a real run;
 * - statistics: s = the change, in float64, when every batch statistic is disturbed at random by SMALL relative to the root mean square (mean) and
 *   the mean square (variance). This is how sums and sums of squares err, and so how E[X^2] - E[X]^2 differs from a two-pass variance.
 *
 * The condition is kappa = max(d / eps32, s / SMALL) / |baseline|, not less than that of any feature map or feature gradient before (small tensors can be
 * lucky, and errors only grow along the chain). In precision p a schedule may then differ by
 *
 *     tolerance = SAFETY * eps_p * max(kappa * |baseline|, d / eps32, s / SMALL)
 *
 * where the last two matter for tensors that are zero but for rounding, such as the gradient of a bias in front of a batch normalisation.
 *
 * In float32 this is not all: an element near zero that rounding carries across switches its ReLU, or another element wins a max pooling, and the gradient
 * jumps by a whole element. The jumps are what a disturbance by LARGE, some eps32, changes beyond the linear part:
 *
 *     jump = max over draws of (|disturbed by LARGE - baseline| - 2 * LARGE * s / SMALL)
 *
 * and the tolerance in float32 grows by JUMP_SAFETY times the largest relative jump so far. In deep networks this leaves float32 little to say of gradients;
 * float64, in which no element is that close to zero, then tells a wrong rewrite from rounding.
 */
import type { Operation, TensorRole, TrainingStep } from '../training/step.js';
import { executeStep } from './execute.js';
import { Execution, type ExecutionSettings } from './execution.js';
import { initialise } from './initialise.js';
import { MACHINE_EPSILON, type Precision, type Real } from './tensor-store.js';

/**
 * Two schedules' errors are independent draws of the measured size (factor sqrt 2); the measured one is a single draw itself, and a draw
 * ten times smaller than typical is rare for the norm of a tensor. 16 covers both.
 */
export const TOLERANCE_SAFETY = 16;

/**
 * Disturbance by which the condition is measured: far above float64's own rounding and so small that the effect stays linear, for condition
 * numbers up to 10^10.
 */
const SMALL = 2 ** -40;

/** Disturbance by which jumps are measured: 64 eps32, so that what may switch in a float32 run does switch in one of the draws. */
const LARGE = 64 * MACHINE_EPSILON.float32;
const DRAWS = 2;

/** A jump in the layers behind changes the gradients before them by about as much, relatively; weights with large norms magnify it. */
const JUMP_SAFETY = 4;

/** Elements that a tensor held when it was last written. */
export type Snapshot = ReadonlyMap<string, Real>;

export interface CompareOptions {
  readonly settings?: Partial<ExecutionSettings>;
  /** Seed of parameters, images and labels. */
  readonly seed?: string;
}

/** What the baseline computed in one precision. */
export interface ReferenceRun {
  readonly precision: Precision;
  readonly values: Snapshot;
  /** Largest explained |difference| (Euclidean norm) per tensor. */
  readonly tolerances: ReadonlyMap<string, number>;
}

/** A baseline that has been executed, ready for schedules to be compared with. */
export interface Reference {
  readonly step: TrainingStep;
  readonly options: CompareOptions;
  readonly runs: Readonly<Record<Precision, ReferenceRun>>;
}

/** Roles of the tensors that are compared: all but masks (the same by their seed) and labels. */
const RECORDED_ROLES: ReadonlySet<TensorRole> = new Set<TensorRole>([
  'feature',
  'feature-gradient',
  'parameter',
  'parameter-gradient',
  'optimiser-state',
  'statistics',
]);

/** Executes a step once from its initial values and hands every written tensor to `visit` while it still holds what was written. */
export function executeFromStart(
  step: TrainingStep,
  precision: Precision,
  options: CompareOptions,
  visit: (tensor: string, values: Real, operation: Operation) => void,
  operators: Parameters<typeof executeStep>[2] = {},
): void {
  const execution = new Execution(step, precision, options.settings);
  initialise(execution, options.seed ?? execution.settings.seed);
  executeStep(
    execution,
    (operation, written) => {
      for (const name of written) {
        if (RECORDED_ROLES.has(execution.store.tensor(name).role))
          visit(name, execution.read(name), operation);
      }
    },
    operators,
  );
}

/** Euclidean norm of a - b, or of a alone. NaN where any element is. */
export function norm(a: Real, b: Real | null = null): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) {
    const difference = b === null ? a[at] : a[at] - b[at];
    sum += difference * difference;
  }
  return Math.sqrt(sum);
}

function snapshot(step: TrainingStep, precision: Precision, options: CompareOptions): Map<string, Real> {
  const values = new Map<string, Real>();
  executeFromStart(step, precision, options, (name, written) => {
    // A tensor that is written again keeps its place behind those that it depends on.
    values.delete(name);
    values.set(name, written.slice());
  });
  return values;
}

/** Changes of every tensor's norm when the statistics are disturbed. */
function disturbedBy(
  step: TrainingStep,
  options: CompareOptions,
  exact: Snapshot,
  size: number,
  stream: string,
): Map<string, number> {
  const changes = new Map<string, number>();
  const settings = { ...options.settings, disturbance: { size, stream } };
  executeFromStart(step, 'float64', { ...options, settings }, (name, values) => {
    changes.set(name, norm(values, exact.get(name) as Real));
  });
  return changes;
}

/** Executes the baseline in both precisions and derives the tolerances. */
export function executeReference(step: TrainingStep, options: CompareOptions = {}): Reference {
  const single = snapshot(step, 'float32', options);
  const double = snapshot(step, 'float64', options);
  const small = disturbedBy(step, options, double, SMALL, 'condition');
  const large = Array.from({ length: DRAWS }, (_, draw) =>
    disturbedBy(step, options, double, LARGE, `jumps ${draw}`),
  );
  const tolerances = { float32: new Map<string, number>(), float64: new Map<string, number>() };
  let kappa = 1;
  let relativeJump = 0;
  for (const [name, exact] of double) {
    const rounding = norm(single.get(name) as Real, exact) / MACHINE_EPSILON.float32;
    const statistics = (small.get(name) as number) / SMALL;
    const effect = Math.max(rounding, statistics);
    const changed = Math.max(...large.map((draw) => draw.get(name) as number));
    const jump = Math.max(0, changed - 2 * LARGE * statistics);
    const size = norm(exact);
    const role = step.tensors.get(name)?.role;
    if ((role === 'feature' || role === 'feature-gradient') && size > 0) {
      kappa = Math.max(kappa, effect / size);
      relativeJump = Math.max(relativeJump, jump / size);
    }
    const smooth = TOLERANCE_SAFETY * Math.max(kappa * size, effect);
    const jumps = JUMP_SAFETY * Math.max(relativeJump * size, jump);
    tolerances.float64.set(name, smooth * MACHINE_EPSILON.float64);
    tolerances.float32.set(name, smooth * MACHINE_EPSILON.float32 + jumps);
  }
  return {
    step,
    options,
    runs: {
      float32: { precision: 'float32', values: single, tolerances: tolerances.float32 },
      float64: { precision: 'float64', values: double, tolerances: tolerances.float64 },
    },
  };
}
