import { describe, expect, it } from 'vitest';
import { parseNetwork } from '../../../src/network/parse.js';
import { networkTotals } from '../../../src/network/totals.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import { flops } from '../../../src/training/flops.js';
import type { Operation, TrainingStep } from '../../../src/training/step.js';
import { loadZooNetwork } from '../network/zoo.js';

function flopsOf(step: TrainingStep, name: string, change: Partial<Operation> = {}): number {
  const found = step.operations.find((operation) => operation.name === name) as Operation;
  return flops({ ...found, ...change } as Operation, step);
}

describe('floating-point operations of CONV and FC', () => {
  // docs/paper.md, "Workload totals": forward and backward at batch 120.
  const totals = [
    { name: 'densenet121', gigaFlops: 2012 },
    { name: 'resnet50', gigaFlops: 2749 },
  ];
  for (const row of totals) {
    it(`sum to the method's count for ${row.name}: three times forward, without the image gradient`, () => {
      const network = loadZooNetwork(row.name);
      const batch = 120;
      const step = buildTrainingStep(network, { batch });
      let total = 0;
      for (const operation of step.operations) {
        if (operation.type === 'CONV' || operation.type === 'FC') total += flops(operation, step);
      }
      // A bias is one addition per class and image, forward and backward.
      const bias = 2 * batch * 1000;
      const firstConv = 2 * batch * 64 * 3 * 49 * 112 * 112;
      expect(total - bias).toBe(3 * 2 * batch * networkTotals(network).multiplyAdds - firstConv);
      expect(Math.abs(total / 1e9 / row.gigaFlops - 1)).toBeLessThan(0.001);
    });
  }

  it('count every tap of every group, and one addition per biased output', () => {
    const step = buildTrainingStep(loadZooNetwork('alexnet'), { batch: 3 });
    const outputs = 3 * 256 * 27 * 27;
    const taps = 48 * 25;
    expect(flopsOf(step, 'conv2.forward')).toBe(outputs * 2 * taps + outputs);
    expect(flopsOf(step, 'conv2.backward-data')).toBe(outputs * 2 * taps);
    expect(flopsOf(step, 'conv2.backward-weights')).toBe(outputs * 2 * taps + outputs);
    expect(flopsOf(step, 'fc7/fc.forward')).toBe(3 * 4096 * (2 * 4096 + 1));
    expect(flopsOf(step, 'fc7/fc.backward-data')).toBe(3 * 4096 * 2 * 4096);
    expect(flopsOf(step, 'fc7/fc.backward-weights')).toBe(3 * 4096 * (2 * 4096 + 1));
  });
});

describe('floating-point operations of what is fused', () => {
  const step = buildTrainingStep(loadZooNetwork('conv-bn-relu-conv'), { batch: 2 });
  /** Elements of X, Y and Z. */
  const x = 2 * 128 * 56 * 56;

  it('a BN counts its loops', () => {
    // Mean 1, variance 3 (two-pass) or both 3 (single-pass), normalise 2.
    expect(flopsOf(step, 'bn.forward')).toBe((1 + 3 + 2) * x);
    expect(flopsOf(step, 'bn.forward', { statistics: 'single-pass' } as Partial<Operation>)).toBe(
      (3 + 2) * x,
    );
    expect(flopsOf(step, 'bn.forward', { relu: true } as Partial<Operation>)).toBe((1 + 3 + 2 + 1) * x);
    // dbeta 1, dgamma 3, dX 4.
    expect(flopsOf(step, 'bn.backward')).toBe((1 + 3 + 4) * x);
  });

  it('a BN counts the same whole or in its two halves', () => {
    const bn = { layer: 'bn', type: 'BN', batchNorm: 'bn', input: 'a', output: 'bn' } as const;
    const forward = { ...bn, phase: 'forward' } as const;
    const statistics = { ...forward, name: 's', kind: 'bn-statistics', statistics: 'two-pass' } as const;
    const normalise = { ...forward, name: 'n', kind: 'bn-normalise', relu: false } as const;
    expect(flops(statistics, step) + flops(normalise, step)).toBe(flopsOf(step, 'bn.forward'));
    const backward = { ...bn, phase: 'backward', gradient: 'bn.gradient' } as const;
    const reduce = { ...backward, name: 'r', kind: 'bn-backward-reduce' } as const;
    const data = { ...backward, name: 'd', kind: 'bn-backward-data' } as const;
    expect(flops(reduce, step) + flops(data, step)).toBe(flopsOf(step, 'bn.backward'));
  });

  it('a load that normalises and clips adds 3 per element of X', () => {
    const plain = flopsOf(step, 'b.forward');
    const load = { batchNorm: 'bn', relu: true, storeTo: null };
    expect(flopsOf(step, 'b.forward', { input: 'a', load } as Partial<Operation>)).toBe(plain + 3 * x);
    const clip = { batchNorm: null, relu: true, storeTo: null };
    expect(flopsOf(step, 'b.backward-weights', { input: 'bn', load: clip } as Partial<Operation>)).toBe(
      flopsOf(step, 'b.backward-weights') + x,
    );
  });

  it('sums that ride on a store add 3 per element of the channels they cover', () => {
    const statistics = [{ batchNorm: 'bn', channelOffset: 0, channels: 128 }];
    expect(flopsOf(step, 'a.forward', { statistics } as Partial<Operation>)).toBe(
      flopsOf(step, 'a.forward') + 3 * x,
    );
    const part = [{ batchNorm: 'bn', channelOffset: 0, channels: 32 }];
    expect(flopsOf(step, 'a.forward', { statistics: part } as Partial<Operation>)).toBe(
      flopsOf(step, 'a.forward') + (3 * x) / 4,
    );
  });

  it('a gradient taken through a BN adds 4 per element', () => {
    const gradient = {
      kind: 'through-batch-norm',
      batchNorm: 'bn',
      gradient: 'bn.gradient',
      input: 'a',
      storeTo: null,
    };
    for (const name of ['a.backward-data', 'a.backward-weights']) {
      expect(flopsOf(step, name, { gradient } as Partial<Operation>)).toBe(flopsOf(step, name) + 4 * x);
    }
  });

  it('a masked store adds the mask, what it recomputes, and the sums', () => {
    const plain = flopsOf(step, 'b.backward-data');
    const masked = (store: object) =>
      flopsOf(step, 'b.backward-data', { store } as Partial<Operation>) - plain;
    expect(masked({ tensor: 'bn', batchNorm: null, relu: true, accumulate: null })).toBe(x);
    expect(masked({ tensor: 'a', batchNorm: 'bn', relu: true, accumulate: 'bn' })).toBe((1 + 2 + 4) * x);
    expect(masked({ tensor: 'a', batchNorm: 'bn', relu: false, accumulate: 'bn' })).toBe(4 * x);
  });
});

describe('floating-point operations of everything else', () => {
  const network = parseNetwork(
    `name: mixed
description: One of each of the small kinds.
input: {channels: 16, height: 8, width: 8}
layers:
  - {type: conv, name: stem, channels: 16, kernel: 1}
  - {type: lrn, name: lrn, localSize: 5}
  - {type: dropout, name: dropout}
  - {type: pool, name: max, mode: max, kernel: 2, stride: 2}
  - {type: conv, name: left, channels: 16, kernel: 1, from: max}
  - {type: conv, name: right, channels: 16, kernel: 1, from: max}
  - {type: sum, name: sum, from: [max, left, right]}
  - {type: relu, name: relu}
  - {type: concat, name: concat, from: [relu, relu]}
  - {type: global-pool, name: average}
  - {type: softmax-loss, name: loss}
`,
    'mixed.yaml',
  );
  const step = buildTrainingStep(network, { batch: 2, copySumGradients: true });
  const large = 2 * 16 * 8 * 8;
  const small = 2 * 16 * 4 * 4;
  const expected: Readonly<Record<string, number>> = {
    'lrn.forward': large * (5 + 5),
    'lrn.backward': large * (5 + 7),
    'dropout.forward': large * 2,
    'dropout.backward': large * 2,
    // Four taps per output; backward one addition per output.
    'max.forward': small * 4,
    'max.backward': small,
    'max.split-backward': small * 2,
    'sum.forward': small * 2,
    'sum.backward': 0,
    'relu.forward': small,
    'relu.backward': small,
    'concat.forward': 0,
    'concat.backward': 0,
    // 32 channels of 16 taps.
    'average.forward': 2 * 32 * 16,
    'average.backward': 2 * 32 * (16 + 1),
    'loss.forward': 2 * 32 * 5,
    'loss.backward': 2 * 32 * 2,
    'stem.weights.update': 16 * 16 * 6,
  };
  for (const [name, count] of Object.entries(expected)) {
    it(`${name} counts per element`, () => {
      expect(flopsOf(step, name)).toBe(count);
    });
  }
});
