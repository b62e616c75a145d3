/**
 * Softmax and cross-entropy over the mini-batch, images shared out among the threads. An image's scores stay in the L1D over the loops for
 * maximum, sum of exponentials and division, so they are read once and the probabilities written once.
 */

import { flops as operationFlops } from '../../training/flops.js';
import type { SoftmaxLossBackward, SoftmaxLossForward } from '../../training/step.js';
import { geometryOf } from '../address-map.js';
import { type LoweringContext, rangeOf, tensorOf } from '../context.js';
import type { Kernel, KernelPhase } from '../kernel.js';
import { Access, LINE_BYTES } from '../op-stream.js';
import { shareSize, shareStart } from '../partition.js';
import { emitRun, type SegmentStream, segmentPhase } from './phases.js';
import { shapeOf } from './shapes.js';
import { COMPILED_UNROLL, type Mix, stepCost } from './step-cost.js';

/** Micro-ops of a vector exponential: range reduction (3), a fifth-degree polynomial (5), scaling by the power of two (2). */
const EXPONENTIAL_ARITHMETIC = 10;

/** Cycles of the divider for one division of 512 bits (uops.info, Skylake-X, reciprocal throughput). */
const DIVISION_CYCLES = 10;

function imageLoop(
  context: LoweringContext,
  input: string,
  labels: string,
  output: string,
  mix: Mix,
  flops: number,
  name: string,
  epilogue?: (thread: number, out: Parameters<KernelPhase['emit']>[2]) => void,
): KernelPhase {
  const { target } = context;
  const { images, imageLines } = geometryOf(tensorOf(context, input));
  const cost = stepCost(target, mix);
  const labelCost = stepCost(target, { loads: 1, stores: 0, arithmetic: 0, unroll: COMPILED_UNROLL });
  const labelLine = (image: number) =>
    Math.floor((image * tensorOf(context, labels).elementBytes) / LINE_BYTES);
  return segmentPhase({
    name,
    threads: target.threads,
    flops,
    segments(thread) {
      const from = shareStart(images, target.threads, thread) * imageLines;
      const lines = shareSize(images, target.threads, thread) * imageLines;
      const streams: SegmentStream[] = [
        { access: Access.Load, base: context.baseOf(input) + from },
        { access: Access.Store, base: context.baseOf(output) + from },
      ];
      return lines === 0 ? [] : [{ lines, cost, streams }];
    },
    prologue(thread, out) {
      const first = labelLine(shareStart(images, target.threads, thread));
      const last = labelLine(shareStart(images, target.threads, thread + 1) - 1);
      emitRun(out, last - first + 1, labelCost, [
        { access: Access.Load, base: context.baseOf(labels) + first },
      ]);
    },
    ...(epilogue === undefined ? {} : { epilogue }),
  });
}

/** Lowers softmax and loss forward: every thread leaves its part of the loss, the first one adds them up. */
export function lowerSoftmaxLossForward(operation: SoftmaxLossForward, context: LoweringContext): Kernel {
  const { target } = context;
  const { images } = geometryOf(tensorOf(context, operation.input));
  const flops = operationFlops(operation, context.step);
  const contributors = Math.min(images, target.threads);
  const partials = context.scratch(`${operation.name}/partial-loss`, target.threads);
  const partCost = stepCost(target, { loads: 0, stores: 1, arithmetic: 0, unroll: COMPILED_UNROLL });
  const sumCost = stepCost(target, {
    loads: 1,
    stores: 0,
    arithmetic: 1,
    unroll: COMPILED_UNROLL,
    accumulators: 1,
  });
  const reduce: KernelPhase = {
    name: 'reduce-loss',
    tileCount: (thread) => (thread === 0 ? 1 : 0),
    emit(_thread, _tile, out) {
      emitRun(out, contributors, sumCost, [{ access: Access.Load, base: partials }]);
      emitRun(out, 1, partCost, [{ access: Access.Store, base: context.baseOf(operation.loss) }]);
    },
  };
  // Three loops over the scores: maximum; difference, exponential and sum; division.
  const mix: Mix = {
    loads: 3,
    stores: 2,
    arithmetic: EXPONENTIAL_ARITHMETIC + 3,
    unroll: COMPILED_UNROLL,
    dividerCycles: DIVISION_CYCLES,
  };
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: shapeOf(context, operation.input),
    flops,
    parameters: 'whole',
    reads: [operation.input, operation.labels].map((name) => rangeOf(context, name)),
    writes: [operation.probabilities, operation.loss].map((name) => rangeOf(context, name)),
    phases: [
      imageLoop(
        context,
        operation.input,
        operation.labels,
        operation.probabilities,
        mix,
        flops,
        'softmax',
        (thread, out) => {
          emitRun(out, 1, partCost, [{ access: Access.Store, base: partials + thread }]);
        },
      ),
      reduce,
    ],
  };
}

/** Lowers the loss's backward: (p - onehot) / N. */
export function lowerSoftmaxLossBackward(operation: SoftmaxLossBackward, context: LoweringContext): Kernel {
  const flops = operationFlops(operation, context.step);
  const mix: Mix = { loads: 1, stores: 1, arithmetic: 1, unroll: COMPILED_UNROLL };
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: shapeOf(context, operation.probabilities),
    flops,
    parameters: 'whole',
    reads: [operation.probabilities, operation.labels].map((name) => rangeOf(context, name)),
    writes: [rangeOf(context, operation.output)],
    phases: [
      imageLoop(context, operation.probabilities, operation.labels, operation.output, mix, flops, 'gradient'),
    ],
  };
}
