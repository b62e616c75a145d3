import { loadMachine } from '../../../src/config/load.js';
import type { MachineSpec } from '../../../src/machine/spec.js';
import { parseNetwork } from '../../../src/network/parse.js';
import type { PointSettings } from '../../../src/simulate/point.js';
import { DEFAULT_SCHEDULE, DEFAULT_SEED, DEFAULT_SOFTWARE } from '../../../src/sweep/point-options.js';

/** The CONV-BN-ReLU-CONV chain on an image of 8x8: milliseconds to simulate. */
export const SMALL_NETWORK = `
name: small
description: one edge
input: {channels: 3, height: 8, width: 8}
layers:
  - {type: conv, name: stem, channels: 16, kernel: 3, pad: 1}
  - {type: conv, name: a, channels: 32, kernel: 1}
  - {type: bn, name: bn}
  - {type: relu, name: relu}
  - {type: conv, name: b, channels: 16, kernel: 3, pad: 1}
  - {type: global-pool, name: pool}
  - {type: fc, name: fc, channels: 16}
  - {type: softmax-loss, name: loss}
`;

export function smallPoint(rest: Partial<PointSettings> = {}): PointSettings {
  return {
    network: parseNetwork(SMALL_NETWORK, 'small.yaml'),
    machine: smallMachine(),
    schedule: 'baseline',
    batch: 4,
    exact: true,
    seed: DEFAULT_SEED,
    software: DEFAULT_SOFTWARE,
    scheduleOptions: DEFAULT_SCHEDULE,
    ...rest,
  };
}

function smallMachine(): MachineSpec {
  return loadMachine('teaching');
}
