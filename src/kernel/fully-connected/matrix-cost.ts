/**
 * Cost of the matrix multiplication behind a fully connected layer, from the register tile of MKL-DNN's own SGEMM: 48 x 8 on 512-bit vectors, 24 x 4 with
 * 16 registers, that is, three vectors by eight or four columns. Source: MKL-DNN v0.12, jit_avx512_common_gemm_f32.cpp, jit_avx_gemm_f32.cpp.
 */
import type { Target } from '../kernel.js';
import type { StepCost } from '../streaming/step-cost.js';
import { vectorsPerLine } from '../streaming/step-cost.js';

/** Vectors (blocks of 16 results) of a register tile. */
export const TILE_BLOCKS = 3;

/** Registers from which on the tile has eight columns. */
const WIDE_TILE_REGISTERS = 32;

/** Steps of the reduction per loop iteration. */
const REDUCTION_UNROLL = 4;

/** Micro-ops of a loop iteration besides its body: two pointers and a fused count-down and branch. */
const LOOP_MICRO_OPS = 3;

/** What one fused multiply-add on one line of results costs when `blocks` blocks are worked on at once. */
export interface MultiplyAddCost {
  readonly busyCycles: number;
  readonly fmaCycles: number;
  readonly microOps: number;
  readonly loads: number;
}

/**
 * Per step of the reduction: a load per block and a broadcast per column (embedded in the multiply-add where it serves one block only),
 * blocks x columns multiply-adds; the slowest of vector units, load ports, issue and the accumulators' latency bounds it.
 */
export function multiplyAddCost(target: Target, blocks: number): MultiplyAddCost {
  const columns = target.vectorRegisters >= WIDE_TILE_REGISTERS ? 8 : 4;
  const vectors = vectorsPerLine(target);
  const products = blocks * columns;
  const loads = blocks + columns;
  const microOps = products + blocks + (blocks === 1 ? 0 : columns) + LOOP_MICRO_OPS / REDUCTION_UNROLL;
  const fmaCycles = vectors / target.fmaUnits;
  const perProduct = vectors / products;
  return {
    busyCycles: Math.max(
      fmaCycles,
      (perProduct * loads) / target.loadPorts,
      (perProduct * microOps) / target.issueWidth,
      perProduct * target.fmaLatencyCycles,
    ),
    fmaCycles,
    microOps: perProduct * microOps,
    loads: perProduct * loads,
  };
}

/** `count` multiply-adds as the cost of one step of a run. */
export function multiplyAdds(target: Target, blocks: number, count: number): StepCost {
  const cost = multiplyAddCost(target, blocks);
  return {
    busyCycles: cost.busyCycles * count,
    fmaCycles: cost.fmaCycles * count,
    instructions: Math.round(cost.microOps * count),
    loads: Math.round(cost.loads * count),
  };
}
