/** Training steps that the schedule's tests share. */
import { readFileSync } from 'node:fs';
import { parseNetwork } from '../../../src/network/parse.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import type { TrainingOptions } from '../../../src/training/plan.js';
import type { TrainingStep } from '../../../src/training/step.js';

/** The baseline step of a shipped network. */
export function zooStep(name: string, options: Partial<TrainingOptions> = {}): TrainingStep {
  const url = new URL(`../../../workloads/networks/${name}.yaml`, import.meta.url);
  const network = parseNetwork(readFileSync(url, 'utf8'), `${name}.yaml`);
  return buildTrainingStep(network, { batch: 2, ...options });
}

/** The baseline step of a network given as layers in YAML, on a 32 x 8 x 8 input. */
export function stepOf(layers: string, options: Partial<TrainingOptions> = {}): TrainingStep {
  const text = `name: test\ndescription: A test network.\ninput: {channels: 32, height: 8, width: 8}\nlayers:\n${layers}`;
  return buildTrainingStep(parseNetwork(text, 'test.yaml'), { batch: 2, ...options });
}

/** CONV - CONV_a - BN - ReLU - CONV_b: the edge of docs/paper.md, with a CONV before it so that CONV_a has a backward-data. */
export const EDGE = `
  - {type: conv, name: first, channels: 32, kernel: 1}
  - {type: conv, name: a, channels: 64, kernel: 1}
  - {type: bn, name: bn}
  - {type: relu, name: relu}
  - {type: conv, name: b, channels: 32, kernel: 3, pad: 1}
  - {type: global-pool, name: pool}
  - {type: fc, name: classes, channels: 10}
  - {type: softmax-loss, name: loss}
`;
