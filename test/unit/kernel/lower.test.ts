import { describe, expect, it } from 'vitest';
import { tensorLines } from '../../../src/kernel/address-map.js';
import { ShadowChecker } from '../../../src/kernel/check/shadow.js';
import { countAccesses, walkKernel } from '../../../src/kernel/check/walk.js';
import type { LineRange, SoftwareOptions, Target } from '../../../src/kernel/kernel.js';
import { lowerProgram } from '../../../src/kernel/lower.js';
import { applySchedule } from '../../../src/schedule/apply.js';
import { tensorAccesses } from '../../../src/training/accesses.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import type { Operation, Tensor, TrainingStep } from '../../../src/training/step.js';
import { loadZooNetwork } from '../network/zoo.js';
import { makeTarget, SOFTWARE } from './streaming/fixtures.js';

const SMALL = { imageSize: { height: 32, width: 32 }, channelDivisor: 4 };
const SCHEDULES = ['baseline', 'rcf', 'rcf+mvf', 'bnff', 'bnff+icf'];

function lower(step: TrainingStep, target: Target, software: SoftwareOptions = SOFTWARE) {
  return { step, program: lowerProgram(step, target, software) };
}

function smallStep(
  network: string,
  schedule: string,
  batch: number,
  imageSize = SMALL.imageSize,
): TrainingStep {
  const step = buildTrainingStep(loadZooNetwork(network, { ...SMALL, imageSize }), { batch });
  return applySchedule(step, schedule);
}

describe('lowering', () => {
  it('gives every operation of every schedule its kernel, in order', () => {
    for (const schedule of SCHEDULES) {
      const { step, program } = lower(smallStep('densenet121', schedule, 2), makeTarget({ totalBatch: 2 }));
      expect(program.kernels.map((kernel) => kernel.name)).toEqual(
        step.operations.map((operation) => operation.name),
      );
      expect(program.kernels.map((kernel) => kernel.phase)).toEqual(
        step.operations.map((operation) => operation.phase),
      );
    }
  });

  it('keeps the kernels without a CONV sound on every network, with more threads than work in places', () => {
    const cases = [
      ...SCHEDULES.map((schedule) => ['densenet121', schedule, 32] as const),
      ['resnet50', 'bnff', 32] as const,
      ['vgg16', 'baseline', 32] as const,
      // Smaller images leave AlexNet's last pooling nothing.
      ['alexnet', 'baseline', 67] as const,
    ];
    for (const [network, schedule, side] of cases) {
      const step = smallStep(network, schedule, 3, { height: side, width: side });
      const { program } = lower(step, makeTarget({ threads: 5, totalBatch: 3 }));
      const checker = new ShadowChecker(program.lines);
      for (const kernel of program.kernels) {
        if (kernel.type !== 'CONV')
          expect(checker.check(kernel, 5), `${network} ${schedule} ${kernel.name}`).toEqual([]);
      }
    }
  });

  it('sweeps feature maps as often as the closed form says', () => {
    const types: readonly Operation['type'][] = ['BN', 'ReLU', 'Concat/Split', 'Sum'];
    for (const network of ['densenet121', 'resnet50']) {
      for (const schedule of SCHEDULES) {
        const { step, program } = lower(
          smallStep(network, schedule, 2),
          makeTarget({ threads: 3, totalBatch: 2 }),
        );
        program.kernels.forEach((kernel, index) => {
          const operation = step.operations[index] as Operation;
          if (!types.includes(operation.type) || operation.kind.startsWith('conv')) return;
          const walk = walkKernel(kernel, 3);
          // In-place operations touch one storage under two names.
          const expected = new Map<string, { loads: number; stores: number }>();
          for (const { tensor: name, reads, writes } of tensorAccesses(operation, step, {
            bnBlocking: 'streaming',
          })) {
            const tensor = step.tensors.get(name) as Tensor;
            if (tensor.role !== 'feature' && tensor.role !== 'feature-gradient') continue;
            const sweeps = expected.get(tensor.storage) ?? { loads: 0, stores: 0 };
            const lines = tensorLines(tensor);
            expected.set(tensor.storage, {
              loads: sweeps.loads + reads * lines,
              stores: sweeps.stores + writes * lines,
            });
          }
          for (const [storage, sweeps] of expected) {
            const range = [...kernel.reads, ...kernel.writes].find(
              ({ tensor }) => step.tensors.get(tensor)?.storage === storage,
            ) as LineRange;
            const { loads, stores } = countAccesses(walk, range);
            expect({ loads, stores }, `${network} ${schedule} ${operation.name} ${storage}`).toEqual(sweeps);
          }
        });
      }
    }
  });

  it('stays within its address space and keeps parameters in their region', () => {
    const { step, program } = lower(smallStep('densenet121', 'baseline', 2), makeTarget({ totalBatch: 2 }));
    for (const kernel of program.kernels) {
      for (const range of [...kernel.reads, ...kernel.writes]) {
        expect(range.base + range.lines).toBeLessThanOrEqual(program.lines);
        const isParameter = step.tensors.get(range.tensor)?.role === 'parameter';
        expect(range.base >= program.parameterBase && range.base < program.parameterEnd).toBe(isParameter);
      }
    }
  });

  it('emits the same runs for the same arguments, in any order', () => {
    const step = smallStep('densenet121', 'bnff+icf', 2);
    const [first, second] = [0, 1].map(() => lower(step, makeTarget({ totalBatch: 2 })).program);
    const kernel = first?.kernels.find((candidate) => candidate.type === 'Concat/Split');
    const twin = second?.kernels.find((candidate) => candidate.name === kernel?.name);
    expect(kernel).toBeDefined();
    expect(twin === undefined ? null : walkKernel(twin, 2)).toEqual(
      kernel === undefined ? undefined : walkKernel(kernel, 2),
    );
  });

  it('works on a share of the chip with the whole mini-batch for the fully connected layer', () => {
    // 4 of 40 threads, 2 of 20 images.
    const step = smallStep('densenet121', 'baseline', 2);
    const target = makeTarget({ threads: 4, totalThreads: 40, totalBatch: 20 });
    const { program } = lower(step, target);
    const forward = program.kernels.find((kernel) => kernel.type === 'FC' && kernel.phase === 'forward');
    expect(forward?.parameters).toBe('share');
    expect(
      program.kernels
        .filter((kernel) => kernel.type === 'Update')
        .every((kernel) => kernel.parameters === 'share'),
    ).toBe(true);
    const checker = new ShadowChecker(program.lines);
    for (const kernel of program.kernels) {
      if (kernel.type !== 'CONV') expect(checker.check(kernel, 4), kernel.name).toEqual([]);
    }
  });

  it('lays the whole mini-batch of DenseNet-121 out below 2^31 lines', () => {
    const step = buildTrainingStep(loadZooNetwork('densenet121'), { batch: 240 });
    const lines = [
      ...new Map([...step.tensors.values()].map((tensor) => [tensor.storage, tensorLines(tensor)])).values(),
    ];
    expect(lines.reduce((a, b) => a + b, 0)).toBeLessThan(2 ** 31);
    const { program } = lower(step, makeTarget({ threads: 40, totalBatch: 240 }));
    expect(program.lines).toBeLessThan(2 ** 31);
  });
});
