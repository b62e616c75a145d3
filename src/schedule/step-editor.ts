/** Edits a training step's list of operations; every pass is written with it. */
import type { Operation, Tensor, TrainingStep } from '../training/step.js';
import { operandsOf } from './operands.js';
import type { OperationOf } from './step-index.js';

/**
 * A mutable copy of a step's operations, addressed by name. The step itself never changes.
 *
 * Several edits may meet on one operation (two BN layers that read the same tensor), so `update` always gives the current state.
 */
export class StepEditor {
  readonly #step: TrainingStep;
  /** What stands in place of each original operation, by its name. */
  readonly #slots = new Map<string, readonly Operation[]>();
  readonly #order: string[];
  readonly #added = new Map<string, Tensor>();

  constructor(step: TrainingStep) {
    this.#step = step;
    this.#order = step.operations.map((operation) => operation.name);
    for (const operation of step.operations) this.#slots.set(operation.name, [operation]);
  }

  /**
   * Rewrites an operation in place.
   * @throws Error where the operation is not in the step any more or is of another kind: a mistake of the pass
   */
  update<T extends Operation>(operation: T, change: (current: T) => Operation): void {
    const current = this.#slots.get(operation.name);
    const [only] = current ?? [];
    if (current?.length !== 1 || only === undefined || only.kind !== operation.kind) {
      throw new Error(`the pass edits ${operation.name}, which it has already removed or split`);
    }
    this.#slots.set(operation.name, [change(only as T)]);
  }

  remove(operation: Operation): void {
    this.replace(operation, []);
  }

  /** Puts `operations` where `operation` stood. */
  replace(operation: Operation, operations: readonly Operation[]): void {
    this.#slots.set(operation.name, operations);
  }

  /** Moves an operation to just before another. Both are named as in the original step. */
  moveBefore(operation: Operation, other: Operation): void {
    this.#order.splice(this.#order.indexOf(operation.name), 1);
    this.#order.splice(this.#order.indexOf(other.name), 0, operation.name);
  }

  addTensor(tensor: Tensor): void {
    this.#added.set(tensor.name, tensor);
  }

  /** The edited step, without the tensors that no operation touches any more. */
  finish(): TrainingStep {
    const operations = this.#order.flatMap((name) => this.#slots.get(name) ?? []);
    return withoutUnusedTensors({
      ...this.#step,
      operations,
      tensors: new Map([...this.#step.tensors, ...this.#added]),
    });
  }
}

/** Drops the tensors that neither an operation nor a BN layer names. */
function withoutUnusedTensors(step: TrainingStep): TrainingStep {
  const used = new Set<string>();
  for (const operation of step.operations) {
    const operands = operandsOf(operation, step);
    for (const tensor of operands.reads) used.add(tensor);
    for (const { tensor } of operands.writes) used.add(tensor);
  }
  for (const bn of step.batchNorms.values()) {
    used.add(bn.mean).add(bn.variance).add(bn.runningMean).add(bn.runningVariance);
  }
  const tensors = new Map([...step.tensors].filter(([name]) => used.has(name)));
  return { ...step, tensors };
}

/** Operations of one kind, typed. */
export function operationsOf<K extends Operation['kind']>(step: TrainingStep, kind: K): OperationOf<K>[] {
  return step.operations.filter((operation): operation is OperationOf<K> => operation.kind === kind);
}
