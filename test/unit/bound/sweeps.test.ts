import { describe, expect, it } from 'vitest';
import {
  type FeatureTraffic,
  featureSweeps,
  featureTraffic,
  operationTraffic,
} from '../../../src/bound/sweeps.js';
import { parseNetwork } from '../../../src/network/parse.js';
import type { BnBlocking } from '../../../src/training/accesses.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import type { Operation, TrainingStep } from '../../../src/training/step.js';
import { loadZooNetwork } from '../network/zoo.js';

const GB = 1e9;

function gigabytes(traffic: FeatureTraffic) {
  const forward = (traffic.forward.readBytes + traffic.forward.writeBytes) / GB;
  const backward = (traffic.backward.readBytes + traffic.backward.writeBytes) / GB;
  return { forward, backward, total: forward + backward };
}

function within(value: number, expected: number, share: number) {
  expect(value / expected).toBeGreaterThan(1 - share);
  expect(value / expected).toBeLessThan(1 + share);
}

describe('feature-map traffic of the baseline at batch 120', () => {
  // docs/paper.md, table "Feature-map traffic per training iteration at batch 120".
  const rows: {
    network: string;
    bnBlocking: BnBlocking;
    forward?: number;
    backward?: number;
    total: number;
  }[] = [
    { network: 'densenet121', bnBlocking: 'streaming', forward: 66.3, backward: 104.5, total: 170.9 },
    { network: 'densenet121', bnBlocking: 'cached', forward: 51.3, backward: 89.5, total: 140.8 },
    { network: 'resnet50', bnBlocking: 'streaming', total: 114.2 },
    { network: 'resnet50', bnBlocking: 'cached', total: 93.9 },
  ];
  for (const row of rows) {
    it(`is within 0.5 % of the method's count: ${row.network}, ${row.bnBlocking} BN`, () => {
      const step = buildTrainingStep(loadZooNetwork(row.network), { batch: 120 });
      const traffic = gigabytes(featureTraffic(step, { bnBlocking: row.bnBlocking }));
      if (row.forward !== undefined) within(traffic.forward, row.forward, 0.005);
      if (row.backward !== undefined) within(traffic.backward, row.backward, 0.005);
      within(traffic.total, row.total, 0.005);
    });
  }
});

describe('sweeps of one CONV-BN-ReLU-CONV edge', () => {
  const step = buildTrainingStep(loadZooNetwork('conv-bn-relu-conv'), { batch: 4 });

  /** Sweeps over the edge's three feature maps or their gradients, which all have X's size. */
  function countEdgeSweeps(phase: 'forward' | 'backward', edge: readonly string[]): number {
    let sweeps = 0;
    for (const operation of step.operations) {
      if (operation.phase !== phase) continue;
      for (const access of featureSweeps(operation, step, { bnBlocking: 'streaming' })) {
        if (edge.includes(access.tensor)) sweeps += access.reads + access.writes;
      }
    }
    return sweeps;
  }

  it('are 8 forward in the baseline', () => {
    expect(countEdgeSweeps('forward', ['a', 'bn', 'relu'])).toBe(8);
  });

  it('are 12 backward in the baseline', () => {
    const gradients = ['a.gradient', 'bn.gradient', 'relu.gradient'];
    expect(countEdgeSweeps('backward', ['a', 'bn', 'relu', ...gradients])).toBe(12);
  });

  it('of a two-pass BN are 3R 1W forward and 4R 1W backward', () => {
    const [forward, backward] = ['bn.forward', 'bn.backward'].map((name) =>
      featureSweeps(step.operations.find((operation) => operation.name === name) as Operation, step, {
        bnBlocking: 'streaming',
      }),
    );
    expect(forward).toEqual([
      { tensor: 'a', reads: 3, writes: 0 },
      { tensor: 'bn', reads: 0, writes: 1 },
    ]);
    expect(backward).toEqual([
      { tensor: 'a', reads: 2, writes: 0 },
      { tensor: 'bn.gradient', reads: 2, writes: 0 },
      { tensor: 'a.gradient', reads: 0, writes: 1 },
    ]);
  });
});

describe('sweeps of fused operations', () => {
  const plain = buildTrainingStep(loadZooNetwork('conv-bn-relu-conv'), { batch: 4 });

  function sweep(name: string, change: Partial<Operation>, bnBlocking: BnBlocking = 'streaming') {
    const operation = {
      ...(plain.operations.find((found) => found.name === name) as Operation),
      ...change,
    } as Operation;
    return Object.fromEntries(
      featureSweeps(operation, plain, { bnBlocking }).map(({ tensor, reads, writes }) => [
        tensor,
        `${reads}R ${writes}W`,
      ]),
    );
  }

  it('a load that normalises reads X instead of Z, and a stored Z adds a write', () => {
    const load = { batchNorm: 'bn', relu: true, storeTo: null };
    expect(sweep('b.forward', { input: 'a', load } as Partial<Operation>)).toEqual({
      a: '1R 0W',
      b: '0R 1W',
    });
    const storing = { ...load, storeTo: 'relu' };
    expect(sweep('b.forward', { input: 'a', load: storing } as Partial<Operation>)).toEqual({
      a: '1R 0W',
      relu: '0R 1W',
      b: '0R 1W',
    });
  });

  it('a gradient taken through a BN reads dY and X, and a materialised dX adds a write', () => {
    const source = {
      kind: 'through-batch-norm',
      batchNorm: 'bn',
      gradient: 'bn.gradient',
      input: 'a',
      storeTo: null,
    };
    expect(sweep('a.backward-data', { gradient: source } as Partial<Operation>)).toEqual({
      'bn.gradient': '1R 0W',
      a: '1R 0W',
      'stem.gradient': '0R 1W',
    });
    const storing = { ...source, storeTo: 'a.gradient' };
    expect(sweep('a.backward-data', { gradient: storing } as Partial<Operation>)).toHaveProperty(
      ['a.gradient'],
      '0R 1W',
    );
  });

  it('a masked store reads the tensor of its mask once, also where it accumulates dgamma and dbeta', () => {
    const store = { tensor: 'a', batchNorm: 'bn', relu: true, accumulate: 'bn' };
    expect(sweep('b.backward-data', { output: 'bn.gradient', store } as Partial<Operation>)).toEqual({
      'b.gradient': '1R 0W',
      a: '1R 0W',
      'bn.gradient': '0R 1W',
    });
  });

  it('statistics that ride on a store add no sweep', () => {
    const statistics = [{ batchNorm: 'bn', channelOffset: 0, channels: 128 }];
    expect(sweep('a.forward', { statistics } as Partial<Operation>)).toEqual(sweep('a.forward', {}));
  });

  it('a single-pass BN saves one read, and none where the caches hold a group of channels', () => {
    expect(sweep('bn.forward', { statistics: 'single-pass' } as Partial<Operation>).a).toBe('2R 0W');
    expect(sweep('bn.forward', { statistics: 'single-pass' } as Partial<Operation>, 'cached').a).toBe(
      '1R 0W',
    );
    expect(sweep('bn.forward', {}, 'cached').a).toBe('1R 0W');
    expect(sweep('bn.backward', {}, 'cached')).toEqual({
      a: '1R 0W',
      'bn.gradient': '1R 0W',
      'a.gradient': '0R 1W',
    });
  });

  it('a BN that has its ReLU inside reads the mask in both of its backward loops', () => {
    const step = buildTrainingStep(loadZooNetwork('conv-bn-relu-conv'), { batch: 4, fuseBnRelu: true });
    const backward = step.operations.find((operation) => operation.name === 'bn.backward') as Operation;
    expect(featureSweeps(backward, step, { bnBlocking: 'streaming' })).toContainEqual({
      tensor: 'relu',
      reads: 2,
      writes: 0,
    });
  });
});

describe('sweeps of joining and splitting', () => {
  const network = parseNetwork(
    `
name: fork
description: A tensor with three consumers, joined by a sum and a Concat.
input: {channels: 16, height: 8, width: 8}
layers:
  - {type: conv, name: stem, channels: 16, kernel: 1}
  - {type: conv, name: left, channels: 16, kernel: 1, from: stem}
  - {type: conv, name: right, channels: 16, kernel: 1, from: stem}
  - {type: sum, name: sum, from: [left, right]}
  - {type: concat, name: join, from: [stem, sum]}
  - {type: global-pool, name: pool}
  - {type: softmax-loss, name: loss}
`,
    'fork.yaml',
  );
  const batch = 2;
  /** Bytes of one 16-channel map of 8x8. */
  const map = batch * 16 * 8 * 8 * 4;

  function traffic(step: TrainingStep, name: string) {
    const operation = step.operations.find((found) => found.name === name) as Operation;
    return operationTraffic(operation, step, { bnBlocking: 'streaming' });
  }

  it('a Concat copies: everything is read once and written once, both ways', () => {
    const step = buildTrainingStep(network, { batch });
    expect(traffic(step, 'join.forward')).toEqual({ readBytes: 2 * map, writeBytes: 2 * map });
    expect(traffic(step, 'join.backward')).toEqual({ readBytes: 2 * map, writeBytes: 2 * map });
  });

  it('a Split of three reads three gradients and writes their sum', () => {
    const step = buildTrainingStep(network, { batch });
    expect(traffic(step, 'stem.split-backward')).toEqual({ readBytes: 3 * map, writeBytes: map });
  });

  it('a sum moves nothing backward unless its gradient is copied', () => {
    const shared = buildTrainingStep(network, { batch });
    expect(shared.operations.some((operation) => operation.kind === 'sum-backward')).toBe(false);
    const copied = buildTrainingStep(network, { batch, copySumGradients: true });
    expect(traffic(copied, 'sum.backward')).toEqual({ readBytes: map, writeBytes: 2 * map });
  });
});
