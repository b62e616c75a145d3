import type { OperationResult, PointResult } from '../../../src/simulate/point.js';
import { TIME_CATEGORIES, type TimeCategory } from '../../../src/statistics/time-loss.js';

/** Cores of the machine of `pointOf`. */
export const CORES = 4;

export function losses(seconds: Partial<Record<TimeCategory, number>>): number[] {
  return TIME_CATEGORIES.map(({ key }) => seconds[key] ?? 0);
}

/** An operation whose core-seconds are all in one category. */
export function operationOf(
  name: string,
  seconds: number,
  category: TimeCategory,
  rest: Partial<OperationResult> = {},
): OperationResult {
  return {
    name,
    type: 'CONV',
    phase: 'forward',
    shape: '4x16x8x8',
    seconds,
    flops: 1e9,
    dramReadBytes: 2e6,
    dramWriteBytes: 1e6,
    lossSeconds: losses({ [category]: seconds * CORES }),
    ...rest,
  };
}

/** A point made of operations; what is a sum of theirs is summed here. */
export function pointOf(
  operations: readonly OperationResult[],
  rest: Partial<PointResult> = {},
): PointResult {
  const sum = (value: (operation: OperationResult) => number): number =>
    operations.reduce((total, operation) => total + value(operation), 0);
  const seconds = sum((operation) => operation.seconds);
  const forwardSeconds = sum((operation) => (operation.phase === 'forward' ? operation.seconds : 0));
  return {
    network: 'tiny',
    machine: 'chip',
    schedule: 'baseline',
    batch: 4,
    cycles: Math.round(seconds * 2e9),
    seconds,
    forwardSeconds,
    backwardSeconds: seconds - forwardSeconds,
    dramReadBytes: sum((operation) => operation.dramReadBytes),
    dramWriteBytes: sum((operation) => operation.dramWriteBytes),
    flops: sum((operation) => operation.flops),
    bandwidthShare: 0.5,
    flopsShare: 0.25,
    busShares: [0.5, 0.125, 0, 0.125, 0.0625, 0.1875],
    coreShares: [0.5, 0.25, 0, 0.125, 0.0625, 0, 0.0625],
    prefetch: {
      issued: 4_000_000,
      useful: 3_000_000,
      late: 1_500_000,
      useless: 900_000,
      dropped: 0,
      coverage: 0.6,
      accuracy: 0.75,
      lateness: 0.5,
    },
    error: 0.0123,
    sampling: {
      cores: 2,
      totalCores: CORES,
      images: 2,
      channels: 1,
      pilots: 6,
      pilotCores: 4,
      coefficient: 0.02,
    },
    interconnect: null,
    operations,
    ...rest,
  };
}

/** A baseline of 100 + 300 ms, and a schedule of 80 + 240 ms: gains of 25 % each way. */
export function twoSchedules(): [PointResult, PointResult] {
  const step = (scale: number): OperationResult[] => [
    operationOf('a.forward', 0.1 * scale, 'compute'),
    operationOf('a.backward', 0.3 * scale, 'dramBandwidth', { phase: 'backward' }),
  ];
  return [pointOf(step(1)), pointOf(step(0.8), { schedule: 'bnff' })];
}
