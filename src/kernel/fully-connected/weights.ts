/**
 * Fully connected backward-weights: weights = outputs x batch times batch x inputs.
 *
 * A thread owns blocks of 16 outputs. Panels of the input whose part of the batch fits a quarter of the L2 are the outer loop, register tiles
 * of the thread's output blocks the inner one; the reduction over the mini-batch stays in registers, so every line of the gradient is stored once, by an ordinary store.
 */

import { flops as operationFlops } from '../../training/flops.js';
import type { FcBackwardWeights } from '../../training/step.js';
import { type LoweringContext, rangeOf } from '../context.js';
import type { Kernel, LineRange } from '../kernel.js';
import { Access, LINE_BYTES } from '../op-stream.js';
import { shareStart } from '../partition.js';
import { emitRun, flopsShare } from '../streaming/phases.js';
import { shapeOf } from '../streaming/shapes.js';
import { stepCost } from '../streaming/step-cost.js';
import {
  BLOCK_OUTPUTS,
  columnRanges,
  imageRows,
  ownItems,
  visitBatch,
  weightLines,
  weightRows,
} from './geometry.js';
import { multiplyAdds, TILE_BLOCKS } from './matrix-cost.js';

/** Lowers backward-weights, the bias's gradient included. */
export function lowerFcBackwardWeights(operation: FcBackwardWeights, context: LoweringContext): Kernel {
  const { target } = context;
  const input = imageRows(context, operation.input);
  const gradient = imageRows(context, operation.gradient);
  const weights = weightRows(context, operation.output);
  const { biasOutput } = operation;
  const chipFlops = (operationFlops(operation, context.step) / input.images) * target.totalBatch;
  const rowsBefore = (blocks: number) => Math.min(weights.outputs, blocks * BLOCK_OUTPUTS);
  const quarterLines = target.l2Bytes / 4 / LINE_BYTES;
  const panelLines = Math.max(1, Math.min(input.imageLines, Math.floor(quarterLines / target.totalBatch)));
  const panels = Math.ceil(input.imageLines / panelLines);
  const loadCost = stepCost(target, {
    loads: 1,
    stores: 0,
    arithmetic: biasOutput === null ? 0 : 1,
    unroll: 1,
  });
  const storeCost = stepCost(target, { loads: 0, stores: 1, arithmetic: 0, unroll: 1 });
  const tilesPerPanel = (thread: number) => {
    const own = ownItems(target, weights.outputBlocks, thread);
    return Math.ceil((own.to - own.from) / TILE_BLOCKS);
  };
  const ownBlocks = shareStart(weights.outputBlocks, target.totalThreads, target.threads);
  const own = (tensor: string, lines: number): LineRange => ({ tensor, base: context.baseOf(tensor), lines });
  const writes = [own(operation.output, Math.min(weights.lines, ownBlocks * weights.inputs))];
  if (biasOutput !== null) writes.push(own(biasOutput, ownBlocks));
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: `${shapeOf(context, operation.input)} x ${shapeOf(context, operation.gradient)} -> ${shapeOf(context, operation.output)}`,
    flops: flopsShare(chipFlops, weights.outputs, 0, rowsBefore(ownBlocks)),
    parameters: 'share',
    reads:
      ownBlocks === 0
        ? []
        : [
            rangeOf(context, operation.input),
            ...columnRanges(gradient, context.linesOf(operation.gradient), 0, ownBlocks),
          ],
    writes: writes.filter((range) => range.lines > 0),
    phases: [
      {
        name: 'multiply',
        tileCount: (thread) => panels * tilesPerPanel(thread),
        emit(thread, tile, out) {
          const blocks = ownItems(target, weights.outputBlocks, thread);
          const perPanel = tilesPerPanel(thread);
          const start = Math.floor(tile / perPanel) * panelLines;
          const end = Math.min(input.imageLines, start + panelLines);
          const from = blocks.from + (tile % perPanel) * TILE_BLOCKS;
          const to = Math.min(blocks.to, from + TILE_BLOCKS);
          visitBatch(target, gradient.images, (_first, count) => {
            for (let block = from; block < to; block++) {
              out.run(count, loadCost.busyCycles, loadCost.fmaCycles, loadCost.instructions, loadCost.loads);
              out.stream(Access.Load, gradient.base + block, gradient.imageLines);
            }
          });
          // Inputs are the vectors here: a line of X meets 16 outputs of each block.
          const cost = multiplyAdds(target, TILE_BLOCKS, BLOCK_OUTPUTS * (to - from));
          visitBatch(target, input.images, (firstImage, count) => {
            for (let image = firstImage; image < firstImage + count; image++) {
              emitRun(out, end - start, cost, [{ access: Access.Load, base: input.rowOf(image) + start }]);
            }
          });
          for (let block = from; block < to; block++) {
            const lines = weightLines(weights, block, start, end, input.imageLines);
            emitRun(out, lines.lines, storeCost, [{ access: Access.Store, base: lines.base }]);
            if (biasOutput !== null && start === 0) {
              emitRun(out, 1, storeCost, [
                { access: Access.Store, base: context.baseOf(biasOutput) + block },
              ]);
            }
          }
          const ofTile = flopsShare(chipFlops, weights.outputs, rowsBefore(from), rowsBefore(to));
          out.flops += flopsShare(ofTile, input.imageLines, start, end);
        },
      },
    ],
  };
}
