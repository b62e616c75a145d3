/**
 * What a lowering function knows: the step, the machine in outline, the options on the modelled software, and where tensors live.
 */
import type { BatchNorm, Operation, Tensor, TrainingStep } from '../training/step.js';
import type { Kernel, LineRange, SoftwareOptions, Target } from './kernel.js';

export interface LoweringContext {
  readonly step: TrainingStep;
  readonly target: Target;
  readonly software: SoftwareOptions;
  /** First line of a tensor. Throws a RangeError for a name that the step does not have. */
  baseOf(tensorName: string): number;
  /** Lines that a tensor occupies, padding included. Throws a RangeError for a name that the step does not have. */
  linesOf(tensorName: string): number;
  /**
   * Allocates scratch lines (partial sums, strip buffers) and returns the first one. A name stands for one buffer: asking again gives the same
   * lines, or a new buffer where more are asked for than it has. Per-thread buffers are allocated one per thread.
   */
  scratch(name: string, lines: number): number;
}

/** A lowering function: one operation to one kernel. */
export type Lowering<O extends Operation> = (operation: O, context: LoweringContext) => Kernel;

/** The step's tensor of that name. Throws a RangeError where there is none. */
export function tensorOf(context: LoweringContext, name: string): Tensor {
  const tensor = context.step.tensors.get(name);
  if (tensor === undefined) throw new RangeError(`the training step has no tensor named "${name}"`);
  return tensor;
}

/** The step's BN layer of that name. Throws a RangeError where there is none. */
export function batchNormOf(context: LoweringContext, layer: string): BatchNorm {
  const batchNorm = context.step.batchNorms.get(layer);
  if (batchNorm === undefined) throw new RangeError(`the training step has no BN layer named "${layer}"`);
  return batchNorm;
}

/** All lines of a tensor as a range. */
export function rangeOf(context: LoweringContext, name: string): LineRange {
  return { tensor: name, base: context.baseOf(name), lines: context.linesOf(name) };
}
