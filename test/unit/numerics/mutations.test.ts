/** The verifier can fail: rewrites that are wrong on purpose, by the step's description or by how an operation is executed. */
import { describe, expect, it } from 'vitest';
import { StatisticsCollector } from '../../../src/numerics/batch-norm.js';
import { compareWith, type ScheduleComparison } from '../../../src/numerics/compare.js';
import { OPERATORS } from '../../../src/numerics/execute.js';
import type { Execution, OperatorRegistry } from '../../../src/numerics/execution.js';
import { forEachShare } from '../../../src/numerics/partition.js';
import { executeReference } from '../../../src/numerics/reference.js';
import { applySchedule } from '../../../src/schedule/apply.js';
import type { BatchNorm, GradientSource, Operation, TrainingStep } from '../../../src/training/step.js';
import { buildSmall, DENSE, RESIDUAL } from './small-networks.js';

const dense = executeReference(buildSmall(DENSE));
const residual = executeReference(buildSmall(RESIDUAL));
const bnff = applySchedule(dense.step, 'bnff');
const icf = applySchedule(dense.step, 'bnff+icf');

function failures(comparison: ScheduleComparison, precision: 'float32' | 'float64'): string[] {
  return comparison.tensors
    .filter((tensor) => tensor.precision === precision && !tensor.passed)
    .map(({ tensor }) => tensor);
}

/** Expects both precisions to find the error, and at the given tensor. */
function expectDetected(comparison: ScheduleComparison, tensor: string): void {
  expect(comparison.passed).toBe(false);
  expect(failures(comparison, 'float64')).toContain(tensor);
  expect(failures(comparison, 'float32')).toContain(tensor);
}

/** The step with the operation of that name changed; fails where there is none. */
function change<Kind extends Operation['kind']>(
  step: TrainingStep,
  kind: Kind,
  name: string,
  rewrite: (operation: Extract<Operation, { kind: Kind }>) => Operation,
): TrainingStep {
  const index = step.operations.findIndex((operation) => operation.name === name && operation.kind === kind);
  expect(index, name).toBeGreaterThanOrEqual(0);
  const operation = step.operations[index] as Extract<Operation, { kind: Kind }>;
  return { ...step, operations: step.operations.with(index, rewrite(operation)) };
}

/** Executes `run` while a tensor holds zeros, then puts its values back. */
function withZeros(execution: Execution, tensor: string, run: () => void): void {
  const values = execution.read(tensor);
  const saved = values.slice();
  values.fill(0);
  run();
  values.set(saved);
}

/** An operator that forgets dgamma or dbeta where it takes a gradient through a batch normalisation. */
function forgetTerm(term: (batchNorm: BatchNorm) => string): Partial<OperatorRegistry> {
  return {
    'conv-backward-data': (operation, execution) => {
      const run = () => OPERATORS['conv-backward-data'](operation, execution);
      const { gradient } = operation;
      if (gradient.kind === 'stored') run();
      else withZeros(execution, term(execution.batchNorm(gradient.batchNorm)), run);
    },
  };
}

describe('unchanged', () => {
  it('the schedules that the mutations start from pass', () => {
    expect(compareWith(dense, bnff).passed).toBe(true);
    expect(compareWith(dense, icf).passed).toBe(true);
  });
});

describe('a wrong rewrite of the description is detected', () => {
  it('ReLU left out of the load', () => {
    const wrong = change(bnff, 'conv-forward', 'dense_1/x2.forward', (operation) => ({
      ...operation,
      load: { batchNorm: 'dense_1/x2/bn', relu: false, storeTo: null },
    }));
    expectDetected(compareWith(dense, wrong), 'dense_1/x2');
  });

  it('ReLU left out of a load that normalises nothing', () => {
    const rcf = applySchedule(dense.step, 'rcf');
    const wrong = change(rcf, 'conv-forward', 'dense_1/x2.forward', (operation) => ({
      ...operation,
      load: { batchNorm: null, relu: false, storeTo: null },
    }));
    expect(compareWith(dense, rcf).passed).toBe(true);
    expectDetected(compareWith(dense, wrong), 'dense_1/x2');
  });

  it('ReLU left out where backward-weights recomputes Z', () => {
    const wrong = change(bnff, 'conv-backward-weights', 'dense_1/x2.backward-weights', (operation) => ({
      ...operation,
      load: { batchNorm: 'dense_1/x2/bn', relu: false, storeTo: null },
    }));
    const comparison = compareWith(dense, wrong);
    expectDetected(comparison, 'dense_1/x2.weights.gradient');
    // Nothing else depends on it but the update.
    expect(failures(comparison, 'float64')).toEqual(['dense_1/x2.weights.gradient', 'dense_1/x2.weights']);
  });

  it('the mask taken from the sign of X instead of Y', () => {
    const wrong = change(bnff, 'conv-backward-data', 'dense_1/x2.backward-data', (operation) => ({
      ...operation,
      store: { tensor: 'dense_1/x1', batchNorm: null, relu: true, accumulate: 'dense_1/x2/bn' },
    }));
    expectDetected(compareWith(dense, wrong), 'dense_1/x2/bn.beta.gradient');
  });

  it('the mask taken from another feature map of the same shape', () => {
    const wrong = change(bnff, 'conv-backward-data', 'dense_1/x2.backward-data', (operation) => ({
      ...operation,
      store: { tensor: 'dense_2/x1', batchNorm: 'dense_1/x2/bn', relu: true, accumulate: 'dense_1/x2/bn' },
    }));
    expectDetected(compareWith(dense, wrong), 'dense_1/x2/bn.gamma.gradient');
  });

  it('the mask left out', () => {
    const wrong = change(bnff, 'conv-backward-data', 'dense_2/x2.backward-data', (operation) => ({
      ...operation,
      store: { tensor: 'dense_2/x1', batchNorm: 'dense_2/x2/bn', relu: false, accumulate: 'dense_2/x2/bn' },
    }));
    expectDetected(compareWith(dense, wrong), 'dense_2/x2/bn.beta.gradient');
  });

  it('dgamma and dbeta accumulated for nobody', () => {
    const wrong = change(bnff, 'conv-backward-data', 'dense_2/x2.backward-data', (operation) => ({
      ...operation,
      store: { tensor: 'dense_2/x1', batchNorm: 'dense_2/x2/bn', relu: true, accumulate: null },
    }));
    const comparison = compareWith(dense, wrong);
    expectDetected(comparison, 'dense_2/x2/bn.gamma.gradient');
    const missing = comparison.tensors.find(({ tensor }) => tensor === 'dense_2/x2/bn.gamma.gradient');
    expect(missing).toMatchObject({ operation: null, relativeError: Number.POSITIVE_INFINITY });
  });

  it('statistics that go to the wrong BN layer', () => {
    const swap = (layer: string) => (operation: Extract<Operation, { kind: 'conv-forward' }>) => ({
      ...operation,
      statistics: operation.statistics.map((epilogue) => ({ ...epilogue, batchNorm: layer })),
    });
    const first = change(bnff, 'conv-forward', 'dense_1/x1.forward', swap('dense_2/x2/bn'));
    const wrong = change(first, 'conv-forward', 'dense_2/x1.forward', swap('dense_1/x2/bn'));
    expectDetected(compareWith(dense, wrong), 'dense_1/x2/bn.mean');
  });

  it('statistics of some channels left out of the Concat: what is unwritten shows as NaN', () => {
    const wrong = change(icf, 'concat-forward', 'dense_1/concat.forward', (operation) => ({
      ...operation,
      statistics: operation.statistics.map((epilogue) => ({ ...epilogue, channels: epilogue.channels - 1 })),
    }));
    const comparison = compareWith(dense, wrong);
    expectDetected(comparison, 'dense_2/x1');
    expect(comparison.tensors.find(({ tensor }) => tensor === 'dense_2/x1')?.relativeError).toBeNaN();
  });

  it('a gradient source forgotten by Split', () => {
    const wrong = change(icf, 'split-backward', 'dense_1/concat.split-backward', (operation) => ({
      ...operation,
      gradients: operation.gradients.slice(1),
    }));
    expectDetected(compareWith(dense, wrong), 'dense_1/concat.gradient');
  });

  it('dX taken through the batch normalisation twice', () => {
    const wrong = change(bnff, 'conv-backward-weights', 'dense_1/x1.backward-weights', (operation) => {
      const { gradient } = operation;
      if (gradient.kind !== 'stored') throw new Error('dX is expected to be materialised');
      const through: GradientSource = {
        kind: 'through-batch-norm',
        batchNorm: 'dense_1/x2/bn',
        gradient: gradient.tensor,
        input: 'dense_1/x1',
        storeTo: null,
      };
      return { ...operation, gradient: through };
    });
    expectDetected(compareWith(dense, wrong), 'dense_1/x1.weights.gradient');
  });

  it('a wrong X for the input gradient', () => {
    const wrong = change(bnff, 'conv-backward-data', 'dense_1/x1.backward-data', (operation) => {
      if (operation.gradient.kind === 'stored') throw new Error('dX is expected to be computed on the fly');
      return { ...operation, gradient: { ...operation.gradient, input: 'dense_2/x1' } };
    });
    expectDetected(compareWith(dense, wrong), 'dense_1/x1.weights.gradient');
  });

  it('Z stored in the place of X, which the backward pass still reads', () => {
    const stored = applySchedule(dense.step, 'bnff', { storeZ: true });
    const z = stored.tensors.get('dense_1/x2/bn.z');
    const x = stored.tensors.get('dense_1/x1');
    if (z === undefined || x === undefined) throw new Error('the schedule is expected to store Z');
    const tensors = new Map(stored.tensors).set(z.name, { ...z, storage: x.storage });
    expect(compareWith(dense, stored).passed).toBe(true);
    expectDetected(compareWith(dense, { ...stored, tensors }), 'dense_1/x2/bn.gamma.gradient');
  });

  it('a normalise before the statistics are complete', () => {
    const mvf = applySchedule(residual.step, 'rcf+mvf+fission');
    const at = (name: string) => mvf.operations.findIndex((operation) => operation.name === name);
    const statistics = mvf.operations.findIndex((operation) => operation.kind === 'bn-statistics');
    const normalise = mvf.operations.findIndex((operation) => operation.kind === 'bn-normalise');
    expect(normalise).toBe(statistics + 1);
    const early = mvf.operations
      .with(statistics, mvf.operations[normalise] as Operation)
      .with(normalise, mvf.operations[statistics] as Operation);
    expect(at('stem.forward')).toBeGreaterThanOrEqual(0);
    expectDetected(compareWith(residual, { ...mvf, operations: early }), 'loss.value');
  });

  it('a convolution whose weight gradient is never computed', () => {
    const operations = bnff.operations.filter(({ name }) => name !== 'conv.backward-weights');
    expectDetected(compareWith(dense, { ...bnff, operations }), 'conv.weights.gradient');
  });

  it.each([
    ['epsilon', (batchNorm: BatchNorm) => ({ ...batchNorm, epsilon: 0 }), 'dense_1/x2'],
    [
      'the element count m',
      (batchNorm: BatchNorm) => ({ ...batchNorm, elements: batchNorm.elements - 1 }),
      'dense_1/x1.weights.gradient',
    ],
    [
      'the momentum',
      (batchNorm: BatchNorm) => ({ ...batchNorm, momentum: 0.998 }),
      'dense_1/x2/bn.running-mean',
    ],
  ])('a BN layer that is off by %s', (_what, rewrite, tensor) => {
    const batchNorms = new Map(bnff.batchNorms);
    batchNorms.set('dense_1/x2/bn', rewrite(batchNorms.get('dense_1/x2/bn') as BatchNorm));
    const comparison = compareWith(dense, { ...bnff, batchNorms });
    // An epsilon of 0 instead of 1e-5 is within float32's noise of a variance near 1 in places; float64 must see it.
    expect(failures(comparison, 'float64')).toContain(tensor);
  });
});

describe('a kernel that is written wrongly is detected', () => {
  it('the dgamma term dropped from the input gradient', () => {
    const comparison = compareWith(
      dense,
      bnff,
      forgetTerm(({ gammaGradient }) => gammaGradient),
    );
    expectDetected(comparison, 'dense_1/x1.weights.gradient');
  });

  it('the dbeta term dropped from the input gradient', () => {
    const comparison = compareWith(
      dense,
      bnff,
      forgetTerm(({ betaGradient }) => betaGradient),
    );
    expectDetected(comparison, 'dense_1/x1.weights.gradient');
  });

  it('the partial sums of one thread left out of the statistics', () => {
    const comparison = compareWith(dense, bnff, {
      'conv-forward': (operation, execution) => {
        OPERATORS['conv-forward'](operation, execution);
        const { images, channels, height, width } = execution.extent(operation.output);
        const values = execution.read(operation.output);
        for (const epilogue of operation.statistics) {
          const collector = new StatisticsCollector(execution, epilogue.batchNorm, 0, channels);
          forEachShare(images, height, execution.settings.threads, (thread, image, firstRow, endRow) => {
            if (thread === execution.settings.threads - 1) return;
            for (let channel = 0; channel < channels; channel++) {
              const plane = (image * channels + channel) * height;
              collector.add(thread, channel, values, (plane + firstRow) * width, (plane + endRow) * width);
            }
          });
          collector.finish();
        }
      },
    });
    expectDetected(comparison, 'dense_1/x2/bn.mean');
  });

  it('statistics shifted by one channel', () => {
    const comparison = compareWith(dense, bnff, {
      'conv-forward': (operation, execution) => {
        OPERATORS['conv-forward'](operation, execution);
        for (const { batchNorm } of operation.statistics) {
          const mean = execution.write(execution.batchNorm(batchNorm).mean);
          mean.set([...mean.subarray(1), mean[0] as number]);
        }
      },
    });
    expectDetected(comparison, 'dense_1/x2/bn.mean');
  });

  it('a masked gradient that is accumulated before the mask', () => {
    const comparison = compareWith(dense, bnff, {
      'conv-backward-data': (operation, execution) => {
        const { store } = operation;
        OPERATORS['conv-backward-data'](operation, execution);
        if (store === null) return;
        const masked = execution.read(operation.output).slice();
        OPERATORS['conv-backward-data']({ ...operation, store: { ...store, relu: false } }, execution);
        execution.write(operation.output).set(masked);
      },
    });
    expectDetected(comparison, 'dense_1/x2/bn.gamma.gradient');
  });

  it('one row of the output that is not written', () => {
    const comparison = compareWith(dense, bnff, {
      'conv-forward': (operation, execution) => {
        OPERATORS['conv-forward'](operation, execution);
        const { width } = execution.extent(operation.output);
        execution.write(operation.output).fill(Number.NaN, 0, width);
      },
    });
    expectDetected(comparison, 'loss.value');
  });
});
