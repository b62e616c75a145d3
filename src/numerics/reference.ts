/**
 * The baseline's results, and how far float rounding alone may carry another schedule's away from them.
 *
 * **Measure.** The error of a tensor is the Euclidean norm of the difference, relative to the norm of the baseline's tensor. The largest single difference would
 * not do in float32: ReLU's derivative jumps, so an element that rounding carries across zero changes one gradient element wholly.
 *
 * **Tolerance.** How much a reordering of sums can change a tensor depends on the network's condition at that tensor, which is measured, not
 * guessed: the baseline is executed in float32 and in float64, and their difference d is what rounding to eps32 does to the tensor. The same operations
 * in another order commit errors of the same size, so the difference explained in precision p is
 *
 *     tolerance = SAFETY * max(d * eps_p / eps32, eps_p * kappa * |baseline|)
 *
 * where kappa is the largest relative d / eps32 of any feature map or feature gradient so far (small tensors can be lucky: errors only grow along the
 * chain), and at least mean^2 / (var + eps_bn) of any BN so far, by which E[X^2] - E[X]^2 magnifies rounding where a two-pass
 * variance does not.
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

/** mean^2 / (var + eps) at its largest over the channels. */
function meanToDeviation(step: TrainingStep, values: Snapshot): Map<string, number> {
  const ratios = new Map<string, number>();
  for (const { mean, variance, epsilon } of step.batchNorms.values()) {
    const means = values.get(mean);
    const variances = values.get(variance);
    if (means === undefined || variances === undefined) continue;
    let worst = 0;
    for (let channel = 0; channel < means.length; channel++) {
      worst = Math.max(worst, (means[channel] * means[channel]) / (variances[channel] + epsilon));
    }
    ratios.set(variance, worst);
  }
  return ratios;
}

/** Executes the baseline in both precisions and derives the tolerances. */
export function executeReference(step: TrainingStep, options: CompareOptions = {}): Reference {
  const single = snapshot(step, 'float32', options);
  const double = snapshot(step, 'float64', options);
  const ratios = meanToDeviation(step, double);
  const tolerances = { float32: new Map<string, number>(), float64: new Map<string, number>() };
  let kappa = 1;
  for (const [name, exact] of double) {
    const error = norm(single.get(name) as Real, exact);
    const size = norm(exact);
    const role = step.tensors.get(name)?.role;
    if ((role === 'feature' || role === 'feature-gradient') && size > 0) {
      kappa = Math.max(kappa, error / size / MACHINE_EPSILON.float32);
    }
    kappa = Math.max(kappa, ratios.get(name) ?? 0);
    for (const precision of ['float32', 'float64'] as const) {
      const epsilon = MACHINE_EPSILON[precision];
      const measured = (error * epsilon) / MACHINE_EPSILON.float32;
      tolerances[precision].set(name, TOLERANCE_SAFETY * Math.max(measured, epsilon * kappa * size));
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
