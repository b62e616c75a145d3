import { describe, expect, it } from 'vitest';
import { makeStep, normals, numbersOf, runStep, sketchBatchNorm, squareWindow } from './hand-made-step.js';

describe('executing a training step', () => {
  it('shares memory between tensors of one storage: an in-place ReLU overwrites its input', () => {
    const step = makeStep({ y: [1, 1, 1, 4], z: { shape: [1, 1, 1, 4], storage: 'y' } }, [
      { kind: 'relu-forward', input: 'y', output: 'z' },
    ]);
    const execution = runStep(step, { y: [-1, 2, -3, 4] });
    expect(numbersOf(execution.read('y'))).toEqual([0, 2, 0, 4]);
  });

  it('computes garbage where an operation reads a tensor whose memory another has overwritten', () => {
    const shape = [1, 1, 1, 4];
    const tensors = { y: shape, z: { shape, storage: 'y' }, late: shape };
    const legal = makeStep(tensors, [
      { kind: 'sum-forward', inputs: ['y', 'y'], output: 'late' },
      { kind: 'relu-forward', input: 'y', output: 'z' },
    ]);
    const illegal = { ...legal, operations: legal.operations.toReversed() };
    const y = [-1, 2, -3, 4];
    expect(numbersOf(runStep(legal, { y }).read('late'))).toEqual([-2, 4, -6, 8]);
    expect(numbersOf(runStep(illegal, { y }).read('late'))).toEqual([0, 4, 0, 8]);
  });

  it.each([
    { kind: 'relu-forward', input: 'x', output: 'out' },
    { kind: 'relu-backward', value: 'x', gradient: 'given', output: 'out' },
    { kind: 'sum-forward', inputs: ['x', 'given'], output: 'out' },
    { kind: 'pool-forward', mode: 'max', window: squareWindow(1), input: 'x', output: 'out', mask: null },
    { kind: 'pool-forward', mode: 'average', window: squareWindow(1), input: 'x', output: 'out', mask: null },
  ] as const)('lets an unwritten element show: $kind', (operation) => {
    const shape = [1, 1, 2, 2];
    const execution = runStep(makeStep({ x: shape, given: shape, out: shape }, [operation]), {
      given: [1, 2, 3, 4],
    });
    for (const value of execution.read('out')) expect(value).toBeNaN();
  });

  it('lets an unwritten element show through a CONV that normalises and clips as it loads', () => {
    const { batchNorm, tensors } = sketchBatchNorm('bn', 2, 9);
    const step = makeStep(
      { ...tensors, x: [1, 2, 3, 3], weights: [1, 2, 1, 1], out: [1, 1, 3, 3] },
      [
        {
          kind: 'conv-forward',
          window: squareWindow(1),
          groups: 1,
          input: 'x',
          load: { batchNorm: 'bn', relu: true, storeTo: null },
          weights: 'weights',
          bias: null,
          output: 'out',
          statistics: [],
        },
      ],
      [batchNorm],
    );
    // Mean and variance are never written: no barrier was kept.
    const execution = runStep(step, {
      x: normals(18, 'x'),
      weights: [1, 1],
      [batchNorm.gamma]: [1, 1],
      [batchNorm.beta]: [0, 0],
    });
    for (const value of execution.read('out')) expect(value).toBeNaN();
  });

  it('gives the same bytes twice, and nearly the same for other thread counts', () => {
    const { batchNorm, tensors } = sketchBatchNorm('bn', 3, 2 * 25);
    const step = makeStep(
      { ...tensors, x: [2, 3, 5, 5] },
      [{ kind: 'bn-statistics', batchNorm: 'bn', statistics: 'single-pass', input: 'x' }],
      [batchNorm],
    );
    const values = { x: normals(150, 'threads', 2, 3) };
    const varianceWith = (threads: number) =>
      numbersOf(runStep(step, values, { settings: { threads } }).read('bn.variance'));
    expect(varianceWith(4)).toEqual(varianceWith(4));
    varianceWith(4).forEach((variance, channel) => {
      for (const threads of [1, 3, 64]) expect(varianceWith(threads)[channel]).toBeCloseTo(variance, 4);
    });
  });

  it('updates running statistics with the unbiased variance and the share that the BN keeps', () => {
    const { batchNorm, tensors } = sketchBatchNorm('bn', 1, 4);
    const step = makeStep(
      { ...tensors, x: [1, 1, 1, 4] },
      [{ kind: 'bn-statistics', batchNorm: 'bn', statistics: 'two-pass', input: 'x' }],
      [batchNorm],
    );
    const execution = runStep(step, { x: [1, 2, 3, 6] }, { precision: 'float64' });
    // Mean 3, squared deviations 4 + 1 + 0 + 9 = 14: biased 14 / 4, unbiased 14 / 3; momentum 0.9, started at 0 and 1.
    expect(execution.read('bn.variance')[0]).toBeCloseTo(14 / 4, 12);
    expect(execution.read('bn.running-mean')[0]).toBeCloseTo(0.1 * 3, 12);
    expect(execution.read('bn.running-variance')[0]).toBeCloseTo(0.9 + 0.1 * (14 / 3), 12);
  });

  it('drops the same elements under every schedule of a seed, and scales the others', () => {
    const shape = [1, 1, 10, 10];
    const step = makeStep(
      { x: shape, mask: { shape, role: 'mask' }, out: shape, gradient: shape, back: shape },
      [
        { kind: 'dropout-forward', ratio: 0.25, input: 'x', output: 'out', mask: 'mask' },
        { kind: 'dropout-backward', ratio: 0.25, gradient: 'gradient', mask: 'mask', output: 'back' },
      ],
    );
    const values = { x: normals(100, 'x'), gradient: new Float32Array(100).fill(3) };
    const first = runStep(step, values);
    expect(numbersOf(first.read('out'))).toEqual(numbersOf(runStep(step, values).read('out')));
    const dropped = numbersOf(first.read('mask')).filter((kept) => kept === 0).length;
    // 100 draws with probability 1/4: mean 25, standard deviation 4.3.
    expect(dropped).toBeGreaterThan(25 - 4 * 4.4);
    expect(dropped).toBeLessThan(25 + 4 * 4.4);
    first.read('back').forEach((value, at) => {
      expect(value).toBe(first.read('mask')[at] === 0 ? 0 : 4);
    });
  });

  it('names the tensor or BN layer that an operation asks for and the step lacks', () => {
    expect(() =>
      runStep(makeStep({ x: [1] }, [{ kind: 'relu-forward', input: 'x', output: 'lost' }]), {}),
    ).toThrow('no tensor "lost"');
    const nameless = makeStep({ x: [1, 1, 1, 1] }, [
      { kind: 'bn-statistics', batchNorm: 'lost', statistics: 'two-pass', input: 'x' },
    ]);
    expect(() => runStep(nameless, { x: [1] })).toThrow('no batch normalisation "lost"');
  });
});
