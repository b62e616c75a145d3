/** Networks that execute in milliseconds and have every kind of place that a schedule rewrites. */
import { parseNetwork } from '../../../src/network/parse.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import type { TrainingOptions } from '../../../src/training/plan.js';
import type { TrainingStep } from '../../../src/training/step.js';

/** Two composite layers with Concats behind a stem with pooling, a transition and a classifier. */
export const DENSE = `
name: small-dense
description: A dense block of two composite layers
input: {channels: 3, height: 16, width: 16}
blocks:
  composite:
    layers:
      - {type: bn, name: x1/bn}
      - {type: relu, name: x1/relu}
      - {type: conv, name: x1, channels: 8, kernel: 1}
      - {type: bn, name: x2/bn}
      - {type: relu, name: x2/relu}
      - {type: conv, name: x2, channels: 6, kernel: 3, pad: 1}
      - {type: concat, name: concat, from: [input, x2]}
layers:
  - {type: conv, name: stem, channels: 8, kernel: 3, stride: 2, pad: 1}
  - {type: bn, name: stem/bn}
  - {type: relu, name: stem/relu}
  - {type: pool, name: pool1, mode: max, kernel: 3, stride: 1, pad: 1}
  - {type: block, of: composite, name: dense_$i, repeat: 2}
  - {type: bn, name: bn}
  - {type: relu, name: relu}
  - {type: conv, name: conv, channels: 8, kernel: 1}
  - {type: pool, name: pool2, mode: average, kernel: 2, stride: 2}
  - {type: global-pool, name: pool3}
  - {type: fc, name: fc, channels: 5}
  - {type: softmax-loss, name: loss}
`;

/** A bottleneck with a projection and one without, and dropout before the classifier. */
export const RESIDUAL = `
name: small-residual
description: Two residual blocks
input: {channels: 3, height: 12, width: 12}
blocks:
  residual:
    layers:
      - {type: conv, name: conv1, channels: 6, kernel: 1, stride: $stride}
      - {type: bn, name: bn1}
      - {type: relu, name: relu1}
      - {type: conv, name: conv2, channels: 12, kernel: 3, pad: 1}
      - {type: bn, name: bn2}
layers:
  - {type: conv, name: stem, channels: 8, kernel: 3, pad: 1}
  - {type: bn, name: stem/bn}
  - {type: relu, name: stem/relu}
  - {type: conv, name: projection, channels: 12, kernel: 1, stride: 2}
  - {type: bn, name: projection/bn}
  - {type: block, of: residual, name: first, from: stem/relu, with: {stride: 2}}
  - {type: sum, name: sum1, from: [projection/bn, first]}
  - {type: relu, name: relu1}
  - {type: block, of: residual, name: second, with: {stride: 1}}
  - {type: sum, name: sum2, from: [relu1, second]}
  - {type: relu, name: relu2}
  - {type: global-pool, name: pool}
  - {type: dropout, name: dropout, ratio: 0.3}
  - {type: fc, name: fc, channels: 4}
  - {type: softmax-loss, name: loss}
`;

/** Grouped convolution, local response normalisation and no batch normalisation at all. */
export const WITHOUT_BATCH_NORM = `
name: small-alex
description: AlexNet's kinds of layers
input: {channels: 3, height: 15, width: 15}
layers:
  - {type: conv, name: conv1, channels: 8, kernel: 5, stride: 2, bias: true}
  - {type: relu, name: relu1}
  - {type: lrn, name: norm1, localSize: 5, alpha: 0.0001, beta: 0.75}
  - {type: pool, name: pool1, mode: max, kernel: 3, stride: 2, rounding: caffe}
  - {type: conv, name: conv2, channels: 8, kernel: 3, pad: 1, groups: 2, bias: true}
  - {type: relu, name: relu2}
  - {type: fc, name: fc1, channels: 12}
  - {type: relu, name: relu3}
  - {type: dropout, name: drop3, ratio: 0.5}
  - {type: fc, name: fc2, channels: 4}
  - {type: softmax-loss, name: loss}
`;

export function buildSmall(text: string, options: Partial<TrainingOptions> = {}): TrainingStep {
  return buildTrainingStep(parseNetwork(text, 'small'), { batch: 4, ...options });
}
