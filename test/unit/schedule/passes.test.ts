import { describe, expect, it } from 'vitest';
import { applySchedule } from '../../../src/schedule/apply.js';
import type { OperationOf } from '../../../src/schedule/step-index.js';
import type { OperationKind, TrainingStep } from '../../../src/training/step.js';
import { EDGE, stepOf } from './steps.js';

function get<K extends OperationKind>(step: TrainingStep, name: string, kind: K): OperationOf<K> {
  const operation = step.operations.find((candidate) => candidate.name === name);
  expect(operation?.kind).toBe(kind);
  return operation as OperationOf<K>;
}

const kinds = (step: TrainingStep) => new Set(step.operations.map((operation) => operation.kind));
const names = (step: TrainingStep) => step.operations.map((operation) => operation.name);

describe('rcf', () => {
  it('clips Y as CONV_b loads it and masks the gradient as CONV_b stores it', () => {
    const step = applySchedule(stepOf(EDGE), 'rcf');
    const load = { batchNorm: null, relu: true, storeTo: null };
    expect(get(step, 'b.forward', 'conv-forward')).toMatchObject({ input: 'bn', load });
    expect(get(step, 'b.backward-weights', 'conv-backward-weights')).toMatchObject({ input: 'bn', load });
    expect(get(step, 'b.backward-data', 'conv-backward-data')).toMatchObject({
      output: 'bn.gradient',
      store: { tensor: 'bn', batchNorm: null, relu: true, accumulate: null },
    });
    expect(kinds(step).has('relu-forward')).toBe(false);
    expect(kinds(step).has('relu-backward')).toBe(false);
  });

  it('drops the tensors that nothing touches any more', () => {
    const before = stepOf(EDGE);
    const dropped = [...before.tensors.keys()].filter(
      (name) => !applySchedule(before, 'rcf').tensors.has(name),
    );
    expect(dropped.sort()).toEqual(['relu', 'relu.gradient']);
  });

  it('fuses a ReLU without a BN before it', () => {
    const step = applySchedule(
      stepOf(`
  - {type: conv, name: a, channels: 32, kernel: 3, pad: 1}
  - {type: relu, name: relu}
  - {type: conv, name: b, channels: 32, kernel: 3, pad: 1}
  - {type: global-pool, name: pool}
  - {type: fc, name: classes, channels: 10}
  - {type: softmax-loss, name: loss}
`),
      'rcf',
    );
    expect(get(step, 'b.forward', 'conv-forward').load?.relu).toBe(true);
    expect(get(step, 'b.backward-data', 'conv-backward-data').output).toBe('a.gradient');
  });

  it('leaves a ReLU in front of pooling', () => {
    const text = EDGE.replace(
      'name: b, channels: 32, kernel: 3, pad: 1}',
      'name: b, channels: 32, kernel: 1}\n  - {type: relu, name: last}',
    );
    const step = applySchedule(stepOf(text), 'rcf');
    expect(names(step)).toContain('last.forward');
    expect(names(step)).toContain('last.backward');
    expect(names(step)).not.toContain('relu.forward');
  });

  it('leaves a ReLU whose output several CONVs read', () => {
    const step = applySchedule(
      stepOf(`
  - {type: conv, name: a, channels: 32, kernel: 1}
  - {type: relu, name: relu}
  - {type: conv, name: b, channels: 32, kernel: 1}
  - {type: conv, name: c, channels: 32, kernel: 1, from: relu}
  - {type: sum, name: sum, from: [b, c]}
  - {type: global-pool, name: pool}
  - {type: fc, name: classes, channels: 10}
  - {type: softmax-loss, name: loss}
`),
      'rcf',
    );
    expect(names(step)).toContain('relu.forward');
    expect(get(step, 'b.forward', 'conv-forward').load).toBeNull();
  });

  it('moves a ReLU that the baseline software built into BN, and names Y and dY as without it', () => {
    const step = applySchedule(stepOf(EDGE, { fuseBnRelu: true }), 'rcf');
    expect(get(step, 'bn.forward', 'bn-forward')).toMatchObject({ output: 'bn', relu: false });
    expect(get(step, 'bn.backward', 'bn-backward')).toMatchObject({
      gradient: 'bn.gradient',
      maskedBy: null,
    });
    expect(step.operations).toEqual(applySchedule(stepOf(EDGE), 'rcf').operations);
  });
});

describe('mvf', () => {
  it('makes the statistics of whole and of split BNs single-pass', () => {
    expect(get(applySchedule(stepOf(EDGE), 'mvf'), 'bn.forward', 'bn-forward').statistics).toBe(
      'single-pass',
    );
    const split = applySchedule(stepOf(EDGE), ['fission', 'mvf']);
    expect(get(split, 'bn.statistics', 'bn-statistics').statistics).toBe('single-pass');
  });
});

describe('fission', () => {
  it('splits forward and backward in place', () => {
    const step = applySchedule(stepOf(EDGE), 'fission');
    const at = names(step).indexOf('bn.statistics');
    expect(names(step)[at + 1]).toBe('bn.normalise');
    const back = names(step).indexOf('bn.backward-reduce');
    expect(names(step)[back + 1]).toBe('bn.backward-data');
  });

  it('is undone by rejoin', () => {
    const before = stepOf(EDGE);
    expect(applySchedule(before, ['fission', 'rejoin']).operations).toEqual(before.operations);
  });

  it('leaves a backward pass whole whose ReLU is built in', () => {
    const step = applySchedule(stepOf(EDGE, { fuseBnRelu: true }), 'fission');
    expect(names(step)).toContain('bn.backward');
    expect(get(step, 'bn.normalise', 'bn-normalise').relu).toBe(true);
  });
});

describe('bnff', () => {
  it('leaves no operation of a BN between two CONVs', () => {
    const step = applySchedule(stepOf(EDGE), 'bnff');
    expect(step.operations.some((operation) => operation.type === 'BN' || operation.type === 'ReLU')).toBe(
      false,
    );
    expect(get(step, 'a.forward', 'conv-forward').statistics).toEqual([
      { batchNorm: 'bn', channelOffset: 0, channels: 64 },
    ]);
    expect(get(step, 'b.forward', 'conv-forward')).toMatchObject({
      input: 'a',
      load: { batchNorm: 'bn', relu: true, storeTo: null },
    });
    expect(get(step, 'b.backward-data', 'conv-backward-data').store).toEqual({
      tensor: 'a',
      batchNorm: 'bn',
      relu: true,
      accumulate: 'bn',
    });
  });

  it('recomputes Z in backward-weights, or stores it in the forward pass', () => {
    const recomputed = get(
      applySchedule(stepOf(EDGE), 'bnff'),
      'b.backward-weights',
      'conv-backward-weights',
    );
    expect(recomputed).toMatchObject({ input: 'a', load: { batchNorm: 'bn', relu: true, storeTo: null } });

    const step = applySchedule(stepOf(EDGE), 'bnff', { storeZ: true });
    const z = get(step, 'b.forward', 'conv-forward').load?.storeTo as string;
    expect(step.tensors.get(z)?.shape).toEqual(step.tensors.get('a')?.shape);
    expect(get(step, 'b.backward-weights', 'conv-backward-weights')).toMatchObject({ input: z, load: null });
  });

  it('writes dX once in backward-data, or computes it in both backward operations of CONV_a', () => {
    const through = { kind: 'through-batch-norm', batchNorm: 'bn', gradient: 'bn.gradient', input: 'a' };
    const once = applySchedule(stepOf(EDGE), 'bnff', { materialiseDx: true });
    expect(get(once, 'a.backward-data', 'conv-backward-data').gradient).toEqual({
      ...through,
      storeTo: 'a.gradient',
    });
    expect(get(once, 'a.backward-weights', 'conv-backward-weights').gradient).toEqual({
      kind: 'stored',
      tensor: 'a.gradient',
    });
    expect(names(once).indexOf('a.backward-data')).toBeLessThan(names(once).indexOf('a.backward-weights'));

    const twice = applySchedule(stepOf(EDGE), 'bnff', { materialiseDx: false });
    for (const operation of twice.operations) {
      if (operation.layer === 'a' && operation.phase === 'backward' && 'gradient' in operation) {
        expect(operation.gradient).toEqual({ ...through, storeTo: null });
      }
    }
    expect(twice.tensors.has('a.gradient')).toBe(false);
  });

  it('puts backward-data before backward-weights where it materialises dX', () => {
    const step = stepOf(EDGE);
    const operations = [...step.operations];
    const data = operations.findIndex((operation) => operation.name === 'a.backward-data');
    operations.splice(data, 2, ...operations.slice(data, data + 2).reverse());
    const fused = applySchedule({ ...step, operations }, 'bnff');
    expect(names(fused).indexOf('a.backward-data')).toBeLessThan(names(fused).indexOf('a.backward-weights'));
  });

  it('computes dX in backward-weights alone where nothing before the first CONV learns', () => {
    const step = applySchedule(stepOf(EDGE.replace(/.*name: first.*\n/, '')), 'bnff', {
      materialiseDx: true,
    });
    expect(get(step, 'a.backward-weights', 'conv-backward-weights').gradient).toMatchObject({
      kind: 'through-batch-norm',
      storeTo: null,
    });
  });

  it('accumulates dgamma and dbeta without a mask where there is no ReLU', () => {
    const step = applySchedule(stepOf(EDGE.replace(/.*name: relu.*\n/, '')), 'bnff');
    expect(get(step, 'b.forward', 'conv-forward').load).toEqual({
      batchNorm: 'bn',
      relu: false,
      storeTo: null,
    });
    expect(get(step, 'b.backward-data', 'conv-backward-data').store).toMatchObject({
      relu: false,
      accumulate: 'bn',
    });
  });

  it('fuses only the halves next to a CONV where BN feeds a sum', () => {
    const step = applySchedule(
      stepOf(`
  - {type: conv, name: first, channels: 64, kernel: 1}
  - {type: conv, name: a, channels: 64, kernel: 1}
  - {type: bn, name: bn}
  - {type: sum, name: sum, from: [first, bn]}
  - {type: conv, name: b, channels: 32, kernel: 1}
  - {type: global-pool, name: pool}
  - {type: fc, name: classes, channels: 10}
  - {type: softmax-loss, name: loss}
`),
      'bnff',
    );
    expect(get(step, 'a.forward', 'conv-forward').statistics).toHaveLength(1);
    expect(get(step, 'a.backward-data', 'conv-backward-data').gradient.kind).toBe('through-batch-norm');
    expect(names(step)).toContain('bn.normalise');
    expect(names(step)).toContain('bn.backward-reduce');
    expect(names(step)).not.toContain('bn.statistics');
    expect(names(step)).not.toContain('bn.backward-data');
  });

  it('accumulates the sums of two BNs that read one CONV in its epilogue', () => {
    const step = applySchedule(
      stepOf(`
  - {type: conv, name: a, channels: 64, kernel: 1}
  - {type: bn, name: left}
  - {type: bn, name: right, from: a}
  - {type: sum, name: sum, from: [left, right]}
  - {type: global-pool, name: pool}
  - {type: fc, name: classes, channels: 10}
  - {type: softmax-loss, name: loss}
`),
      'bnff',
    );
    const sums = get(step, 'a.forward', 'conv-forward').statistics.map((epilogue) => epilogue.batchNorm);
    expect(sums).toEqual(['left', 'right']);
  });
});

describe('icf', () => {
  // One composite layer of a dense block and a transition behind it.
  const DENSE = `
  - {type: conv, name: stem, channels: 32, kernel: 1}
  - {type: bn, name: bn1}
  - {type: relu, name: relu1}
  - {type: conv, name: grow, channels: 32, kernel: 3, pad: 1}
  - {type: concat, name: concat, from: [stem, grow]}
  - {type: bn, name: bn2}
  - {type: relu, name: relu2}
  - {type: conv, name: transition, channels: 32, kernel: 1}
  - {type: global-pool, name: pool}
  - {type: fc, name: classes, channels: 10}
  - {type: softmax-loss, name: loss}
`;

  it('puts the sums on Concat and the gradient halves on Split and Concat', () => {
    const step = applySchedule(stepOf(DENSE), 'bnff+icf');
    expect(get(step, 'concat.forward', 'concat-forward').statistics).toEqual([
      { batchNorm: 'bn2', channelOffset: 0, channels: 64 },
    ]);
    expect(get(step, 'concat.backward', 'concat-backward').gradient).toMatchObject({
      kind: 'through-batch-norm',
      batchNorm: 'bn2',
      input: 'concat',
      storeTo: null,
    });
    const split = get(step, 'stem.split-backward', 'split-backward');
    expect(split.gradients.map((source) => source.kind).sort()).toEqual(['stored', 'through-batch-norm']);
    expect(step.operations.some((operation) => operation.type === 'BN')).toBe(false);
  });

  it('leaves a BN at an element-wise sum alone', () => {
    const step = applySchedule(stepOf(DENSE.replace('type: concat', 'type: sum')), 'bnff+icf');
    expect(names(step)).toContain('bn1.backward-data');
    expect(names(step)).toContain('bn2.statistics');
  });
});
