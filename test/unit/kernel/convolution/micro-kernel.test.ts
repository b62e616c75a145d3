import { describe, expect, it } from 'vitest';
import { walkKernel } from '../../../../src/kernel/check/walk.js';
import { forwardAxis } from '../../../../src/kernel/convolution/axis.js';
import {
  chooseDirectBlock,
  choosePointwiseBlock,
  rowCost,
} from '../../../../src/kernel/convolution/register-block.js';
import { channelStep } from '../../../../src/kernel/convolution/weight-gradient.js';
import { chooseGradientBlock } from '../../../../src/kernel/convolution/weight-gradient-pointwise.js';
import type { Target } from '../../../../src/kernel/kernel.js';
import {
  NO_INSTRUCTIONS,
  reductionCost,
  stepCost,
  tileOverhead,
} from '../../../../src/kernel/micro-kernel.js';
import type { Direction, Shape } from './cases.js';
import { convFlops, KNIGHTS_LANDING, lowerCase, makeContext, SKYLAKE, TEACHING } from './cases.js';

describe('a reduction step of a register block', () => {
  it('is bound by the FMA units where broadcasts are reused', () => {
    // 10 x 2 multiply-adds on two units; 2 weights and 10 broadcasts on two ports; 32 micro-ops on four slots.
    expect(stepCost(10, 2, true, SKYLAKE)).toEqual({
      busyCycles: 10,
      fmaCycles: 10,
      microOps: 32,
      loads: 12,
    });
  });

  it('is bound by the load ports where every multiply-add reads its element from memory', () => {
    expect(stepCost(28, 1, false, SKYLAKE)).toEqual({
      busyCycles: 29 / 2,
      fmaCycles: 14,
      microOps: 29,
      loads: 29,
    });
  });

  it('is bound by two issue slots on Knights Landing', () => {
    expect(stepCost(10, 2, true, KNIGHTS_LANDING).busyCycles).toBe(32 / 2);
  });

  it('is bound by the FMA latency with too few accumulators', () => {
    const cost = stepCost(3, 1, false, SKYLAKE);
    expect(cost.busyCycles).toBe(SKYLAKE.fmaLatencyCycles);
    expect(cost.fmaCycles).toBe(3 / SKYLAKE.fmaUnits);
  });

  it('needs two multiply-adds per line on 256-bit vectors, but one broadcast for both', () => {
    expect(stepCost(3, 2, true, TEACHING)).toEqual({
      busyCycles: 6,
      fmaCycles: 6,
      microOps: 12 + 4 + 3,
      loads: 4 + 3,
    });
  });

  it('takes twice as long on one FMA unit', () => {
    const single: Target = { ...SKYLAKE, fmaUnits: 1 };
    expect(stepCost(10, 2, true, single).busyCycles).toBe(20);
  });

  it('costs nothing where the tap falls into the padding', () => {
    expect(stepCost(0, 2, true, SKYLAKE).busyCycles).toBe(0);
  });
});

describe('the loop around the steps of a reduction', () => {
  it('takes issue slots that the steps leave free', () => {
    const step = stepCost(10, 2, true, SKYLAKE);
    expect(reductionCost(step, 16, 1, SKYLAKE)).toEqual({
      busyCycles: 16 * 10,
      fmaCycles: 16 * 10,
      microOps: 16 * 32 + 4,
      loads: 16 * 12,
    });
  });

  it('takes time where issue is the bound', () => {
    const step = stepCost(10, 2, true, KNIGHTS_LANDING);
    expect(reductionCost(step, 16, 1, KNIGHTS_LANDING).busyCycles).toBe((16 * 32 + 4) / 2);
  });
});

describe('a register tile', () => {
  it('zeroes, drains and stores its accumulators, and adds what earlier passes left', () => {
    const lines = 20;
    const zero = (lines + 4) / SKYLAKE.issueWidth;
    expect(tileOverhead(10, 2, false, NO_INSTRUCTIONS, SKYLAKE).busyCycles).toBe(zero + 4 + lines);
    const adding = tileOverhead(10, 2, true, NO_INSTRUCTIONS, SKYLAKE);
    expect(adding.busyCycles).toBe(zero + 4 + Math.max(lines, (2 * lines) / 4));
    expect(adding.loads).toBe(lines);
  });
});

describe('the register block', () => {
  const wide = {
    outWidth: 56,
    inWidth: 56,
    outBlocks: 2,
    kernelHeight: 3,
    kernelWidth: 3,
    strideHeight: 1,
    strideWidth: 1,
    stepsPerBlock: 16,
  };

  it('reuses broadcasts over two output blocks of a wide 3x3 row: (32 - 1) / (2 + 1) pixels', () => {
    expect(chooseDirectBlock(wide, SKYLAKE)).toEqual({ pixels: 10, vectors: 2, explicitBroadcast: true });
  });

  it('takes 28 pixels from memory where a row fits the L1D, and for wide filters', () => {
    const embedded = { pixels: 28, vectors: 1, explicitBroadcast: false };
    expect(chooseDirectBlock({ ...wide, outWidth: 28, inWidth: 28 }, SKYLAKE)).toEqual(embedded);
    expect(chooseDirectBlock({ ...wide, kernelHeight: 7, kernelWidth: 7 }, SKYLAKE)).toEqual(embedded);
  });

  it('takes elements from memory on two issue slots', () => {
    expect(chooseDirectBlock(wide, KNIGHTS_LANDING)).toEqual({
      pixels: 28,
      vectors: 1,
      explicitBroadcast: false,
    });
  });

  it('fits 16 registers of 256 bits', () => {
    const { pixels, vectors, explicitBroadcast } = chooseDirectBlock(wide, TEACHING);
    expect(explicitBroadcast).toBe(true);
    expect(pixels * vectors * 2 + pixels + 1).toBeLessThanOrEqual(16);
    const pointwise = choosePointwiseBlock(56, 56 * 56, 8, TEACHING);
    expect(pointwise.pixels * pointwise.vectors * 2).toBeLessThan(16);
    expect(channelStep(3, 16, TEACHING) * 3 * 2).toBeLessThanOrEqual(12);
    const gradient = chooseGradientBlock(8, TEACHING);
    expect(gradient.pixels * gradient.vectors * 2).toBeLessThan(16);
  });

  it.each([
    [56, 8],
    [28, 7],
    [14, 7],
    [7, 7],
    [13, 9],
  ])('of the 1x1 kernel divides a side of %i where one of 6 to 9 pixels does', (side, pixels) => {
    expect(choosePointwiseBlock(side, side * side, 8, SKYLAKE).pixels).toBe(pixels);
  });

  it('of backward-weights keeps a filter row and up to 8 channels in registers', () => {
    expect([3, 5, 7, 11].map((taps) => channelStep(taps, 16, SKYLAKE))).toEqual([8, 4, 2, 2]);
    expect(channelStep(7, 3, SKYLAKE)).toBe(3);
    expect(channelStep(11, 3, SKYLAKE)).toBe(1);
  });
});

describe('a row', () => {
  it('skips taps that fall into the padding', () => {
    const block = { pixels: 14, vectors: 2, explicitBroadcast: true };
    const fma = (pad: number): number =>
      rowCost(block, forwardAxis(14, 14, 3, 1, pad), 1, 16, false, NO_INSTRUCTIONS, SKYLAKE).fmaCycles;
    // With one pixel of padding on either side, two of 3 * 14 products per channel and vector are zero.
    expect(fma(1)).toBe((16 * 2 * (3 * 14 - 2)) / 2);
  });
});

describe('share of the FMA peak with every line in the L1D', () => {
  const layer = (
    inChannels: number,
    outChannels: number,
    side: number,
    kernel: number,
    stride = 1,
  ): Shape => ({
    images: 1,
    inChannels,
    outChannels,
    height: side,
    width: side,
    kernel,
    stride,
    pad: kernel >> 1,
  });
  const share = (shape: Shape, direction: Direction): number => {
    const walk = walkKernel(lowerCase(shape, direction, makeContext(shape, SKYLAKE)), 1);
    const busy = walk.phases[0]?.busyCycles[0] ?? Number.NaN;
    return convFlops(shape) / (busy * 2 * 16 * SKYLAKE.fmaUnits);
  };

  // Direct convolutions of these layers are known to reach 85 to 95 % on a real core (docs/paper.md), misses of the L1D included; the taps in the
  // padding, which are charged but not computed, lift a 3x3 on a plane of side s by (3 s / (3 s - 2))^2.
  const padding = ({ kernel, width }: Shape): number =>
    kernel === 1 ? 1 : (3 * width) ** 2 / (3 * width - 2) ** 2;
  it.each([
    ['2: 3x3', layer(128, 32, 56, 3)],
    ['2: 1x1', layer(128, 128, 56, 1)],
    ['3: 3x3', layer(128, 32, 28, 3)],
    ['3: 1x1', layer(256, 128, 28, 1)],
    ['4: 3x3', layer(128, 32, 14, 3)],
    ['4: 1x1', layer(512, 128, 14, 1)],
    ['5: 3x3', layer(128, 32, 7, 3)],
    ['5: 1x1', layer(800, 128, 7, 1)],
  ])('is 75 to 100 %% of what is computed in DenseNet block %s', (_name, shape) => {
    for (const direction of ['forward', 'backward-data', 'backward-weights'] as const) {
      const computed = share(shape, direction) / padding(shape);
      expect(computed).toBeGreaterThan(0.72);
      expect(computed).toBeLessThanOrEqual(1);
    }
  });

  it('falls below that of a dense 1x1 by the copies of the gathered pixels', () => {
    const dense = 1 / share(layer(256, 128, 28, 1), 'forward');
    const strided = 1 / share(layer(256, 128, 56, 1, 2), 'forward');
    // A line of 16 input channels takes part in 16 x 128 / 16 multiply-adds on two units; its copy takes 7 micro-ops on four slots.
    expect(strided - dense).toBeCloseTo(7 / 4 / ((16 * 128) / 16 / 2), 3);
  });
});
