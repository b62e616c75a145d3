import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkKernel } from '../../../../src/kernel/check/shadow.js';
import { countAccesses, walkKernel } from '../../../../src/kernel/check/walk.js';
import { rangeOf } from '../../../../src/kernel/context.js';
import type { GridShape } from '../../../../src/kernel/convolution/thread-grid.js';
import { balanceGrid, placeOf } from '../../../../src/kernel/convolution/thread-grid.js';
import type { Fusion, Shape } from './cases.js';
import {
  DIRECTIONS,
  KNIGHTS_LANDING,
  lowerCase,
  makeContext,
  outSize,
  SKYLAKE,
  SOFTWARE,
  TEACHING,
} from './cases.js';

const SEED = 20180704;

describe('any convolution on any number of threads', () => {
  it('keeps the rules of a kernel', () => {
    const channels = fc.integer({ min: 1, max: 5 }).map((blocks) => blocks * 16 - (blocks === 3 ? 4 : 0));
    const shapes = fc
      .record({
        images: fc.integer({ min: 1, max: 3 }),
        inChannels: channels,
        outChannels: channels,
        height: fc.integer({ min: 1, max: 17 }),
        width: fc.integer({ min: 1, max: 17 }),
        kernel: fc.constantFrom(1, 1, 2, 3, 5, 7),
        stride: fc.integer({ min: 1, max: 3 }),
        pad: fc.integer({ min: 0, max: 2 }),
        bias: fc.boolean(),
      })
      .filter(
        (shape: Shape) =>
          shape.pad < shape.kernel && outSize(shape.height, shape) > 0 && outSize(shape.width, shape) > 0,
      );
    const normalise = { batchNorm: 'in.bn', relu: true };
    const through = {
      kind: 'through-batch-norm',
      batchNorm: 'out.bn',
      gradient: 'out.dy',
      input: 'out',
    } as const;
    const fusions = fc.constantFrom<Fusion>(
      {},
      { load: { ...normalise, storeTo: null }, gradient: { ...through, storeTo: null } },
      { load: { ...normalise, storeTo: 'in.z' }, gradient: { ...through, storeTo: 'out.gradient' } },
      { store: { tensor: 'in', batchNorm: 'in.bn', relu: true, accumulate: 'in.bn' } },
    );
    fc.assert(
      fc.property(
        shapes,
        fusions,
        fc.constantFrom(...DIRECTIONS),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(SKYLAKE, KNIGHTS_LANDING, TEACHING),
        fc.constantFrom(1 << 13, 1 << 16, 1 << 20),
        fc.boolean(),
        (shape, fusion, direction, threads, core, l2Bytes, softwarePrefetch) => {
          const target = { ...core, threads, totalThreads: threads, l2Bytes };
          const context = makeContext(shape, target, { ...SOFTWARE, softwarePrefetch });
          expect(
            checkKernel(lowerCase(shape, direction, context, fusion), threads, { accumulates: true }),
          ).toEqual([]);
        },
      ),
      { seed: SEED, numRuns: 150 },
    );
  });
});

describe('the grid of backward-weights', () => {
  const shapes = fc.record<GridShape>({
    units: fc.integer({ min: 1, max: 40 }),
    images: fc.constant(1),
    groups: fc.integer({ min: 1, max: 3 }),
    outBlocks: fc.integer({ min: 1, max: 12 }),
    inBlocks: fc.integer({ min: 1, max: 12 }),
    inElements: fc.integer({ min: 16, max: 50000 }),
    outElements: fc.integer({ min: 16, max: 50000 }),
    weightElements: fc.constantFrom(256, 2304, 12544),
    weightFactor: fc.constantFrom(8, 12),
  });

  it('covers every unit, group and pair of blocks once, whatever the number of threads', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 64 }), (drawn, threads) => {
        const shape = { ...drawn, images: drawn.units };
        const grid = balanceGrid(shape, threads);
        expect(grid.batch * grid.groups * grid.outBlocks * grid.inBlocks).toBeLessThanOrEqual(threads);
        const seen = new Map<string, number>();
        let volume = 0;
        for (let thread = 0; thread < threads; thread++) {
          const place = placeOf(grid, shape, thread);
          if (place === null) continue;
          const { units, groups, outBlocks, inBlocks } = place;
          volume +=
            (units[1] - units[0]) *
            (groups[1] - groups[0]) *
            (outBlocks[1] - outBlocks[0]) *
            (inBlocks[1] - inBlocks[0]);
          const corner = [units[0], groups[0], outBlocks[0], inBlocks[0]].join();
          expect(seen.has(corner)).toBe(false);
          seen.set(corner, thread);
        }
        expect(volume).toBe(shape.units * shape.groups * shape.outBlocks * shape.inBlocks);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('cuts the mini-batch of large planes and the blocks of large weights', () => {
    const common = { groups: 1, weightFactor: 8, images: 40, units: 40 };
    const early = {
      ...common,
      outBlocks: 2,
      inBlocks: 8,
      inElements: 16 * 56 * 56,
      outElements: 16 * 56 * 56,
    };
    expect(balanceGrid({ ...early, weightElements: 9 * 256 }, 40)).toMatchObject({ batch: 40 });
    const late = { ...common, outBlocks: 32, inBlocks: 32, inElements: 16 * 49, outElements: 16 * 49 };
    expect(balanceGrid({ ...late, weightElements: 9 * 256 }, 40).batch).toBeLessThan(20);
  });
});

const plane: Shape = {
  images: 4,
  inChannels: 32,
  outChannels: 32,
  height: 28,
  width: 28,
  kernel: 3,
  stride: 1,
  pad: 1,
};

describe('threads', () => {
  it('own contiguous images where the images divide among them', () => {
    const threads = 4;
    const context = makeContext(plane, { ...SKYLAKE, threads, totalThreads: threads });
    const walk = walkKernel(lowerCase(plane, 'forward', context), threads);
    const base = context.baseOf('in');
    const imageLines = context.linesOf('in') / plane.images;
    walk.phases[0]?.threads.forEach((uses, thread) => {
      const images = new Set<number>();
      for (const line of uses.keys()) {
        if (line >= base && line < base + context.linesOf('in'))
          images.add(Math.floor((line - base) / imageLines));
      }
      expect([...images]).toEqual([thread]);
    });
  });

  it('split an image by rows where there are more threads than images', () => {
    const single = { ...plane, images: 1 };
    const threads = 7;
    const context = makeContext(single, { ...SKYLAKE, threads, totalThreads: threads });
    const walk = walkKernel(lowerCase(single, 'forward', context), threads);
    for (const cycles of walk.phases[0]?.busyCycles ?? []) expect(cycles).toBeGreaterThan(0);
  });
});

describe('large planes', () => {
  it('are cut into tiles of bounded size without touching anything twice', () => {
    const large = { ...plane, images: 1, height: 90, width: 200 };
    for (const direction of DIRECTIONS) {
      const context = makeContext(large, SKYLAKE);
      const kernel = lowerCase(large, direction, context);
      expect(checkKernel(kernel, 1, { accumulates: true })).toEqual([]);
      const walk = walkKernel(kernel, 1);
      expect(walk.largestTile).toBeLessThan(1e5);
      if (direction === 'forward') {
        // Two sweeps over the output: the first stores, the second loads and stores; the input is met once.
        const output = context.linesOf('out');
        expect(countAccesses(walk, rangeOf(context, 'out'))).toMatchObject({
          loads: output,
          stores: 2 * output,
        });
        expect(countAccesses(walk, rangeOf(context, 'in')).loads).toBe(context.linesOf('in'));
      }
    }
  });
});

describe('stores of the 1x1 kernel', () => {
  const wide: Shape = { ...plane, kernel: 1, pad: 0 };
  const stores = (shape: Shape, totalBatch = 120, nonTemporalStores = true) => {
    const context = makeContext(shape, { ...SKYLAKE, totalBatch }, { ...SOFTWARE, nonTemporalStores });
    const walk = walkKernel(lowerCase(shape, 'forward', context), 1);
    const { stores: all, nonTemporalStores: streamed } = countAccesses(walk, rangeOf(context, 'out'));
    return { all: all / context.linesOf('out'), streamed: streamed / context.linesOf('out') };
  };

  it('bypass the caches on planes of 28 rows and more', () => {
    expect(stores(wide)).toEqual({ all: 1, streamed: 1 });
  });

  it.each([
    ['smaller planes', { ...wide, height: 14, width: 14 }, 120, true],
    ['a batch of one', wide, 1, true],
    ['the option off', wide, 120, false],
  ] as const)('are ordinary for %s', (_name, shape, totalBatch, option) => {
    expect(stores(shape, totalBatch, option)).toEqual({ all: 1, streamed: 0 });
  });

  it('are ordinary where the reduction is cut, and then read the output again', () => {
    // 1024 channels in 64 blocks, 8 at a time.
    expect(stores({ ...wide, images: 1, inChannels: 1024 })).toEqual({ all: 8, streamed: 0 });
  });

  it('are ordinary in the direct kernel', () => {
    expect(stores(plane).streamed).toBe(0);
  });
});

describe('a slice of the chip', () => {
  it('reads as many partial weight gradients per thread as the whole chip, and updates its share', () => {
    const shape: Shape = { ...plane, inChannels: 64, outChannels: 64, height: 64, width: 64 };
    const perThread = (threads: number, images: number): { loads: number; stores: number } => {
      const scaled = { ...shape, images };
      const context = makeContext(scaled, { ...SKYLAKE, threads, totalThreads: 8, totalBatch: 8 });
      const reduce = walkKernel(lowerCase(scaled, 'backward-weights', context), threads).phases[1];
      let loads = 0;
      let stores = 0;
      for (const uses of reduce?.threads ?? []) {
        for (const use of uses.values()) {
          loads += use.loads;
          stores += use.stores;
        }
      }
      return { loads: loads / threads, stores: stores / threads };
    };
    const lines = (64 * 64 * 9) / 16;
    for (const threads of [8, 4, 2, 1]) {
      // Eight copies of an eighth of the lines; each line of the thread's share is updated once.
      expect(perThread(threads, threads)).toEqual({ loads: lines, stores: lines / 8 });
    }
  });
});
