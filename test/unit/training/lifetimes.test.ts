import { describe, expect, it } from 'vitest';
import { parseNetwork } from '../../../src/network/parse.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import { analyseLifetimes } from '../../../src/training/lifetimes.js';
import { allocatedBytes, sweepBytes } from '../../../src/training/tensors.js';
import { loadZooNetwork } from '../network/zoo.js';

describe('tensor lifetimes', () => {
  const step = buildTrainingStep(loadZooNetwork('conv-bn-relu-conv'), { batch: 2 });
  const { lifetimes } = analyseLifetimes(step);
  const at = (name: string) => step.operations.findIndex((operation) => operation.name === name);

  it('reach from the first to the last operation that touches the tensor', () => {
    expect(lifetimes.get('a')).toEqual({
      tensor: 'a',
      firstUse: at('a.forward'),
      lastUse: at('bn.backward'),
      storedForBackward: true,
    });
    expect(lifetimes.get('relu.gradient')).toMatchObject({
      firstUse: at('b.backward-data'),
      lastUse: at('relu.backward'),
    });
  });

  it('end with the forward pass for what the backward pass does not read', () => {
    // Average pooling needs neither its input nor its output again.
    expect(lifetimes.get('b')).toMatchObject({ lastUse: at('pool.forward'), storedForBackward: false });
    expect(lifetimes.get('relu')?.storedForBackward).toBe(true);
    // ReLU's output took its place.
    expect(lifetimes.get('bn')?.storedForBackward).toBe(false);
  });
});

describe('peak memory', () => {
  const network = parseNetwork(
    `name: chain
description: One CONV and its loss.
input: {channels: 16, height: 4, width: 4}
layers:
  - {type: conv, name: conv, channels: 16, kernel: 1}
  - {type: global-pool, name: pool}
  - {type: softmax-loss, name: loss}
`,
    'chain.yaml',
  );

  it('is what lives at the fullest operation, storages counted once', () => {
    const batch = 2;
    const step = buildTrainingStep(network, { batch });
    const map = batch * 16 * 4 * 4 * 4;
    const classes = batch * 16 * 4;
    const weights = 16 * 16 * 4;
    // Backward through the pooling: images (for the weights' gradient later), the CONV's gradient, pool.gradient; weights and momentum always.
    const poolBackward = 2 * map + classes + 2 * weights;
    // CONV backward-weights: images, gradient, weights, momentum, weight gradient.
    const backwardWeights = 2 * map + 3 * weights;
    // pool.forward: images, the CONV's output, the pooled vector.
    const poolForward = 2 * map + classes + 2 * weights;
    const { peakBytes, peakOperation } = analyseLifetimes(step);
    expect(peakBytes).toBe(Math.max(poolBackward, backwardWeights, poolForward));
    expect(peakOperation).toBe('conv.backward-weights');
  });

  it('covers every feature map that DenseNet-121 keeps for its backward pass', () => {
    const step = buildTrainingStep(loadZooNetwork('densenet121'), { batch: 2 });
    const { lifetimes, peakBytes } = analyseLifetimes(step);
    let stored = 0;
    const storages = new Set<string>();
    for (const tensor of step.tensors.values()) {
      if (tensor.role !== 'feature' || !lifetimes.get(tensor.name)?.storedForBackward) continue;
      if (storages.has(tensor.storage)) continue;
      storages.add(tensor.storage);
      stored += allocatedBytes(tensor);
    }
    expect(peakBytes).toBeGreaterThan(stored);
  });
});

describe('sizes of tensors', () => {
  it('round channels up to whole lines in memory, but not in a sweep', () => {
    const tensor = {
      name: 't',
      role: 'feature',
      shape: [2, 17, 3, 3],
      layout: 'nChw16c',
      elementBytes: 4,
      storage: 't',
    } as const;
    expect(sweepBytes(tensor)).toBe(2 * 17 * 9 * 4);
    expect(allocatedBytes(tensor)).toBe(2 * 32 * 9 * 4);
    expect(allocatedBytes({ ...tensor, layout: 'nchw' })).toBe(2 * 17 * 9 * 4);
  });
});
