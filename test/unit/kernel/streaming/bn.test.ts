import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { geometryOf } from '../../../../src/kernel/address-map.js';
import { checkKernel } from '../../../../src/kernel/check/shadow.js';
import { countAccesses, walkKernel } from '../../../../src/kernel/check/walk.js';
import type { SoftwareOptions, Target } from '../../../../src/kernel/kernel.js';
import {
  lowerBnBackward,
  lowerBnBackwardData,
  lowerBnBackwardReduce,
} from '../../../../src/kernel/streaming/bn-backward.js';
import {
  lowerBnForward,
  lowerBnNormalise,
  lowerBnStatistics,
} from '../../../../src/kernel/streaming/bn-forward.js';
import { blockGroups, boxOf } from '../../../../src/kernel/streaming/bn-grid.js';
import type { BnBackward, BnForward } from '../../../../src/training/step.js';
import {
  batchNorm,
  feature,
  makeContext,
  makeStep,
  makeTarget,
  named,
  SOFTWARE,
  wholeRange,
} from './fixtures.js';

const SHAPE = [4, 40, 5, 3] as const;

function bnContext(
  target: Target = makeTarget(),
  software: SoftwareOptions = SOFTWARE,
  shape: readonly number[] = SHAPE,
) {
  const [images = 1, channels = 1, height = 1, width = 1] = shape;
  const { norm, tensors } = batchNorm('bn', channels, images * height * width);
  const maps = ['x', 'y', 'dy', 'dx'].map((name) => feature(name, shape));
  return makeContext(makeStep([...maps, ...tensors], [norm]), target, software);
}

const forward: BnForward = {
  ...named('bn.forward', 'BN', 'forward'),
  kind: 'bn-forward',
  batchNorm: 'bn',
  statistics: 'two-pass',
  input: 'x',
  output: 'y',
  relu: false,
};
const backward: BnBackward = {
  ...named('bn.backward', 'BN', 'backward'),
  kind: 'bn-backward',
  batchNorm: 'bn',
  input: 'x',
  gradient: 'dy',
  output: 'dx',
  maskedBy: null,
};

describe('BN forward', () => {
  it('reads the input three times and writes the output once by non-temporal stores', () => {
    const context = bnContext();
    const walk = walkKernel(lowerBnForward(forward, context), 2);
    const lines = 4 * 3 * 15;
    expect(countAccesses(walk, wholeRange(context, 'x'))).toEqual({
      loads: 3 * lines,
      stores: 0,
      nonTemporalStores: 0,
    });
    expect(countAccesses(walk, wholeRange(context, 'y'))).toEqual({
      loads: 0,
      stores: lines,
      nonTemporalStores: lines,
    });
  });

  it('reads the input twice when both statistics come from one pass', () => {
    const context = bnContext();
    const walk = walkKernel(lowerBnForward({ ...forward, statistics: 'single-pass' }, context), 2);
    expect(countAccesses(walk, wholeRange(context, 'x')).loads).toBe(2 * 4 * 3 * 15);
  });

  it('stores the ordinary way when non-temporal stores are off', () => {
    const context = bnContext(makeTarget(), { ...SOFTWARE, nonTemporalStores: false });
    const walk = walkKernel(lowerBnForward(forward, context), 2);
    expect(countAccesses(walk, wholeRange(context, 'y')).nonTemporalStores).toBe(0);
    expect(countAccesses(walk, wholeRange(context, 'y')).stores).toBe(4 * 3 * 15);
  });

  it('ends each loop over the input in a barrier before its sums are used', () => {
    const names = lowerBnForward(forward, bnContext()).phases.map((phase) => phase.name);
    expect(names).toEqual(['mean', 'reduce-mean', 'variance', 'reduce-variance', 'normalise']);
  });

  it('bounds the mean loop by the latency of four accumulators', () => {
    // 4 cycles of latency over 4 accumulators: a cycle per line; then a store of the sums per block on the one store port.
    const walk = walkKernel(lowerBnForward(forward, bnContext(makeTarget({ threads: 1 }))), 1);
    expect(walk.phases[0]?.busyCycles[0]).toBe(4 * 3 * 15 + 3);
  });
});

describe('BN backward', () => {
  it('reads X and dY twice and writes dX once', () => {
    const context = bnContext();
    const walk = walkKernel(lowerBnBackward(backward, context), 2);
    const lines = 4 * 3 * 15;
    expect(countAccesses(walk, wholeRange(context, 'x')).loads).toBe(2 * lines);
    expect(countAccesses(walk, wholeRange(context, 'dy')).loads).toBe(2 * lines);
    expect(countAccesses(walk, wholeRange(context, 'dx'))).toEqual({
      loads: 0,
      stores: lines,
      nonTemporalStores: lines,
    });
  });

  it('reads Y beside dY in both loops when it masks by a fused ReLU', () => {
    const context = bnContext();
    const walk = walkKernel(lowerBnBackward({ ...backward, maskedBy: 'y' }, context), 2);
    expect(countAccesses(walk, wholeRange(context, 'y')).loads).toBe(2 * 4 * 3 * 15);
  });

  it('is bound by the latency of its single accumulators in the first loop', () => {
    const walk = walkKernel(lowerBnBackward(backward, bnContext(makeTarget({ threads: 1 }))), 1);
    // One chain of fused multiply-adds, 4 cycles each, over every line; the epilogue's few stores come on top.
    const busy = walk.phases[0]?.busyCycles[0] as number;
    expect(busy).toBeGreaterThanOrEqual(4 * 4 * 3 * 15);
    expect(busy).toBeLessThan(4 * 4 * 3 * 15 + 20);
  });
});

describe('every BN kernel', () => {
  const halves = {
    statistics: { ...named('s', 'BN', 'forward'), kind: 'bn-statistics', batchNorm: 'bn', input: 'x' },
    normalise: {
      ...named('n', 'BN', 'forward'),
      kind: 'bn-normalise',
      batchNorm: 'bn',
      input: 'x',
      output: 'y',
      relu: true,
    },
    reduce: {
      ...named('r', 'BN', 'backward'),
      kind: 'bn-backward-reduce',
      batchNorm: 'bn',
      input: 'x',
      gradient: 'dy',
    },
    data: {
      ...named('d', 'BN', 'backward'),
      kind: 'bn-backward-data',
      batchNorm: 'bn',
      input: 'x',
      gradient: 'dy',
      output: 'dx',
    },
  } as const;

  it('touches what it must, once, at any size, thread count and blocking', () => {
    fc.assert(
      fc.property(
        fc.record({
          images: fc.integer({ min: 1, max: 5 }),
          channels: fc.integer({ min: 1, max: 100 }),
          height: fc.integer({ min: 1, max: 5 }),
          width: fc.integer({ min: 1, max: 5 }),
          threads: fc.integer({ min: 1, max: 12 }),
          slices: fc.constantFrom(1, 4),
          bnBlocking: fc.constantFrom('streaming' as const, 'cached' as const),
          llcBytesPerThread: fc.constantFrom(0, 1024, 64 * 1024),
          statistics: fc.constantFrom('two-pass' as const, 'single-pass' as const),
        }),
        (draw) => {
          const { threads } = draw;
          const target = makeTarget({
            threads,
            totalThreads: threads * draw.slices,
            totalBatch: draw.images * draw.slices,
            llcBytesPerThread: draw.llcBytesPerThread,
          });
          const shape = [draw.images, draw.channels, draw.height, draw.width];
          const context = bnContext(target, { ...SOFTWARE, bnBlocking: draw.bnBlocking }, shape);
          const { statistics } = draw;
          const kernels = [
            lowerBnForward({ ...forward, statistics }, context),
            lowerBnForward({ ...forward, statistics, relu: true }, context),
            lowerBnBackward(backward, context),
            lowerBnBackward({ ...backward, maskedBy: 'y' }, context),
            lowerBnStatistics({ ...halves.statistics, statistics }, context),
            lowerBnNormalise(halves.normalise, context),
            lowerBnBackwardReduce(halves.reduce, context),
            lowerBnBackwardData(halves.data, context),
          ];
          for (const kernel of kernels) expect(checkKernel(kernel, threads), kernel.name).toEqual([]);
        },
      ),
      { seed: 11, numRuns: 60 },
    );
  });
});

describe("the driver's thread grid", () => {
  const grid = (overrides: Partial<Target>, shape: readonly number[]) => {
    const target = makeTarget(overrides);
    return blockGroups(target, SOFTWARE, geometryOf(feature('x', shape)), 1)[0]?.grid;
  };

  it('shares out channels alone where there are at least as many blocks as threads', () => {
    expect(grid({ threads: 4 }, [12, 64, 7, 7])).toEqual({ blockThreads: 4, imageThreads: 1 });
  });

  it('shares out channels by the greatest common divisor and images by the rest otherwise', () => {
    expect(grid({ threads: 40 }, [120, 6 * 16, 7, 7])).toEqual({ blockThreads: 2, imageThreads: 20 });
  });

  it('leaves threads idle where images run out', () => {
    expect(grid({ threads: 40 }, [3, 16, 7, 7])).toEqual({ blockThreads: 1, imageThreads: 3 });
  });

  it('divides a slice of a chip evenly even where channels do not', () => {
    // 5 blocks on 4 threads by channels would leave one thread with two; the slice goes by its 12 images.
    expect(grid({ threads: 4, totalThreads: 40, totalBatch: 120 }, [12, 80, 7, 7])).toEqual({
      blockThreads: 1,
      imageThreads: 4,
    });
  });
});

describe('cached blocking', () => {
  it('groups as many channel blocks as fit half the LLC, half as many backward', () => {
    // Capacity 4 threads x 1 MiB / 2 = 2 MiB; a block of 8 images x 32 x 32 lines of 64 bytes is 512 KiB.
    const target = makeTarget({ threads: 4, totalBatch: 8, llcBytesPerThread: 1024 * 1024 });
    const geometry = geometryOf(feature('x', [8, 160, 32, 32]));
    const cached = { ...SOFTWARE, bnBlocking: 'cached' as const };
    expect(blockGroups(target, cached, geometry, 1).map((group) => group.blocks)).toEqual([4, 4, 2]);
    expect(blockGroups(target, cached, geometry, 2).map((group) => group.blocks)).toEqual([2, 2, 2, 2, 2]);
  });

  it('streams tensors of less than half the capacity', () => {
    const target = makeTarget({ threads: 4, totalBatch: 8, llcBytesPerThread: 1024 * 1024 });
    const geometry = geometryOf(feature('x', [8, 16, 16, 16]));
    expect(blockGroups(target, { ...SOFTWARE, bnBlocking: 'cached' }, geometry, 1)).toHaveLength(1);
  });

  it('runs all loops over one group before the next', () => {
    const target = makeTarget({ threads: 2, llcBytesPerThread: 4096 });
    const phases = lowerBnForward(forward, bnContext(target, { ...SOFTWARE, bnBlocking: 'cached' })).phases;
    expect(phases.map((phase) => phase.name.split(' ')[0]).slice(0, 6)).toEqual([
      'mean',
      'reduce-mean',
      'variance',
      'reduce-variance',
      'normalise',
      'mean',
    ]);
  });

  it('gives every plane to exactly one thread', () => {
    const target = makeTarget({ threads: 7, totalBatch: 5, llcBytesPerThread: 2048 });
    const geometry = geometryOf(feature('x', [5, 90, 3, 3]));
    const seen = new Map<string, number>();
    for (const group of blockGroups(target, { ...SOFTWARE, bnBlocking: 'cached' }, geometry, 2)) {
      for (let thread = 0; thread < 7; thread++) {
        const box = boxOf(group, 5, thread);
        if (box === null) continue;
        for (let block = box.blockFrom; block < box.blockTo; block++) {
          for (let image = box.imageFrom; image < box.imageTo; image++) {
            seen.set(`${block},${image}`, (seen.get(`${block},${image}`) ?? 0) + 1);
          }
        }
      }
    }
    expect(seen.size).toBe(5 * geometry.blocks);
    expect([...seen.values()].every((times) => times === 1)).toBe(true);
  });
});
