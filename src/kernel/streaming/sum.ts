/**
 * Sums of feature maps: the element-wise sum of a residual block and Split's gradient sum.
 *
 * Both are MKL-DNN's `simple_sum`: blocks of 16 KiB are shared out among the threads, the last thread also takes the odd rest; within a block the
 * output is first written from the first input and then updated in the L1D with every further one, by ordinary stores. So each input is read once and the output
 * written once: 2R 1W for two. Source: MKL-DNN v0.12, simple_sum.cpp.
 *
 * A source may come through a batch normalisation (ICF): dX is computed from dY and X as they are loaded, with the channel's vectors at hand.
 */

import { flops as operationFlops } from '../../training/flops.js';
import type { GradientSource, SplitBackward, SumForward } from '../../training/step.js';
import { geometryOf } from '../address-map.js';
import { batchNormOf, type LoweringContext, rangeOf, tensorOf } from '../context.js';
import type { Kernel } from '../kernel.js';
import { Access, LINE_BYTES, type OpStream } from '../op-stream.js';
import { shareStart } from '../partition.js';
import { emitRun, rangePhase, type SegmentStream } from './phases.js';
import { shapeOf } from './shapes.js';
import { COMPILED_UNROLL, stepCost } from './step-cost.js';

/** Lines of simple_sum's block. */
const SUM_BLOCK_LINES = (16 * 1024) / LINE_BYTES;

/** Blocks of a tile: some 1e4 line accesses. */
const BLOCKS_PER_TILE = 16;

/** dX = a * dY + b * X + c with a channel's coefficients: two fused multiply-adds. */
export const THROUGH_BATCH_NORM_ARITHMETIC = 2;

/** Tensors that a gradient source is read from. */
export function sourceTensors(source: GradientSource): string[] {
  return source.kind === 'stored' ? [source.tensor] : [source.gradient, source.input];
}

/** Per-channel tensors that a gradient source needs. */
export function sourceVectors(context: LoweringContext, source: GradientSource): string[] {
  if (source.kind === 'stored') return [];
  const batchNorm = batchNormOf(context, source.batchNorm);
  return [
    batchNorm.mean,
    batchNorm.variance,
    batchNorm.gamma,
    batchNorm.gammaGradient,
    batchNorm.betaGradient,
  ];
}

/** Tensor that a gradient source also materialises, as a list. */
export function sourceStores(source: GradientSource): string[] {
  return source.kind === 'through-batch-norm' && source.storeTo !== null ? [source.storeTo] : [];
}

function lowerSum(
  operation: SumForward | SplitBackward,
  sources: readonly GradientSource[],
  context: LoweringContext,
): Kernel {
  const { target } = context;
  const lines = context.linesOf(operation.output);
  const flops = operationFlops(operation, context.step);
  const output = context.baseOf(operation.output);
  const terms = sources.map((source, index) => {
    const tensors = sourceTensors(source);
    const stores = sourceStores(source);
    const through = source.kind === 'stored' ? 0 : THROUGH_BATCH_NORM_ARITHMETIC;
    return {
      // Further terms load, update and store the output's line in the L1D: no stream of their own.
      cost: stepCost(target, {
        loads: tensors.length + (index === 0 ? 0 : 1),
        stores: stores.length + 1,
        arithmetic: through + 1,
        unroll: COMPILED_UNROLL,
      }),
      streams: [
        ...tensors.map((name) => ({ access: Access.Load, base: context.baseOf(name) })),
        ...stores.map((name) => ({ access: Access.Store, base: context.baseOf(name) })),
        ...(index === 0 ? [{ access: Access.Store, base: output }] : []),
      ] as SegmentStream[],
    };
  });
  const vectors = [...new Set(sources.flatMap((source) => sourceVectors(context, source)))];
  const loadVectors = vectorLoader(context, operation.output, vectors);
  const blocks = Math.floor(lines / SUM_BLOCK_LINES);
  const phase = rangePhase({
    name: 'sum',
    work: lines,
    range(thread) {
      const from = shareStart(blocks, target.threads, thread) * SUM_BLOCK_LINES;
      const to = shareStart(blocks, target.threads, thread + 1) * SUM_BLOCK_LINES;
      return [from, thread === target.threads - 1 ? lines : to];
    },
    chunk: SUM_BLOCK_LINES,
    chunksPerTile: BLOCKS_PER_TILE,
    flops,
    prologue: loadVectors,
    emitChunk(out, from, to) {
      for (const { cost, streams } of terms) {
        emitRun(
          out,
          to - from,
          cost,
          streams.map(({ access, base }) => ({ access, base: base + from })),
        );
      }
    },
  });
  const reads = [...new Set([...sources.flatMap(sourceTensors), ...vectors])];
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: `${sources.length} x ${shapeOf(context, operation.output)}`,
    flops,
    parameters: 'whole',
    reads: reads.map((name) => rangeOf(context, name)),
    writes: [...sources.flatMap(sourceStores), operation.output].map((name) => rangeOf(context, name)),
    phases: [phase],
  };
}

/** Loads the per-channel lines of the channel blocks that lines [from, to) of a feature map belong to. */
function vectorLoader(
  context: LoweringContext,
  tensor: string,
  vectors: readonly string[],
): (out: OpStream, from: number, to: number) => void {
  if (vectors.length === 0) return () => {};
  const { blocks, planeLines } = geometryOf(tensorOf(context, tensor));
  const cost = stepCost(context.target, { loads: 1, stores: 0, arithmetic: 0, unroll: COMPILED_UNROLL });
  const bases = vectors.map((name) => context.baseOf(name));
  return (out, from, to) => {
    const first = Math.floor(from / planeLines);
    const last = Math.floor((to - 1) / planeLines);
    const count = Math.min(blocks, last - first + 1);
    const start = first % blocks;
    const beforeWrap = Math.min(count, blocks - start);
    for (const base of bases) {
      emitRun(out, beforeWrap, cost, [{ access: Access.Load, base: base + start }]);
      emitRun(out, count - beforeWrap, cost, [{ access: Access.Load, base }]);
    }
  };
}

/** Lowers an element-wise sum. */
export function lowerSumForward(operation: SumForward, context: LoweringContext): Kernel {
  return lowerSum(
    operation,
    operation.inputs.map((tensor) => ({ kind: 'stored', tensor })),
    context,
  );
}

/** Lowers Split's gradient sum. */
export function lowerSplitBackward(operation: SplitBackward, context: LoweringContext): Kernel {
  return lowerSum(operation, operation.gradients, context);
}
