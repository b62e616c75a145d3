import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkKernel } from '../../../../src/kernel/check/shadow.js';
import { countAccesses, walkKernel } from '../../../../src/kernel/check/walk.js';
import { lowerLrnBackward, lowerLrnForward } from '../../../../src/kernel/streaming/lrn.js';
import { lowerPoolBackward, lowerPoolForward } from '../../../../src/kernel/streaming/pooling.js';
import {
  lowerSoftmaxLossBackward,
  lowerSoftmaxLossForward,
} from '../../../../src/kernel/streaming/softmax-loss.js';
import type { PoolBackward, PoolForward, Window2d } from '../../../../src/training/step.js';
import { feature, makeContext, makeStep, makeTarget, named, plain, wholeRange } from './fixtures.js';

function pooling(
  shape: readonly [number, number, number, number],
  window: Window2d,
  out: readonly [number, number],
  threads: number,
) {
  const [images, channels, height, width] = shape;
  const small = [images, channels, ...out];
  const step = makeStep([
    feature('x', [images, channels, height, width]),
    feature('dx', [images, channels, height, width]),
    feature('y', small),
    feature('dy', small),
    feature('mask', small, { role: 'mask', elementBytes: 1 }),
  ]);
  const base = { window, mode: 'max' as const, mask: 'mask' };
  const forward: PoolForward = {
    ...named('pool', 'Pooling', 'forward'),
    kind: 'pool-forward',
    ...base,
    input: 'x',
    output: 'y',
  };
  const backward: PoolBackward = {
    ...named('pool.backward', 'Pooling', 'backward'),
    kind: 'pool-backward',
    ...base,
    gradient: 'dy',
    output: 'dx',
  };
  return { context: makeContext(step, makeTarget({ threads })), forward, backward };
}

const square = (kernel: number, stride: number, pad: number): Window2d => ({
  kernelHeight: kernel,
  kernelWidth: kernel,
  strideHeight: stride,
  strideWidth: stride,
  padTop: pad,
  padLeft: pad,
});

describe('pooling', () => {
  it('touches what it must, once, at any window, size and thread count', () => {
    fc.assert(
      fc.property(
        fc.record({
          images: fc.integer({ min: 1, max: 3 }),
          channels: fc.integer({ min: 1, max: 40 }),
          height: fc.integer({ min: 3, max: 17 }),
          width: fc.integer({ min: 3, max: 17 }),
          kernel: fc.integer({ min: 1, max: 3 }),
          stride: fc.integer({ min: 1, max: 4 }),
          pad: fc.integer({ min: 0, max: 1 }),
          ceil: fc.boolean(),
          threads: fc.integer({ min: 1, max: 11 }),
        }),
        (draw) => {
          const pad = Math.min(draw.pad, draw.kernel - 1);
          const out = (extent: number) => {
            const steps = (extent + 2 * pad - draw.kernel) / draw.stride;
            const count = (draw.ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
            // Caffe drops a window that would begin in the far padding.
            return (count - 1) * draw.stride >= extent + pad ? count - 1 : count;
          };
          const { context, forward, backward } = pooling(
            [draw.images, draw.channels, draw.height, draw.width],
            square(draw.kernel, draw.stride, pad),
            [out(draw.height), out(draw.width)],
            draw.threads,
          );
          const kernels = [
            lowerPoolForward(forward, context),
            lowerPoolForward({ ...forward, mode: 'average', mask: null }, context),
            lowerPoolBackward(backward, context),
            lowerPoolBackward({ ...backward, mode: 'average', mask: null }, context),
          ];
          for (const kernel of kernels) expect(checkKernel(kernel, draw.threads), kernel.name).toEqual([]);
        },
      ),
      { seed: 16, numRuns: 80 },
    );
  });

  it('reads rows that windows share once, except where two threads meet', () => {
    const { context, forward } = pooling([2, 32, 28, 28], square(3, 2, 1), [14, 14], 1);
    const walk = walkKernel(lowerPoolForward(forward, context), 1);
    expect(countAccesses(walk, wholeRange(context, 'x')).loads).toBe(2 * 2 * 28 * 28);
  });

  it('keeps one byte per element for the maximum, four pixels to a line', () => {
    const { context, forward } = pooling([2, 32, 28, 28], square(3, 2, 1), [14, 14], 2);
    const walk = walkKernel(lowerPoolForward(forward, context), 2);
    expect(countAccesses(walk, wholeRange(context, 'mask')).stores).toBe((2 * 2 * 14 * 14) / 4);
  });

  it('pools a whole plane to one pixel', () => {
    const { context, forward } = pooling([2, 64, 7, 7], square(7, 1, 0), [1, 1], 3);
    const kernel = lowerPoolForward({ ...forward, mode: 'average', mask: null }, context);
    expect(checkKernel(kernel, 3)).toEqual([]);
    expect(countAccesses(walkKernel(kernel, 3), wholeRange(context, 'x')).loads).toBe(2 * 4 * 49);
  });
});

describe('LRN', () => {
  const shape = [3, 40, 5, 14] as const;
  const contextFor = (threads: number) =>
    makeContext(
      makeStep(['x', 'y', 'scale', 'dy', 'dx'].map((name) => feature(name, shape))),
      makeTarget({ threads }),
    );
  const base = { localSize: 5, alpha: 1e-4, beta: 0.75, input: 'x', scale: 'scale' };
  const forward = { ...named('lrn', 'LRN', 'forward'), kind: 'lrn-forward', ...base, output: 'y' } as const;
  const backward = {
    ...named('lrn.backward', 'LRN', 'backward'),
    kind: 'lrn-backward',
    ...base,
    value: 'y',
    gradient: 'dy',
    output: 'dx',
  } as const;

  it('touches what it must, once, for any thread count and window', () => {
    for (const threads of [1, 2, 5, 20]) {
      for (const localSize of [1, 5, 40]) {
        const context = contextFor(threads);
        expect(checkKernel(lowerLrnForward({ ...forward, localSize }, context), threads)).toEqual([]);
        expect(checkKernel(lowerLrnBackward({ ...backward, localSize }, context), threads)).toEqual([]);
      }
    }
  });

  it('reads the neighbouring channel blocks beside the own one', () => {
    const context = contextFor(2);
    const walk = walkKernel(lowerLrnForward(forward, context), 2);
    // Three blocks: the outer two have one neighbour, the middle one has two, so 2 + 3 + 2 planes per image.
    expect(countAccesses(walk, wholeRange(context, 'x')).loads).toBe(3 * 7 * 70);
  });
});

describe('softmax and loss', () => {
  it('touch what they must, once, for plain and blocked scores and any thread count', () => {
    for (const layout of ['plain', 'nChw16c'] as const) {
      for (const threads of [1, 3, 8]) {
        const scores = ['x', 'p', 'dx'].map((name) => feature(name, [5, 1000, 1, 1], { layout }));
        const step = makeStep([...scores, plain('labels', 'label', [5]), plain('loss', 'statistics', [1])]);
        const context = makeContext(step, makeTarget({ threads }));
        const forward = lowerSoftmaxLossForward(
          {
            ...named('loss', 'Loss', 'forward'),
            kind: 'softmax-loss-forward',
            input: 'x',
            labels: 'labels',
            probabilities: 'p',
            loss: 'loss',
          },
          context,
        );
        const backward = lowerSoftmaxLossBackward(
          {
            ...named('loss.backward', 'Loss', 'backward'),
            kind: 'softmax-loss-backward',
            probabilities: 'p',
            labels: 'labels',
            output: 'dx',
          },
          context,
        );
        expect(checkKernel(forward, threads)).toEqual([]);
        expect(checkKernel(backward, threads)).toEqual([]);
      }
    }
  });
});
