/**
 * The legality of a training step: what must hold whatever the passes did. Run after every pass and on hand-made steps.
 *
 * Operations are separated by barriers of the whole mini-batch, so "in an earlier operation" is what "complete" means for a reduction. The
 * check follows the order of operations and keeps, for each storage, the tensors that it holds at that moment.
 */
import type { Operation, Tensor, TensorRole, TrainingStep } from '../training/step.js';
import { checkBatchNormOperands } from './check-batch-norm.js';
import { type Rule, ScheduleError, type Violation } from './errors.js';
import { operandsOf, type WriteOperand } from './operands.js';
import { describe } from './step-index.js';

/** Operations that compute each element from the same element of their operands (or sweep once more than they write), so may overwrite them. */
const IN_PLACE_KINDS: ReadonlySet<Operation['kind']> = new Set([
  'bn-forward',
  'bn-normalise',
  'bn-backward',
  'bn-backward-data',
  'relu-forward',
  'relu-backward',
  'dropout-forward',
  'dropout-backward',
  'sum-forward',
  'sum-backward',
  'split-backward',
  'softmax-loss-forward',
  'softmax-loss-backward',
  'update',
]);

const PHASE_ORDER = { forward: 0, backward: 1, update: 2 } as const;

/** Roles of tensors that an iteration may find in memory; a feature map among them is the network's input. */
const EXTERNAL_ROLES: ReadonlySet<TensorRole> = new Set(['feature', 'parameter', 'optimiser-state', 'label']);

/** Tensors that come from outside: read, but written by no operation other than an update (inputs, labels, parameters, momenta). */
export function externalTensors(step: TrainingStep): ReadonlySet<string> {
  const external = new Set<string>();
  const written = new Set<string>();
  for (const operation of step.operations) {
    const operands = operandsOf(operation, step);
    for (const tensor of operands.reads) {
      if (EXTERNAL_ROLES.has(step.tensors.get(tensor)?.role ?? 'mask')) external.add(tensor);
    }
    if (operation.kind === 'update') continue;
    for (const { tensor } of operands.writes) written.add(tensor);
  }
  return new Set([...external].filter((tensor) => !written.has(tensor)));
}

/**
 * Every violation of the rules in `errors.ts`, in the order of operations.
 * @param externals tensors that may be read without being written; by default those that no operation writes. Give those of the step before a
 *   rewrite to find an operation that was lost.
 */
export function findViolations(
  step: TrainingStep,
  externals: ReadonlySet<string> = externalTensors(step),
): readonly Violation[] {
  return [...new LegalityCheck(step, externals).run(), ...checkBatchNormOperands(step)];
}

/** @throws ScheduleError naming operation and tensor of each violation */
export function checkStep(step: TrainingStep): void {
  const violations = findViolations(step);
  if (violations.length > 0) throw new ScheduleError(null, violations);
}

/** What a rewrite must not lose: inputs stay inputs, and BN layers, updates and losses stay. */
export function findLosses(before: TrainingStep, after: TrainingStep): readonly Violation[] {
  const updated = new Set<string>();
  const losses = new Set<string>();
  for (const operation of after.operations) {
    if (operation.kind === 'update') updated.add(operation.parameter);
    if (operation.kind === 'softmax-loss-forward') losses.add(operation.loss);
  }
  const violations: Violation[] = [];
  for (const operation of before.operations) {
    if (operation.kind === 'update' && !updated.has(operation.parameter)) {
      violations.push({
        rule: 'parameter-gradient',
        operation: operation.name,
        tensor: operation.parameter,
        message: `${describe(operation)} is lost, so parameter "${operation.parameter}" is never updated.`,
      });
    }
    if (operation.kind === 'softmax-loss-forward' && !losses.has(operation.loss)) {
      violations.push({
        rule: 'well-formed',
        operation: operation.name,
        tensor: operation.loss,
        message: `${describe(operation)} is lost, and with it the loss "${operation.loss}".`,
      });
    }
  }
  for (const layer of before.batchNorms.keys()) {
    if (!after.batchNorms.has(layer)) {
      violations.push({
        rule: 'well-formed',
        operation: null,
        tensor: layer,
        message: `BN layer "${layer}" is lost.`,
      });
    }
  }
  return violations;
}

/** How far a tensor has been written. */
interface Progress {
  readonly writer: Operation;
  /** Per channel, whether its sum is there; null once written whole. */
  readonly covered: Uint8Array | null;
}

class LegalityCheck {
  readonly #violations: Violation[] = [];
  readonly #progress = new Map<string, Progress>();
  /** Per storage, the tensors whose values it holds (several where a gradient is shared by pointer). */
  readonly #contents = new Map<string, Set<string>>();
  readonly #names = new Set<string>();
  /** Statistics and gradient sums, by tensor: the BN layer that they belong to. */
  readonly #moments = new Map<string, string>();
  readonly #gradientSums = new Map<string, string>();
  #phase: Operation['phase'] = 'forward';

  constructor(
    readonly step: TrainingStep,
    readonly externals: ReadonlySet<string>,
  ) {
    for (const [layer, bn] of step.batchNorms) {
      for (const tensor of [bn.mean, bn.variance]) this.#moments.set(tensor, layer);
      for (const tensor of [bn.gammaGradient, bn.betaGradient]) this.#gradientSums.set(tensor, layer);
    }
    for (const name of externals) {
      const tensor = step.tensors.get(name);
      if (tensor) this.#contents.set(tensor.storage, new Set([name]));
    }
  }

  run(): readonly Violation[] {
    for (const operation of this.step.operations) {
      this.#checkOrder(operation);
      const operands = operandsOf(operation, this.step);
      const known = [...operands.reads, ...operands.writes.map(({ tensor }) => tensor)].every((tensor) =>
        this.#checkKnown(operation, tensor),
      );
      if (!known) continue;
      for (const tensor of operands.reads) this.#read(operation, tensor);
      this.#checkInPlace(operation, operands.reads, operands.writes);
      for (const write of operands.writes) this.#write(operation, write);
    }
    this.#checkEnd();
    return this.#violations;
  }

  #report(rule: Rule, operation: Operation | null, tensor: string, message: string): void {
    this.#violations.push({ rule, operation: operation?.name ?? null, tensor, message });
  }

  #tensor(name: string): Tensor {
    return this.step.tensors.get(name) as Tensor;
  }

  #checkOrder(operation: Operation): void {
    if (this.#names.has(operation.name)) {
      this.#report('well-formed', operation, operation.name, `Two operations are named "${operation.name}".`);
    }
    this.#names.add(operation.name);
    if (PHASE_ORDER[operation.phase] < PHASE_ORDER[this.#phase]) {
      const message = `${describe(operation)} of the ${operation.phase} phase comes after the ${this.#phase} phase has begun.`;
      this.#report('phase-order', operation, operation.name, message);
    } else {
      this.#phase = operation.phase;
    }
  }

  #checkKnown(operation: Operation, tensor: string): boolean {
    if (this.step.tensors.has(tensor)) return true;
    this.#report(
      'well-formed',
      operation,
      tensor,
      `${describe(operation)} names tensor "${tensor}", which is not in the step.`,
    );
    return false;
  }

  #read(operation: Operation, name: string): void {
    const progress = this.#progress.get(name);
    if (progress === undefined && !this.externals.has(name)) {
      this.#reportIncomplete(operation, name, `"${name}" before anything has written it`);
      return;
    }
    if (progress?.covered && !progress.covered.every(Boolean)) {
      this.#reportIncomplete(
        operation,
        name,
        `"${name}" while ${missing(progress.covered)} are still to be summed`,
      );
      return;
    }
    const held = this.#contents.get(this.#tensor(name).storage);
    if (held !== undefined && !held.has(name)) {
      const [occupant] = held;
      const writer = occupant === undefined ? undefined : this.#progress.get(occupant)?.writer;
      const by = writer ? `${describe(writer)} has put "${occupant}" there` : `"${occupant}" is there`;
      this.#report(
        'overwritten',
        operation,
        name,
        `${describe(operation)} reads "${name}", but its storage was taken: ${by}.`,
      );
    }
  }

  #reportIncomplete(operation: Operation, name: string, what: string): void {
    const sums = this.#gradientSums.get(name);
    const moments = this.#moments.get(name);
    if (moments !== undefined) {
      const why = `BN "${moments}" may be applied only after a barrier behind all of its sums`;
      this.#report('statistics-incomplete', operation, name, `${describe(operation)} reads ${what}: ${why}.`);
    } else if (sums !== undefined && operation.kind !== 'update') {
      const why = `dX of BN "${sums}" needs the whole of dgamma and dbeta, behind a barrier`;
      this.#report(
        'gradient-sums-incomplete',
        operation,
        name,
        `${describe(operation)} reads ${what}: ${why}.`,
      );
    } else if (operation.kind === 'update') {
      this.#report('parameter-gradient', operation, name, `${describe(operation)} reads ${what}.`);
    } else {
      this.#report('read-before-write', operation, name, `${describe(operation)} reads ${what}.`);
    }
  }

  #checkInPlace(operation: Operation, reads: readonly string[], writes: readonly WriteOperand[]): void {
    const taken = new Map<string, string>();
    for (const { tensor } of writes) {
      const { storage } = this.#tensor(tensor);
      const other = taken.get(storage);
      if (other !== undefined && other !== tensor && operation.kind !== 'sum-backward') {
        const message = `${describe(operation)} writes both "${other}" and "${tensor}" to the same storage.`;
        this.#report('overwritten', operation, tensor, message);
      }
      taken.set(storage, tensor);
    }
    if (IN_PLACE_KINDS.has(operation.kind)) return;
    for (const read of reads) {
      const written = taken.get(this.#tensor(read).storage);
      if (written === undefined) continue;
      const message = `${describe(operation)} writes "${written}" over "${read}" while it still reads it.`;
      this.#report('in-place', operation, read, message);
    }
  }

  #write(operation: Operation, { tensor: name, channels }: WriteOperand): void {
    const before = this.#progress.get(name);
    const { shape, storage } = this.#tensor(name);
    const repeated = (what: string, writer: Operation) =>
      this.#report(
        'written-twice',
        operation,
        name,
        `${describe(operation)} writes ${what}, which ${describe(writer)} has written.`,
      );
    if (channels === null) {
      if (before) repeated(`"${name}"`, before.writer);
      this.#progress.set(name, { writer: operation, covered: null });
    } else {
      const covered = before?.covered ?? new Uint8Array(shape[0] ?? 0);
      const { from, to } = channels;
      if (from < 0 || to > covered.length || from >= to) {
        const message = `${describe(operation)} sums channels ${from} to ${to - 1} of "${name}", which has ${covered.length}.`;
        this.#report('well-formed', operation, name, message);
      } else if (before && (before.covered === null || covered.subarray(from, to).some(Boolean))) {
        repeated(`channels ${from} to ${to - 1} of "${name}"`, before.writer);
      }
      covered.fill(1, Math.max(0, from), to);
      this.#progress.set(name, { writer: operation, covered });
    }
    this.#occupy(operation, name, storage);
  }

  /** The gradient of a sum is shared: outputs in its storage hold the same values. */
  #occupy(operation: Operation, name: string, storage: string): void {
    const held = this.#contents.get(storage);
    if (operation.kind === 'sum-backward' && held?.has(operation.gradient)) held.add(name);
    else this.#contents.set(storage, new Set([name]));
  }

  #checkEnd(): void {
    for (const [name, layer] of this.#moments) {
      const progress = this.#progress.get(name);
      if (progress && (progress.covered === null || progress.covered.every(Boolean))) continue;
      const what = progress?.covered
        ? `${missing(progress.covered)} are never summed`
        : 'nothing computes it';
      this.#report('statistics-incomplete', null, name, `BN "${layer}" needs "${name}", but ${what}.`);
    }
    const updated = new Set(
      this.step.operations.flatMap((operation) => (operation.kind === 'update' ? [operation.gradient] : [])),
    );
    for (const { name, role } of this.step.tensors.values()) {
      if (role === 'parameter-gradient' && !updated.has(name)) {
        this.#report('parameter-gradient', null, name, `No update uses parameter gradient "${name}".`);
      }
    }
  }
}

function missing(covered: Uint8Array): string {
  const first = covered.indexOf(0);
  return `channels ${first} to ${covered.lastIndexOf(0)}`;
}
