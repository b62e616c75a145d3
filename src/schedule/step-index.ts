/** Who writes and who reads each tensor of a training step, and where in its order. */
import type { BatchNorm, Operation, OperationKind, TrainingStep } from '../training/step.js';
import { type Operands, operandsOf } from './operands.js';

/** An operation of the given kind. */
export type OperationOf<K extends OperationKind> = Extract<Operation, { kind: K }>;

/** A decision on one site: what to fuse it into, or the sentence that says why it stays. */
export type Decision<T> =
  | { readonly host: T; readonly reason: null }
  | { readonly host: null; readonly reason: string };

export function fuseInto<T>(host: T): Decision<T> {
  return { host, reason: null };
}

export function stays<T>(reason: string): Decision<T> {
  return { host: null, reason };
}

/** Category and name of an operation, for messages: `Pooling "pool1.forward"`. */
export function describe(operation: Operation): string {
  return `${operation.type} "${operation.name}"`;
}

/** A read-only index over one step; passes make a new one for each step. */
export class StepIndex {
  readonly #producers = new Map<string, Operation>();
  readonly #readers = new Map<string, Operation[]>();
  readonly #positions = new Map<string, number>();
  readonly #operands = new Map<string, Operands>();
  /** Positions at which each storage is written, ascending. */
  readonly #storageWrites = new Map<string, number[]>();

  constructor(readonly step: TrainingStep) {
    step.operations.forEach((operation, position) => {
      const operands = operandsOf(operation, step);
      this.#positions.set(operation.name, position);
      this.#operands.set(operation.name, operands);
      for (const tensor of operands.reads) append(this.#readers, tensor, operation);
      for (const { tensor } of operands.writes) {
        // A parameter's update is no producer of the value that the step reads.
        if (operation.kind !== 'update') this.#producers.set(tensor, operation);
        append(this.#storageWrites, this.storageOf(tensor), position);
      }
    });
  }

  storageOf(tensor: string): string {
    return this.step.tensors.get(tensor)?.storage ?? tensor;
  }

  /** The operation that writes `tensor`; null for an input or a parameter. */
  producerOf(tensor: string): Operation | null {
    return this.#producers.get(tensor) ?? null;
  }

  /** Operations that read `tensor`, in execution order. */
  readersOf(tensor: string): readonly Operation[] {
    return this.#readers.get(tensor) ?? [];
  }

  forwardReadersOf(tensor: string): readonly Operation[] {
    return this.readersOf(tensor).filter((operation) => operation.phase === 'forward');
  }

  positionOf(operation: Operation): number {
    return this.#positions.get(operation.name) ?? -1;
  }

  operandsOf(operation: Operation): Operands {
    return this.#operands.get(operation.name) ?? operandsOf(operation, this.step);
  }

  /**
   * The first operation after `from` and before `to` that writes the storage of `tensor`, or null: whether a read at `to` would still
   * find the tensor. `except` is an operation that the pass is about to remove.
   */
  overwriterBetween(tensor: string, from: Operation, to: Operation, except?: Operation): Operation | null {
    const first = this.positionOf(from);
    const last = this.positionOf(to);
    for (const position of this.#storageWrites.get(this.storageOf(tensor)) ?? []) {
      const operation = this.step.operations[position];
      if (position > first && position < last && operation !== undefined && operation !== except) {
        return operation;
      }
    }
    return null;
  }
}

function append<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

/**
 * Where the parts of one BN layer are: its own operations, or the operations that they ride on. X is its input, Y its output, dY and
 * dX their gradients; a tensor that is not materialised any more is null.
 */
export interface BnSite {
  readonly batchNorm: BatchNorm;
  input: string | null;
  output: string | null;
  outputGradient: string | null;
  inputGradient: string | null;
  whole: OperationOf<'bn-forward'> | null;
  statistics: OperationOf<'bn-statistics'> | null;
  normalise: OperationOf<'bn-normalise'> | null;
  wholeBackward: OperationOf<'bn-backward'> | null;
  reduce: OperationOf<'bn-backward-reduce'> | null;
  data: OperationOf<'bn-backward-data'> | null;
  /** Operations that carry the sums, the normalise, dgamma and dbeta, dX in a fused form. */
  readonly statisticsHosts: Operation[];
  readonly normaliseHosts: Operation[];
  readonly reduceHosts: Operation[];
  readonly dataHosts: Operation[];
}

/** The site of every BN layer of the step, in the order of `step.batchNorms`. */
export function collectBnSites(step: TrainingStep): ReadonlyMap<string, BnSite> {
  const sites = new Map<string, BnSite>();
  for (const [layer, batchNorm] of step.batchNorms) {
    sites.set(layer, {
      batchNorm,
      input: null,
      output: null,
      outputGradient: null,
      inputGradient: null,
      whole: null,
      statistics: null,
      normalise: null,
      wholeBackward: null,
      reduce: null,
      data: null,
      statisticsHosts: [],
      normaliseHosts: [],
      reduceHosts: [],
      dataHosts: [],
    });
  }
  for (const operation of step.operations) visit(operation, sites);
  return sites;
}

function visit(operation: Operation, sites: ReadonlyMap<string, BnSite>): void {
  const at = (layer: string | null) => (layer === null ? undefined : sites.get(layer));
  switch (operation.kind) {
    case 'bn-forward':
    case 'bn-statistics':
    case 'bn-normalise': {
      const site = at(operation.batchNorm);
      if (!site) return;
      site.input = operation.input;
      if (operation.kind === 'bn-statistics') site.statistics = operation;
      else site.output = operation.output;
      if (operation.kind === 'bn-forward') site.whole = operation;
      if (operation.kind === 'bn-normalise') site.normalise = operation;
      return;
    }
    case 'bn-backward':
    case 'bn-backward-reduce':
    case 'bn-backward-data': {
      const site = at(operation.batchNorm);
      if (!site) return;
      site.input = operation.input;
      site.outputGradient = operation.gradient;
      if (operation.kind === 'bn-backward-reduce') site.reduce = operation;
      else site.inputGradient = operation.output;
      if (operation.kind === 'bn-backward') site.wholeBackward = operation;
      if (operation.kind === 'bn-backward-data') site.data = operation;
      return;
    }
    case 'conv-forward': {
      for (const epilogue of operation.statistics) at(epilogue.batchNorm)?.statisticsHosts.push(operation);
      const site = at(operation.load?.batchNorm ?? null);
      if (site) {
        site.input = operation.input;
        site.normaliseHosts.push(operation);
      }
      return;
    }
    case 'concat-forward':
      for (const epilogue of operation.statistics) at(epilogue.batchNorm)?.statisticsHosts.push(operation);
      return;
    case 'conv-backward-data': {
      const site = at(operation.store?.accumulate ?? null);
      if (site) {
        site.outputGradient = operation.output;
        site.reduceHosts.push(operation);
      }
      visitSource(operation, operation.gradient, sites);
      return;
    }
    case 'conv-backward-weights':
    case 'concat-backward':
      visitSource(operation, operation.gradient, sites);
      return;
    case 'split-backward':
      for (const gradient of operation.gradients) visitSource(operation, gradient, sites);
      return;
  }
}

function visitSource(
  operation: Operation,
  source: OperationOf<'concat-backward'>['gradient'],
  sites: ReadonlyMap<string, BnSite>,
): void {
  if (source.kind === 'stored') return;
  const site = sites.get(source.batchNorm);
  if (!site) return;
  site.input = source.input;
  site.outputGradient = source.gradient;
  site.inputGradient = source.storeTo ?? site.inputGradient;
  site.dataHosts.push(operation);
}
