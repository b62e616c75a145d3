import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkKernel } from '../../../../src/kernel/check/shadow.js';
import { countAccesses, walkKernel } from '../../../../src/kernel/check/walk.js';
import {
  lowerDropoutBackward,
  lowerDropoutForward,
  lowerReluBackward,
  lowerReluForward,
  lowerSumBackward,
} from '../../../../src/kernel/streaming/elementwise.js';
import { lowerSplitBackward, lowerSumForward } from '../../../../src/kernel/streaming/sum.js';
import { lowerUpdate } from '../../../../src/kernel/streaming/update.js';
import type { GradientSource, SplitBackward } from '../../../../src/training/step.js';
import {
  batchNorm,
  feature,
  makeContext,
  makeStep,
  makeTarget,
  named,
  plain,
  wholeRange,
} from './fixtures.js';

const drawShape = fc.tuple(
  fc.integer({ min: 1, max: 5 }),
  fc.integer({ min: 1, max: 70 }),
  fc.integer({ min: 1, max: 9 }),
  fc.integer({ min: 1, max: 9 }),
);
const drawThreads = fc.integer({ min: 1, max: 12 });
const stored = (tensor: string): GradientSource => ({ kind: 'stored', tensor });

function contextOf(shape: readonly number[], threads: number) {
  const { norm, tensors } = batchNorm('bn', shape[1] as number, 1);
  const maps = ['x', 'y', 'dx', 'dy', 'dx2', 'dz'].map((name) => feature(name, shape));
  const step = makeStep(
    [
      ...maps,
      feature('in-place', shape, { storage: 'x' }),
      feature('mask', shape, { role: 'mask' }),
      feature('small', [1, 1, 1, 1]),
      ...tensors,
    ],
    [norm],
  );
  return makeContext(step, makeTarget({ threads }));
}

describe('element-wise kernels', () => {
  const reluForward = {
    ...named('relu', 'ReLU', 'forward'),
    kind: 'relu-forward',
    input: 'x',
    output: 'y',
  } as const;
  const reluBackward = {
    ...named('relu.backward', 'ReLU', 'backward'),
    kind: 'relu-backward',
    value: 'y',
    gradient: 'dy',
    output: 'dx',
  } as const;
  const dropoutForward = {
    ...named('dropout', 'Dropout', 'forward'),
    kind: 'dropout-forward',
    ratio: 0.5,
    input: 'x',
    output: 'y',
    mask: 'mask',
  } as const;
  const dropoutBackward = {
    ...named('dropout.backward', 'Dropout', 'backward'),
    kind: 'dropout-backward',
    ratio: 0.5,
    gradient: 'dy',
    mask: 'mask',
    output: 'dx',
  } as const;
  const sumBackward = {
    ...named('sum.backward', 'Sum', 'backward'),
    kind: 'sum-backward',
    gradient: 'dy',
    outputs: ['dx', 'dx2'],
  } as const;

  it('touch what they must, once, at any size and thread count', () => {
    fc.assert(
      fc.property(drawShape, drawThreads, (shape, threads) => {
        const context = contextOf(shape, threads);
        const kernels = [
          lowerReluForward(reluForward, context),
          lowerReluForward({ ...reluForward, output: 'in-place' }, context),
          lowerReluBackward(reluBackward, context),
          lowerReluBackward({ ...reluBackward, output: 'dy' }, context),
          lowerDropoutForward(dropoutForward, context),
          lowerDropoutBackward(dropoutBackward, context),
          lowerSumBackward(sumBackward, context),
        ];
        for (const kernel of kernels) expect(checkKernel(kernel, threads), kernel.name).toEqual([]);
      }),
      { seed: 12, numRuns: 40 },
    );
  });

  it('give a thread one contiguous stretch of images', () => {
    const context = contextOf([4, 32, 8, 8], 2);
    const { threads } = walkKernel(lowerReluForward(reluForward, context), 2).phases[0] as {
      threads: ReadonlyMap<number, unknown>[];
    };
    const base = context.baseOf('x');
    const own = [...(threads[1] as ReadonlyMap<number, unknown>).keys()].filter(
      (line) => line < base + context.linesOf('x'),
    );
    expect(Math.min(...own)).toBe(base + 2 * 2 * 64);
    expect(own.length).toBe(2 * 2 * 64);
  });

  it('refuse tensors of different sizes', () => {
    const context = contextOf([4, 32, 8, 8], 2);
    expect(() => lowerReluForward({ ...reluForward, output: 'small' }, context)).toThrow(RangeError);
  });

  it('copy no gradient to an input that shares its storage', () => {
    const context = contextOf([4, 32, 8, 8], 2);
    expect(lowerSumBackward({ ...sumBackward, outputs: ['dy'] }, context).phases).toEqual([]);
  });
});

describe('sums of feature maps', () => {
  const split: SplitBackward = {
    ...named('split', 'Concat/Split', 'backward'),
    kind: 'split-backward',
    gradients: [stored('dy'), stored('dz')],
    output: 'dx',
  };
  const through: GradientSource = {
    kind: 'through-batch-norm',
    batchNorm: 'bn',
    gradient: 'dy',
    input: 'x',
    storeTo: null,
  };

  it('touch what they must, once, at any size and thread count', () => {
    fc.assert(
      fc.property(drawShape, drawThreads, ([images, channels, height, width], threads) => {
        // Maps of up to four sum blocks of 256 lines.
        const context = contextOf([images, channels, 2 * height, 2 * width], threads);
        const sum = {
          ...named('sum', 'Sum', 'forward'),
          kind: 'sum-forward',
          inputs: ['x', 'y'],
          output: 'dz',
        } as const;
        const kernels = [
          lowerSplitBackward(split, context),
          lowerSplitBackward({ ...split, gradients: [stored('dy'), stored('dz'), stored('y')] }, context),
          lowerSplitBackward({ ...split, gradients: [through, stored('dz')] }, context),
          lowerSplitBackward(
            { ...split, gradients: [stored('dz'), { ...through, storeTo: 'dx2' }] },
            context,
          ),
          lowerSumForward(sum, context),
        ];
        for (const kernel of kernels) expect(checkKernel(kernel, threads), kernel.name).toEqual([]);
      }),
      { seed: 13, numRuns: 40 },
    );
  });

  it('read each of two gradients once and write the sum once by ordinary stores', () => {
    const context = contextOf([4, 32, 16, 16], 3);
    const walk = walkKernel(lowerSplitBackward(split, context), 3);
    const lines = 4 * 2 * 256;
    expect(countAccesses(walk, wholeRange(context, 'dy'))).toEqual({
      loads: lines,
      stores: 0,
      nonTemporalStores: 0,
    });
    expect(countAccesses(walk, wholeRange(context, 'dz'))).toEqual({
      loads: lines,
      stores: 0,
      nonTemporalStores: 0,
    });
    expect(countAccesses(walk, wholeRange(context, 'dx'))).toEqual({
      loads: 0,
      stores: lines,
      nonTemporalStores: 0,
    });
  });

  it('take a gradient through a BN from dY and X without touching a stored dX', () => {
    const context = contextOf([4, 32, 16, 16], 2);
    const walk = walkKernel(lowerSplitBackward({ ...split, gradients: [through, stored('dz')] }, context), 2);
    const lines = 4 * 2 * 256;
    expect(countAccesses(walk, wholeRange(context, 'dy')).loads).toBe(lines);
    expect(countAccesses(walk, wholeRange(context, 'x')).loads).toBe(lines);
    expect(countAccesses(walk, wholeRange(context, 'dx2'))).toEqual({
      loads: 0,
      stores: 0,
      nonTemporalStores: 0,
    });
  });
});

describe('the weight update', () => {
  const update = {
    ...named('w.update', 'Update', 'update'),
    kind: 'update',
    parameter: 'w',
    gradient: 'dw',
    velocity: 'v',
  } as const;
  const contextFor = (elements: number, threads: number, totalThreads: number) =>
    makeContext(
      makeStep([
        plain('w', 'parameter', [elements]),
        plain('dw', 'parameter-gradient', [elements]),
        plain('v', 'optimiser-state', [elements]),
      ]),
      makeTarget({ threads, totalThreads }),
    );

  it('touches the own share, once, at any size and thread count', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20_000 }),
        drawThreads,
        fc.constantFrom(1, 2, 5),
        (elements, threads, slices) => {
          const context = contextFor(elements, threads, threads * slices);
          expect(checkKernel(lowerUpdate(update, context), threads)).toEqual([]);
        },
      ),
      { seed: 14, numRuns: 40 },
    );
  });

  it('does a quarter of the work on a quarter of the chip', () => {
    const kernel = lowerUpdate(update, contextFor(16 * 1000, 2, 8));
    expect(kernel.writes.map((range) => range.lines)).toEqual([250, 250]);
    // Six operations per element.
    expect(kernel.flops).toBe((6 * 16 * 1000) / 4);
  });
});
