/**
 * The baseline's results, and how far rounding alone may carry another schedule's away from them.
 *
 * **Measure.** The error of a tensor is the Euclidean norm of the difference, relative to the norm of the baseline's tensor. The largest single
 * difference would not do in float32: ReLU's derivative jumps, so an element that rounding carries across zero changes one gradient element wholly.
 *
 * **Tolerance.** What a reordering of sums does to a tensor depends on the network's condition at that tensor, which is measured, not guessed, in two ways:
 *
 * - rounding at large: d = |baseline in float32 - baseline in float64|, the effect of all roundings to eps32 in a real run;
 * - statistics: s = the change, in float64, when every batch statistic is disturbed at random by NOISE relative to the root mean square (mean) and
 *   the mean square (variance). This is how sums and sums of squares err, and so how E[X^2] - E[X]^2 differs from a two-pass variance.
 *
 * The condition is kappa = max(d / eps32, s / NOISE) / |baseline|, not less than that of any feature map or feature gradient before (small tensors can be
 * lucky, and errors only grow along the chain). In precision p a schedule may then differ by
 *
 *     tolerance = SAFETY * eps_p * max(kappa * |baseline|, d / eps32, s / NOISE)
 *
 * where the last two matter for tensors that are zero but for rounding, such as the gradient of a bias in front of a batch normalisation.
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
 * Relative size of the random errors by which the statistics' part of the condition is measured: far above float64's own rounding and so small
 * that the effect stays linear, for condition numbers up to 10^10.
 */
const NOISE = 2 ** -40;

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

/** Names of the vectors that the weight update writes beside the tensors of the passes. */
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
        if (RECORDED_ROLES.has(execution.store.tensor(name).role)) visit(name, execution.read(name), operation);
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

/** Executes the baseline in both precisions and derives the tolerances. */
export function executeReference(step: TrainingStep, options: CompareOptions = {}): Reference {
  const single = snapshot(step, 'float32', options);
  const double = snapshot(step, 'float64', options);
  const disturbed = snapshot(step, 'float64', {
    ...options,
    settings: { ...options.settings, statisticsNoise: NOISE },
  });
  const tolerances = { float32: new Map<string, number>(), float64: new Map<string, number>() };
  let kappa = 1;
  for (const [name, exact] of double) {
    const rounding = norm(single.get(name) as Real, exact) / MACHINE_EPSILON.float32;
    const statistics = norm(disturbed.get(name) as Real, exact) / NOISE;
    const effect = Math.max(rounding, statistics);
    const size = norm(exact);
    const role = step.tensors.get(name)?.role;
    const isFeature = role === 'feature' || role === 'feature-gradient';
    if (isFeature && size > 0) kappa = Math.max(kappa, effect / size);
    const explained = TOLERANCE_SAFETY * Math.max(kappa * size, effect);
    for (const precision of ['float32', 'float64'] as const) {
      tolerances[precision].set(name, explained * MACHINE_EPSILON[precision]);
    }
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
