/**
 * BN backward, whole or in its two halves.
 *
 * Loop 1 reads X and dY for dgamma and dbeta; after a reduction loop 2 reads both again and writes dX by non-temporal stores. Where the
 * baseline software has fused the ReLU, both loops also read Y, whose sign masks dY.
 */

import { FLOPS_PER_ELEMENT, flops as operationFlops } from '../../training/flops.js';
import type { BnBackward, BnBackwardData, BnBackwardReduce } from '../../training/step.js';
import { geometryOf } from '../address-map.js';
import { batchNormOf, type LoweringContext, rangeOf, tensorOf } from '../context.js';
import type { Kernel, KernelPhase } from '../kernel.js';
import { Access } from '../op-stream.js';
import { type BlockGroup, blockGroups } from './bn-grid.js';
import { allocatePartials, bnReduction, bnSweep, type PartialSums } from './bn-loops.js';
import { splitFlops } from './phases.js';
import { shapeOf } from './shapes.js';
import { jitUnroll } from './step-cost.js';

/** Micro-ops of masking dY by the sign of Y: a compare and a masked move. */
const MASK_ARITHMETIC = 2;

type AnyBackward = BnBackward | BnBackwardReduce | BnBackwardData;

function maskOf(operation: AnyBackward): string | null {
  return operation.kind === 'bn-backward' ? operation.maskedBy : null;
}

function sourceMaps(operation: AnyBackward): { access: Access; tensor: string }[] {
  const mask = maskOf(operation);
  return [
    { access: Access.Load, tensor: operation.gradient },
    { access: Access.Load, tensor: operation.input },
    ...(mask === null ? [] : [{ access: Access.Load, tensor: mask }]),
  ];
}

function reducePhases(
  context: LoweringContext,
  operation: BnBackward | BnBackwardReduce,
  group: BlockGroup,
  sums: PartialSums,
  flops: number,
): KernelPhase[] {
  const batchNorm = batchNormOf(context, operation.batchNorm);
  const geometry = geometryOf(tensorOf(context, operation.input));
  const maps = sourceMaps(operation);
  return [
    bnSweep(context, {
      name: 'reduce-gradients',
      geometry,
      group,
      // Not unrolled in the JIT kernel, one accumulator for each of the two sums: bound by the latency of a fused multiply-add.
      mix: {
        loads: maps.length,
        stores: 0,
        arithmetic: 3 + (maskOf(operation) === null ? 0 : MASK_ARITHMETIC),
        unroll: 1,
        accumulators: 1,
      },
      maps,
      vectors: [batchNorm.mean],
      sums,
      flops,
    }),
    bnReduction(context, {
      name: 'reduce-sums',
      geometry,
      group,
      sums,
      reads: [batchNorm.variance],
      writes: [batchNorm.gammaGradient, batchNorm.betaGradient],
    }),
  ];
}

function dataPhase(
  context: LoweringContext,
  operation: BnBackward | BnBackwardData,
  group: BlockGroup,
  flops: number,
): KernelPhase {
  const batchNorm = batchNormOf(context, operation.batchNorm);
  const maps = sourceMaps(operation);
  return bnSweep(context, {
    name: 'data',
    geometry: geometryOf(tensorOf(context, operation.input)),
    group,
    // Two subtractions, three multiplications and an addition.
    mix: {
      loads: maps.length,
      stores: 1,
      arithmetic: 6 + (maskOf(operation) === null ? 0 : MASK_ARITHMETIC),
      unroll: jitUnroll(context.target).vectors,
    },
    maps: [
      ...maps,
      {
        access: context.software.nonTemporalStores ? Access.StoreNonTemporal : Access.Store,
        tensor: operation.output,
      },
    ],
    vectors: [
      batchNorm.mean,
      batchNorm.variance,
      batchNorm.gamma,
      batchNorm.gammaGradient,
      batchNorm.betaGradient,
    ],
    sums: null,
    flops,
  });
}

function kernelOf(
  context: LoweringContext,
  operation: AnyBackward,
  vectorReads: readonly string[],
  writes: readonly string[],
  phases: readonly KernelPhase[],
): Kernel {
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: shapeOf(context, operation.input),
    flops: operationFlops(operation, context.step),
    parameters: 'whole',
    reads: [...sourceMaps(operation).map((map) => map.tensor), ...vectorReads].map((name) =>
      rangeOf(context, name),
    ),
    writes: writes.map((name) => rangeOf(context, name)),
    phases,
  };
}

/** Lowers whole BN backward. */
export function lowerBnBackward(operation: BnBackward, context: LoweringContext): Kernel {
  const batchNorm = batchNormOf(context, operation.batchNorm);
  const geometry = geometryOf(tensorOf(context, operation.input));
  const groups = blockGroups(context.target, context.software, geometry, 2);
  const sums = allocatePartials(context, operation.name, 2, geometry, groups);
  const byGroup = splitFlops(
    operationFlops(operation, context.step),
    groups.map((group) => group.blocks),
  );
  const mask = operation.maskedBy === null ? 0 : FLOPS_PER_ELEMENT.relu;
  const loopFlops = [FLOPS_PER_ELEMENT.reduceGradients + mask, FLOPS_PER_ELEMENT.propagateGradient + mask];
  const phases = groups.flatMap((group, index) => {
    const [reduce = 0, data = 0] = splitFlops(byGroup[index] as number, loopFlops);
    const ofGroup = [
      ...reducePhases(context, operation, group, sums, reduce),
      dataPhase(context, operation, group, data),
    ];
    return groups.length === 1
      ? ofGroup
      : ofGroup.map((phase) => ({ ...phase, name: `${phase.name} ${index + 1}/${groups.length}` }));
  });
  return kernelOf(
    context,
    operation,
    [batchNorm.mean, batchNorm.variance, batchNorm.gamma],
    [operation.output, batchNorm.gammaGradient, batchNorm.betaGradient],
    phases,
  );
}

/** Lowers sub-BN2 backward on its own: dgamma and dbeta. */
export function lowerBnBackwardReduce(operation: BnBackwardReduce, context: LoweringContext): Kernel {
  const batchNorm = batchNormOf(context, operation.batchNorm);
  const geometry = geometryOf(tensorOf(context, operation.input));
  const groups = blockGroups(context.target, { ...context.software, bnBlocking: 'streaming' }, geometry, 2);
  const sums = allocatePartials(context, operation.name, 2, geometry, groups);
  const flops = operationFlops(operation, context.step);
  return kernelOf(
    context,
    operation,
    [batchNorm.mean, batchNorm.variance],
    [batchNorm.gammaGradient, batchNorm.betaGradient],
    groups.flatMap((group) => reducePhases(context, operation, group, sums, flops)),
  );
}

/** Lowers sub-BN1 backward on its own: dX from X, dY and the complete dgamma and dbeta. */
export function lowerBnBackwardData(operation: BnBackwardData, context: LoweringContext): Kernel {
  const batchNorm = batchNormOf(context, operation.batchNorm);
  const geometry = geometryOf(tensorOf(context, operation.input));
  const groups = blockGroups(context.target, { ...context.software, bnBlocking: 'streaming' }, geometry, 2);
  const flops = operationFlops(operation, context.step);
  return kernelOf(
    context,
    operation,
    [batchNorm.mean, batchNorm.variance, batchNorm.gamma, batchNorm.gammaGradient, batchNorm.betaGradient],
    [operation.output],
    groups.map((group) => dataPhase(context, operation, group, flops)),
  );
}
