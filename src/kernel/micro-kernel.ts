/**
 * The cost of a register block, from its own instruction mix.
 *
 * A direct convolution's inner loop keeps `pixels` x `vectors` accumulators in registers. Per reduction step (one input channel of one filter
 * tap) it loads `vectors` lines of weights, broadcasts one element per pixel, and does `pixels` x `vectors` multiply-adds. A step takes as long
 * as the busiest of the FMA units, the load ports, the store ports and the issue slots needs, and never less than the FMA latency, because every
 * accumulator takes part in every step. Nothing here is fitted: the counts are those of MKL-DNN's generated loops (jit_avx512_common_conv_kernel,
 * jit_avx512_common_1x1_conv_kernel, releases 0.11 to 0.15), the widths are the machine's.
 */
import type { Target } from './kernel.js';
import { LINE_BYTES } from './op-stream.js';

/** Instructions of a stretch of straight-line code, in the machine's own vectors. */
export interface InstructionMix {
  /** Instructions on the FMA units: multiply-adds, adds, maxima, compares. */
  readonly arithmetic: number;
  /** Memory reads, those folded into an arithmetic instruction included. */
  readonly loads: number;
  readonly stores: number;
  /** Fused micro-ops of all of it: a load folded into an arithmetic instruction counts once. */
  readonly microOps: number;
}

/** What a stretch of code takes of the core. */
export interface Cost {
  /** Cycles that the pipeline is busy when every line hits the L1D. */
  readonly busyCycles: number;
  /** The part of them in which the FMA units are the bound; at most `busyCycles`. */
  readonly fmaCycles: number;
  /** Fused micro-ops. */
  readonly microOps: number;
  /** Load-queue entries. */
  readonly loads: number;
}

export const NO_COST: Cost = { busyCycles: 0, fmaCycles: 0, microOps: 0, loads: 0 };

/**
 * Micro-ops of one turn of a loop that are not its body: two pointer increments, one decrement and a fused compare-and-branch, as in the
 * generated loops over filter rows and over register tiles.
 */
export const LOOP_MICRO_OPS = 4;

/**
 * Micro-ops of one call of a generated kernel: six callee-saved registers pushed and popped, about twelve parameters loaded from the call's
 * structure and as many moved along by the driver's software pipeline, the call and the return (MKL-DNN, jit_generator `preamble`/`postamble` and
 * the driver's `jit_conv_ker_pipeline`).
 */
export const CALL_MICRO_OPS = 38;

/** Machine vectors in a line of 16 single-precision channels. */
export function vectorsPerLine(target: Target): number {
  return Math.max(1, (LINE_BYTES * 8) / target.vectorBits);
}

/**
 * Whether arithmetic may take a broadcast element straight from memory. It comes with the 32-register EVEX encoding (Intel SDM volume 1, chapter 15);
 * machines with fewer registers are taken to lack it.
 */
export function hasEmbeddedBroadcast(target: Target): boolean {
  return target.vectorRegisters >= 32;
}

/**
 * Cost of an instruction mix whose iterations overlap freely.
 * @param latencyCycles a dependence chain that the mix cannot be faster than
 */
export function costOf(mix: InstructionMix, target: Target, latencyCycles = 0): Cost {
  const fma = mix.arithmetic / target.fmaUnits;
  const busy = Math.max(
    fma,
    mix.loads / target.loadPorts,
    mix.stores / target.storePorts,
    mix.microOps / target.issueWidth,
    latencyCycles,
  );
  return { busyCycles: busy, fmaCycles: Math.min(fma, busy), microOps: mix.microOps, loads: mix.loads };
}

/** Cost of a line of 16 channels whose every vector takes an instruction mix. */
export function lineCost(perVector: InstructionMix, target: Target, latencyCycles = 0): Cost {
  return costOf(scaleMix(perVector, vectorsPerLine(target)), target, latencyCycles);
}

/** Costs of stretches that follow one another: the window is too short to overlap one with the next to any extent. */
export function addCosts(...costs: readonly Cost[]): Cost {
  let busyCycles = 0;
  let fmaCycles = 0;
  let microOps = 0;
  let loads = 0;
  for (const cost of costs) {
    busyCycles += cost.busyCycles;
    fmaCycles += cost.fmaCycles;
    microOps += cost.microOps;
    loads += cost.loads;
  }
  return { busyCycles, fmaCycles, microOps, loads };
}

/** `times` repetitions of a stretch. */
export function scaleCost(cost: Cost, times: number): Cost {
  return {
    busyCycles: cost.busyCycles * times,
    fmaCycles: cost.fmaCycles * times,
    microOps: cost.microOps * times,
    loads: cost.loads * times,
  };
}

/** A block of accumulators: `pixels` output pixels x `vectors` lines of output channels. */
export interface RegisterBlock {
  readonly pixels: number;
  readonly vectors: number;
  /** Broadcasts are loaded into registers and reused by every vector; else each multiply-add takes its element from memory. */
  readonly explicitBroadcast: boolean;
}

/**
 * One reduction step of a register block of which `pixels` take part (fewer than the block's where a tap falls into the padding).
 * @returns the cost of one input channel of one tap
 */
export function stepCost(pixels: number, vectors: number, explicitBroadcast: boolean, target: Target): Cost {
  if (pixels === 0) return NO_COST;
  const width = vectorsPerLine(target);
  const arithmetic = pixels * vectors * width;
  const weightLoads = vectors * width;
  const broadcasts = explicitBroadcast ? pixels : arithmetic;
  return costOf(
    {
      arithmetic,
      loads: weightLoads + broadcasts,
      stores: 0,
      microOps: arithmetic + weightLoads + (explicitBroadcast ? pixels : 0),
    },
    target,
    target.fmaLatencyCycles,
  );
}

/**
 * What a register tile costs beside its reduction: zeroing the accumulators, adding what earlier passes have left in memory, storing, and the
 * drain of the last multiply-adds. `extra` is a fused epilogue's share (statistics, mask).
 */
export function tileOverhead(
  pixels: number,
  vectors: number,
  accumulates: boolean,
  extra: InstructionMix,
  target: Target,
): Cost {
  const lines = pixels * vectors * vectorsPerLine(target);
  const zero = costOf({ arithmetic: 0, loads: 0, stores: 0, microOps: lines + LOOP_MICRO_OPS }, target);
  const store = costOf(
    {
      arithmetic: (accumulates ? lines : 0) + extra.arithmetic,
      loads: (accumulates ? lines : 0) + extra.loads,
      stores: lines + extra.stores,
      microOps: lines * (accumulates ? 2 : 1) + extra.microOps,
    },
    target,
  );
  const drain: Cost = { ...NO_COST, busyCycles: target.fmaLatencyCycles };
  return addCosts(zero, drain, store);
}

/** A loop over `steps` equal steps with `turns` turns of a loop around their unrolled body; the loop's own micro-ops go into the issue slots that the body leaves free. */
export function reductionCost(step: Cost, steps: number, turns: number, target: Target): Cost {
  const body = scaleCost(step, steps);
  const microOps = body.microOps + turns * LOOP_MICRO_OPS;
  return { ...body, microOps, busyCycles: Math.max(body.busyCycles, microOps / target.issueWidth) };
}

/** An empty instruction mix. */
export const NO_INSTRUCTIONS: InstructionMix = { arithmetic: 0, loads: 0, stores: 0, microOps: 0 };

/** Sum of two instruction mixes. */
export function addMixes(a: InstructionMix, b: InstructionMix): InstructionMix {
  return {
    arithmetic: a.arithmetic + b.arithmetic,
    loads: a.loads + b.loads,
    stores: a.stores + b.stores,
    microOps: a.microOps + b.microOps,
  };
}

/** Adding a line of bias from memory to an accumulator. */
export function biasMix(target: Target): InstructionMix {
  return scaleMix({ arithmetic: 1, loads: 1, stores: 0, microOps: 1 }, vectorsPerLine(target));
}

/** `times` repetitions of an instruction mix. */
export function scaleMix(mix: InstructionMix, times: number): InstructionMix {
  return {
    arithmetic: mix.arithmetic * times,
    loads: mix.loads * times,
    stores: mix.stores * times,
    microOps: mix.microOps * times,
  };
}
