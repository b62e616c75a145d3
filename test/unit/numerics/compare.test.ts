import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseNetwork } from '../../../src/network/parse.js';
import { compareSchedules, compareWith } from '../../../src/numerics/compare.js';
import { VARIANCE_FORMS, type VarianceFormName } from '../../../src/numerics/moments/registry.js';
import { executeReference } from '../../../src/numerics/reference.js';
import {
  scaledDown,
  shareOfTolerance,
  VERIFIED_SCHEDULES,
  verifyNetwork,
  worstFirst,
} from '../../../src/numerics/verify.js';
import { applySchedule } from '../../../src/schedule/apply.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import { buildSmall, DENSE, RESIDUAL, WITHOUT_BATCH_NORM } from './small-networks.js';

function readZoo(name: string, imageSize: number, channelDivisor: number) {
  const text = readFileSync(new URL(`../../../workloads/networks/${name}.yaml`, import.meta.url), 'utf8');
  return parseNetwork(text, name, scaledDown({ height: 224, width: 224 }, imageSize, channelDivisor));
}

const CASES = [
  ...VERIFIED_SCHEDULES.map((schedule) => ({ schedule, options: {} })),
  { schedule: 'bnff', options: { storeZ: true } },
  { schedule: 'bnff+icf', options: { materialiseDx: false } },
  { schedule: 'bnff+icf', options: { storeZ: true, materialiseDx: false } },
] as const;

describe.each([
  ['a dense block', DENSE],
  ['residual blocks', RESIDUAL],
  ['a network without batch normalisation', WITHOUT_BATCH_NORM],
])('%s', (_title, text) => {
  const reference = executeReference(buildSmall(text));

  it.each(CASES)('computes the same under $schedule with $options', ({ schedule, options }) => {
    const comparison = compareWith(reference, applySchedule(reference.step, schedule, options));
    expect(comparison.tensors.filter(({ passed }) => !passed)).toEqual([]);
    expect(comparison.tensors.some((tensor) => tensor.class === 'loss')).toBe(true);
  });

  it('computes the same where the baseline software fuses BN and ReLU', () => {
    const comparison = compareWith(reference, buildSmall(text, { fuseBnRelu: true }));
    expect(comparison.tensors.filter(({ passed }) => !passed)).toEqual([]);
  });
});

describe('variance forms and threads', () => {
  it.each(Object.keys(VARIANCE_FORMS) as VarianceFormName[])(
    '%s: bnff+icf stays within the tolerance for any number of threads',
    (variance) => {
      for (const threads of [1, 5, 64]) {
        const reference = executeReference(buildSmall(DENSE), { settings: { variance, threads } });
        expect(compareWith(reference, applySchedule(reference.step, 'bnff+icf')).passed).toBe(true);
      }
    },
  );
});

describe('the networks of the zoo, scaled down', () => {
  it.each([
    ['densenet121', 121],
    ['resnet50', 53],
  ])('%s keeps its depth and computes the same under every schedule', (name, batchNorms) => {
    const report = verifyNetwork(readZoo(name, 64, 16), { batch: 2 });
    expect(report.passed).toBe(true);
    expect(report.comparisons.map(({ schedule }) => schedule)).toEqual(VERIFIED_SCHEDULES);
    for (const comparison of report.comparisons) {
      const gammas = comparison.tensors.filter((tensor) => tensor.class === 'gamma gradient');
      expect(gammas).toHaveLength(2 * batchNorms);
    }
  });

  it.each(['alexnet', 'vgg16', 'conv-bn-relu-conv'])('%s computes the same under bnff+icf', (name) => {
    expect(verifyNetwork(readZoo(name, 64, 16), { batch: 2, schedules: ['bnff+icf'] }).passed).toBe(true);
  });
});

describe('a comparison', () => {
  const baseline = buildSmall(DENSE);

  it('finds a step equal to itself to the last bit', () => {
    for (const { relativeError } of compareSchedules(baseline, baseline).tensors)
      expect(relativeError).toBe(0);
  });

  it('lists what a schedule no longer stores, and demands all parameters, gradients and statistics', () => {
    const comparison = compareSchedules(baseline, applySchedule(baseline, 'bnff'));
    expect(comparison.notStored).toContain('dense_1/x2/bn');
    const compared = new Set(comparison.tensors.map(({ tensor }) => tensor));
    for (const operation of baseline.operations) {
      if (operation.kind !== 'update') continue;
      expect(compared).toContain(operation.parameter);
      expect(compared).toContain(operation.gradient);
    }
    for (const { mean, variance, runningMean, runningVariance } of baseline.batchNorms.values()) {
      for (const name of [mean, variance, runningMean, runningVariance]) expect(compared).toContain(name);
    }
  });

  it('gives both schedules the same parameters, images and labels, and others for another seed', () => {
    const lossOf = (seed: string) =>
      executeReference(baseline, { seed }).runs.float64.values.get('loss.value')?.[0];
    expect(lossOf('a')).toBe(lossOf('a'));
    expect(lossOf('a')).not.toBe(lossOf('b'));
  });

  it('orders tensors by the share of their tolerance, and summarises each class', () => {
    const report = verifyNetwork(parseNetwork(DENSE, 'small'), { schedules: ['bnff'] });
    const shares = worstFirst(report.comparisons[0]?.tensors ?? []).map(shareOfTolerance);
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
    const loss = report.rows.find((row) => row.class === 'loss');
    expect(loss).toMatchObject({ tensors: 1, failed: 0, passed: true });
    const worst = Math.max(
      ...report.rows.flatMap((row) => [row.float32.shareOfTolerance, row.float64.shareOfTolerance]),
    );
    expect(worst).toBe(shares[0]);
  });

  it('says where rounding leaves no digit in float32: batch normalisations over two elements', () => {
    const rows = verifyNetwork(readZoo('densenet121', 32, 16), { schedules: ['bnff'], batch: 2 }).rows;
    expect(rows.every(({ passed }) => passed)).toBe(true);
    expect(rows.some(({ lostInFloat32 }) => lostInFloat32)).toBe(true);
    const wide = verifyNetwork(readZoo('conv-bn-relu-conv', 16, 4), { schedules: ['bnff'] }).rows;
    expect(wide.some(({ lostInFloat32 }) => lostInFloat32)).toBe(false);
  });
});

describe('training options', () => {
  it('schedules of a baseline with fused BN and ReLU equal that baseline', () => {
    const baseline = buildTrainingStep(parseNetwork(DENSE, 'small'), { batch: 3, fuseBnRelu: true });
    for (const schedule of ['rcf', 'rcf+mvf']) {
      expect(compareSchedules(baseline, applySchedule(baseline, schedule)).passed).toBe(true);
    }
  });
});
