/**
 * BN forward, whole or in its two halves.
 *
 * Baseline: three loops over the input with a barrier and a reduction after each of the first two: mean, variance as sum of (x - mean)^2,
 * normalise. Single-pass (MVF): one loop accumulates sum and sum of squares. The output goes out by non-temporal stores. With cached blocking all
 * loops run over one group of channel blocks before the next group starts.
 */

import { FLOPS_PER_ELEMENT, flops as operationFlops } from '../../training/flops.js';
import type { BatchNorm, BnForward, BnNormalise, BnStatistics } from '../../training/step.js';
import { geometryOf } from '../address-map.js';
import { batchNormOf, type LoweringContext, rangeOf, tensorOf } from '../context.js';
import type { Kernel, KernelPhase } from '../kernel.js';
import { Access } from '../op-stream.js';
import { type BlockGroup, blockGroups } from './bn-grid.js';
import { allocatePartials, bnReduction, bnSweep, type PartialSums } from './bn-loops.js';
import { splitFlops } from './phases.js';
import { shapeOf } from './shapes.js';
import { jitUnroll, type Mix } from './step-cost.js';

/** Running mean and variance, where the step keeps them: updated by the thread that finishes a channel's sums. */
export function runningStatistics(context: LoweringContext, batchNorm: BatchNorm): string[] {
  return [batchNorm.runningMean, batchNorm.runningVariance].filter((name) => context.step.tensors.has(name));
}

interface StatisticsLoops {
  readonly batchNorm: BatchNorm;
  readonly input: string;
  readonly kind: 'two-pass' | 'single-pass';
  readonly group: BlockGroup;
  readonly sums: PartialSums;
  /** Flops of the loops: one entry for single-pass, two for two-pass. */
  readonly flops: readonly number[];
}

/** The loops of sub-BN1 over one group. */
function statisticsPhases(context: LoweringContext, loops: StatisticsLoops): KernelPhase[] {
  const { batchNorm, input, group, sums } = loops;
  const geometry = geometryOf(tensorOf(context, input));
  const { registers, vectors } = jitUnroll(context.target);
  const maps = [{ access: Access.Load, tensor: input }];
  const sweep = (name: string, arithmetic: number, reads: string[], used: PartialSums, flops: number) =>
    bnSweep(context, {
      name,
      geometry,
      group,
      mix: { loads: 1, stores: 0, arithmetic, unroll: vectors, accumulators: registers },
      maps,
      vectors: reads,
      sums: used,
      flops,
    });
  const running = runningStatistics(context, batchNorm);
  const one = { ...sums, quantities: 1 };
  if (loops.kind === 'single-pass') {
    return [
      // Two chains, x and x * x, side by side: an add and a fused multiply-add per vector.
      sweep('statistics', 2, [], sums, loops.flops[0] as number),
      bnReduction(context, {
        name: 'reduce-statistics',
        geometry,
        group,
        sums,
        reads: running,
        writes: [batchNorm.mean, batchNorm.variance, ...running],
      }),
    ];
  }
  return [
    sweep('mean', 1, [], one, loops.flops[0] as number),
    bnReduction(context, {
      name: 'reduce-mean',
      geometry,
      group,
      sums: one,
      reads: [],
      writes: [batchNorm.mean],
    }),
    // Subtract, then a fused multiply-add of the difference with itself.
    sweep('variance', 2, [batchNorm.mean], one, loops.flops[1] as number),
    bnReduction(context, {
      name: 'reduce-variance',
      geometry,
      group,
      sums: one,
      reads: running.length > 0 ? [batchNorm.mean, ...running] : [],
      writes: [batchNorm.variance, ...running],
    }),
  ];
}

/** The loop of sub-BN2 over one group. */
function normalisePhase(
  context: LoweringContext,
  operation: BnForward | BnNormalise,
  group: BlockGroup,
  flops: number,
): KernelPhase {
  const batchNorm = batchNormOf(context, operation.batchNorm);
  // Subtract the mean, multiply by 1 / sqrt(var + eps), fused multiply-add with gamma and beta; clip.
  const mix: Mix = {
    loads: 1,
    stores: 1,
    arithmetic: operation.relu ? 4 : 3,
    unroll: jitUnroll(context.target).vectors,
  };
  return bnSweep(context, {
    name: 'normalise',
    geometry: geometryOf(tensorOf(context, operation.input)),
    group,
    mix,
    maps: [
      { access: Access.Load, tensor: operation.input },
      {
        access: context.software.nonTemporalStores ? Access.StoreNonTemporal : Access.Store,
        tensor: operation.output,
      },
    ],
    vectors: [batchNorm.mean, batchNorm.variance, batchNorm.gamma, batchNorm.beta],
    sums: null,
    flops,
  });
}

/** Flops per element of the loops of sub-BN1. */
function statisticsFlops(kind: 'two-pass' | 'single-pass'): number[] {
  const { mean, twoPassVariance, singlePassMoments } = FLOPS_PER_ELEMENT;
  return kind === 'two-pass' ? [mean, twoPassVariance] : [singlePassMoments];
}

/** Flops of each group and loop: `[group][loop]`. */
function flopsByGroup(
  total: number,
  groups: readonly BlockGroup[],
  loopWeights: readonly number[],
): number[][] {
  const byGroup = splitFlops(
    total,
    groups.map((group) => group.blocks),
  );
  return byGroup.map((flops) => splitFlops(flops, loopWeights));
}

function named(groups: readonly BlockGroup[], index: number, phases: KernelPhase[]): KernelPhase[] {
  return groups.length === 1
    ? phases
    : phases.map((phase) => ({ ...phase, name: `${phase.name} ${index + 1}/${groups.length}` }));
}

/** Lowers whole BN forward. */
export function lowerBnForward(operation: BnForward, context: LoweringContext): Kernel {
  const batchNorm = batchNormOf(context, operation.batchNorm);
  const geometry = geometryOf(tensorOf(context, operation.input));
  const groups = blockGroups(context.target, context.software, geometry, 1);
  const isTwoPass = operation.statistics === 'two-pass';
  const sums = allocatePartials(context, operation.name, isTwoPass ? 1 : 2, geometry, groups);
  const flops = operationFlops(operation, context.step);
  const normaliseFlops = FLOPS_PER_ELEMENT.normalise + (operation.relu ? FLOPS_PER_ELEMENT.relu : 0);
  const shares = flopsByGroup(flops, groups, [...statisticsFlops(operation.statistics), normaliseFlops]);
  const running = runningStatistics(context, batchNorm);
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: shapeOf(context, operation.input),
    flops,
    parameters: 'whole',
    reads: [operation.input, batchNorm.gamma, batchNorm.beta, ...running].map((name) =>
      rangeOf(context, name),
    ),
    writes: [operation.output, batchNorm.mean, batchNorm.variance, ...running].map((name) =>
      rangeOf(context, name),
    ),
    phases: groups.flatMap((group, index) => {
      const share = shares[index] as number[];
      return named(groups, index, [
        ...statisticsPhases(context, {
          batchNorm,
          input: operation.input,
          kind: operation.statistics,
          group,
          sums,
          flops: share,
        }),
        normalisePhase(context, operation, group, share[share.length - 1] as number),
      ]);
    }),
  };
}

/** Lowers sub-BN1 forward on its own. */
export function lowerBnStatistics(operation: BnStatistics, context: LoweringContext): Kernel {
  const batchNorm = batchNormOf(context, operation.batchNorm);
  const geometry = geometryOf(tensorOf(context, operation.input));
  const isTwoPass = operation.statistics === 'two-pass';
  const groups = isTwoPass
    ? blockGroups(context.target, context.software, geometry, 1)
    : blockGroups(context.target, { ...context.software, bnBlocking: 'streaming' }, geometry, 1);
  const sums = allocatePartials(context, operation.name, isTwoPass ? 1 : 2, geometry, groups);
  const flops = operationFlops(operation, context.step);
  const shares = flopsByGroup(flops, groups, statisticsFlops(operation.statistics));
  const running = runningStatistics(context, batchNorm);
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: shapeOf(context, operation.input),
    flops,
    parameters: 'whole',
    reads: [operation.input, ...running].map((name) => rangeOf(context, name)),
    writes: [batchNorm.mean, batchNorm.variance, ...running].map((name) => rangeOf(context, name)),
    phases: groups.flatMap((group, index) =>
      named(
        groups,
        index,
        statisticsPhases(context, {
          batchNorm,
          input: operation.input,
          kind: operation.statistics,
          group,
          sums,
          flops: shares[index] as number[],
        }),
      ),
    ),
  };
}

/** Lowers sub-BN2 forward on its own. One loop: grouping channels would change nothing. */
export function lowerBnNormalise(operation: BnNormalise, context: LoweringContext): Kernel {
  const batchNorm = batchNormOf(context, operation.batchNorm);
  const geometry = geometryOf(tensorOf(context, operation.input));
  const groups = blockGroups(context.target, { ...context.software, bnBlocking: 'streaming' }, geometry, 1);
  const flops = operationFlops(operation, context.step);
  const reads = [operation.input, batchNorm.mean, batchNorm.variance, batchNorm.gamma, batchNorm.beta];
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: shapeOf(context, operation.input),
    flops,
    parameters: 'whole',
    reads: reads.map((name) => rangeOf(context, name)),
    writes: [rangeOf(context, operation.output)],
    phases: groups.map((group) => normalisePhase(context, operation, group, flops)),
  };
}
