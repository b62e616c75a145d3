/**
 * Which tensors an operation sweeps, and how often: the dataflow that lifetimes and traffic bounds rest on.
 *
 * One read is one pass over the whole tensor in order; a CONV reads its input once, however often its kernel revisits a row while that
 * is still in a cache. A store counts as a write only (no write-allocate).
 */
import type {
  BatchNorm,
  GradientSource,
  LoadTransform,
  MaskedStore,
  Operation,
  StatisticsEpilogue,
  TrainingStep,
} from './step.js';

/** Streaming: every loop of a BN operation sweeps its tensors. Cached: channels are grouped so that only the first loop does. */
export type BnBlocking = 'streaming' | 'cached';

export interface AccessOptions {
  readonly bnBlocking: BnBlocking;
}

/** Sweeps of one operation over one tensor. */
export interface TensorAccess {
  readonly tensor: string;
  readonly reads: number;
  readonly writes: number;
}

class AccessList {
  readonly #accesses = new Map<string, { tensor: string; reads: number; writes: number }>();
  readonly #step: TrainingStep;

  constructor(step: TrainingStep) {
    this.#step = step;
  }

  list(): TensorAccess[] {
    return [...this.#accesses.values()];
  }

  #access(tensor: string) {
    let access = this.#accesses.get(tensor);
    if (access === undefined) {
      access = { tensor, reads: 0, writes: 0 };
      this.#accesses.set(tensor, access);
    }
    return access;
  }

  read(tensor: string | null, times = 1): this {
    if (tensor !== null) this.#access(tensor).reads += times;
    return this;
  }

  write(tensor: string | null): this {
    if (tensor !== null) this.#access(tensor).writes += 1;
    return this;
  }

  /** Per-channel vectors: read or written once, however many parts of the operation use them. */
  #touch(mode: 'reads' | 'writes', ...vectors: readonly string[]): void {
    for (const vector of vectors) {
      const access = this.#access(vector);
      access[mode] = Math.max(access[mode], 1);
    }
  }

  #batchNorm(layer: string): BatchNorm {
    const batchNorm = this.#step.batchNorms.get(layer);
    if (batchNorm === undefined) throw new Error(`no BN layer "${layer}"`);
    return batchNorm;
  }

  /** Mean and variance come out, and move the running ones. */
  computeMoments(layer: string): this {
    const { mean, variance, runningMean, runningVariance } = this.#batchNorm(layer);
    this.#touch('reads', runningMean, runningVariance);
    this.#touch('writes', mean, variance, runningMean, runningVariance);
    return this;
  }

  normalise(layer: string | null): this {
    if (layer === null) return this;
    const { mean, variance, gamma, beta } = this.#batchNorm(layer);
    this.#touch('reads', mean, variance, gamma, beta);
    return this;
  }

  reduceGradients(layer: string | null): this {
    if (layer === null) return this;
    const { mean, variance, gammaGradient, betaGradient } = this.#batchNorm(layer);
    this.#touch('reads', mean, variance);
    this.#touch('writes', gammaGradient, betaGradient);
    return this;
  }

  propagateGradient(layer: string): this {
    const { mean, variance, gamma, gammaGradient, betaGradient } = this.#batchNorm(layer);
    this.#touch('reads', mean, variance, gamma, gammaGradient, betaGradient);
    return this;
  }

  load(load: LoadTransform | null): this {
    return load === null ? this : this.normalise(load.batchNorm).write(load.storeTo);
  }

  source(source: GradientSource): this {
    if (source.kind === 'stored') return this.read(source.tensor);
    return this.read(source.gradient)
      .read(source.input)
      .propagateGradient(source.batchNorm)
      .write(source.storeTo);
  }

  store(store: MaskedStore | null): this {
    return store === null
      ? this
      : this.read(store.tensor).normalise(store.batchNorm).reduceGradients(store.accumulate);
  }

  epilogues(epilogues: readonly StatisticsEpilogue[]): this {
    for (const { batchNorm } of epilogues) this.computeMoments(batchNorm);
    return this;
  }
}

/**
 * Every tensor that an operation reads or writes, with the number of sweeps.
 *
 * @throws Error if the operation names a BN layer that the step does not have
 */
export function tensorAccesses(
  operation: Operation,
  step: TrainingStep,
  options: AccessOptions,
): TensorAccess[] {
  const list = new AccessList(step);
  addAccesses(list, operation, options.bnBlocking === 'cached');
  return list.list();
}

function addAccesses(list: AccessList, operation: Operation, cached: boolean): AccessList {
  switch (operation.kind) {
    case 'conv-forward':
      list.read(operation.input).load(operation.load).read(operation.weights).read(operation.bias);
      return list.write(operation.output).epilogues(operation.statistics);
    case 'conv-backward-data':
      return list
        .source(operation.gradient)
        .read(operation.weights)
        .store(operation.store)
        .write(operation.output);
    case 'conv-backward-weights':
      list.read(operation.input).load(operation.load).source(operation.gradient);
      return list.write(operation.output).write(operation.biasOutput);
    case 'bn-forward': {
      // Loops of MKL-DNN's BN: mean and variance, or both at once; then normalise.
      const loops = operation.statistics === 'two-pass' ? 3 : 2;
      list.read(operation.input, cached ? 1 : loops).computeMoments(operation.batchNorm);
      return list.normalise(operation.batchNorm).write(operation.output);
    }
    case 'bn-statistics': {
      const loops = operation.statistics === 'two-pass' ? 2 : 1;
      return list.read(operation.input, cached ? 1 : loops).computeMoments(operation.batchNorm);
    }
    case 'bn-normalise':
      return list.read(operation.input).normalise(operation.batchNorm).write(operation.output);
    case 'bn-backward': {
      // Reduce, then propagate; a ReLU's mask is needed in both.
      const loops = cached ? 1 : 2;
      list.read(operation.input, loops).read(operation.gradient, loops).read(operation.maskedBy, loops);
      list.reduceGradients(operation.batchNorm).propagateGradient(operation.batchNorm);
      return list.write(operation.output);
    }
    case 'bn-backward-reduce':
      return list.read(operation.input).read(operation.gradient).reduceGradients(operation.batchNorm);
    case 'bn-backward-data':
      list.read(operation.input).read(operation.gradient).propagateGradient(operation.batchNorm);
      return list.write(operation.output);
    case 'relu-forward':
      return list.read(operation.input).write(operation.output);
    case 'relu-backward':
      return list.read(operation.value).read(operation.gradient).write(operation.output);
    case 'pool-forward':
      return list.read(operation.input).write(operation.output).write(operation.mask);
    case 'pool-backward':
      return list.read(operation.gradient).read(operation.mask).write(operation.output);
    case 'concat-forward':
      for (const input of operation.inputs) list.read(input);
      return list.write(operation.output).epilogues(operation.statistics);
    case 'concat-backward':
      list.source(operation.gradient);
      for (const output of operation.outputs) list.write(output);
      return list;
    case 'split-backward':
      // In chunks that stay in the L1D: each gradient is swept once, the sum written once.
      for (const gradient of operation.gradients) list.source(gradient);
      return list.write(operation.output);
    case 'sum-forward':
      for (const input of operation.inputs) list.read(input);
      return list.write(operation.output);
    case 'sum-backward':
      list.read(operation.gradient);
      for (const output of operation.outputs) list.write(output);
      return list;
    case 'fc-forward':
      return list.read(operation.input).read(operation.weights).read(operation.bias).write(operation.output);
    case 'fc-backward-data':
      return list.read(operation.gradient).read(operation.weights).write(operation.output);
    case 'fc-backward-weights':
      return list
        .read(operation.input)
        .read(operation.gradient)
        .write(operation.output)
        .write(operation.biasOutput);
    case 'lrn-forward':
      return list.read(operation.input).write(operation.scale).write(operation.output);
    case 'lrn-backward':
      list.read(operation.input).read(operation.scale).read(operation.value);
      return list.read(operation.gradient).write(operation.output);
    case 'dropout-forward':
      return list.read(operation.input).write(operation.output).write(operation.mask);
    case 'dropout-backward':
      return list.read(operation.gradient).read(operation.mask).write(operation.output);
    case 'softmax-loss-forward':
      list.read(operation.input).read(operation.labels);
      return list.write(operation.probabilities).write(operation.loss);
    case 'softmax-loss-backward':
      return list.read(operation.probabilities).read(operation.labels).write(operation.output);
    case 'update':
      list.read(operation.parameter).read(operation.gradient).read(operation.velocity);
      return list.write(operation.velocity).write(operation.parameter);
  }
}
