/**
 * What an operation reads and writes, as the legality rules and the passes see it: whole tensors, and channel ranges of sums that ride on an
 * operation. How often a tensor is swept does not matter here.
 */
import { tensorAccesses } from '../training/accesses.js';
import type { BatchNorm, Operation, TrainingStep } from '../training/step.js';
import { bnUsesOf } from './bn-uses.js';
import { ScheduleError } from './errors.js';

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
  /** Tensors that must hold their values before the operation starts, without duplicates. */
  readonly reads: readonly string[];
  /** A tensor that the operation writes twice stands here twice. */
  readonly writes: readonly WriteOperand[];
}

/**
 * Operands of one operation of `step`. The running mean and variance, which the statistics move along, are left out.
 * @throws ScheduleError if the operation names a BN layer that the step does not have
 */
export function operandsOf(operation: Operation, step: TrainingStep): Operands {
  checkLayers(operation, step);
  const reads: string[] = [];
  const writes: WriteOperand[] = [];
  const riding =
    operation.kind === 'conv-forward' || operation.kind === 'concat-forward' ? operation.statistics : [];
  const layers = riding.map(({ batchNorm }) => step.batchNorms.get(batchNorm) as BatchNorm);
  const summed = new Set(layers.flatMap(({ mean, variance }) => [mean, variance]));
  const own = ownSums(operation, step);
  const skipped = new Set(layers.flatMap(runningOf));
  if ('batchNorm' in operation) {
    for (const tensor of runningOf(step.batchNorms.get(operation.batchNorm))) skipped.add(tensor);
  }
  for (const access of tensorAccesses(operation, step, { bnBlocking: 'streaming' })) {
    const { tensor } = access;
    if (skipped.has(tensor)) continue;
    if (access.reads > 0 && !own.has(tensor)) reads.push(tensor);
    if (summed.has(tensor)) continue;
    for (let time = 0; time < access.writes; time++) writes.push({ tensor, channels: null });
  }
  for (const { batchNorm, channelOffset, channels } of riding) {
    const { mean, variance } = step.batchNorms.get(batchNorm) as BatchNorm;
    const range = { from: channelOffset, to: channelOffset + channels };
    writes.push({ tensor: mean, channels: range }, { tensor: variance, channels: range });
  }
  return { reads, writes };
}

function checkLayers(operation: Operation, step: TrainingStep): void {
  for (const { layer } of bnUsesOf(operation)) {
    if (step.batchNorms.has(layer)) continue;
    const message = `${operation.type} "${operation.name}" names BN "${layer}", which is not in the step.`;
    throw new ScheduleError(null, [
      { rule: 'well-formed', operation: operation.name, tensor: layer, message },
    ]);
  }
}

/** Sums that a whole BN operation completes, behind a barrier of its own, before it uses them. */
function ownSums(operation: Operation, step: TrainingStep): ReadonlySet<string> {
  if (operation.kind !== 'bn-forward' && operation.kind !== 'bn-backward') return new Set();
  const bn = step.batchNorms.get(operation.batchNorm) as BatchNorm;
  return new Set(
    operation.kind === 'bn-forward' ? [bn.mean, bn.variance] : [bn.gammaGradient, bn.betaGradient],
  );
}

function runningOf(bn: BatchNorm | undefined): readonly string[] {
  return bn === undefined ? [] : [bn.runningMean, bn.runningVariance];
}
