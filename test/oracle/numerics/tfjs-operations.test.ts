/**
 * Every operation's forward and gradient against TensorFlow.js on its pure JavaScript CPU backend, which computes in float32: an implementation by
 * others, with its own formulas and its own automatic differentiation.
 */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Window2d } from '../../../src/training/step.js';
import {
  EPSILON,
  makeStep,
  maximumError,
  normals,
  numbersOf,
  runStep,
  sketchBatchNorm,
  squareWindow,
} from '../../unit/numerics/hand-made-step.js';

/** Both sides round every operation to float32 over reductions of a few hundred elements: 2^-23 * sqrt(300), with a safety of 10. */
const TOLERANCE = 2e-5;

const size = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);

/** NCHW numbers as an NHWC tensor. */
function toNhwc(values: ArrayLike<number>, shape: readonly number[]): tf.Tensor4D {
  return tf.transpose(
    tf.tensor4d(Float32Array.from(values), shape as [number, number, number, number]),
    [0, 2, 3, 1],
  );
}

/** An NHWC tensor as NCHW numbers. */
function fromNhwc(tensor: tf.Tensor): ArrayLike<number> {
  return tf.transpose(tensor, [0, 3, 1, 2]).dataSync();
}

/** OIHW weights as TensorFlow's HWIO. */
function toHwio(values: ArrayLike<number>, shape: readonly number[]): tf.Tensor4D {
  return tf.transpose(
    tf.tensor4d(Float32Array.from(values), shape as [number, number, number, number]),
    [2, 3, 1, 0],
  );
}

function fromHwio(tensor: tf.Tensor): ArrayLike<number> {
  return tf.transpose(tensor, [3, 2, 0, 1]).dataSync();
}

/** Pads so that `valid` windows start where ours do and give the given output size. */
function padFor(x: tf.Tensor4D, window: Window2d, output: readonly number[], value = 0): tf.Tensor4D {
  const [, height, width] = x.shape;
  const rows = ((output[2] as number) - 1) * window.strideHeight + window.kernelHeight;
  const columns = ((output[3] as number) - 1) * window.strideWidth + window.kernelWidth;
  const bottom = rows - height - window.padTop;
  const right = columns - width - window.padLeft;
  const padded = tf.pad(
    x,
    [
      [0, 0],
      [window.padTop, Math.max(0, bottom)],
      [window.padLeft, Math.max(0, right)],
      [0, 0],
    ],
    value,
  );
  return tf.slice(padded, [0, 0, 0, 0], [x.shape[0], rows, columns, x.shape[3]]);
}

/** Equal slices of the last dimension. (The gradient of TensorFlow.js's own split fails for one part.) */
function sliceChannels(tensor: tf.Tensor4D, parts: number): tf.Tensor4D[] {
  const [a, b, c, channels] = tensor.shape;
  const each = channels / parts;
  return Array.from({ length: parts }, (_, part) =>
    tf.slice(tensor, [0, 0, 0, part * each], [a, b, c, each]),
  );
}

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(maximumError(found, expected)).toBeLessThan(TOLERANCE);
}

beforeAll(async () => {
  // Keeps the library's advice to install a native backend off the screen.
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

const CONVOLUTIONS: readonly {
  readonly name: string;
  readonly input: readonly number[];
  readonly filters: number;
  readonly output: readonly [number, number];
  readonly window: Window2d;
  readonly groups: number;
}[] = [
  { name: '1x1', input: [2, 5, 4, 3], filters: 6, output: [4, 3], window: squareWindow(1), groups: 1 },
  {
    name: '1x1, stride 2',
    input: [2, 4, 7, 6],
    filters: 3,
    output: [4, 3],
    window: squareWindow(1, 2),
    groups: 1,
  },
  {
    name: '3x3, padded',
    input: [2, 3, 6, 5],
    filters: 5,
    output: [6, 5],
    window: squareWindow(3, 1, 1),
    groups: 1,
  },
  {
    name: '3x3, stride 2',
    input: [1, 3, 8, 8],
    filters: 2,
    output: [4, 4],
    window: squareWindow(3, 2, 1),
    groups: 1,
  },
  {
    name: '7x7, stride 2',
    input: [1, 3, 12, 12],
    filters: 4,
    output: [6, 6],
    window: squareWindow(7, 2, 3),
    groups: 1,
  },
  {
    name: '11x11, stride 4',
    input: [1, 3, 19, 19],
    filters: 3,
    output: [3, 3],
    window: squareWindow(11, 4),
    groups: 1,
  },
  {
    name: '5x5, two groups',
    input: [2, 4, 5, 5],
    filters: 6,
    output: [5, 5],
    window: squareWindow(5, 1, 2),
    groups: 2,
  },
  {
    name: '2x3, strides 3 and 1',
    input: [2, 2, 9, 6],
    filters: 3,
    output: [3, 6],
    window: { kernelHeight: 2, kernelWidth: 3, strideHeight: 3, strideWidth: 1, padTop: 0, padLeft: 1 },
    groups: 1,
  },
];

describe('CONV', () => {
  it.each(CONVOLUTIONS)('$name: output and the gradients of input, weights and bias', (shape) => {
    const { input, filters, window, groups } = shape;
    const output = [input[0] as number, filters, ...shape.output];
    const weights = [filters, (input[1] as number) / groups, window.kernelHeight, window.kernelWidth];
    const values = {
      x: normals(size(input), `${shape.name} x`),
      w: normals(size(weights), `${shape.name} w`),
      b: normals(filters, `${shape.name} b`),
      dout: normals(size(output), `${shape.name} dout`),
    };
    const gradient = { kind: 'stored', tensor: 'dout' } as const;
    const execution = runStep(
      makeStep(
        {
          x: input,
          w: weights,
          b: [filters],
          out: output,
          dout: output,
          dx: input,
          dw: weights,
          db: [filters],
        },
        [
          {
            kind: 'conv-forward',
            window,
            groups,
            input: 'x',
            load: null,
            weights: 'w',
            bias: 'b',
            output: 'out',
            statistics: [],
          },
          { kind: 'conv-backward-data', window, groups, gradient, weights: 'w', output: 'dx', store: null },
          {
            kind: 'conv-backward-weights',
            window,
            groups,
            input: 'x',
            load: null,
            gradient,
            output: 'dw',
            biasOutput: 'db',
          },
        ],
      ),
      values,
    );
    const forward = (x: tf.Tensor4D, w: tf.Tensor4D, b: tf.Tensor1D) => {
      const padded = padFor(x, window, output);
      const inputs = sliceChannels(padded, groups);
      const kernels = sliceChannels(w, groups);
      const parts = inputs.map((part, group) =>
        tf.conv2d(part, kernels[group] as tf.Tensor4D, [window.strideHeight, window.strideWidth], 'valid'),
      );
      return tf.add(tf.concat(parts, 3), b) as tf.Tensor4D;
    };
    const x = toNhwc(values.x, input);
    const w = toHwio(values.w, weights);
    const b = tf.tensor1d(values.b);
    expectClose(execution.read('out'), fromNhwc(forward(x, w, b)));
    const gradients = tf.grads((...args: tf.Tensor[]) =>
      forward(args[0] as tf.Tensor4D, args[1] as tf.Tensor4D, args[2] as tf.Tensor1D),
    );
    const [dx, dw, db] = gradients([x, w, b], toNhwc(values.dout, output)) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    expectClose(execution.read('dx'), fromNhwc(dx));
    expectClose(execution.read('dw'), fromHwio(dw));
    expectClose(execution.read('db'), db.dataSync());
  });
});

/** Training-time batch normalisation in TensorFlow's own operations; its gradient is left to automatic differentiation. */
function batchNormalise(x: tf.Tensor4D, gamma: tf.Tensor1D, beta: tf.Tensor1D): tf.Tensor4D {
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, EPSILON))), gamma), beta);
}

describe('batch normalisation', () => {
  const shape = [3, 4, 5, 6];
  const { batchNorm, tensors } = sketchBatchNorm('bn', 4, 90);
  const values = {
    x: normals(size(shape), 'bn x', 0.7, 2),
    dy: normals(size(shape), 'bn dy'),
    [batchNorm.gamma]: normals(4, 'gamma', 1, 0.5),
    [batchNorm.beta]: normals(4, 'beta'),
  };
  const reference = () => {
    const x = toNhwc(values.x as Float32Array, shape);
    const gamma = tf.tensor1d(values[batchNorm.gamma] as Float32Array);
    const beta = tf.tensor1d(values[batchNorm.beta] as Float32Array);
    const gradients = tf.grads((...args: tf.Tensor[]) =>
      batchNormalise(args[0] as tf.Tensor4D, args[1] as tf.Tensor1D, args[2] as tf.Tensor1D),
    );
    return {
      x,
      y: batchNormalise(x, gamma, beta),
      gradients: gradients([x, gamma, beta], toNhwc(values.dy as Float32Array, shape)),
    };
  };

  it.each(['two-pass', 'single-pass'] as const)(
    '%s: output, statistics and the gradients of input, gamma and beta',
    (statistics) => {
      const execution = runStep(
        makeStep(
          { ...tensors, x: shape, y: shape, dy: shape, dx: shape },
          [
            { kind: 'bn-forward', batchNorm: 'bn', statistics, input: 'x', output: 'y', relu: false },
            {
              kind: 'bn-backward',
              batchNorm: 'bn',
              input: 'x',
              gradient: 'dy',
              output: 'dx',
              maskedBy: null,
            },
          ],
          [batchNorm],
        ),
        values,
      );
      const { x, y, gradients } = reference();
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      expectClose(execution.read('bn.mean'), mean.dataSync());
      expectClose(execution.read('bn.variance'), variance.dataSync());
      expectClose(execution.read('y'), fromNhwc(y));
      const [dx, dgamma, dbeta] = gradients as [tf.Tensor, tf.Tensor, tf.Tensor];
      expectClose(execution.read('dx'), fromNhwc(dx));
      expectClose(execution.read('bn.gamma.gradient'), dgamma.dataSync());
      expectClose(execution.read('bn.beta.gradient'), dbeta.dataSync());
    },
  );

  it('in its four parts', () => {
    const execution = runStep(
      makeStep(
        { ...tensors, x: shape, y: shape, dy: shape, dx: shape },
        [
          { kind: 'bn-statistics', batchNorm: 'bn', statistics: 'single-pass', input: 'x' },
          { kind: 'bn-normalise', batchNorm: 'bn', input: 'x', output: 'y', relu: false },
          { kind: 'bn-backward-reduce', batchNorm: 'bn', input: 'x', gradient: 'dy' },
          { kind: 'bn-backward-data', batchNorm: 'bn', input: 'x', gradient: 'dy', output: 'dx' },
        ],
        [batchNorm],
      ),
      values,
      { settings: { variance: 'welford', threads: 5 } },
    );
    const { y, gradients } = reference();
    expectClose(execution.read('y'), fromNhwc(y));
    expectClose(execution.read('dx'), fromNhwc(gradients[0] as tf.Tensor));
  });
});

describe('element-wise and joining operations', () => {
  const shape = [2, 3, 4, 5];
  const x = normals(size(shape), 'x');
  const gradient = normals(size(shape), 'gradient');

  it('ReLU', () => {
    const execution = runStep(
      makeStep({ x: shape, z: shape, dz: shape, dy: shape }, [
        { kind: 'relu-forward', input: 'x', output: 'z' },
        { kind: 'relu-backward', value: 'z', gradient: 'dz', output: 'dy' },
      ]),
      { x, dz: gradient },
    );
    expectClose(execution.read('z'), tf.relu(tf.tensor1d(x)).dataSync());
    expectClose(
      execution.read('dy'),
      tf
        .grad((t) => tf.relu(t))(tf.tensor1d(x), tf.tensor1d(gradient))
        .dataSync(),
    );
  });

  it('Concat and its gradient', () => {
    const other = [2, 2, 4, 5];
    const joined = [2, 5, 4, 5];
    const y = normals(size(other), 'other');
    const djoined = normals(size(joined), 'djoined');
    const execution = runStep(
      makeStep({ x: shape, y: other, joined, djoined: joined, dx: shape, dy: other }, [
        { kind: 'concat-forward', inputs: ['x', 'y'], output: 'joined', statistics: [] },
        { kind: 'concat-backward', gradient: { kind: 'stored', tensor: 'djoined' }, outputs: ['dx', 'dy'] },
      ]),
      { x, y, djoined },
    );
    const join = (...parts: tf.Tensor[]) => tf.concat(parts, 3);
    const parts = [toNhwc(x, shape), toNhwc(y, other)];
    expectClose(execution.read('joined'), fromNhwc(join(...parts)));
    const [dx, dy] = tf.grads(join)(parts, toNhwc(djoined, joined)) as [tf.Tensor, tf.Tensor];
    expectClose(execution.read('dx'), fromNhwc(dx));
    expectClose(execution.read('dy'), fromNhwc(dy));
  });

  it("sum and its gradient, Split's gradient sum", () => {
    const y = normals(size(shape), 'summand');
    const execution = runStep(
      makeStep({ x: shape, y: shape, total: shape, dtotal: shape, dx: shape, dy: shape, split: shape }, [
        { kind: 'sum-forward', inputs: ['x', 'y'], output: 'total' },
        { kind: 'sum-backward', gradient: 'dtotal', outputs: ['dx', 'dy'] },
        {
          kind: 'split-backward',
          gradients: ['x', 'y', 'dtotal'].map((tensor) => ({ kind: 'stored', tensor }) as const),
          output: 'split',
        },
      ]),
      { x, y, dtotal: gradient },
    );
    const [tx, ty, td] = [tf.tensor1d(x), tf.tensor1d(y), tf.tensor1d(gradient)];
    expectClose(execution.read('total'), tf.add(tx, ty).dataSync());
    expectClose(execution.read('split'), tf.addN([tx, ty, td]).dataSync());
    const [dx, dy] = tf.grads((...args: tf.Tensor[]) => tf.addN(args))([tx, ty], td) as [
      tf.Tensor,
      tf.Tensor,
    ];
    expectClose(execution.read('dx'), dx.dataSync());
    expectClose(execution.read('dy'), dy.dataSync());
  });

  it('local response normalisation', () => {
    const wide = [2, 9, 3, 3];
    const input = normals(size(wide), 'lrn', 0, 3);
    const dout = normals(size(wide), 'lrn gradient');
    const [localSize, alpha, beta] = [5, 0.3, 0.75];
    const execution = runStep(
      makeStep({ x: wide, out: wide, scale: wide, dout: wide, dx: wide }, [
        { kind: 'lrn-forward', localSize, alpha, beta, input: 'x', output: 'out', scale: 'scale' },
        {
          kind: 'lrn-backward',
          localSize,
          alpha,
          beta,
          input: 'x',
          scale: 'scale',
          value: 'out',
          gradient: 'dout',
          output: 'dx',
        },
      ]),
      { x: input, dout },
    );
    // TensorFlow multiplies the sum by alpha, Caffe by alpha / localSize.
    const forward = (t: tf.Tensor) =>
      tf.localResponseNormalization(t as tf.Tensor4D, 2, 1, alpha / localSize, beta);
    expectClose(execution.read('out'), fromNhwc(forward(toNhwc(input, wide))));
    expectClose(execution.read('dx'), fromNhwc(tf.grad(forward)(toNhwc(input, wide), toNhwc(dout, wide))));
  });
});

const POOLS = [
  { name: '2x2', window: squareWindow(2, 2), output: [3, 2] },
  { name: '3x3, stride 2, padded', window: squareWindow(3, 2, 1), output: [3, 3] },
  { name: '3x3, stride 2, rounded up over the border', window: squareWindow(3, 2), output: [3, 2] },
  {
    name: 'the whole plane',
    window: { ...squareWindow(1), kernelHeight: 6, kernelWidth: 5 },
    output: [1, 1],
  },
] as const;

describe.each(POOLS)('pooling, $name', ({ window, output }) => {
  const input = [2, 3, 6, 5];
  const shape = [2, 3, ...output];
  const x = normals(size(input), 'pool x');
  const dout = normals(size(shape), 'pool gradient');

  it.each(['max', 'average'] as const)('%s: output and gradient', (mode) => {
    const mask = mode === 'max' ? 'mask' : null;
    const execution = runStep(
      makeStep({ x: input, out: shape, mask: { shape, role: 'mask' }, dout: shape, dx: input }, [
        { kind: 'pool-forward', mode, window, input: 'x', output: 'out', mask },
        { kind: 'pool-backward', mode, window, gradient: 'dout', mask, output: 'dx' },
      ]),
      { x, dout },
    );
    const kernel: [number, number] = [window.kernelHeight, window.kernelWidth];
    const strides: [number, number] = [window.strideHeight, window.strideWidth];
    const forward = (t: tf.Tensor) =>
      mode === 'max'
        ? tf.maxPool(padFor(t as tf.Tensor4D, window, shape, -1e30), kernel, strides, 'valid')
        : tf.avgPool(padFor(t as tf.Tensor4D, window, shape), kernel, strides, 'valid');
    expectClose(execution.read('out'), fromNhwc(forward(toNhwc(x, input))));
    expectClose(execution.read('dx'), fromNhwc(tf.grad(forward)(toNhwc(x, input), toNhwc(dout, shape))));
  });
});

describe('classifier', () => {
  it('fully connected: output and the gradients of input, weights and bias', () => {
    const [images, features, outputs] = [5, 12, 7];
    const values = {
      x: normals(images * features, 'fc x'),
      w: normals(outputs * features, 'fc w'),
      b: normals(outputs, 'fc b'),
      dout: normals(images * outputs, 'fc dout'),
    };
    const execution = runStep(
      makeStep(
        {
          x: [images, 3, 2, 2],
          w: [outputs, features],
          b: [outputs],
          out: [images, outputs, 1, 1],
          dout: [images, outputs, 1, 1],
          dx: [images, 3, 2, 2],
          dw: [outputs, features],
          db: [outputs],
        },
        [
          { kind: 'fc-forward', input: 'x', weights: 'w', bias: 'b', output: 'out' },
          { kind: 'fc-backward-data', gradient: 'dout', weights: 'w', output: 'dx' },
          { kind: 'fc-backward-weights', input: 'x', gradient: 'dout', output: 'dw', biasOutput: 'db' },
        ],
      ),
      values,
    );
    const forward = (...[x, w, b]: tf.Tensor[]) =>
      tf.add(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D, false, true), b as tf.Tensor);
    const inputs = [
      tf.tensor2d(values.x, [images, features]),
      tf.tensor2d(values.w, [outputs, features]),
      tf.tensor1d(values.b),
    ];
    expectClose(execution.read('out'), forward(...inputs).dataSync());
    const gradients = tf.grads(forward)(inputs, tf.tensor2d(values.dout, [images, outputs]));
    ['dx', 'dw', 'db'].forEach((name, at) => {
      expectClose(execution.read(name), (gradients[at] as tf.Tensor).dataSync());
    });
  });

  it('softmax and cross-entropy: loss, probabilities and gradient', () => {
    const [images, classes] = [6, 5];
    const logits = normals(images * classes, 'logits', 0, 3);
    const labels = [0, 4, 2, 2, 1, 3];
    const shape = [images, classes, 1, 1];
    const execution = runStep(
      makeStep(
        { logits: shape, labels: { shape: [images], role: 'label' }, p: shape, loss: [1], dlogits: shape },
        [
          {
            kind: 'softmax-loss-forward',
            input: 'logits',
            labels: 'labels',
            probabilities: 'p',
            loss: 'loss',
          },
          { kind: 'softmax-loss-backward', probabilities: 'p', labels: 'labels', output: 'dlogits' },
        ],
      ),
      { logits, labels },
    );
    const onehot = tf.oneHot(tf.tensor1d(labels, 'int32'), classes);
    const forward = (t: tf.Tensor) => tf.losses.softmaxCrossEntropy(onehot, t) as tf.Scalar;
    const t = tf.tensor2d(logits, [images, classes]);
    expectClose(execution.read('loss'), forward(t).dataSync());
    expectClose(execution.read('p'), tf.softmax(t).dataSync());
    expectClose(execution.read('dlogits'), tf.grad(forward)(t).dataSync());
  });

  it('momentum and weight decay in the update, over two steps', () => {
    const optimiser = { learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 };
    const shape = [7];
    const sketch = { kind: 'update', parameter: 'w', gradient: 'dw', velocity: 'v' } as const;
    const w = normals(7, 'w');
    const dw = normals(7, 'dw');
    const execution = runStep(
      makeStep({ w: shape, dw: shape, v: shape }, [sketch, sketch]),
      { w, dw, v: new Float32Array(7) },
      { settings: { optimiser } },
    );
    const variable = tf.variable(tf.tensor1d(w));
    const trainer = tf.train.momentum(optimiser.learningRate, optimiser.momentum);
    for (let step = 0; step < 2; step++) {
      trainer.minimize(() => {
        const decay = tf.mul(tf.sum(tf.square(variable)), optimiser.weightDecay / 2);
        return tf.add(tf.sum(tf.mul(variable, tf.tensor1d(dw))), decay) as tf.Scalar;
      });
    }
    expectClose(numbersOf(execution.read('w')), variable.dataSync());
  });
});
