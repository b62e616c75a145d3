/** Drawn shapes, thread counts and tilings: whatever network, machine and options, the kernels keep the rules. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkProgram } from '../../../src/kernel/check/program.js';
import { lowerProgram } from '../../../src/kernel/lower.js';
import { parseNetwork } from '../../../src/network/parse.js';
import { applySchedule } from '../../../src/schedule/apply.js';
import { NAMED_SCHEDULES } from '../../../src/schedule/registry.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import { makeTarget } from '../../unit/kernel/streaming/fixtures.js';

/** A network with every kind of layer, of the given sizes: an edge, a Concat, a pooling, a sum, a classifier. */
const shapes = fc.record({
  height: fc.integer({ min: 8, max: 23 }),
  width: fc.integer({ min: 8, max: 23 }),
  stem: fc.integer({ min: 1, max: 40 }),
  channels: fc.integer({ min: 1, max: 70 }),
  kernel: fc.constantFrom(1, 2, 3, 5),
  stride: fc.integer({ min: 1, max: 3 }),
  pad: fc.integer({ min: 0, max: 2 }),
  pool: fc.constantFrom('max', 'average'),
  poolKernel: fc.integer({ min: 2, max: 3 }),
  poolStride: fc.integer({ min: 1, max: 3 }),
});
type Shapes = typeof shapes extends fc.Arbitrary<infer T> ? T : never;

function networkOf(shape: Shapes): string {
  const { height, width, stem, channels, kernel, stride, pad, pool, poolKernel, poolStride } = shape;
  return `
name: drawn
description: drawn by a property test
input: {channels: 3, height: ${height}, width: ${width}}
layers:
  - {type: conv, name: stem, channels: ${stem}, kernel: 3, pad: 1}
  - {type: bn, name: bn0}
  - {type: relu, name: relu0}
  - {type: conv, name: a, channels: ${channels}, kernel: ${kernel}, stride: ${stride}, pad: ${Math.min(pad, kernel - 1)}}
  - {type: bn, name: bn1}
  - {type: relu, name: relu1}
  - {type: conv, name: b, channels: ${channels}, kernel: 3, pad: 1, bias: true}
  - {type: concat, name: join, from: [a, b]}
  - {type: bn, name: bn2}
  - {type: relu, name: relu2}
  - {type: conv, name: c, channels: ${channels}, kernel: 1}
  - {type: sum, name: add, from: [a, c]}
  - {type: relu, name: relu3}
  - {type: pool, name: pool, mode: ${pool}, kernel: ${poolKernel}, stride: ${poolStride}, pad: 1}
  - {type: dropout, name: dropout, ratio: 0.5}
  - {type: fc, name: fc, channels: 11}
  - {type: softmax-loss, name: loss}
`;
}

describe('the kernels of any network', () => {
  it('read what they need and write their output once, on any number of threads and any tiling', () => {
    fc.assert(
      fc.property(
        shapes,
        fc.record({
          batch: fc.integer({ min: 1, max: 5 }),
          threads: fc.integer({ min: 1, max: 37 }),
          l1Bytes: fc.constantFrom(2048, 8192, 32_768),
          l2Bytes: fc.constantFrom(8192, 65_536, 1_048_576),
          llcBytesPerThread: fc.constantFrom(0, 4096, 1_441_792),
          vectorBits: fc.constantFrom(256, 512),
          vectorRegisters: fc.constantFrom(16, 32),
          fmaUnits: fc.integer({ min: 1, max: 2 }),
        }),
        fc.record({
          bnBlocking: fc.constantFrom('streaming' as const, 'cached' as const),
          nonTemporalStores: fc.boolean(),
          softwarePrefetch: fc.boolean(),
        }),
        fc.record({ storeZ: fc.boolean(), materialiseDx: fc.boolean() }),
        fc.record({
          schedule: fc.constantFrom(...NAMED_SCHEDULES.map(({ name }) => name)),
          fuseBnRelu: fc.boolean(),
          copySumGradients: fc.boolean(),
        }),
        (shape, { batch, ...core }, software, options, { schedule, ...training }) => {
          const network = parseNetwork(networkOf(shape), 'drawn.yaml');
          const step = applySchedule(buildTrainingStep(network, { batch, ...training }), schedule, options);
          const program = lowerProgram(step, makeTarget({ ...core, totalBatch: batch }), software);
          expect(checkProgram(step, program).problems).toEqual([]);
        },
      ),
      { seed: 11, numRuns: 150 },
    );
  }, 120_000);
});
