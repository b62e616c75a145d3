import { describe, expect, it } from 'vitest';
import { checkKernel } from '../../../../src/kernel/check/shadow.js';
import { countAccesses, walkKernel } from '../../../../src/kernel/check/walk.js';
import type { LoweringContext } from '../../../../src/kernel/context.js';
import { rangeOf } from '../../../../src/kernel/context.js';
import type { LoadTransform } from '../../../../src/training/step.js';
import type { Direction, Fusion, Shape } from './cases.js';
import { convFlops, lowerCase, makeContext, outSize, SHAPES, SKYLAKE } from './cases.js';

const normaliseAndClip: LoadTransform = { batchNorm: 'in.bn', relu: true, storeTo: null };
const throughBatchNorm = {
  kind: 'through-batch-norm',
  batchNorm: 'out.bn',
  gradient: 'out.dy',
  input: 'out',
  storeTo: null,
} as const;

const FORWARD: Record<string, Fusion> = {
  'normalise and clip on load': { load: normaliseAndClip },
  'clip on load': { load: { batchNorm: null, relu: true, storeTo: null } },
  'normalise on load, Z stored': { load: { ...normaliseAndClip, storeTo: 'in.z' } },
};
const BACKWARD_DATA: Record<string, Fusion> = {
  'mask from Y': { store: { tensor: 'in.y', batchNorm: null, relu: true, accumulate: null } },
  'mask from X, dgamma and dbeta': {
    store: { tensor: 'in', batchNorm: 'in.bn', relu: true, accumulate: 'in.bn' },
  },
  'dgamma and dbeta without ReLU': {
    store: { tensor: 'in', batchNorm: 'in.bn', relu: false, accumulate: 'in.bn' },
  },
  'gradient through a BN': { gradient: throughBatchNorm },
  'gradient through a BN, dX stored, masked': {
    gradient: { ...throughBatchNorm, storeTo: 'out.gradient' },
    store: { tensor: 'in', batchNorm: 'in.bn', relu: true, accumulate: 'in.bn' },
  },
};
const BACKWARD_WEIGHTS: Record<string, Fusion> = {
  'Z recomputed': { load: normaliseAndClip },
  'gradient through a BN': { gradient: throughBatchNorm },
  'both, both stored': {
    load: { ...normaliseAndClip, storeTo: 'in.z' },
    gradient: { ...throughBatchNorm, storeTo: 'out.gradient' },
  },
};

const shapes = Object.entries(SHAPES).filter(([, shape]) => !shape.planar);

function expectSound(shape: Shape, direction: Direction, fusion: Fusion): void {
  // A small L2 cuts images into many bands; 64 threads are more than the work of most shapes.
  for (const [threads, l2Bytes] of [
    [1, 1 << 20],
    [5, 1 << 15],
    [64, 1 << 15],
  ] as const) {
    const target = { ...SKYLAKE, threads, totalThreads: threads, l2Bytes };
    const kernel = lowerCase(shape, direction, makeContext(shape, target), fusion);
    expect(checkKernel(kernel, threads, { accumulates: true })).toEqual([]);
  }
}

describe.each(shapes)('a fused %s convolution', (_name, shape) => {
  it.each(Object.entries(FORWARD))('forward, %s', (_fusion, fusion) => expectSound(shape, 'forward', fusion));

  it('forward, statistics on store', () => {
    const statistics = [{ batchNorm: 'out.bn', channelOffset: 0, channels: shape.outChannels }];
    expectSound(shape, 'forward', { statistics });
    expectSound(shape, 'forward', { statistics, load: normaliseAndClip });
  });

  it.each(Object.entries(BACKWARD_DATA))('backward-data, %s', (_fusion, fusion) =>
    expectSound(shape, 'backward-data', fusion),
  );

  it.each(Object.entries(BACKWARD_WEIGHTS))('backward-weights, %s', (_fusion, fusion) =>
    expectSound(shape, 'backward-weights', fusion),
  );
});

const edge: Shape = {
  images: 2,
  inChannels: 64,
  outChannels: 32,
  height: 28,
  width: 28,
  kernel: 3,
  stride: 1,
  pad: 1,
};
const pointwise: Shape = { ...edge, kernel: 1, pad: 0 };

function loadsOf(
  shape: Shape,
  direction: Direction,
  fusion: Fusion,
  tensors: readonly string[],
  threads = 2,
) {
  const context = makeContext(shape, { ...SKYLAKE, threads, totalThreads: threads });
  const walk = walkKernel(lowerCase(shape, direction, context, fusion), threads);
  return tensors.map((name) => countAccesses(walk, rangeOf(context, name)));
}

const linesOf = (context: LoweringContext, name: string): number => context.linesOf(name);

describe('what fusion leaves out', () => {
  it.each([
    ['3x3', edge],
    ['1x1', pointwise],
  ])('%s: a fused edge touches neither Y nor Z, and X once', (_name, shape) => {
    const lines = linesOf(makeContext(shape, SKYLAKE), 'in');
    const [x, y, z] = loadsOf(shape, 'forward', { load: normaliseAndClip }, ['in', 'in.y', 'in.z']);
    expect(x).toEqual({ loads: lines, stores: 0, nonTemporalStores: 0 });
    expect(y).toEqual({ loads: 0, stores: 0, nonTemporalStores: 0 });
    expect(z).toEqual({ loads: 0, stores: 0, nonTemporalStores: 0 });
  });

  it.each([
    ['3x3', edge],
    ['1x1', pointwise],
  ])('%s: Z is written once where it is stored, and not read', (_name, shape) => {
    const lines = linesOf(makeContext(shape, SKYLAKE), 'in.z');
    const [z] = loadsOf(shape, 'forward', { load: { ...normaliseAndClip, storeTo: 'in.z' } }, ['in.z']);
    expect(z).toEqual({ loads: 0, stores: lines, nonTemporalStores: 0 });
  });

  it.each([
    ['3x3', edge],
    ['1x1', pointwise],
  ])('%s: backward-data reads X once beside its store and never Y', (_name, shape) => {
    const lines = linesOf(makeContext(shape, SKYLAKE), 'in');
    const store = { tensor: 'in', batchNorm: 'in.bn', relu: true, accumulate: 'in.bn' };
    const [x, y] = loadsOf(shape, 'backward-data', { store }, ['in', 'in.y']);
    expect(x?.loads).toBe(lines);
    expect(y?.loads).toBe(0);
  });

  it.each([
    ['3x3', edge],
    ['1x1', pointwise],
  ])('%s: a gradient through a BN reads dY and X once each', (_name, shape) => {
    const lines = linesOf(makeContext(shape, SKYLAKE), 'out');
    for (const direction of ['backward-data', 'backward-weights'] as const) {
      const [dy, x, dx] = loadsOf(
        shape,
        direction,
        { gradient: throughBatchNorm },
        ['out.dy', 'out', 'out.gradient'],
        1,
      );
      expect(dy?.loads).toBe(lines);
      expect(x?.loads).toBe(lines);
      expect(dx?.loads).toBe(0);
    }
  });
});

describe('strip buffers', () => {
  it('belong to one thread each', () => {
    const threads = 4;
    const context = makeContext(edge, { ...SKYLAKE, threads, totalThreads: threads });
    const kernel = lowerCase(edge, 'forward', context, { load: normaliseAndClip });
    const owner = new Map<number, number>();
    const scratchFrom = Math.max(
      ...[...context.step.tensors.keys()].map((name) => context.baseOf(name) + linesOf(context, name)),
    );
    for (const phase of walkKernel(kernel, threads).phases) {
      phase.threads.forEach((uses, thread) => {
        for (const line of uses.keys()) {
          if (line < scratchFrom) continue;
          expect(owner.get(line) ?? thread).toBe(thread);
          owner.set(line, thread);
        }
      });
    }
    expect(new Set(owner.values()).size).toBe(threads);
  });

  it('fit half of the L2', () => {
    const l2Bytes = 256 * 1024;
    const context = makeContext(edge, { ...SKYLAKE, l2Bytes });
    const walk = walkKernel(lowerCase(edge, 'forward', context, { load: normaliseAndClip }), 1);
    const isTensor = (line: number): boolean =>
      [...context.step.tensors.keys()].some(
        (name) => line >= context.baseOf(name) && line < context.baseOf(name) + linesOf(context, name),
      );
    const strip = [...(walk.phases[0]?.threads[0]?.keys() ?? [])].filter((line) => !isTensor(line));
    expect(strip.length * 64).toBeLessThanOrEqual(l2Bytes / 2);
    expect(strip.length).toBeGreaterThan(0);
  });
});

describe('the arithmetic of fused parts', () => {
  it('is charged on top of the convolution, once per element', () => {
    const elements = edge.images * edge.inChannels * edge.height * edge.width;
    const outputs = edge.images * edge.outChannels * outSize(edge.height, edge) * outSize(edge.width, edge);
    const statistics = [{ batchNorm: 'out.bn', channelOffset: 0, channels: edge.outChannels }];
    const kernel = lowerCase(edge, 'forward', makeContext(edge, SKYLAKE), {
      load: normaliseAndClip,
      statistics,
    });
    // One multiply-add and one maximum per element of X; an addition and a multiply-add per element stored.
    expect(kernel.flops).toBe(convFlops(edge) + 3 * elements + 3 * outputs);
    expect(walkKernel(kernel, 1).flops).toBe(kernel.flops);
  });
});
