/**
 * Fully connected forward and backward-data: a blocked matrix multiplication, batch x results = batch x reduction times weights.
 *
 * Loop order of a thread (Goto's): groups of its result blocks whose accumulators fit a quarter of the L2; panels of the reduction whose part of the batch fits another
 * quarter; register tiles of three blocks. A panel is read once per register tile (from the L2 after the first), weights once
 * in all, results are stored once, when the last panel is done. Weights are packed as they are read.
 */

import { flops as operationFlops } from '../../training/flops.js';
import type { FcBackwardData, FcForward } from '../../training/step.js';
import { type LoweringContext, rangeOf } from '../context.js';
import type { Kernel, KernelPhase, LineRange } from '../kernel.js';
import { Access, LINE_BYTES, type OpStream } from '../op-stream.js';
import { shareStart } from '../partition.js';
import { emitRun, flopsShare } from '../streaming/phases.js';
import { shapeChange } from '../streaming/shapes.js';
import { stepCost } from '../streaming/step-cost.js';
import {
  BLOCK_OUTPUTS,
  columnRanges,
  type ImageRows,
  imageRows,
  ownItems,
  visitBatch,
  weightLines,
  weightRows,
} from './geometry.js';
import { multiplyAdds, TILE_BLOCKS } from './matrix-cost.js';

/** One side of the multiplication as a thread sees it. */
interface Product {
  /** Operand that is multiplied with the weights: its lines are the reduction. */
  readonly operand: ImageRows;
  readonly result: ImageRows;
  /** Emits the loads of the weights for result blocks [from, to) and reduction lines [start, end). */
  loadWeights(out: OpStream, from: number, to: number, start: number, end: number): void;
  /** Flops of the whole chip for all result blocks. */
  readonly flops: number;
  /** Results of blocks [0, blocks) as weights of the flops. */
  weightOf(blocks: number): number;
  /** Tensor with a line per result block that is added at the end. */
  readonly bias: string | null;
}

/** A register tile of one panel. */
interface MatrixTile {
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly end: number;
  readonly isLast: boolean;
}

function tilesOfThread(context: LoweringContext, product: Product, thread: number): MatrixTile[] {
  const { target } = context;
  const { operand, result } = product;
  const quarterLines = target.l2Bytes / 4 / LINE_BYTES;
  const groupTiles = Math.max(1, Math.floor(quarterLines / (target.totalBatch * TILE_BLOCKS)));
  const panelLines = Math.max(1, Math.min(operand.imageLines, Math.floor(quarterLines / target.totalBatch)));
  const own = ownItems(target, result.imageLines, thread);
  const tiles: MatrixTile[] = [];
  for (let group = own.from; group < own.to; group += groupTiles * TILE_BLOCKS) {
    const groupEnd = Math.min(own.to, group + groupTiles * TILE_BLOCKS);
    for (let start = 0; start < operand.imageLines; start += panelLines) {
      const end = Math.min(operand.imageLines, start + panelLines);
      for (let from = group; from < groupEnd; from += TILE_BLOCKS) {
        tiles.push({
          from,
          to: Math.min(groupEnd, from + TILE_BLOCKS),
          start,
          end,
          isLast: end === operand.imageLines,
        });
      }
    }
  }
  return tiles;
}

function matrixPhase(context: LoweringContext, product: Product): KernelPhase {
  const { target } = context;
  const { operand, result } = product;
  const loadCost = stepCost(target, { loads: 1, stores: 0, arithmetic: 0, unroll: 1 });
  const storeCost = stepCost(target, { loads: 1, stores: 1, arithmetic: 1, unroll: 1 });
  const byThread: MatrixTile[][] = [];
  const tilesOf = (thread: number): MatrixTile[] => {
    let tiles = byThread[thread];
    if (tiles === undefined) {
      tiles = tilesOfThread(context, product, thread);
      byThread[thread] = tiles;
    }
    return tiles;
  };
  return {
    name: 'multiply',
    tileCount: (thread) => tilesOf(thread).length,
    emit(thread, tile, out) {
      const { from, to, start, end, isLast } = tilesOf(thread)[tile] as MatrixTile;
      product.loadWeights(out, from, to, start, end);
      // A line of the operand holds 16 steps of the reduction, each a multiply-add per block.
      const cost = multiplyAdds(target, to - from, BLOCK_OUTPUTS * (to - from));
      visitBatch(target, operand.images, (firstImage, count) => {
        if (end - start === operand.imageLines && operand.rowOf(1) - operand.base === operand.imageLines) {
          emitRun(out, count * operand.imageLines, cost, [
            { access: Access.Load, base: operand.rowOf(firstImage) },
          ]);
          return;
        }
        for (let image = firstImage; image < firstImage + count; image++) {
          emitRun(out, end - start, cost, [{ access: Access.Load, base: operand.rowOf(image) + start }]);
        }
      });
      if (isLast) {
        for (let block = from; block < to; block++) {
          if (product.bias !== null) {
            emitRun(out, 1, loadCost, [{ access: Access.Load, base: context.baseOf(product.bias) + block }]);
          }
          out.run(
            result.images,
            storeCost.busyCycles,
            storeCost.fmaCycles,
            storeCost.instructions,
            storeCost.loads,
          );
          out.stream(Access.Store, result.base + block, result.imageLines);
        }
      }
      const ofTile = flopsShare(
        product.flops,
        product.weightOf(result.imageLines),
        product.weightOf(from),
        product.weightOf(to),
      );
      out.flops += flopsShare(ofTile, operand.imageLines, start, end);
    },
  };
}

/** Loads of packed weights: load, store into the packed panel, and a shuffle to transpose. */
function packCost(context: LoweringContext) {
  return stepCost(context.target, { loads: 1, stores: 1, arithmetic: 1, unroll: 1 });
}

/** Flops of the mini-batch where the step has fewer images. */
function batchFlops(operation: FcForward | FcBackwardData, context: LoweringContext, images: number): number {
  return (operationFlops(operation, context.step) / images) * context.target.totalBatch;
}

/** Lowers the forward pass. */
export function lowerFcForward(operation: FcForward, context: LoweringContext): Kernel {
  const { target } = context;
  const operand = imageRows(context, operation.input);
  const result = imageRows(context, operation.output);
  const weights = weightRows(context, operation.weights);
  const cost = packCost(context);
  const flops = batchFlops(operation, context, operand.images);
  const weightOf = (blocks: number) => Math.min(weights.outputs, blocks * BLOCK_OUTPUTS);
  const ownBlocks = shareStart(weights.outputBlocks, target.totalThreads, target.threads);
  const phase = matrixPhase(context, {
    operand,
    result,
    loadWeights(out, from, to, start, end) {
      for (let block = from; block < to; block++) {
        const lines = weightLines(weights, block, start, end, operand.imageLines);
        emitRun(out, lines.lines, cost, [{ access: Access.Load, base: lines.base }]);
      }
    },
    flops,
    weightOf,
    bias: operation.bias,
  });
  const ownWeights: LineRange = {
    tensor: operation.weights,
    base: weights.base,
    lines: Math.min(weights.lines, ownBlocks * weights.inputs),
  };
  const bias: LineRange[] =
    operation.bias === null
      ? []
      : [{ tensor: operation.bias, base: context.baseOf(operation.bias), lines: ownBlocks }];
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: shapeChange(context, operation.input, operation.output),
    flops: flopsShare(flops, weights.outputs, 0, weightOf(ownBlocks)),
    parameters: 'share',
    reads: [rangeOf(context, operation.input), ownWeights, ...bias].filter(
      (range) => ownBlocks > 0 && range.lines > 0,
    ),
    writes: columnRanges(result, context.linesOf(operation.output), 0, ownBlocks),
    phases: [phase],
  };
}

/** Lowers backward-data: the result blocks are the input's lines, the reduction runs over the output blocks. */
export function lowerFcBackwardData(operation: FcBackwardData, context: LoweringContext): Kernel {
  const { target } = context;
  const operand = imageRows(context, operation.gradient);
  const result = imageRows(context, operation.output);
  const weights = weightRows(context, operation.weights);
  const cost = packCost(context);
  const flops = batchFlops(operation, context, operand.images);
  const ownLines = shareStart(result.imageLines, target.totalThreads, target.threads);
  const phase = matrixPhase(context, {
    operand,
    result,
    loadWeights(out, from, to, start, end) {
      for (let block = start; block < end; block++) {
        const lines = weightLines(weights, block, from, to, result.imageLines);
        emitRun(out, lines.lines, cost, [{ access: Access.Load, base: lines.base }]);
      }
    },
    flops,
    weightOf: (blocks) => blocks,
    bias: null,
  });
  const ownWeights = Array.from({ length: weights.outputBlocks }, (_, block) =>
    weightLines(weights, block, 0, ownLines, result.imageLines),
  ).filter((range) => range.lines > 0);
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: shapeChange(context, operation.gradient, operation.output),
    flops: flopsShare(flops, result.imageLines, 0, ownLines),
    parameters: 'share',
    reads: ownLines === 0 ? [] : [rangeOf(context, operation.gradient), ...ownWeights],
    writes: columnRanges(result, context.linesOf(operation.output), 0, ownLines),
    phases: [phase],
  };
}
