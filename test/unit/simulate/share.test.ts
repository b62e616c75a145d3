import { describe, expect, it } from 'vitest';
import { loadMachine } from '../../../src/config/load.js';
import { wholeChip } from '../../../src/machine/chip.js';
import type { CacheSpec, DramMemorySpec, LlcSpec, MachineSpec } from '../../../src/machine/spec.js';
import {
  LOWEST_CHANNEL_RATE,
  type Sample,
  shareOf,
  smallestShare,
  wholeSample,
} from '../../../src/simulate/share.js';
import { SMALL } from '../machine/small-machine.js';

/** 2 sockets of 20 cores, 20 slices and 6 channels. */
const SKYLAKE = loadMachine('skylake-sp-2s');
/** 4 cores, 4 slices, 2 channels. */
const TEACHING = loadMachine('teaching');
const DRAM = TEACHING.memory as DramMemorySpec;
/** 64 cores, two to an L2, no last level, 32 channels. */
const PAIRS: MachineSpec = {
  ...TEACHING,
  coresPerSocket: 64,
  l2: { ...(TEACHING.l2 as CacheSpec), sharedBy: 2 },
  llc: null,
  memory: { ...DRAM, channelsPerSocket: 32 },
};
/** 28 cores without an L2, 24 slices, 12 channels. */
const NO_L2: MachineSpec = {
  ...TEACHING,
  coresPerSocket: 28,
  l2: null,
  llc: { ...(TEACHING.llc as LlcSpec), slicesPerSocket: 24 },
  memory: { ...DRAM, channelsPerSocket: 12 },
};
const MACHINES = [SKYLAKE, loadMachine('skylake-sp-2s-half-bandwidth'), TEACHING, PAIRS, NO_L2];

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
  expect((share.slices * simulatedSockets) / share.cores).toBeCloseTo(
    (whole.slices * spec.sockets) / whole.cores,
    12,
  );
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

  it('runs its channels at a rate that is not too far below the real one', () => {
    for (let cores = 1; cores <= SKYLAKE.coresPerSocket; cores++) {
      // 12 channels over 40 cores; every number of cores has a slice each and three images each.
      const exact = (12 * cores) / 40;
      const channels = Math.max(1, Math.round(exact));
      const sample = shareOf(SKYLAKE, 120, cores);
      if (exact / channels < LOWEST_CHANNEL_RATE) expect(sample).toBeNull();
      else
        expect(sample?.share).toEqual({
          cores,
          totalCores: 40,
          channels,
          slices: cores,
          channelRate: exact / channels,
        });
    }
    // One channel for four cores and more: a core alone has too little of it.
    const scarce: MachineSpec = { ...TEACHING, coresPerSocket: 8, memory: { ...DRAM, channelsPerSocket: 1 } };
    const wide: MachineSpec = { ...scarce, llc: { ...(TEACHING.llc as LlcSpec), slicesPerSocket: 8 } };
    expect(shareOf(wide, 8, 1)).toBeNull();
    expect(shareOf(wide, 8, 2)?.share.channelRate).toBe(0.25);
  });

  it('of ideal memory may have a channel of any rate', () => {
    const spec: MachineSpec = {
      ...SMALL,
      coresPerSocket: 16,
      llc: { ...(SMALL.llc as LlcSpec), slicesPerSocket: 16 },
      memory: { kind: 'ideal', latencyPs: 80_000, bytesPerSecond: 100e9, channelsPerSocket: 2 },
    };
    expect(shareOf(spec, 16, 1)?.share).toMatchObject({ channels: 1, channelRate: 0.125 });
  });

  it('is refused where images or slices do not divide', () => {
    expect(shareOf(SKYLAKE, 120, 3)).not.toBeNull();
    expect(shareOf(SKYLAKE, 121, 3)).toBeNull();
    expect(
      shareOf({ ...TEACHING, llc: { ...(TEACHING.llc as LlcSpec), slicesPerSocket: 3 } }, 8, 2),
    ).toBeNull();
  });

  it('is refused where it would cut a cluster, or a socket and a half', () => {
    expect(shareOf(PAIRS, 64, 2)).not.toBeNull();
    expect(shareOf(PAIRS, 64, 3)).toBeNull();
    expect(shareOf(SKYLAKE, 120, 30)).toBeNull();
  });

  it('is refused where half of the cores are far from all memory', () => {
    expect(shareOf({ ...SKYLAKE, pagePlacement: 'first-socket' }, 120, 3)).toBeNull();
    expect(shareOf({ ...SKYLAKE, pagePlacement: 'first-socket' }, 120, 40)).toEqual(
      wholeSample(SKYLAKE, 120),
    );
  });

  it('is the whole machine where it has all cores', () => {
    for (const spec of MACHINES)
      expect(shareOf(spec, 7, spec.sockets * spec.coresPerSocket)).toEqual(wholeSample(spec, 7));
  });

  it('is not there for no cores, a broken number of them or more than there are', () => {
    for (const cores of [0, -1, 1.5, 41]) {
      expect(shareOf(SKYLAKE, 120, cores)).toBeNull();
      expect(shareOf({ ...SKYLAKE, memory: SMALL.memory }, 120, cores)).toBeNull();
    }
  });

  it('is the smallest that can be cut, and the whole where none can', () => {
    const { share } = smallestShare(SKYLAKE, 120, 2);
    expect(share.cores).toBeGreaterThanOrEqual(2);
    for (let cores = 2; cores < share.cores; cores++) expect(shareOf(SKYLAKE, 120, cores)).toBeNull();
    expect(smallestShare(SKYLAKE, 7, 2)).toEqual(wholeSample(SKYLAKE, 7));
  });

  it('works with an L2 that more cores share than the share has', () => {
    const spec: MachineSpec = { ...PAIRS, l2: { ...(PAIRS.l2 as CacheSpec), sharedBy: 4 } };
    expect(shareOf(spec, 64, 2)).toBeNull();
  });
});
