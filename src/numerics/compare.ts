/** Whether a schedule computes what the baseline computes: every tensor that both write, in float32 (as it runs) and float64 (as mathematics). */
import type { BatchNorm, Operation, Tensor, TrainingStep } from '../training/step.js';
import type { OperatorRegistry } from './execution.js';
import {
  type CompareOptions,
  executeFromStart,
  executeReference,
  norm,
  type Reference,
} from './reference.js';
import type { Precision, Real } from './tensor-store.js';

/** What a tensor is to a reader of the report. */
export type TensorClass =
  | 'loss'
  | 'output'
  | 'statistics'
  | 'running statistics'
  | 'feature gradient'
  | 'weight gradient'
  | 'bias gradient'
  | 'gamma gradient'
  | 'beta gradient'
  | 'updated parameter';

/** Classes in the order of a report. */
export const TENSOR_CLASSES: readonly TensorClass[] = [
  'loss',
  'output',
  'statistics',
  'running statistics',
  'feature gradient',
  'weight gradient',
  'bias gradient',
  'gamma gradient',
  'beta gradient',
  'updated parameter',
];

/** Classes that a schedule may leave out: what it fuses away is never stored. */
const OPTIONAL_CLASSES: ReadonlySet<TensorClass> = new Set<TensorClass>(['output', 'feature gradient']);

export interface TensorComparison {
  readonly tensor: string;
  readonly class: TensorClass;
  readonly precision: Precision;
  /** Operation of the compared schedule that wrote it last; null where none did. */
  readonly operation: string | null;
  /** |other - baseline| / |baseline|, Euclidean norms; infinite where the schedule lacks the tensor, NaN where it holds an unwritten element. */
  readonly relativeError: number;
  /** Largest relative error that rounding explains. */
  readonly tolerance: number;
  readonly passed: boolean;
}

export interface ScheduleComparison {
  readonly network: string;
  readonly schedule: string;
  readonly passed: boolean;
  /** In execution order of the baseline, float32 before float64. */
  readonly tensors: readonly TensorComparison[];
  /** Feature maps and feature gradients that the baseline stores and the schedule does not. */
  readonly notStored: readonly string[];
}

/** Class of each tensor of a step; null for tensors that no report shows (masks, momenta). */
function classifier(step: TrainingStep): (tensor: Tensor) => TensorClass | null {
  const classes = new Map<string, TensorClass>();
  const add = (batchNorm: BatchNorm) => {
    classes.set(batchNorm.mean, 'statistics').set(batchNorm.variance, 'statistics');
    classes
      .set(batchNorm.runningMean, 'running statistics')
      .set(batchNorm.runningVariance, 'running statistics');
    classes.set(batchNorm.gammaGradient, 'gamma gradient').set(batchNorm.betaGradient, 'beta gradient');
  };
  for (const batchNorm of step.batchNorms.values()) add(batchNorm);
  for (const operation of step.operations) {
    if (operation.kind === 'softmax-loss-forward') classes.set(operation.loss, 'loss');
    if ('biasOutput' in operation && operation.biasOutput !== null) {
      classes.set(operation.biasOutput, 'bias gradient');
    }
  }
  return (tensor) => {
    const known = classes.get(tensor.name);
    if (known !== undefined) return known;
    if (tensor.role === 'feature') return 'output';
    if (tensor.role === 'feature-gradient') return 'feature gradient';
    if (tensor.role === 'parameter-gradient') return 'weight gradient';
    return tensor.role === 'parameter' ? 'updated parameter' : null;
  };
}

function compareTensor(
  reference: Reference,
  precision: Precision,
  name: string,
  values: Real | null,
  operation: Operation | null,
  tensorClass: TensorClass,
): TensorComparison {
  const run = reference.runs[precision];
  const expected = run.values.get(name) as Real;
  const difference =
    values === null || values.length !== expected.length ? Number.POSITIVE_INFINITY : norm(values, expected);
  const size = norm(expected);
  const explained = run.tolerances.get(name) as number;
  return {
    tensor: name,
    class: tensorClass,
    precision,
    operation: operation?.name ?? null,
    relativeError: difference === 0 ? 0 : difference / size,
    tolerance: explained === 0 ? 0 : explained / size,
    // Written so that NaN fails.
    passed: difference <= explained,
  };
}

/**
 * Executes a schedule and compares it with its executed baseline.
 * @param operators operators to execute it with in place of the shipped ones (the mutation tests' way in)
 * @throws Error where the schedule's operations name tensors that it lacks
 */
export function compareWith(
  reference: Reference,
  other: TrainingStep,
  operators: Partial<OperatorRegistry> = {},
): ScheduleComparison {
  const classOf = classifier(reference.step);
  const tensors: TensorComparison[] = [];
  const notStored: string[] = [];
  for (const precision of ['float32', 'float64'] as const) {
    const found = new Map<string, TensorComparison>();
    const { values } = reference.runs[precision];
    executeFromStart(
      other,
      precision,
      reference.options,
      (name, written, operation) => {
        const tensor = reference.step.tensors.get(name);
        const tensorClass = tensor === undefined ? null : classOf(tensor);
        if (tensorClass === null || !values.has(name)) return;
        found.set(name, compareTensor(reference, precision, name, written, operation, tensorClass));
      },
      operators,
    );
    for (const name of values.keys()) {
      const tensorClass = classOf(reference.step.tensors.get(name) as Tensor);
      const comparison = found.get(name);
      if (comparison !== undefined) tensors.push(comparison);
      else if (tensorClass !== null && OPTIONAL_CLASSES.has(tensorClass)) {
        if (precision === 'float32') notStored.push(name);
      } else if (tensorClass !== null) {
        tensors.push(compareTensor(reference, precision, name, null, null, tensorClass));
      }
    }
  }
  return {
    network: other.network,
    schedule: other.schedule,
    passed: tensors.every((comparison) => comparison.passed),
    tensors,
    notStored,
  };
}

/**
 * Compares a schedule with the baseline of the same network: loss, every output and gradient that both store, batch and running statistics, and
 * the updated parameters.
 * @throws Error where an operation names a tensor that its step lacks
 */
export function compareSchedules(
  baseline: TrainingStep,
  other: TrainingStep,
  options: CompareOptions = {},
  operators: Partial<OperatorRegistry> = {},
): ScheduleComparison {
  return compareWith(executeReference(baseline, options), other, operators);
}
