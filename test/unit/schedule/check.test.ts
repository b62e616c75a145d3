import { describe, expect, it } from 'vitest';
import { applySchedule } from '../../../src/schedule/apply.js';
import { checkStep, findViolations } from '../../../src/schedule/check.js';
import { type Rule, ScheduleError } from '../../../src/schedule/errors.js';
import type { Operation, TrainingStep } from '../../../src/training/step.js';
import { EDGE, stepOf, zooStep } from './steps.js';

/** The step with one operation replaced by what `change` makes of it. */
function edit(
  step: TrainingStep,
  name: string,
  change: (operation: Operation) => object | null,
): TrainingStep {
  expect(step.operations.some((operation) => operation.name === name)).toBe(true);
  const operations = step.operations.flatMap((operation) => {
    if (operation.name !== name) return [operation];
    const changed = change(operation);
    return changed === null ? [] : [{ ...operation, ...changed } as Operation];
  });
  return { ...step, operations };
}

function move(step: TrainingStep, name: string, before: string): TrainingStep {
  const moved = step.operations.find((operation) => operation.name === name) as Operation;
  const operations = step.operations.filter((operation) => operation !== moved);
  operations.splice(
    operations.findIndex((operation) => operation.name === before),
    0,
    moved,
  );
  return { ...step, operations };
}

function expectViolation(step: TrainingStep, rule: Rule, operation: string | null, tensor: string): void {
  const violations = findViolations(step);
  expect(violations).toContainEqual(expect.objectContaining({ rule, operation, tensor }));
  const found = violations.find((violation) => violation.rule === rule && violation.operation === operation);
  if (operation !== null) expect(found?.message).toContain(operation);
  expect(() => checkStep(step)).toThrow(ScheduleError);
}

const bnff = applySchedule(stepOf(EDGE), 'bnff');
const split = applySchedule(stepOf(EDGE), ['rcf', 'mvf', 'fission']);

describe('a legal step', () => {
  it.each(['densenet121', 'resnet50', 'vgg16', 'alexnet', 'conv-bn-relu-conv'])(
    'is every baseline of %s',
    (name) => {
      for (const fuseBnRelu of [false, true]) {
        for (const copySumGradients of [false, true]) {
          expect(findViolations(zooStep(name, { fuseBnRelu, copySumGradients }))).toEqual([]);
        }
      }
    },
  );

  it.each(['densenet121', 'resnet50', 'vgg16', 'alexnet', 'conv-bn-relu-conv'])(
    'is every schedule of %s',
    (name) => {
      for (const fuseBnRelu of [false, true]) {
        const step = zooStep(name, { fuseBnRelu });
        for (const options of [{}, { storeZ: true }, { materialiseDx: false }]) {
          expect(findViolations(applySchedule(step, 'bnff+icf', options))).toEqual([]);
        }
      }
    },
  );
});

describe('an illegal step', () => {
  it('reads a gradient that nothing has written', () => {
    expectViolation(
      edit(bnff, 'classes.backward-data', () => null),
      'read-before-write',
      'pool.backward',
      'pool.gradient',
    );
  });

  it('reads a tensor before the operation that writes it', () => {
    expectViolation(move(bnff, 'b.forward', 'a.forward'), 'read-before-write', 'b.forward', 'a');
  });

  it('reads a tensor whose storage an in-place operation took', () => {
    // Without RCF, ReLU writes Z over Y.
    const step = edit(stepOf(EDGE), 'b.backward-weights', () => ({ input: 'bn' }));
    expectViolation(step, 'overwritten', 'b.backward-weights', 'bn');
  });

  it('lets a convolution write over its own input', () => {
    const tensors = new Map(bnff.tensors);
    const output = tensors.get('b');
    if (output) tensors.set('b', { ...output, storage: 'a' });
    expectViolation({ ...bnff, tensors }, 'in-place', 'b.forward', 'a');
  });

  it('normalises in the operation that still sums', () => {
    const step = edit(split, 'b.forward', () => ({
      input: 'a',
      load: { batchNorm: 'bn', relu: true, storeTo: null },
      statistics: [{ batchNorm: 'bn', channelOffset: 0, channels: 64 }],
    }));
    expectViolation(
      edit(
        edit(step, 'bn.statistics', () => null),
        'bn.normalise',
        () => null,
      ),
      'statistics-incomplete',
      'b.forward',
      'bn.mean',
    );
  });

  it('normalises before the statistics are complete', () => {
    expectViolation(
      move(split, 'bn.normalise', 'bn.statistics'),
      'statistics-incomplete',
      'bn.normalise',
      'bn.mean',
    );
  });

  it('normalises with sums of a part of the channels', () => {
    const step = edit(bnff, 'a.forward', () => ({
      statistics: [{ batchNorm: 'bn', channelOffset: 0, channels: 48 }],
    }));
    expectViolation(step, 'statistics-incomplete', 'b.forward', 'bn.mean');
    expect(findViolations(step)[0]?.message).toContain('channels 48 to 63');
  });

  it('sums channels twice, or channels that there are not', () => {
    const epilogue = { batchNorm: 'bn', channelOffset: 0, channels: 64 };
    expectViolation(
      edit(bnff, 'a.forward', () => ({ statistics: [epilogue, epilogue] })),
      'written-twice',
      'a.forward',
      'bn.mean',
    );
    const beyond = [{ ...epilogue, channelOffset: 16 }];
    expectViolation(
      edit(bnff, 'a.forward', () => ({ statistics: beyond })),
      'well-formed',
      'a.forward',
      'bn.mean',
    );
  });

  it('never computes the statistics of a BN', () => {
    const step = edit(
      edit(split, 'bn.statistics', () => null),
      'bn.normalise',
      () => ({ kind: 'relu-forward' }),
    );
    expectViolation(step, 'statistics-incomplete', null, 'bn.mean');
  });

  it('computes dX before dgamma and dbeta are complete', () => {
    const step = move(split, 'bn.backward-data', 'bn.backward-reduce');
    expectViolation(step, 'gradient-sums-incomplete', 'bn.backward-data', 'bn.gamma.gradient');
  });

  it('takes dX through BN without dgamma and dbeta', () => {
    const step = edit(bnff, 'b.backward-data', () => ({
      store: { tensor: 'a', batchNorm: 'bn', relu: true, accumulate: null },
    }));
    expectViolation(step, 'gradient-sums-incomplete', 'a.backward-data', 'bn.gamma.gradient');
  });

  it('accumulates dgamma and dbeta twice', () => {
    const reduce: Operation = {
      name: 'bn.backward-reduce',
      layer: 'bn',
      type: 'BN',
      phase: 'backward',
      kind: 'bn-backward-reduce',
      batchNorm: 'bn',
      input: 'a',
      gradient: 'bn.gradient',
    };
    const at = bnff.operations.findIndex((operation) => operation.name === 'a.backward-data');
    const step = { ...bnff, operations: bnff.operations.toSpliced(at, 0, reduce) };
    expectViolation(step, 'written-twice', 'bn.backward-reduce', 'bn.gamma.gradient');
  });

  it('materialises dX twice', () => {
    const data = bnff.operations.find((operation) => operation.name === 'a.backward-data');
    const step = edit(bnff, 'a.backward-weights', () => ({
      gradient: data?.kind === 'conv-backward-data' ? data.gradient : null,
    }));
    expectViolation(step, 'written-twice', 'a.backward-weights', 'a.gradient');
  });

  it('normalises a tensor that is not the one that was summed', () => {
    const step = edit(bnff, 'b.forward', () => ({ input: 'first' }));
    expect(findViolations(step).some(({ rule }) => rule === 'batch-norm-operands')).toBe(true);
  });

  it('sums one tensor and normalises another', () => {
    const moved = edit(bnff, 'a.forward', () => ({ statistics: [] }));
    const step = edit(moved, 'first.forward', () => ({
      statistics: [{ batchNorm: 'bn', channelOffset: 0, channels: 64 }],
    }));
    expectViolation(step, 'batch-norm-operands', 'first.forward', 'first');
  });

  it('reduces dgamma from one gradient and computes dX from another', () => {
    const step = edit(split, 'bn.backward-data', () => ({ gradient: 'relu.other' }));
    const tensors = new Map(step.tensors);
    const gradient = tensors.get('bn.gradient');
    if (gradient) tensors.set('relu.other', { ...gradient, name: 'relu.other', storage: 'relu.other' });
    expectViolation({ ...step, tensors }, 'batch-norm-operands', 'bn.backward-data', 'relu.other');
  });

  it('updates a parameter whose gradient nothing computes', () => {
    expectViolation(
      edit(bnff, 'b.backward-weights', () => null),
      'parameter-gradient',
      'b.weights.update',
      'b.weights.gradient',
    );
  });

  it('computes a parameter gradient that no update uses', () => {
    expectViolation(
      edit(bnff, 'b.weights.update', () => null),
      'parameter-gradient',
      null,
      'b.weights.gradient',
    );
  });

  it('goes back to the forward pass', () => {
    expectViolation(
      move(bnff, 'loss.forward', 'pool.backward'),
      'phase-order',
      'loss.forward',
      'loss.forward',
    );
  });

  it('names what is not in the step', () => {
    expectViolation(
      edit(bnff, 'b.forward', () => ({ weights: 'nothing' })),
      'well-formed',
      'b.forward',
      'nothing',
    );
    const unknown = edit(split, 'bn.normalise', () => ({ batchNorm: 'nobody' }));
    expect(() => checkStep(unknown)).toThrow(/bn\.normalise.*"nobody"/);
  });

  it('has two operations of one name', () => {
    expectViolation(
      edit(bnff, 'b.forward', () => ({ name: 'a.forward' })),
      'well-formed',
      'a.forward',
      'a.forward',
    );
  });
});
