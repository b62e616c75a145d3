import { describe, expect, it } from 'vitest';
import { featureSweeps, featureTraffic } from '../../../src/bound/sweeps.js';
import { applySchedule } from '../../../src/schedule/apply.js';
import type { ScheduleOptions } from '../../../src/schedule/pass.js';
import type { TrainingStep } from '../../../src/training/step.js';
import { EDGE, stepOf, zooStep } from './steps.js';

const STREAMING = { bnBlocking: 'streaming' } as const;

function gigabytes(step: TrainingStep) {
  const { forward, backward } = featureTraffic(step, STREAMING);
  const gb = ({ readBytes, writeBytes }: typeof forward) => (readBytes + writeBytes) / 1e9;
  return { forward: gb(forward), backward: gb(backward), total: gb(forward) + gb(backward) };
}

function expectWithinOnePercent(actual: number, expected: number): void {
  expect(Math.abs(actual / expected - 1)).toBeLessThan(0.01);
}

describe('feature-map traffic at batch 120', () => {
  // docs/paper.md, "Feature-map traffic per training iteration at batch 120": DenseNet-121 forward, backward, total; ResNet-50 total.
  const table: [string, Partial<ScheduleOptions>, number, number, number, number][] = [
    ['baseline', {}, 66.3, 104.5, 170.9, 114.2],
    ['rcf', {}, 52.1, 90.3, 142.4, 108.9],
    ['rcf+mvf', {}, 44.6, 90.3, 134.9, 103.8],
    ['bnff', {}, 27.9, 73.3, 101.2, 88.0],
    ['bnff', { storeZ: true }, 35.0, 73.3, 108.3, 89.3],
    ['bnff+icf', {}, 22.9, 63.1, 86.0, 88.0],
  ];
  const dense = zooStep('densenet121', { batch: 120 });
  const residual = zooStep('resnet50', { batch: 120 });

  it.each(table)(
    'of %s %j is that of the method',
    (schedule, options, forward, backward, total, residualTotal) => {
      const traffic = gigabytes(applySchedule(dense, schedule, options));
      expectWithinOnePercent(traffic.forward, forward);
      expectWithinOnePercent(traffic.backward, backward);
      expectWithinOnePercent(traffic.total, total);
      expectWithinOnePercent(gigabytes(applySchedule(residual, schedule, options)).total, residualTotal);
    },
  );

  it('does not depend on whether dX is materialised', () => {
    for (const step of [dense, residual]) {
      const once = gigabytes(applySchedule(step, 'bnff', { materialiseDx: true }));
      expect(gigabytes(applySchedule(step, 'bnff', { materialiseDx: false }))).toEqual(once);
    }
  });

  it('is left alone by icf where there is no Concat', () => {
    expect(gigabytes(applySchedule(residual, 'bnff+icf'))).toEqual(
      gigabytes(applySchedule(residual, 'bnff')),
    );
  });
});

describe('sweeps of one CONV-BN-ReLU-CONV edge', () => {
  /** Sweeps over X, Y, Z and their gradients, which alone have the edge's 64 channels. */
  function sweeps(step: TrainingStep) {
    const count = { forward: 0, backward: 0, update: 0 };
    for (const operation of step.operations) {
      for (const { tensor, reads, writes } of featureSweeps(operation, step, STREAMING)) {
        if (step.tensors.get(tensor)?.shape[1] === 64) count[operation.phase] += reads + writes;
      }
    }
    return [count.forward, count.backward];
  }

  // docs/paper.md, "Forward sweeps per edge" and "Backward sweeps per edge".
  const table: [string, Partial<ScheduleOptions>, number, number][] = [
    ['baseline', {}, 8, 12],
    ['rcf', {}, 6, 10],
    ['rcf+mvf', {}, 5, 10],
    ['bnff', { materialiseDx: true }, 2, 7],
    ['bnff', { materialiseDx: false }, 2, 7],
    ['bnff', { storeZ: true }, 3, 7],
    ['bnff+icf', {}, 2, 7],
  ];

  it.each(table)('under %s %j are those of the method', (schedule, options, forward, backward) => {
    expect(sweeps(applySchedule(stepOf(EDGE), schedule, options))).toEqual([forward, backward]);
  });

  it('are the same under bnff where the baseline software builds ReLU into BN', () => {
    expect(sweeps(applySchedule(stepOf(EDGE, { fuseBnRelu: true }), 'bnff'))).toEqual([2, 7]);
  });
});
