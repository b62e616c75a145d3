/**
 * Cost of the matrix multiplication behind a fully connected layer, from the register tile of MKL-DNN's own SGEMM: 48 x 8 on 512-bit vectors, 24 x 4 with
 * 16 registers, that is, three vectors by eight or four columns. Source: MKL-DNN v0.12, jit_avx512_common_gemm_f32.cpp, jit_avx_gemm_f32.cpp.
 */
import type { Target } from '../kernel.js';
import { type Cost, hasEmbeddedBroadcast, reductionCost, scaleCost, stepCost } from '../micro-kernel.js';
import type { StepCost } from '../streaming/step-cost.js';

/** Vectors (blocks of 16 results) of a register tile. */
export const TILE_BLOCKS = 3;

/** Columns of the tile with 32 registers, and with 16. */
const WIDE_COLUMNS = 8;
const NARROW_COLUMNS = 4;
const WIDE_REGISTERS = 32;

/** Steps of the reduction per loop iteration. */
const REDUCTION_UNROLL = 4;

/**
 * What one fused multiply-add on one line of results costs when `blocks` blocks are worked on at once: a register tile's step over its
 * blocks x columns multiply-adds.
 */
export function multiplyAddCost(target: Target, blocks: number): Cost {
  const columns = target.vectorRegisters >= WIDE_REGISTERS ? WIDE_COLUMNS : NARROW_COLUMNS;
  const step = stepCost(columns, blocks, blocks > 1 || !hasEmbeddedBroadcast(target), target);
  return scaleCost(
    reductionCost(step, REDUCTION_UNROLL, 1, target),
    1 / (REDUCTION_UNROLL * columns * blocks),
  );
}

/** `count` multiply-adds as the cost of one step of a run. */
export function multiplyAdds(target: Target, blocks: number, count: number): StepCost {
  const { busyCycles, fmaCycles, microOps, loads } = scaleCost(multiplyAddCost(target, blocks), count);
  return { busyCycles, fmaCycles, instructions: Math.round(microOps), loads: Math.round(loads) };
}
