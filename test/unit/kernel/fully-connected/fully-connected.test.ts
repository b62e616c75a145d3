import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkKernel } from '../../../../src/kernel/check/shadow.js';
import { countAccesses, walkKernel } from '../../../../src/kernel/check/walk.js';
import { lowerFcBackwardData, lowerFcForward } from '../../../../src/kernel/fully-connected/data.js';
import { multiplyAddCost } from '../../../../src/kernel/fully-connected/matrix-cost.js';
import { lowerFcBackwardWeights } from '../../../../src/kernel/fully-connected/weights.js';
import type { Target } from '../../../../src/kernel/kernel.js';
import {
  feature,
  makeContext,
  makeStep,
  makeTarget,
  named,
  plain,
  wholeRange,
} from '../streaming/fixtures.js';

function layer(
  input: readonly number[],
  outputs: number,
  target: Target,
  layout: 'nChw16c' | 'nchw' = 'nChw16c',
) {
  const [images = 1, ...rest] = input;
  const inputs = rest.reduce((a, b) => a * b, 1);
  const step = makeStep([
    feature('x', input, { layout }),
    feature('dx', input),
    feature('y', [images, outputs, 1, 1], { layout: 'plain' }),
    feature('dy', [images, outputs, 1, 1], { layout: 'plain' }),
    plain('w', 'parameter', [outputs, inputs]),
    plain('b', 'parameter', [outputs]),
    plain('dw', 'parameter-gradient', [outputs, inputs]),
    plain('db', 'parameter-gradient', [outputs]),
  ]);
  const context = makeContext(step, target);
  return {
    context,
    forward: lowerFcForward(
      {
        ...named('fc', 'FC', 'forward'),
        kind: 'fc-forward',
        input: 'x',
        weights: 'w',
        bias: 'b',
        output: 'y',
      },
      context,
    ),
    data: lowerFcBackwardData(
      {
        ...named('fc.data', 'FC', 'backward'),
        kind: 'fc-backward-data',
        gradient: 'dy',
        weights: 'w',
        output: 'dx',
      },
      context,
    ),
    weights: lowerFcBackwardWeights(
      {
        ...named('fc.weights', 'FC', 'backward'),
        kind: 'fc-backward-weights',
        input: 'x',
        gradient: 'dy',
        output: 'dw',
        biasOutput: 'db',
      },
      context,
    ),
  };
}

describe('fully connected kernels', () => {
  it('touch what they must, once, at any size, thread count and share of the chip', () => {
    fc.assert(
      fc.property(
        fc.record({
          images: fc.integer({ min: 1, max: 5 }),
          channels: fc.integer({ min: 1, max: 70 }),
          side: fc.integer({ min: 1, max: 3 }),
          outputs: fc.integer({ min: 1, max: 100 }),
          threads: fc.integer({ min: 1, max: 9 }),
          slices: fc.constantFrom(1, 3),
          l2Bytes: fc.constantFrom(4096, 64 * 1024),
        }),
        ({ images, channels, side, outputs, threads, slices, l2Bytes }) => {
          const target = makeTarget({
            threads,
            totalThreads: threads * slices,
            totalBatch: images * slices,
            l2Bytes,
          });
          const { forward, data, weights } = layer([images, channels, side, side], outputs, target);
          for (const kernel of [forward, data, weights])
            expect(checkKernel(kernel, threads), kernel.name).toEqual([]);
        },
      ),
      { seed: 17, numRuns: 80 },
    );
  });

  it('take the unblocked input of a network, whose images share lines', () => {
    const { forward, weights } = layer([3, 1, 5, 5], 20, makeTarget({ threads: 2, totalBatch: 3 }), 'nchw');
    expect(checkKernel(forward, 2)).toEqual([]);
    expect(checkKernel(weights, 2)).toEqual([]);
  });

  it('read the weights once over all threads', () => {
    const target = makeTarget({ threads: 3, totalBatch: 4, l2Bytes: 16 * 1024 });
    const { context, forward, data } = layer([4, 256, 2, 2], 100, target);
    const lines = (100 * 1024) / 16;
    expect(countAccesses(walkKernel(forward, 3), wholeRange(context, 'w')).loads).toBe(lines);
    expect(countAccesses(walkKernel(data, 3), wholeRange(context, 'w')).loads).toBe(lines);
  });

  it('multiply the whole mini-batch for the own share of the outputs', () => {
    // 8 of 32 threads, 2 of 8 images, 64 blocks of outputs: two blocks per thread.
    const target = makeTarget({ threads: 8, totalThreads: 32, totalBatch: 8 });
    const { forward } = layer([2, 64, 1, 1], 1024, target);
    expect(forward.flops).toBe((2 * 8 * 64 * 1024 + 8 * 1024) / 4);
    expect(forward.parameters).toBe('share');
  });

  it('run at the FMA peak of a Skylake core with a full register tile', () => {
    // 3 x 8 multiply-adds per step: 12 cycles on two units; 11 loads on two ports and 36 micro-ops on four slots take less.
    const cost = multiplyAddCost(makeTarget(), 3);
    expect(cost.busyCycles).toBe(0.5);
    expect(cost.fmaCycles).toBe(0.5);
  });

  it('are bound by the load ports with a single block of outputs', () => {
    // 8 embedded broadcasts and a load for 8 multiply-adds: 4.5 cycles on two load ports against 4 on the vector units.
    expect(multiplyAddCost(makeTarget(), 1).busyCycles).toBeCloseTo(4.5 / 8, 10);
  });
});
