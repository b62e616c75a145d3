/** Whole points of a tiny network on a chip of 8 cores. */
import { describe, expect, it } from 'vitest';
import { loadMachine } from '../../../src/config/load.js';
import { softwareOptions } from '../../../src/config/software-schema.js';
import type { CacheSpec, DramMemorySpec, LlcSpec, MachineSpec } from '../../../src/machine/spec.js';
import { parseNetwork } from '../../../src/network/parse.js';
import { DEFAULT_SCHEDULE_OPTIONS } from '../../../src/schedule/pass.js';
import { type PointResult, type PointSettings, simulatePoint } from '../../../src/simulate/point.js';
import { peakBandwidth, peakFlops } from '../../../src/simulate/target.js';

const TEACHING = loadMachine('teaching');
/** Twice the teaching chip, with caches that the network overflows. */
const EIGHT: MachineSpec = {
  ...TEACHING,
  name: 'eight',
  coresPerSocket: 8,
  l1d: { ...TEACHING.l1d, capacityBytes: 8192 },
  l2: { ...(TEACHING.l2 as CacheSpec), capacityBytes: 32_768 },
  llc: { ...(TEACHING.llc as LlcSpec), sliceBytes: 65_536, slicesPerSocket: 8 },
  memory: { ...(TEACHING.memory as DramMemorySpec), channelsPerSocket: 4 },
};

const NETWORK = parseNetwork(
  `name: tiny
description: A test network.
input: {channels: 32, height: 24, width: 24}
layers:
  - {type: conv, name: a, channels: 32, kernel: 1}
  - {type: bn, name: bn}
  - {type: relu, name: relu}
  - {type: conv, name: b, channels: 32, kernel: 1}
  - {type: global-pool, name: pool}
  - {type: fc, name: classes, channels: 16}
  - {type: softmax-loss, name: loss}
`,
  'tiny.yaml',
);

function settingsOf(changes: Partial<PointSettings> = {}): PointSettings {
  return {
    network: NETWORK,
    machine: EIGHT,
    schedule: 'baseline',
    batch: 16,
    exact: true,
    seed: 'test',
    software: { ...softwareOptions(), fuseBnRelu: false },
    scheduleOptions: DEFAULT_SCHEDULE_OPTIONS,
    ...changes,
  };
}

const sumOf = (
  result: PointResult,
  value: (operation: PointResult['operations'][number]) => number,
): number => result.operations.reduce((sum, operation) => sum + value(operation), 0);
const EXACT = simulatePoint(settingsOf());
const SAMPLED = simulatePoint(settingsOf({ exact: false }));

describe('an exact point', () => {
  it('is the same every time, whatever the seed', () => {
    expect(simulatePoint(settingsOf({ seed: 'another' }))).toEqual(EXACT);
  });

  it('simulates every core and image, and states no error', () => {
    expect(EXACT.error).toBe(0);
    expect(EXACT.sampling).toMatchObject({ cores: 8, totalCores: 8, images: 16, channels: 4, pilots: 0 });
  });

  it('is what a sampled one gives where nothing smaller can be cut', () => {
    expect(simulatePoint(settingsOf({ batch: 3, exact: false }))).toEqual(
      simulatePoint(settingsOf({ batch: 3 })),
    );
  });
});

describe.each([
  ['an exact', EXACT],
  ['a sampled', SAMPLED],
])('%s point', (_, result) => {
  it('is the sum of its phases and of its operations', () => {
    expect(result.forwardSeconds + result.backwardSeconds).toBeCloseTo(result.seconds, 14);
    expect(sumOf(result, ({ seconds }) => seconds)).toBeCloseTo(result.seconds, 14);
    expect(sumOf(result, ({ dramReadBytes }) => dramReadBytes)).toBe(result.dramReadBytes);
    expect(sumOf(result, ({ dramWriteBytes }) => dramWriteBytes)).toBe(result.dramWriteBytes);
    expect(sumOf(result, ({ flops }) => flops)).toBe(result.flops);
    expect(result.cycles).toBe(Math.round(result.seconds * EIGHT.core.frequencyHz));
  });

  it('accounts for all cores of the chip through all of its time', () => {
    for (const { lossSeconds, seconds } of result.operations) {
      expect(lossSeconds.reduce((sum, each) => sum + each, 0)).toBeCloseTo(seconds * 8, 12);
    }
  });

  it('keeps within the peaks of its machine', () => {
    expect(result.bandwidthShare).toBeCloseTo(
      (result.dramReadBytes + result.dramWriteBytes) / result.seconds / peakBandwidth(EIGHT),
      12,
    );
    expect(result.flopsShare).toBeCloseTo(result.flops / result.seconds / peakFlops(EIGHT), 12);
    expect(result.bandwidthShare).toBeLessThan(1);
    expect(result.flopsShare).toBeLessThan(1);
  });

  it('moves bytes and does work in every operation that must', () => {
    for (const { name, flops, dramReadBytes } of result.operations) {
      if (name.startsWith('a.') || name.startsWith('bn.') || name.startsWith('b.')) {
        expect(flops).toBeGreaterThan(0);
        expect(dramReadBytes).toBeGreaterThan(0);
      }
    }
  });
});

describe('a sampled point', () => {
  it('simulates a few cores with their images and scales them to the whole', () => {
    const { cores, totalCores, images, channels, pilotCores } = SAMPLED.sampling;
    expect(cores).toBeLessThan(8);
    expect([totalCores, pilotCores]).toEqual([8, 8]);
    expect(images).toBe((16 * cores) / 8);
    expect(channels).toBe(Math.max(1, Math.round((4 * cores) / 8)));
    expect(SAMPLED.operations.map(({ name }) => name)).toEqual(EXACT.operations.map(({ name }) => name));
  });

  it('does the FLOP of the exact one, where the work divides evenly over the threads', () => {
    SAMPLED.operations.forEach(({ type, flops }, index) => {
      if (type !== 'FC' && type !== 'Update') expect(flops).toBe(EXACT.operations[index]?.flops);
    });
  });

  it('moves the bytes of the exact one within 5 %', () => {
    expect(Math.abs(SAMPLED.dramReadBytes / EXACT.dramReadBytes - 1)).toBeLessThan(0.05);
    expect(Math.abs(SAMPLED.dramWriteBytes / EXACT.dramWriteBytes - 1)).toBeLessThan(0.05);
  });

  it('prefetches the lines of the exact one within 5 %, and as many of them in vain', () => {
    const [sampled, exact] = [SAMPLED.prefetch, EXACT.prefetch];
    expect(exact.issued).toBeGreaterThan(0);
    expect(exact.useful + exact.useless + exact.dropped).toBeLessThanOrEqual(exact.issued);
    expect(Math.abs(sampled.issued / exact.issued - 1)).toBeLessThan(0.05);
    expect(Math.abs((sampled.accuracy as number) - (exact.accuracy as number))).toBeLessThan(0.05);
    expect(Math.abs((sampled.coverage as number) - (exact.coverage as number))).toBeLessThan(0.05);
  });

  it('states an error, learnt from pilots', () => {
    expect(SAMPLED.sampling.pilots).toBeGreaterThan(0);
    expect(SAMPLED.error).toBeGreaterThan(0);
    expect(SAMPLED.error).toBeLessThan(0.5);
  });

  it('takes the time of the exact one within its stated error and 10 %', () => {
    expect(Math.abs(SAMPLED.seconds / EXACT.seconds - 1)).toBeLessThan(SAMPLED.error + 0.1);
  });

  it('is the same every time', () => {
    expect(simulatePoint(settingsOf({ exact: false }))).toEqual(SAMPLED);
  });

  it('states an error where no operation is as long as a pilot should be', () => {
    const result = simulatePoint(settingsOf({ exact: false, batch: 4 }));
    expect(result.sampling.pilots).toBeGreaterThan(1);
    expect(result.error).toBeGreaterThan(0);
  });
});

describe('a schedule', () => {
  it('that restructures moves fewer bytes and takes less time', () => {
    const bnff = simulatePoint(settingsOf({ schedule: 'bnff' }));
    expect(bnff.dramReadBytes + bnff.dramWriteBytes).toBeLessThan(EXACT.dramReadBytes + EXACT.dramWriteBytes);
    expect(bnff.seconds).toBeLessThan(EXACT.seconds);
  });
});

describe('progress', () => {
  it('comes to its end', () => {
    const seen: [number, number][] = [];
    simulatePoint(settingsOf({ batch: 8 }), (done, total) => seen.push([done, total]));
    const [done, total] = seen.at(-1) as [number, number];
    expect(done).toBeCloseTo(total, 9);
    expect(seen.every(([before], index) => index === 0 || before >= (seen[index - 1]?.[0] as number))).toBe(
      true,
    );
  });
});
