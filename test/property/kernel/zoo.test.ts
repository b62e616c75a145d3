/** Every layer shape of the zoo, lowered under every schedule and option, keeps the rules of a kernel. */
import { describe, expect, it } from 'vitest';
import { checkProgram, shapeKey } from '../../../src/kernel/check/program.js';
import type { SoftwareOptions, Target } from '../../../src/kernel/kernel.js';
import { lowerProgram } from '../../../src/kernel/lower.js';
import type { NetworkOptions } from '../../../src/network/parse.js';
import { applySchedule } from '../../../src/schedule/apply.js';
import type { ScheduleOptions } from '../../../src/schedule/pass.js';
import { NAMED_SCHEDULES } from '../../../src/schedule/registry.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import { makeTarget, SOFTWARE } from '../../unit/kernel/streaming/fixtures.js';
import { loadZooNetwork } from '../../unit/network/zoo.js';

const NETWORKS = ['alexnet', 'vgg16', 'resnet50', 'densenet121', 'conv-bn-relu-conv'];

interface Case {
  readonly batch: number;
  readonly target: Target;
  readonly software?: Partial<SoftwareOptions>;
  readonly schedule?: Partial<ScheduleOptions>;
  readonly fuseBnRelu?: boolean;
  readonly network?: NetworkOptions;
}

/** Checks each distinct shape of a network under all schedules once. @returns problems, and the number of kernels walked */
function checkNetwork(name: string, options: Case) {
  const { batch, fuseBnRelu = false } = options;
  // A whole chip works on the whole mini-batch.
  const isWhole = options.target.totalThreads === options.target.threads;
  const target = isWhole ? { ...options.target, totalBatch: batch } : options.target;
  const baseline = buildTrainingStep(loadZooNetwork(name, options.network), { batch, fuseBnRelu });
  const seen = new Set<string>();
  const problems: string[] = [];
  let kernels = 0;
  for (const { name: schedule } of NAMED_SCHEDULES) {
    const step = applySchedule(baseline, schedule, options.schedule);
    const program = lowerProgram(step, target, { ...SOFTWARE, ...options.software });
    const found = checkProgram(step, program, {
      isShare: !isWhole,
      select(operation) {
        const key = shapeKey(operation, step);
        if (seen.has(key)) return false;
        seen.add(key);
        return true;
      },
    });
    problems.push(...found.problems.map((problem) => `${name} ${schedule} ${problem}`));
    kernels += found.kernels;
  }
  return { problems, kernels };
}

describe('every kernel reads what it needs, and writes its output once, by one thread between two barriers', () => {
  it.each(NETWORKS)('%s at its full size, one image on 3 threads', (name) => {
    const { problems, kernels } = checkNetwork(name, {
      batch: 1,
      target: makeTarget({ threads: 3 }),
    });
    expect(problems).toEqual([]);
    expect(kernels).toBeGreaterThan(20);
  });

  // Odd sizes, so that rows, tiles and strides leave remainders; channels that are no multiple of a register block.
  const odd = (name: string): NetworkOptions => ({
    imageSize: name === 'alexnet' ? { height: 83, width: 75 } : { height: 45, width: 37 },
    channelDivisor: 4,
  });
  const cases: readonly (readonly [string, Omit<Case, 'network'>])[] = [
    ['Z stored', { batch: 2, target: makeTarget({ threads: 3 }), schedule: { storeZ: true } }],
    [
      'dX computed at each use',
      { batch: 2, target: makeTarget({ threads: 3 }), schedule: { materialiseDx: false } },
    ],
    [
      'Z stored and dX computed at each use, one thread',
      { batch: 1, target: makeTarget({ threads: 1 }), schedule: { storeZ: true, materialiseDx: false } },
    ],
    [
      'cached BN',
      {
        batch: 3,
        // A last-level cache so small that the channels fall into several groups.
        target: makeTarget({ threads: 2, llcBytesPerThread: 16 * 1024 }),
        software: { bnBlocking: 'cached' },
      },
    ],
    ['BN and ReLU fused by the baseline', { batch: 2, target: makeTarget({ threads: 3 }), fuseBnRelu: true }],
    [
      'ordinary stores and no software prefetch',
      {
        batch: 2,
        target: makeTarget({ threads: 3 }),
        software: { nonTemporalStores: false, softwarePrefetch: false },
      },
    ],
    ['more threads than work', { batch: 1, target: makeTarget({ threads: 61 }) }],
    [
      'a small core with 256-bit vectors and tiny caches',
      {
        batch: 2,
        target: makeTarget({
          threads: 4,
          vectorBits: 256,
          vectorRegisters: 16,
          l1Bytes: 8 * 1024,
          l2Bytes: 32 * 1024,
          llcBytesPerThread: 0,
        }),
      },
    ],
    [
      'a share of the chip',
      {
        batch: 2,
        target: makeTarget({ threads: 4, totalThreads: 40, totalBatch: 20 }),
        schedule: { storeZ: true },
      },
    ],
  ];
  describe.each(cases)('%s', (_title, options) => {
    it.each(NETWORKS)('%s, scaled down to an odd size', (name) => {
      expect(checkNetwork(name, { ...options, network: odd(name) }).problems).toEqual([]);
    });
  });
});

describe('fused schedules', () => {
  it('leave Y and Z untouched where the schedule says so', () => {
    const build = (schedule: string, options: Partial<ScheduleOptions> = {}) => {
      const baseline = buildTrainingStep(loadZooNetwork('conv-bn-relu-conv'), { batch: 1 });
      return [...applySchedule(baseline, schedule, options).tensors.keys()];
    };
    // The rules above refuse a touch of anything that is no operand, so a tensor that the step lacks is touched by no kernel.
    expect(build('baseline')).toEqual(expect.arrayContaining(['bn', 'relu']));
    expect(build('rcf')).toContain('bn');
    expect(build('rcf')).not.toContain('relu');
    for (const schedule of ['bnff', 'bnff+icf']) {
      for (const tensor of ['bn', 'relu', 'bn.z']) expect(build(schedule)).not.toContain(tensor);
      expect(build(schedule, { storeZ: true })).toContain('bn.z');
      expect(build(schedule, { materialiseDx: false })).not.toContain('a.gradient');
    }
  });
});
