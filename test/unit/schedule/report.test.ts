import { describe, expect, it } from 'vitest';
import { applySchedule } from '../../../src/schedule/apply.js';
import { type BnFusionRow, fusionReport } from '../../../src/schedule/report.js';
import type { TrainingOptions } from '../../../src/training/plan.js';
import { zooStep } from './steps.js';

function report(network: string, schedule: string, options: Partial<TrainingOptions> = {}) {
  const step = zooStep(network, options);
  return fusionReport(step, applySchedule(step, schedule));
}

const parts = (row: BnFusionRow) => [row.statistics, row.normalise, row.gradientSums, row.inputGradient];

describe('the fusion report', () => {
  // docs/paper.md, "What fuses and what cannot".
  it('counts 58 of 121 BNs wholly fused in DenseNet-121', () => {
    const { counts, batchNorms } = report('densenet121', 'bnff');
    expect(counts).toMatchObject({ batchNorms: 121, wholly: 58 });
    // Between the 1x1 and the 3x3 CONV of each composite layer (blocks of 6, 12, 24 and 16).
    const wholly = batchNorms.filter((row) => row.wholly);
    expect(wholly).toHaveLength(6 + 12 + 24 + 16);
    expect(new Set(wholly.map((row) => row.channels))).toEqual(new Set([128]));
    // Sub-BN2 and ReLU fuse wherever a CONV follows: all but the stem's, behind which is pooling, and the last.
    expect(counts).toMatchObject({ normalise: 119, gradientSums: 119, relus: 121, relusFused: 119 });
    // Sub-BN1 fuses where a CONV precedes: also in the stem.
    expect(counts).toMatchObject({ statistics: 59, inputGradient: 59 });
  });

  it('counts 32 of 53 BNs wholly fused in ResNet-50, the statistics half of the others', () => {
    const { counts, batchNorms } = report('resnet50', 'bnff');
    expect(counts).toMatchObject({
      batchNorms: 53,
      wholly: 32,
      statistics: 53,
      normalise: 32,
      gradientSums: 32,
    });
    const atSum = batchNorms.filter((row) => row.normalise.reason?.includes('Sum'));
    expect(atSum).toHaveLength(16 + 4);
  });

  it('counts what Concat and Split take under icf apart from what CONVs take', () => {
    const { counts } = report('densenet121', 'bnff+icf');
    // The stem, the first BN of each of the four blocks (behind pooling) and the last keep an operation.
    expect(counts).toMatchObject({
      wholly: 58,
      dissolved: 121 - 1 - 4 - 1,
      statistics: 121 - 4,
      inputGradient: 121,
    });
  });

  it('gives the same counts where the baseline software builds ReLU into BN', () => {
    for (const [network, wholly] of [
      ['densenet121', 58],
      ['resnet50', 32],
    ] as const) {
      expect(report(network, 'bnff', { fuseBnRelu: true }).counts.wholly).toBe(wholly);
    }
  });

  it('gives a reason for every part that stays, and operations for every part that fused', () => {
    for (const schedule of ['baseline', 'rcf', 'rcf+mvf', 'bnff', 'bnff+icf']) {
      const step = zooStep('densenet121');
      const after = applySchedule(step, schedule);
      const names = new Set(after.operations.map((operation) => operation.name));
      const { batchNorms, relus } = fusionReport(step, after);
      for (const part of [...batchNorms.flatMap(parts), ...relus]) {
        expect(part.reason === null).toBe(part.fused);
        expect(part.operations.length).toBeGreaterThan(0);
        for (const operation of part.operations) expect(names).toContain(operation);
      }
    }
  });

  it('says where the parts of a BN between two CONVs went', () => {
    const [row] = report('conv-bn-relu-conv', 'bnff').batchNorms;
    expect(row?.statistics.operations).toEqual(['a.forward']);
    expect(row?.normalise.operations).toEqual(['b.forward']);
    expect(row?.gradientSums.operations).toEqual(['b.backward-data']);
    expect(row?.inputGradient.operations).toEqual(['a.backward-data']);
  });

  it('says what stands in the way', () => {
    const { batchNorms, relus } = report('densenet121', 'bnff');
    const row = (layer: string) => batchNorms.find((candidate) => candidate.layer === layer);
    expect(row('conv1/bn')?.normalise.reason).toMatch(/relu1.*pool1/);
    expect(row('conv2_2/x1/bn')?.statistics.reason).toMatch(/written by.*conv2_1\/concat.*icf/);
    expect(relus.find(({ layer }) => layer === 'relu1')?.reason).toMatch(/pool1/);
  });

  it('says which pass would fuse what the schedule leaves', () => {
    const [row] = report('conv-bn-relu-conv', 'rcf').batchNorms;
    expect(row?.statistics.reason).toMatch(/fuse-statistics/);
    expect(row?.normalise.reason).toMatch(/fuse-normalise/);
    expect(row?.inputGradient.reason).toMatch(/fuse-gradient/);
    expect(report('conv-bn-relu-conv', 'baseline').batchNorms[0]?.normalise.reason).toMatch(/rcf/);
  });
});
