/**
 * Local response normalisation across channels.
 *
 * MKL-DNN's AVX-512 kernel works on (image, channel block) planes, images outermost; the window reaches into the neighbouring channel blocks, whose planes it
 * reads too. Forward stores the scale for the backward pass. Source: MKL-DNN v0.12, jit_avx512_common_lrn.cpp.
 */

import { flops as operationFlops } from '../../training/flops.js';
import type { LrnBackward, LrnForward } from '../../training/step.js';
import { BLOCK_CHANNELS, geometryOf } from '../address-map.js';
import { type LoweringContext, rangeOf, tensorOf } from '../context.js';
import type { Kernel } from '../kernel.js';
import { Access, MAX_STREAMS } from '../op-stream.js';
import { shareStart } from '../partition.js';
import { emitRun, rangePhase, type SegmentStream, TILE_STEPS } from './phases.js';
import { shapeOf } from './shapes.js';
import { type StepCost, stepCost } from './step-cost.js';

/** Pixels after which the loop goes on from the streams of one run to those of the next: the lines stay in the L1D. */
const CHUNK_PIXELS = 64;

/** scale^-3/4 by two square roots and a division of 512 bits: 12 + 12 + 10 cycles of the divider (uops.info, Skylake-X, reciprocal throughput). */
const POWER_DIVIDER_CYCLES = 34;

interface LrnLoop {
  /** Tensors of which the window reads the neighbouring channel blocks too. */
  readonly windowed: readonly string[];
  /** Tensors of which only the own block is read. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly arithmetic: number;
}

function lowerLrn(operation: LrnForward | LrnBackward, context: LoweringContext, loop: LrnLoop): Kernel {
  const { target } = context;
  const { blocks, planeLines, images } = geometryOf(tensorOf(context, operation.input));
  const reach = Math.ceil(Math.floor(operation.localSize / 2) / BLOCK_CHANNELS);
  const neighbours = 2 * reach + 1;
  const cost = stepCost(target, {
    loads: loop.windowed.length * neighbours + loop.reads.length,
    stores: loop.writes.length,
    arithmetic: loop.arithmetic,
    unroll: 1,
    dividerCycles: POWER_DIVIDER_CYCLES,
  });
  const free: StepCost = { busyCycles: 0, fmaCycles: 0, instructions: 1, loads: 0 };
  const planes = images * blocks;
  const flops = operationFlops(operation, context.step);
  /** Streams of a plane's first line. */
  const streamsOf = (plane: number): SegmentStream[] => {
    const block = plane % blocks;
    const first = Math.max(0, block - reach);
    const last = Math.min(blocks - 1, block + reach);
    const streams: SegmentStream[] = [];
    for (const name of loop.windowed) {
      for (let b = first; b <= last; b++) {
        streams.push({ access: Access.Load, base: context.baseOf(name) + (plane - block + b) * planeLines });
      }
    }
    for (const name of loop.reads)
      streams.push({ access: Access.Load, base: context.baseOf(name) + plane * planeLines });
    for (const name of loop.writes)
      streams.push({ access: Access.Store, base: context.baseOf(name) + plane * planeLines });
    return streams;
  };
  const phase = rangePhase({
    name: operation.phase,
    work: planes,
    range: (thread) => [
      shareStart(planes, target.threads, thread),
      shareStart(planes, target.threads, thread + 1),
    ],
    chunk: 1,
    chunksPerTile: Math.max(1, Math.floor(TILE_STEPS / planeLines)),
    flops,
    emitChunk(out, plane) {
      const streams = streamsOf(plane);
      for (let pixel = 0; pixel < planeLines; pixel += CHUNK_PIXELS) {
        const lines = Math.min(CHUNK_PIXELS, planeLines - pixel);
        for (let s = 0; s < streams.length; s += MAX_STREAMS) {
          const some = streams
            .slice(s, s + MAX_STREAMS)
            .map(({ access, base }) => ({ access, base: base + pixel }));
          emitRun(out, lines, s === 0 ? cost : free, some);
        }
      }
    },
  });
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: `${shapeOf(context, operation.input)}, ${operation.localSize} channels`,
    flops,
    parameters: 'whole',
    reads: [...loop.windowed, ...loop.reads].map((name) => rangeOf(context, name)),
    writes: loop.writes.map((name) => rangeOf(context, name)),
    phases: [phase],
  };
}

/** Lowers LRN forward. */
export function lowerLrnForward(operation: LrnForward, context: LoweringContext): Kernel {
  return lowerLrn(operation, context, {
    windowed: [operation.input],
    reads: [],
    writes: [operation.scale, operation.output],
    // A rotation and a fused multiply-add per channel of the window, scale, and the final product.
    arithmetic: 2 * operation.localSize + 3,
  });
}

/** Lowers LRN backward. */
export function lowerLrnBackward(operation: LrnBackward, context: LoweringContext): Kernel {
  return lowerLrn(operation, context, {
    windowed: [operation.gradient, operation.value, operation.scale],
    reads: [operation.input],
    writes: [operation.output],
    // As forward, with dY * y / scale to form for each of the three blocks first and two products and a subtraction last.
    arithmetic: 2 * operation.localSize + 9,
  });
}
