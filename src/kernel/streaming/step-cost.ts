/**
 * What a step of a streaming loop costs, from the instruction mix of its body.
 *
 * The loops modelled here are MKL-DNN's JIT kernels: per vector a few loads, arithmetic micro-ops and a store, unrolled so that the loop's own
 * add, subtract and branch are paid once per `unroll` vectors (Intel's compilers and the JIT count the same way: subtract and branch fuse).
 */
import type { Target } from '../kernel.js';
import { costOf, vectorsPerLine } from '../micro-kernel.js';

/** Micro-ops of one loop iteration besides its body: advance the offset, count down and branch (fused), as `spat_loop` of MKL-DNN's BN kernel does. */
const LOOP_MICRO_OPS = 2;

/** Instruction mix for one vector of every stream, and for what is paid once in a while. */
export interface Mix {
  readonly loads: number;
  readonly stores: number;
  /** Micro-ops on the vector (FMA) units. */
  readonly arithmetic: number;
  /** Vectors handled per loop iteration. */
  readonly unroll: number;
  /** Independent accumulators of a reduction whose every vector extends a dependence chain by one operation; absent where there is no chain. */
  readonly accumulators?: number;
  /** Micro-ops per line beside the body, for example a plane's set-up spread over its lines. */
  readonly extraMicroOps?: number;
  /** Cycles of the divider per 512 bits: divisions and square roots are not pipelined. */
  readonly dividerCycles?: number;
}

/** Arguments of `OpStream.run` for one step. */
export interface StepCost {
  readonly busyCycles: number;
  readonly fmaCycles: number;
  readonly instructions: number;
  readonly loads: number;
}

/**
 * Cost of a step that handles one line of every stream: the slowest of vector units, load ports, store ports and issue, of the
 * accumulators' dependence chains and of the divider.
 */
export function stepCost(target: Target, mix: Mix): StepCost {
  const vectors = vectorsPerLine(target);
  const microOps =
    vectors * (mix.loads + mix.stores + mix.arithmetic + LOOP_MICRO_OPS / mix.unroll) +
    (mix.extraMicroOps ?? 0);
  const chainCycles =
    mix.accumulators === undefined ? 0 : (vectors * target.fmaLatencyCycles) / mix.accumulators;
  const cost = costOf(
    {
      arithmetic: vectors * mix.arithmetic,
      loads: vectors * mix.loads,
      stores: vectors * mix.stores,
      microOps,
    },
    target,
    Math.max(chainCycles, mix.dividerCycles ?? 0),
  );
  return {
    busyCycles: cost.busyCycles,
    fmaCycles: cost.fmaCycles,
    instructions: Math.max(1, Math.round(microOps)),
    loads: Math.ceil(cost.loads),
  };
}

/** MKL-DNN's unrolling of streaming loops: 4 blocks of 4 registers on 512-bit vectors, none below (jit_uni_batch_normalization, v0.12). */
export function jitUnroll(target: Target): { readonly registers: number; readonly vectors: number } {
  return target.vectorBits >= 512 ? { registers: 4, vectors: 16 } : { registers: 1, vectors: 1 };
}

/** Loops over a whole feature map that the compiler has vectorised (copies, sums): GCC does not unroll at -O3, so one vector per iteration. */
export const COMPILED_UNROLL = 1;

/** The cost of `factor` steps as one. */
export function scaleStep(cost: StepCost, factor: number): StepCost {
  return {
    busyCycles: cost.busyCycles * factor,
    fmaCycles: cost.fmaCycles * factor,
    instructions: Math.max(1, Math.round(cost.instructions * factor)),
    loads: Math.round(cost.loads * factor),
  };
}
