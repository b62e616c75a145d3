import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkKernel } from '../../../../src/kernel/check/shadow.js';
import { countAccesses, walkKernel } from '../../../../src/kernel/check/walk.js';
import { lowerConcatBackward, lowerConcatForward } from '../../../../src/kernel/streaming/concat.js';
import type { ConcatBackward, ConcatForward, GradientSource } from '../../../../src/training/step.js';
import { batchNorm, feature, makeContext, makeStep, makeTarget, named, wholeRange } from './fixtures.js';

function concatContext(images: number, parts: readonly number[], side: number, threads: number) {
  const channels = parts.reduce((a, b) => a + b, 0);
  const { norm, tensors } = batchNorm('bn', channels, images * side * side);
  const maps = parts.flatMap((part, i) => [
    feature(`in${i}`, [images, part, side, side]),
    feature(`din${i}`, [images, part, side, side]),
  ]);
  const joined = ['out', 'dout', 'dx'].map((name) => feature(name, [images, channels, side, side]));
  return makeContext(makeStep([...maps, ...joined, ...tensors], [norm]), makeTarget({ threads }));
}

function operations(parts: readonly number[]) {
  const forward: ConcatForward = {
    ...named('concat', 'Concat/Split', 'forward'),
    kind: 'concat-forward',
    inputs: parts.map((_, i) => `in${i}`),
    output: 'out',
    statistics: [],
  };
  const backward: ConcatBackward = {
    ...named('concat.backward', 'Concat/Split', 'backward'),
    kind: 'concat-backward',
    gradient: { kind: 'stored', tensor: 'dout' },
    outputs: parts.map((_, i) => `din${i}`),
  };
  return { forward, backward };
}

const through: GradientSource = {
  kind: 'through-batch-norm',
  batchNorm: 'bn',
  gradient: 'dout',
  input: 'out',
  storeTo: null,
};

describe('Concat', () => {
  it('touches what it must, once, at any split of channels and thread count', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.oneof(
          fc.array(fc.constantFrom(16, 32, 48), { minLength: 1, maxLength: 4 }),
          fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 7 }),
        ),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 11 }),
        (images, parts, side, threads) => {
          const context = concatContext(images, parts, side, threads);
          const { forward, backward } = operations(parts);
          const channels = parts.reduce((a, b) => a + b, 0);
          const last = parts[parts.length - 1] as number;
          const kernels = [
            lowerConcatForward(forward, context),
            lowerConcatForward(
              { ...forward, statistics: [{ batchNorm: 'bn', channelOffset: 0, channels }] },
              context,
            ),
            lowerConcatForward(
              {
                ...forward,
                statistics: [{ batchNorm: 'bn', channelOffset: channels - last, channels: last }],
              },
              context,
            ),
            lowerConcatBackward(backward, context),
            lowerConcatBackward({ ...backward, gradient: through }, context),
            lowerConcatBackward({ ...backward, gradient: { ...through, storeTo: 'dx' } }, context),
          ];
          for (const kernel of kernels) expect(checkKernel(kernel, threads), kernel.name).toEqual([]);
        },
      ),
      { seed: 15, numRuns: 60 },
    );
  });

  it('copies whole channel blocks with ordinary stores, one read and one write per line', () => {
    const context = concatContext(4, [64, 32], 7, 3);
    const walk = walkKernel(lowerConcatForward(operations([64, 32]).forward, context), 3);
    expect(countAccesses(walk, wholeRange(context, 'in0')).loads).toBe(4 * 4 * 49);
    expect(countAccesses(walk, wholeRange(context, 'out'))).toEqual({
      loads: 0,
      stores: 4 * 6 * 49,
      nonTemporalStores: 0,
    });
  });

  it('shares out (image, input) pairs, images outermost', () => {
    const context = concatContext(4, [64, 32], 7, 2);
    const walk = walkKernel(lowerConcatForward(operations([64, 32]).forward, context), 2);
    const base = context.baseOf('out');
    const own = [...(walk.phases[0]?.threads[1]?.entries() ?? [])]
      .filter(([, use]) => use.stores > 0)
      .map(([line]) => line);
    expect(Math.min(...own)).toBe(base + 2 * 6 * 49);
  });

  it('reads nothing again for the sums that ride on the copy', () => {
    const parts = [64, 32];
    const context = concatContext(4, parts, 7, 2);
    const statistics = [{ batchNorm: 'bn', channelOffset: 0, channels: 96 }];
    const walk = walkKernel(lowerConcatForward({ ...operations(parts).forward, statistics }, context), 2);
    expect(countAccesses(walk, wholeRange(context, 'in1')).loads).toBe(4 * 2 * 49);
    expect(countAccesses(walk, wholeRange(context, 'out')).loads).toBe(0);
    expect(walk.phases.map((phase) => phase.name)).toEqual(['copy', 'reduce-statistics']);
  });

  it('copies every slice out in a loop of its own', () => {
    const parts = [16, 48];
    const context = concatContext(3, parts, 5, 2);
    const kernel = lowerConcatBackward(operations(parts).backward, context);
    expect(kernel.phases.map((phase) => phase.name)).toEqual(['copy to din0', 'copy to din1']);
    const walk = walkKernel(kernel, 2);
    expect(countAccesses(walk, wholeRange(context, 'dout')).loads).toBe(3 * 4 * 25);
  });

  it('refuses slices that do not add up', () => {
    const context = concatContext(2, [16, 32], 3, 2);
    expect(() => lowerConcatForward({ ...operations([16, 32]).forward, inputs: ['in0'] }, context)).toThrow(
      /48/,
    );
  });
});
