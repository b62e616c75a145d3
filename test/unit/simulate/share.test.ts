import { describe, expect, it } from 'vitest';
import { loadMachine } from '../../../src/config/load.js';
import { wholeChip } from '../../../src/machine/chip.js';
import type { CacheSpec, DramMemorySpec, LlcSpec, MachineSpec } from '../../../src/machine/spec.js';
import { CHANNEL_RATE_RANGE, type Sample, shareOf, smallestShare, wholeSample } from '../../../src/simulate/share.js';
import { SMALL } from '../machine/small-machine.js';

/** 2 sockets of 20 cores, 20 slices and 6 channels. */
const SKYLAKE = loadMachine('skylake-sp-2s');
const KNL = loadMachine('knl-7210');
const TEACHING = loadMachine('teaching');
const MACHINES = [SKYLAKE, loadMachine('skylake-sp-2s-half-bandwidth'), KNL, loadMachine('titan-x-pascal'), TEACHING];

function expectSameRatios(spec: MachineSpec, batch: number, sample: Sample): void {
  const { share, images, scale } = sample;
  const whole = wholeChip(spec);
  expect(share.totalCores).toBe(whole.cores);
  expect(scale * share.cores).toBeCloseTo(whole.cores, 12);
  expect(images * scale).toBeCloseTo(batch, 12);
  expect(Number.isInteger(images)).toBe(true);
  // Bandwidth per core is exact: channels times their rate.
  expect((share.channels * share.channelRate) / share.cores).toBeCloseTo(whole.channels / whole.cores, 12);
  // Slices are counted by socket.
  const simulatedSockets = share.cores === whole.cores ? spec.sockets : 1;
  expect((share.slices * simulatedSockets) / share.cores).toBeCloseTo((whole.slices * spec.sockets) / whole.cores, 12);
}

describe('a share of a chip', () => {
  it('has exactly the cores, images, cache and bandwidth of its part of the whole', () => {
    let shares = 0;
    for (const spec of MACHINES) {
      for (const batch of [8, 28, 64, 120]) {
        for (let cores = 1; cores <= spec.sockets * spec.coresPerSocket; cores++) {
          const sample = shareOf(spec, batch, cores);
          if (sample === null) continue;
          shares++;
          expectSameRatios(spec, batch, sample);
        }
      }
    }
    expect(shares).toBeGreaterThan(10);
  });

  it('runs its channels at a rate near the real one', () => {
    for (let cores = 1; cores <= SKYLAKE.coresPerSocket; cores++) {
      const sample = shareOf(SKYLAKE, 120, cores);
      if (sample !== null) expect(Math.abs(sample.share.channelRate - 1)).toBeLessThanOrEqual(CHANNEL_RATE_RANGE);
    }
    // 12 channels over 40 cores: one core has 0.3 of a channel, two 0.6, three 0.9.
    expect(shareOf(SKYLAKE, 120, 1)).toBeNull();
    expect(shareOf(SKYLAKE, 120, 2)).toBeNull();
    expect(shareOf(SKYLAKE, 120, 3)?.share).toMatchObject({ cores: 3, channels: 1 });
    expect(shareOf(SKYLAKE, 120, 3)?.share.channelRate).toBeCloseTo(0.9, 12);
  });

  it('of ideal memory may have a channel of any rate', () => {
    const spec: MachineSpec = {
      ...SMALL,
      coresPerSocket: 8,
      llc: { ...(SMALL.llc as LlcSpec), slicesPerSocket: 8 },
      memory: { kind: 'ideal', latencyPs: 80_000, bytesPerSecond: 100e9, channelsPerSocket: 2 },
    };
    expect(shareOf(spec, 8, 1)?.share).toMatchObject({ channels: 1, channelRate: 0.25 });
  });

  it('is refused where images or slices do not divide', () => {
    expect(shareOf(SKYLAKE, 121, 3)).toBeNull();
    expect(shareOf({ ...TEACHING, llc: { ...(TEACHING.llc as LlcSpec), slicesPerSocket: 3 } }, 8, 2)).toBeNull();
  });

  it('is refused where it would cut a cluster, or a socket and a half', () => {
    expect(KNL.l2?.sharedBy).toBe(2);
    expect(shareOf(KNL, 64, 3)).toBeNull();
    expect(shareOf(SKYLAKE, 120, 30)).toBeNull();
  });

  it('is refused where half of the cores are far from all memory', () => {
    expect(shareOf({ ...SKYLAKE, pagePlacement: 'first-socket' }, 120, 3)).toBeNull();
    expect(shareOf({ ...SKYLAKE, pagePlacement: 'first-socket' }, 120, 40)).toEqual(wholeSample(SKYLAKE, 120));
  });

  it('is the whole machine where it has all cores', () => {
    for (const spec of MACHINES) expect(shareOf(spec, 7, spec.sockets * spec.coresPerSocket)).toEqual(wholeSample(spec, 7));
  });

  it('is not there for no cores, a broken number of them or more than there are', () => {
    for (const cores of [0, -1, 1.5, 41]) expect(shareOf(SKYLAKE, 120, cores)).toBeNull();
  });

  it('is the smallest that can be cut, and the whole where none can', () => {
    expect(smallestShare(SKYLAKE, 120, 2).share.cores).toBe(3);
    expect(smallestShare(SKYLAKE, 7, 2)).toEqual(wholeSample(SKYLAKE, 7));
    const dram: DramMemorySpec = { ...(TEACHING.memory as DramMemorySpec), channelsPerSocket: 1 };
    // One channel for four cores: half a channel is no channel at all.
    expect(smallestShare({ ...TEACHING, memory: dram }, 8, 2)).toEqual(wholeSample({ ...TEACHING, memory: dram }, 8));
  });

  it('works with an L2 that more cores share than the share has', () => {
    const spec: MachineSpec = { ...KNL, l2: { ...(KNL.l2 as CacheSpec), sharedBy: 4 } };
    expect(shareOf(spec, 64, 2)).toBeNull();
  });
});
