/**
 * What an operation reads and writes, parameters and per-channel statistics included.
 *
 * This is the dataflow that the legality rules and the passes look at. It says nothing of how often a tensor is swept: a tensor that an
 * operation reads in three loops is listed once.
 */
import type {
  BatchNorm,
  GradientSource,
  LoadTransform,
  MaskedStore,
  Operation,
  StatisticsEpilogue,
  TrainingStep,
} from '../training/step.js';

/** Channels [from, to) of a per-channel vector. */
export interface ChannelRange {
  readonly from: number;
  readonly to: number;
}

export interface WriteOperand {
  readonly tensor: string;
  /** The part written; null for all of it. Only sums that ride on an operation are written in parts. */
  readonly channels: ChannelRange | null;
}

export interface Operands {
  /** Tensors read, without duplicates, in the order in which the operation names them. */
  readonly reads: readonly string[];
  readonly writes: readonly WriteOperand[];
}

class OperandList implements Operands {
  readonly reads: string[] = [];
  readonly writes: WriteOperand[] = [];
  readonly #batchNorms: ReadonlyMap<string, BatchNorm>;

  constructor(step: TrainingStep) {
    this.#batchNorms = step.batchNorms;
  }

  read(...tensors: readonly (string | null)[]): this {
    for (const tensor of tensors) {
      if (tensor !== null && !this.reads.includes(tensor)) this.reads.push(tensor);
    }
    return this;
  }

  write(...tensors: readonly (string | null)[]): this {
    for (const tensor of tensors) {
      if (tensor !== null) this.writes.push({ tensor, channels: null });
    }
    return this;
  }

  /** Unknown BN layers have no operands here; the legality check names them. */
  #batchNorm(layer: string | null): BatchNorm | undefined {
    return layer === null ? undefined : this.#batchNorms.get(layer);
  }

  readMoments(layer: string | null): this {
    const bn = this.#batchNorm(layer);
    return bn ? this.read(bn.mean, bn.variance) : this;
  }

  readAffine(layer: string | null): this {
    const bn = this.#batchNorm(layer);
    return bn ? this.read(bn.gamma, bn.beta) : this;
  }

  writeMoments(layer: string): this {
    const bn = this.#batchNorm(layer);
    return bn ? this.write(bn.mean, bn.variance) : this;
  }

  writeGradientSums(layer: string | null): this {
    const bn = this.#batchNorm(layer);
    return bn ? this.write(bn.gammaGradient, bn.betaGradient) : this;
  }

  /** dX needs the moments, gamma and the whole of dgamma and dbeta. */
  readForDataGradient(layer: string): this {
    const bn = this.#batchNorm(layer);
    return bn ? this.read(bn.mean, bn.variance, bn.gamma, bn.gammaGradient, bn.betaGradient) : this;
  }

  load(load: LoadTransform | null): this {
    if (load === null) return this;
    return this.readMoments(load.batchNorm).readAffine(load.batchNorm).write(load.storeTo);
  }

  source(source: GradientSource): this {
    if (source.kind === 'stored') return this.read(source.tensor);
    return this.read(source.gradient, source.input)
      .readForDataGradient(source.batchNorm)
      .write(source.storeTo);
  }

  epilogues(statistics: readonly StatisticsEpilogue[]): this {
    for (const epilogue of statistics) {
      const bn = this.#batchNorm(epilogue.batchNorm);
      if (!bn) continue;
      const channels = { from: epilogue.channelOffset, to: epilogue.channelOffset + epilogue.channels };
      this.writes.push({ tensor: bn.mean, channels }, { tensor: bn.variance, channels });
    }
    return this;
  }

  maskedStore(store: MaskedStore | null): this {
    if (store === null) return this;
    this.read(store.tensor).readMoments(store.batchNorm).readAffine(store.batchNorm);
    return this.readMoments(store.accumulate).writeGradientSums(store.accumulate);
  }
}

/**
 * Operands of one operation of `step`.
 * @param step gives the per-channel tensors of the BN layers that the operation names
 */
export function operandsOf(operation: Operation, step: TrainingStep): Operands {
  const list = new OperandList(step);
  switch (operation.kind) {
    case 'conv-forward':
      return list
        .read(operation.input)
        .load(operation.load)
        .read(operation.weights, operation.bias)
        .write(operation.output)
        .epilogues(operation.statistics);
    case 'conv-backward-data':
      return list
        .source(operation.gradient)
        .read(operation.weights)
        .maskedStore(operation.store)
        .write(operation.output);
    case 'conv-backward-weights':
      return list
        .read(operation.input)
        .load(operation.load)
        .source(operation.gradient)
        .write(operation.output, operation.biasOutput);
    case 'bn-forward':
      return list
        .read(operation.input)
        .readAffine(operation.batchNorm)
        .writeMoments(operation.batchNorm)
        .write(operation.output);
    case 'bn-statistics':
      return list.read(operation.input).writeMoments(operation.batchNorm);
    case 'bn-normalise':
      return list
        .read(operation.input)
        .readMoments(operation.batchNorm)
        .readAffine(operation.batchNorm)
        .write(operation.output);
    case 'bn-backward': {
      const gamma = step.batchNorms.get(operation.batchNorm)?.gamma ?? null;
      return list
        .read(operation.input, operation.gradient, operation.maskedBy, gamma)
        .readMoments(operation.batchNorm)
        .writeGradientSums(operation.batchNorm)
        .write(operation.output);
    }
    case 'bn-backward-reduce':
      return list
        .read(operation.input, operation.gradient)
        .readMoments(operation.batchNorm)
        .writeGradientSums(operation.batchNorm);
    case 'bn-backward-data':
      return list
        .read(operation.input, operation.gradient)
        .readForDataGradient(operation.batchNorm)
        .write(operation.output);
    case 'relu-forward':
      return list.read(operation.input).write(operation.output);
    case 'relu-backward':
      return list.read(operation.value, operation.gradient).write(operation.output);
    case 'pool-forward':
      return list.read(operation.input).write(operation.output, operation.mask);
    case 'pool-backward':
      return list.read(operation.gradient, operation.mask).write(operation.output);
    case 'concat-forward':
      return list
        .read(...operation.inputs)
        .write(operation.output)
        .epilogues(operation.statistics);
    case 'concat-backward':
      return list.source(operation.gradient).write(...operation.outputs);
    case 'split-backward':
      for (const gradient of operation.gradients) list.source(gradient);
      return list.write(operation.output);
    case 'sum-forward':
      return list.read(...operation.inputs).write(operation.output);
    case 'sum-backward':
      return list.read(operation.gradient).write(...operation.outputs);
    case 'fc-forward':
      return list.read(operation.input, operation.weights, operation.bias).write(operation.output);
    case 'fc-backward-data':
      return list.read(operation.gradient, operation.weights).write(operation.output);
    case 'fc-backward-weights':
      return list.read(operation.input, operation.gradient).write(operation.output, operation.biasOutput);
    case 'lrn-forward':
      return list.read(operation.input).write(operation.output, operation.scale);
    case 'lrn-backward':
      return list
        .read(operation.input, operation.scale, operation.value, operation.gradient)
        .write(operation.output);
    case 'dropout-forward':
      return list.read(operation.input).write(operation.output, operation.mask);
    case 'dropout-backward':
      return list.read(operation.gradient, operation.mask).write(operation.output);
    case 'softmax-loss-forward':
      return list.read(operation.input, operation.labels).write(operation.probabilities, operation.loss);
    case 'softmax-loss-backward':
      return list.read(operation.probabilities, operation.labels).write(operation.output);
    case 'update':
      return list
        .read(operation.parameter, operation.gradient, operation.velocity)
        .write(operation.parameter, operation.velocity);
  }
}
