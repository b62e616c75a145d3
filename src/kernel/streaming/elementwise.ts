/**
 * Element-wise kernels over whole tensors: ReLU and dropout, forward and backward, and the copies of an element-wise sum's gradient.
 *
 * MKL-DNN's element-wise kernels cut the flat tensor into lines and share them out evenly, so a thread owns one contiguous stretch, that is,
 * contiguous images. Stores are ordinary; in place the store hits the line just loaded.
 */

import { flops as operationFlops } from '../../training/flops.js';
import type {
  DropoutBackward,
  DropoutForward,
  Operation,
  ReluBackward,
  ReluForward,
  SumBackward,
} from '../../training/step.js';
import { type LoweringContext, rangeOf } from '../context.js';
import type { Kernel, KernelPhase } from '../kernel.js';
import { Access } from '../op-stream.js';
import { shareSize, shareStart } from '../partition.js';
import { segmentPhase, splitFlops } from './phases.js';
import { shapeOf } from './shapes.js';
import { COMPILED_UNROLL, jitUnroll, type Mix, stepCost } from './step-cost.js';

/**
 * Micro-ops of drawing a mask per vector. Assumption: a counter-based generator of the kind that MKL's Bernoulli draws use, some 8 multiplies, shifts and
 * exclusive ors, a compare and a conversion. Dropout only follows small fully connected layers.
 */
const RANDOM_MASK_ARITHMETIC = 10;

interface FlatLoop {
  readonly name: string;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly arithmetic: number;
  readonly unroll: number;
  readonly flops: number;
}

/** One loop over all lines of equally large tensors. Throws a RangeError where they differ in size. */
function flatPhase(context: LoweringContext, loop: FlatLoop): KernelPhase {
  const { target } = context;
  const tensors = [...loop.reads, ...loop.writes];
  const lines = context.linesOf(tensors[0] as string);
  for (const tensor of tensors) {
    if (context.linesOf(tensor) !== lines) {
      throw new RangeError(
        `"${tensor}" and "${tensors[0]}" take part in one element-wise loop but differ in size`,
      );
    }
  }
  const mix: Mix = {
    loads: loop.reads.length,
    stores: loop.writes.length,
    arithmetic: loop.arithmetic,
    unroll: loop.unroll,
  };
  const cost = stepCost(target, mix);
  const streams = [
    ...loop.reads.map((name) => ({ access: Access.Load, base: context.baseOf(name) })),
    ...loop.writes.map((name) => ({ access: Access.Store, base: context.baseOf(name) })),
  ];
  return segmentPhase({
    name: loop.name,
    threads: target.threads,
    flops: loop.flops,
    segments(thread) {
      const offset = shareStart(lines, target.threads, thread);
      const own = shareSize(lines, target.threads, thread);
      return own === 0
        ? []
        : [
            {
              lines: own,
              cost,
              streams: streams.map(({ access, base }) => ({ access, base: base + offset })),
            },
          ];
    },
  });
}

function lowerFlat(
  operation: Operation,
  context: LoweringContext,
  loop: Omit<FlatLoop, 'flops' | 'name'>,
): Kernel {
  const flops = operationFlops(operation, context.step);
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: shapeOf(context, loop.reads[0] as string),
    flops,
    parameters: 'whole',
    reads: loop.reads.map((name) => rangeOf(context, name)),
    writes: loop.writes.map((name) => rangeOf(context, name)),
    phases: [flatPhase(context, { ...loop, name: operation.phase, flops })],
  };
}

/** ReLU forward: R W, one maximum per vector. */
export function lowerReluForward(operation: ReluForward, context: LoweringContext): Kernel {
  return lowerFlat(operation, context, {
    reads: [operation.input],
    writes: [operation.output],
    arithmetic: 1,
    unroll: jitUnroll(context.target).vectors,
  });
}

/** ReLU backward: reads Z and dZ, writes dY; a compare and a masked move per vector. */
export function lowerReluBackward(operation: ReluBackward, context: LoweringContext): Kernel {
  return lowerFlat(operation, context, {
    reads: [operation.value, operation.gradient],
    writes: [operation.output],
    arithmetic: 2,
    unroll: jitUnroll(context.target).vectors,
  });
}

/** Dropout forward: draws and stores a mask, multiplies by it and by the scale. */
export function lowerDropoutForward(operation: DropoutForward, context: LoweringContext): Kernel {
  return lowerFlat(operation, context, {
    reads: [operation.input],
    writes: [operation.mask, operation.output],
    arithmetic: RANDOM_MASK_ARITHMETIC + 2,
    unroll: COMPILED_UNROLL,
  });
}

/** Dropout backward: dY times mask and scale. */
export function lowerDropoutBackward(operation: DropoutBackward, context: LoweringContext): Kernel {
  return lowerFlat(operation, context, {
    reads: [operation.gradient, operation.mask],
    writes: [operation.output],
    arithmetic: 2,
    unroll: COMPILED_UNROLL,
  });
}

/** Backward of an element-wise sum: one copy loop per input that does not share the gradient's storage. */
export function lowerSumBackward(operation: SumBackward, context: LoweringContext): Kernel {
  const base = context.baseOf(operation.gradient);
  const outputs = operation.outputs.filter((name) => context.baseOf(name) !== base);
  const flops = operationFlops(operation, context.step);
  const shares = splitFlops(
    flops,
    outputs.map(() => 1),
  );
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: shapeOf(context, operation.gradient),
    flops,
    parameters: 'whole',
    reads: outputs.length === 0 ? [] : [rangeOf(context, operation.gradient)],
    writes: outputs.map((name) => rangeOf(context, name)),
    phases: outputs.map((name, index) =>
      flatPhase(context, {
        name: `copy to ${name}`,
        reads: [operation.gradient],
        writes: [name],
        arithmetic: 0,
        unroll: COMPILED_UNROLL,
        flops: shares[index] as number,
      }),
    ),
  };
}
