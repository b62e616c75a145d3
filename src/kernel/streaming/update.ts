/**
 * SGD with momentum and weight decay on one parameter: reads W, dW and v, writes v and W.
 *
 * Shared out over the threads of the whole chip; simulated threads do their own share and no more, so on a slice of a chip
 * the kernel touches (and counts flops for) only that part of the parameter.
 */

import { flops as operationFlops } from '../../training/flops.js';
import type { Update } from '../../training/step.js';
import { type LoweringContext, rangeOf } from '../context.js';
import type { Kernel, LineRange } from '../kernel.js';
import { Access } from '../op-stream.js';
import { shareStart } from '../partition.js';
import { emitRun, flopsShare, rangePhase } from './phases.js';
import { shapeOf } from './shapes.js';
import { COMPILED_UNROLL, stepCost } from './step-cost.js';

/** Lines after which the loop goes back to store W: keeps the two runs that five streams need within the L1D. */
const CHUNK_LINES = 64;
const CHUNKS_PER_TILE = 64;

/** Lowers the update of one parameter. */
export function lowerUpdate(operation: Update, context: LoweringContext): Kernel {
  const { target } = context;
  const lines = context.linesOf(operation.parameter);
  const ownLines = shareStart(lines, target.totalThreads, target.threads);
  const flops = flopsShare(operationFlops(operation, context.step), lines, 0, ownLines);
  const parameter = context.baseOf(operation.parameter);
  const gradient = context.baseOf(operation.gradient);
  const velocity = context.baseOf(operation.velocity);
  // dW + decay * W, times the rate; momentum * v plus that; W - v.
  const cost = stepCost(target, { loads: 3, stores: 1, arithmetic: 4, unroll: COMPILED_UNROLL });
  const storeCost = stepCost(target, { loads: 0, stores: 1, arithmetic: 0, unroll: COMPILED_UNROLL });
  const own = (name: string): LineRange => ({ ...rangeOf(context, name), lines: ownLines });
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: shapeOf(context, operation.parameter),
    flops,
    parameters: 'share',
    reads: [operation.parameter, operation.gradient, operation.velocity].map(own),
    writes: [operation.velocity, operation.parameter].map(own),
    phases: [
      rangePhase({
        name: 'update',
        work: ownLines,
        range: (thread) => [
          shareStart(lines, target.totalThreads, thread),
          shareStart(lines, target.totalThreads, thread + 1),
        ],
        chunk: CHUNK_LINES,
        chunksPerTile: CHUNKS_PER_TILE,
        flops,
        emitChunk(out, from, to) {
          emitRun(out, to - from, cost, [
            { access: Access.Load, base: gradient + from },
            { access: Access.Load, base: velocity + from },
            { access: Access.Load, base: parameter + from },
            { access: Access.Store, base: velocity + from },
          ]);
          emitRun(out, to - from, storeCost, [{ access: Access.Store, base: parameter + from }]);
        },
      }),
    ],
  };
}
