/**
 * A fused operation equals the operations that it is made of: drawn shapes, strides, paddings, groups, threads and variance forms. The fused
 * operation rounds where the separate ones do, so the results must be equal to the last bit.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExecutionSettings } from '../../../src/numerics/execution.js';
import type { Precision } from '../../../src/numerics/tensor-store.js';
import type { BatchNorm, GradientSource, Window2d } from '../../../src/training/step.js';
import {
  makeStep,
  normals,
  numbersOf,
  type OperationSketch,
  runStep,
  sketchBatchNorm,
} from './hand-made-step.js';

interface Case {
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly weights: readonly number[];
  readonly window: Window2d;
  readonly groups: number;
  readonly relu: boolean;
  readonly store: boolean;
  readonly precision: Precision;
  readonly settings: Partial<ExecutionSettings>;
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    images: fc.integer({ min: 1, max: 3 }),
    groups: fc.integer({ min: 1, max: 2 }),
    channels: fc.integer({ min: 1, max: 5 }),
    filters: fc.integer({ min: 1, max: 6 }),
    outputHeight: fc.integer({ min: 1, max: 5 }),
    outputWidth: fc.integer({ min: 1, max: 5 }),
    kernelHeight: fc.integer({ min: 1, max: 3 }),
    kernelWidth: fc.integer({ min: 1, max: 3 }),
    strideHeight: fc.integer({ min: 1, max: 2 }),
    strideWidth: fc.integer({ min: 1, max: 3 }),
    pad: fc.boolean(),
    surplus: fc.integer({ min: 0, max: 1 }),
    relu: fc.boolean(),
    store: fc.boolean(),
    precision: fc.constantFrom<Precision>('float32', 'float64'),
    threads: fc.integer({ min: 1, max: 7 }),
    variance: fc.constantFrom('plain', 'shifted', 'welford'),
  })
  .map((drawn) => {
    const padTop = drawn.pad ? drawn.kernelHeight - 1 : 0;
    const padLeft = drawn.pad ? Math.floor(drawn.kernelWidth / 2) : 0;
    // An input that needs no padding at the far edges, or has rows that no window reaches.
    const height =
      (drawn.outputHeight - 1) * drawn.strideHeight + drawn.kernelHeight - padTop + drawn.surplus;
    const width = (drawn.outputWidth - 1) * drawn.strideWidth + drawn.kernelWidth - padLeft + drawn.surplus;
    return {
      input: [drawn.images, drawn.channels * drawn.groups, height, width],
      output: [drawn.images, drawn.filters * drawn.groups, drawn.outputHeight, drawn.outputWidth],
      weights: [drawn.filters * drawn.groups, drawn.channels, drawn.kernelHeight, drawn.kernelWidth],
      window: {
        kernelHeight: drawn.kernelHeight,
        kernelWidth: drawn.kernelWidth,
        strideHeight: drawn.strideHeight,
        strideWidth: drawn.strideWidth,
        padTop,
        padLeft,
      },
      groups: drawn.groups,
      relu: drawn.relu,
      store: drawn.store,
      precision: drawn.precision,
      settings: { threads: drawn.threads, variance: drawn.variance },
    };
  });

const size = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);

/** BN layer whose input has the given shape. */
function batchNormOf(layer: string, shape: readonly number[]) {
  return sketchBatchNorm(layer, shape[1] as number, size(shape) / (shape[1] as number));
}

/** Statistics, parameters and gradients as an earlier pass would have left them. */
function valuesOf(batchNorm: BatchNorm): Record<string, Float32Array> {
  const { layer, channels } = batchNorm;
  return {
    [batchNorm.mean]: normals(channels, `${layer} mean`, 0.3, 0.5),
    [batchNorm.variance]: normals(channels, `${layer} variance`, 1, 0.1),
    [batchNorm.gamma]: normals(channels, `${layer} gamma`, 1, 0.3),
    [batchNorm.beta]: normals(channels, `${layer} beta`, 0, 0.3),
    [batchNorm.gammaGradient]: normals(channels, `${layer} gamma gradient`, 0, 3),
    [batchNorm.betaGradient]: normals(channels, `${layer} beta gradient`, 0, 3),
  };
}

/** Runs both lists of operations on the same tensors and values, and expects the named tensors to be equal to the last bit. */
function expectEqual(
  { precision, settings }: Case,
  shapes: Readonly<Record<string, readonly number[]>>,
  layers: readonly ReturnType<typeof sketchBatchNorm>[],
  values: Readonly<Record<string, ArrayLike<number>>>,
  fused: readonly OperationSketch[],
  separate: readonly OperationSketch[],
  compared: readonly string[],
): void {
  const tensors = Object.assign({}, shapes, ...layers.map((layer) => layer.tensors));
  const batchNorms = layers.map((layer) => layer.batchNorm);
  const run = (operations: readonly OperationSketch[]) =>
    runStep(makeStep(tensors, operations, batchNorms), values, { precision, settings });
  const a = run(fused);
  const b = run(separate);
  for (const name of compared) {
    const expected = numbersOf(b.read(name));
    expect(expected.every((value) => !Number.isNaN(value))).toBe(true);
    // == as numbers: a zero's sign has no meaning here.
    expect(
      numbersOf(a.read(name)).map((value) => value + 0),
      name,
    ).toEqual(expected.map((value) => value + 0));
  }
}

const SETTINGS = { seed: 11, numRuns: 60 } as const;

describe('a fused operation equals its parts', () => {
  it('CONV that normalises and clips as it loads', () => {
    fc.assert(
      fc.property(cases, (drawn) => {
        const { input, output, weights, window, groups, relu, store } = drawn;
        const bn = batchNormOf('bn', input);
        const conv = { window, groups, weights: 'w', bias: null, statistics: [] } as const;
        expectEqual(
          drawn,
          { x: input, z: input, w: weights, out: output },
          [bn],
          { x: normals(size(input), 'x'), w: normals(size(weights), 'w'), ...valuesOf(bn.batchNorm) },
          [
            {
              ...conv,
              kind: 'conv-forward',
              input: 'x',
              load: { batchNorm: 'bn', relu, storeTo: store ? 'z' : null },
              output: 'out',
            },
          ],
          [
            { kind: 'bn-normalise', batchNorm: 'bn', input: 'x', output: 'z', relu },
            { ...conv, kind: 'conv-forward', input: 'z', load: null, output: 'out' },
          ],
          store ? ['out', 'z'] : ['out'],
        );
      }),
      SETTINGS,
    );
  });

  it('CONV that clips as it loads', () => {
    fc.assert(
      fc.property(cases, (drawn) => {
        const { input, output, weights, window, groups } = drawn;
        const conv = { window, groups, weights: 'w', bias: 'b', statistics: [] } as const;
        expectEqual(
          drawn,
          { x: input, z: input, w: weights, b: [output[1] as number], out: output },
          [],
          {
            x: normals(size(input), 'x'),
            w: normals(size(weights), 'w'),
            b: normals(output[1] as number, 'b'),
          },
          [
            {
              ...conv,
              kind: 'conv-forward',
              input: 'x',
              load: { batchNorm: null, relu: true, storeTo: null },
              output: 'out',
            },
          ],
          [
            { kind: 'relu-forward', input: 'x', output: 'z' },
            { ...conv, kind: 'conv-forward', input: 'z', load: null, output: 'out' },
          ],
          ['out'],
        );
      }),
      SETTINGS,
    );
  });

  it('statistics in the epilogue of a CONV, for two BN layers, one of them in the middle of its channels', () => {
    fc.assert(
      fc.property(cases, (drawn) => {
        const { input, output, weights, window, groups } = drawn;
        const channels = output[1] as number;
        const own = batchNormOf('own', output);
        const wider = sketchBatchNorm('wider', channels + 3, own.batchNorm.elements);
        const conv = {
          kind: 'conv-forward',
          window,
          groups,
          input: 'x',
          load: null,
          weights: 'w',
          bias: null,
        } as const;
        const tensors = {
          x: input,
          w: weights,
          out: output,
          joined: [output[0] as number, channels + 3, ...output.slice(2)],
        };
        const pad = [output[0] as number, 2, ...output.slice(2)];
        const tail = [output[0] as number, 1, ...output.slice(2)];
        const shapes = { ...tensors, pad, tail };
        const values = {
          x: normals(size(input), 'x'),
          w: normals(size(weights), 'w'),
          pad: normals(size(pad), 'pad'),
          tail: normals(size(tail), 'tail'),
        };
        const layers = [own, wider];
        const statistics = [
          { batchNorm: 'own', channelOffset: 0, channels },
          { batchNorm: 'wider', channelOffset: 2, channels },
        ];
        const a = runStep(
          makeStep(
            Object.assign({}, shapes, own.tensors, wider.tensors),
            [{ ...conv, output: 'out', statistics }],
            layers.map((l) => l.batchNorm),
          ),
          values,
          drawn,
        );
        const b = runStep(
          makeStep(
            Object.assign({}, shapes, own.tensors, wider.tensors),
            [
              { ...conv, output: 'out', statistics: [] },
              { kind: 'bn-statistics', batchNorm: 'own', statistics: 'single-pass', input: 'out' },
              { kind: 'concat-forward', inputs: ['pad', 'out', 'tail'], output: 'joined', statistics: [] },
              { kind: 'bn-statistics', batchNorm: 'wider', statistics: 'single-pass', input: 'joined' },
            ],
            layers.map((l) => l.batchNorm),
          ),
          values,
          drawn,
        );
        for (const vector of ['mean', 'variance', 'running-mean', 'running-variance']) {
          expect(numbersOf(a.read(`own.${vector}`))).toEqual(numbersOf(b.read(`own.${vector}`)));
          const range = (values: number[]) => values.slice(2, 2 + channels);
          expect(range(numbersOf(a.read(`wider.${vector}`)))).toEqual(
            range(numbersOf(b.read(`wider.${vector}`))),
          );
        }
        expect(a.read('wider.mean')[0]).toBeNaN();
      }),
      SETTINGS,
    );
  });

  it('CONV backward-data that masks by a recomputed Y and accumulates dgamma and dbeta', () => {
    fc.assert(
      fc.property(cases, (drawn) => {
        const { input, output, weights, window, groups, relu } = drawn;
        const bn = batchNormOf('bn', input);
        const conv = { window, groups, weights: 'w', gradient: { kind: 'stored', tensor: 'dout' } } as const;
        const dy: OperationSketch[] = relu
          ? [
              { kind: 'bn-normalise', batchNorm: 'bn', input: 'x', output: 'y', relu: false },
              { kind: 'relu-backward', value: 'y', gradient: 'dz', output: 'dy' },
            ]
          : [{ kind: 'sum-backward', gradient: 'dz', outputs: ['dy'] }];
        expectEqual(
          drawn,
          { x: input, y: input, dz: input, dy: input, w: weights, dout: output },
          [bn],
          {
            ...valuesOf(bn.batchNorm),
            x: normals(size(input), 'x'),
            w: normals(size(weights), 'w'),
            dout: normals(size(output), 'dout'),
          },
          [
            {
              ...conv,
              kind: 'conv-backward-data',
              output: 'dy',
              store: { tensor: 'x', batchNorm: 'bn', relu, accumulate: 'bn' },
            },
          ],
          [
            { ...conv, kind: 'conv-backward-data', output: 'dz', store: null },
            ...dy,
            { kind: 'bn-backward-reduce', batchNorm: 'bn', input: 'x', gradient: 'dy' },
          ],
          ['dy', 'bn.gamma.gradient', 'bn.beta.gradient'],
        );
      }),
      SETTINGS,
    );
  });

  it('CONV backward-data that masks by a stored Y', () => {
    fc.assert(
      fc.property(cases, (drawn) => {
        const { input, output, weights, window, groups } = drawn;
        const conv = { window, groups, weights: 'w', gradient: { kind: 'stored', tensor: 'dout' } } as const;
        expectEqual(
          drawn,
          { y: input, dz: input, dy: input, w: weights, dout: output },
          [],
          {
            y: normals(size(input), 'y'),
            w: normals(size(weights), 'w'),
            dout: normals(size(output), 'dout'),
          },
          [
            {
              ...conv,
              kind: 'conv-backward-data',
              output: 'dy',
              store: { tensor: 'y', batchNorm: null, relu: true, accumulate: null },
            },
          ],
          [
            { ...conv, kind: 'conv-backward-data', output: 'dz', store: null },
            { kind: 'relu-backward', value: 'y', gradient: 'dz', output: 'dy' },
          ],
          ['dy'],
        );
      }),
      SETTINGS,
    );
  });

  it('CONV backward through a BN behind it, dX materialised or not, with Z recomputed', () => {
    fc.assert(
      fc.property(cases, (drawn) => {
        const { input, output, weights, window, groups, relu, store } = drawn;
        const before = batchNormOf('before', input);
        const behind = batchNormOf('behind', output);
        const shape = { window, groups } as const;
        const through: GradientSource = {
          kind: 'through-batch-norm',
          batchNorm: 'behind',
          gradient: 'dy',
          input: 'out',
          storeTo: store ? 'dx' : null,
        };
        const stored: GradientSource = { kind: 'stored', tensor: 'dx' };
        const weightsGradient = {
          ...shape,
          kind: 'conv-backward-weights',
          output: 'dw',
          biasOutput: 'db',
        } as const;
        const dataGradient = {
          ...shape,
          kind: 'conv-backward-data',
          weights: 'w',
          output: 'din',
          store: null,
        } as const;
        expectEqual(
          drawn,
          {
            x: input,
            z: input,
            din: input,
            w: weights,
            dw: weights,
            db: [output[1] as number],
            out: output,
            dy: output,
            dx: output,
          },
          [before, behind],
          {
            ...valuesOf(before.batchNorm),
            ...valuesOf(behind.batchNorm),
            x: normals(size(input), 'x'),
            w: normals(size(weights), 'w'),
            out: normals(size(output), 'out'),
            dy: normals(size(output), 'dy'),
          },
          [
            { ...dataGradient, gradient: through },
            {
              ...weightsGradient,
              input: 'x',
              load: { batchNorm: 'before', relu, storeTo: null },
              gradient: store ? stored : through,
            },
          ],
          [
            { kind: 'bn-backward-data', batchNorm: 'behind', input: 'out', gradient: 'dy', output: 'dx' },
            { ...dataGradient, gradient: stored },
            { kind: 'bn-normalise', batchNorm: 'before', input: 'x', output: 'z', relu },
            { ...weightsGradient, input: 'z', load: null, gradient: stored },
          ],
          store ? ['din', 'dw', 'db', 'dx'] : ['din', 'dw', 'db'],
        );
      }),
      SETTINGS,
    );
  });

  it('Concat with the statistics of the copied channels; Split and Concat backward through a BN', () => {
    fc.assert(
      fc.property(cases, (drawn) => {
        const { input, store } = drawn;
        const [images, channels, height, width] = input as [number, number, number, number];
        const other = [images, 2, height, width];
        const joined = [images, channels + 2, height, width];
        const bn = batchNormOf('bn', joined);
        const through: GradientSource = {
          kind: 'through-batch-norm',
          batchNorm: 'bn',
          gradient: 'dy',
          input: 'joined',
          storeTo: store ? 'dx' : null,
        };
        const { gammaGradient, betaGradient, gamma, beta } = bn.batchNorm;
        const all = valuesOf(bn.batchNorm);
        const given = Object.fromEntries(
          [gammaGradient, betaGradient, gamma, beta].map((name) => [name, all[name] as Float32Array]),
        );
        expectEqual(
          drawn,
          {
            a: input,
            b: other,
            joined,
            dy: joined,
            dx: joined,
            rest: joined,
            total: joined,
            da: input,
            db: other,
          },
          [bn],
          {
            ...given,
            a: normals(size(input), 'a'),
            b: normals(size(other), 'b'),
            dy: normals(size(joined), 'dy'),
            rest: normals(size(joined), 'rest'),
          },
          [
            {
              kind: 'concat-forward',
              inputs: ['a', 'b'],
              output: 'joined',
              statistics: [
                { batchNorm: 'bn', channelOffset: 0, channels },
                { batchNorm: 'bn', channelOffset: channels, channels: 2 },
              ],
            },
            {
              kind: 'split-backward',
              gradients: [{ kind: 'stored', tensor: 'rest' }, through],
              output: 'total',
            },
            { kind: 'concat-backward', gradient: through, outputs: ['da', 'db'] },
          ],
          [
            { kind: 'concat-forward', inputs: ['a', 'b'], output: 'joined', statistics: [] },
            { kind: 'bn-statistics', batchNorm: 'bn', statistics: 'single-pass', input: 'joined' },
            { kind: 'bn-backward-data', batchNorm: 'bn', input: 'joined', gradient: 'dy', output: 'dx' },
            { kind: 'sum-forward', inputs: ['rest', 'dx'], output: 'total' },
            { kind: 'concat-backward', gradient: { kind: 'stored', tensor: 'dx' }, outputs: ['da', 'db'] },
          ],
          ['joined', 'bn.mean', 'bn.variance', 'bn.running-variance', 'total', 'da', 'db'],
        );
      }),
      SETTINGS,
    );
  });

  it('BN with its ReLU in one operation, forward and backward', () => {
    fc.assert(
      fc.property(cases, (drawn) => {
        const { input } = drawn;
        const bn = batchNormOf('bn', input);
        const { gamma, beta } = bn.batchNorm;
        const all = valuesOf(bn.batchNorm);
        const whole = { batchNorm: 'bn', input: 'x' } as const;
        expectEqual(
          drawn,
          { x: input, y: input, z: input, dz: input, dy: input, dx: input },
          [bn],
          {
            [gamma]: all[gamma] as Float32Array,
            [beta]: all[beta] as Float32Array,
            x: normals(size(input), 'x'),
            dz: normals(size(input), 'dz'),
          },
          [
            { ...whole, kind: 'bn-forward', statistics: 'two-pass', output: 'z', relu: true },
            { ...whole, kind: 'bn-backward', gradient: 'dz', output: 'dx', maskedBy: 'z' },
          ],
          [
            { ...whole, kind: 'bn-statistics', statistics: 'two-pass' },
            { ...whole, kind: 'bn-normalise', output: 'y', relu: false },
            { kind: 'relu-forward', input: 'y', output: 'z' },
            { kind: 'relu-backward', value: 'z', gradient: 'dz', output: 'dy' },
            { ...whole, kind: 'bn-backward-reduce', gradient: 'dy' },
            { ...whole, kind: 'bn-backward-data', gradient: 'dy', output: 'dx' },
          ],
          ['z', 'dx', 'bn.gamma.gradient', 'bn.beta.gradient'],
        );
      }),
      SETTINGS,
    );
  });
});
