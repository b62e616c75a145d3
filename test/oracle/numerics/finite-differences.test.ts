/**
 * Gradients of composite layers against central finite differences, for every schedule. In float64 a difference quotient over 2h errs by about h^2
 * times the third derivative plus eps / h times the loss: with h = 1e-5 some 1e-10, far under any error of a wrong gradient.
 */
import { describe, expect, it } from 'vitest';
import { parseNetwork } from '../../../src/network/parse.js';
import { executeStep } from '../../../src/numerics/execute.js';
import { Execution } from '../../../src/numerics/execution.js';
import { initialise } from '../../../src/numerics/initialise.js';
import { applySchedule } from '../../../src/schedule/apply.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import type { Operation, TrainingStep } from '../../../src/training/step.js';

const H = 1e-5;
/** Relative to the largest gradient of the tensor; a ReLU that switches within h would show as an error of the order of 1. */
const TOLERANCE = 1e-6;
/** Elements of each parameter that are probed, spread evenly. */
const PROBES = 6;

const EDGE = `
name: edge
description: CONV-BN-ReLU-CONV, with a strided and a padded CONV
input: {channels: 3, height: 6, width: 5}
layers:
  - {type: conv, name: stem, channels: 4, kernel: 3, pad: 1}
  - {type: conv, name: a, channels: 5, kernel: 3, stride: 2, pad: 1, bias: true}
  - {type: bn, name: bn}
  - {type: relu, name: relu}
  - {type: conv, name: b, channels: 3, kernel: 2, pad: 1}
  - {type: global-pool, name: pool}
  - {type: fc, name: fc, channels: 3}
  - {type: softmax-loss, name: loss}
`;

const DENSE_BLOCK = `
name: dense-block
description: Two composite layers with their Concats, a transition and a classifier
input: {channels: 3, height: 8, width: 8}
blocks:
  composite:
    layers:
      - {type: bn, name: x1/bn}
      - {type: relu, name: x1/relu}
      - {type: conv, name: x1, channels: 4, kernel: 1}
      - {type: bn, name: x2/bn}
      - {type: relu, name: x2/relu}
      - {type: conv, name: x2, channels: 3, kernel: 3, pad: 1}
      - {type: concat, name: concat, from: [input, x2]}
layers:
  - {type: conv, name: stem, channels: 4, kernel: 3, pad: 1}
  - {type: bn, name: stem/bn}
  - {type: relu, name: stem/relu}
  - {type: pool, name: pool1, mode: max, kernel: 2, stride: 2}
  - {type: block, of: composite, name: dense_$i, repeat: 2}
  - {type: bn, name: bn}
  - {type: relu, name: relu}
  - {type: conv, name: conv, channels: 4, kernel: 1}
  - {type: pool, name: pool2, mode: average, kernel: 2, stride: 2}
  - {type: bn, name: last/bn}
  - {type: global-pool, name: pool3}
  - {type: fc, name: fc, channels: 3}
  - {type: softmax-loss, name: loss}
`;

const RESIDUAL = `
name: residual
description: A bottleneck with a projection and one without
input: {channels: 3, height: 6, width: 6}
layers:
  - {type: conv, name: stem, channels: 4, kernel: 3, pad: 1}
  - {type: bn, name: stem/bn}
  - {type: relu, name: stem/relu}
  - {type: conv, name: projection, channels: 6, kernel: 1, stride: 2}
  - {type: bn, name: projection/bn}
  - {type: conv, name: a1, channels: 3, kernel: 1, stride: 2, from: stem/relu}
  - {type: bn, name: a1/bn}
  - {type: relu, name: a1/relu}
  - {type: conv, name: a2, channels: 6, kernel: 3, pad: 1}
  - {type: bn, name: a2/bn}
  - {type: sum, name: sum1, from: [projection/bn, a2/bn]}
  - {type: relu, name: relu1}
  - {type: conv, name: b1, channels: 6, kernel: 3, pad: 1}
  - {type: bn, name: b1/bn}
  - {type: sum, name: sum2, from: [relu1, b1/bn]}
  - {type: relu, name: relu2}
  - {type: global-pool, name: pool}
  - {type: fc, name: fc, channels: 3}
  - {type: softmax-loss, name: loss}
`;

/** Loss of the step after parameter `name` has been changed at `at`; the operations after the loss are left out. */
function lossAt(step: TrainingStep, name: string, at: number, change: number): number {
  const execution = new Execution(step, 'float64');
  initialise(execution, 'finite differences');
  execution.read(name)[at] += change;
  executeStep(execution);
  const loss = step.operations.find((operation) => operation.kind === 'softmax-loss-forward');
  return execution.read(loss?.loss as string)[0] as number;
}

function forwardOnly(step: TrainingStep): TrainingStep {
  return {
    ...step,
    operations: step.operations.filter((operation: Operation) => operation.phase === 'forward'),
  };
}

describe.each([
  ['the CONV-BN-ReLU-CONV edge', EDGE],
  ['a dense block', DENSE_BLOCK],
  ['residual blocks', RESIDUAL],
])('%s', (title, text) => {
  const baseline = buildTrainingStep(parseNetwork(text, title), { batch: 3 });

  it.each([
    ['baseline', {}],
    ['rcf', {}],
    ['rcf+mvf', {}],
    ['bnff', {}],
    ['bnff', { storeZ: true, materialiseDx: false }],
    ['bnff+icf', {}],
    ['bnff+icf', { storeZ: true }],
    ['bnff+icf', { materialiseDx: false }],
  ] as const)('%s %o: the gradients of all parameters are the slopes of the loss', (schedule, options) => {
    const step = applySchedule(baseline, schedule, options);
    const execution = new Execution(step, 'float64');
    initialise(execution, 'finite differences');
    executeStep(execution);
    const forward = forwardOnly(step);
    let probed = 0;
    for (const update of step.operations) {
      if (update.kind !== 'update') continue;
      const gradient = execution.read(update.gradient);
      const largest = [...gradient].reduce((max, value) => Math.max(max, Math.abs(value)), 1e-3);
      const stride = Math.max(1, Math.floor(gradient.length / PROBES));
      for (let at = 0; at < gradient.length; at += stride) {
        const slope =
          (lossAt(forward, update.parameter, at, H) - lossAt(forward, update.parameter, at, -H)) / (2 * H);
        const error = Math.abs(slope - (gradient[at] as number)) / largest;
        expect(error, `${update.parameter}[${at}]`).toBeLessThan(TOLERANCE);
        probed++;
      }
    }
    expect(probed).toBeGreaterThan(20);
  });
});
