/** What an operator sees while a training step is executed: its tensors, the settings, and the record of what it wrote. */
import type { BatchNorm, Operation, OperationKind, TrainingStep } from '../training/step.js';
import type { VarianceFormName } from './moments/registry.js';
import { type Extent, extentOf, type Precision, type Real, roundingOf, TensorStore } from './tensor-store.js';

/** Settings of the weight update. */
export interface Optimiser {
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
}

export interface ExecutionSettings {
  /** Simulated threads, each with its own partial sums. */
  readonly threads: number;
  /** How single-pass statistics are accumulated; two-pass operations are not affected. */
  readonly variance: VarianceFormName;
  readonly optimiser: Optimiser;
  /** Seed of the random streams (dropout's masks). */
  readonly seed: string;
  /** Random errors added to batch statistics, where the effect of such errors is to be measured; null in every other case. */
  readonly disturbance: Disturbance | null;
}

/** Errors of the kind that rounding leaves in a sum and in a sum of squares. */
export interface Disturbance {
  /** Largest error of a mean relative to the channel's root mean square, and of a variance relative to its mean square. */
  readonly size: number;
  /** Names the random stream. */
  readonly stream: string;
}

/**
 * Defaults: four threads, so that partial sums matter; the statistics as the paper's E[X^2] - E[X]^2; the optimiser's values are those of the
 * ImageNet recipes of ResNet and DenseNet (He et al. 2016, Huang et al. 2017) except the learning rate, a tenth of theirs, which suits the
 * small batches executed here.
 */
export const DEFAULT_SETTINGS: ExecutionSettings = {
  threads: 4,
  variance: 'plain',
  optimiser: { learningRate: 0.01, momentum: 0.9, weightDecay: 1e-4 },
  seed: 'normcore',
  disturbance: null,
};

/** Executes one kind of operation. */
export type Operator<Kind extends OperationKind> = (
  operation: Extract<Operation, { kind: Kind }>,
  execution: Execution,
) => void;

/** One operator per kind of operation. */
export type OperatorRegistry = { readonly [Kind in OperationKind]: Operator<Kind> };

/** A training step, the memory of its tensors and the settings; parameters live on from one execution to the next. */
export class Execution {
  readonly step: TrainingStep;
  readonly settings: ExecutionSettings;
  readonly store: TensorStore;
  readonly precision: Precision;
  readonly round: (value: number) => number;
  readonly #written = new Set<string>();

  constructor(step: TrainingStep, precision: Precision, settings: Partial<ExecutionSettings> = {}) {
    this.step = step;
    this.settings = { ...DEFAULT_SETTINGS, ...settings };
    this.store = new TensorStore(step, precision);
    this.precision = precision;
    this.round = roundingOf(precision);
  }

  /** Elements of a tensor to read. */
  read(name: string): Real {
    return this.store.values(name);
  }

  /** Elements of a tensor to write; the tensor counts as written by the operation at hand. */
  write(name: string): Real {
    this.#written.add(name);
    return this.store.values(name);
  }

  extent(name: string): Extent {
    return extentOf(this.store.tensor(name).shape);
  }

  shape(name: string): readonly number[] {
    return this.store.tensor(name).shape;
  }

  /** @throws Error where the step has no such BN layer */
  batchNorm(layer: string): BatchNorm {
    const batchNorm = this.step.batchNorms.get(layer);
    if (batchNorm === undefined) throw new Error(`the training step has no batch normalisation "${layer}"`);
    return batchNorm;
  }

  /** Names of the tensors written since the last call, in the order of their first write. */
  takeWritten(): string[] {
    const names = [...this.#written];
    this.#written.clear();
    return names;
  }
}
