import { describe, expect, it } from 'vitest';
import { loadMachine } from '../../../src/config/load.js';
import type { CacheSpec, DramMemorySpec, LlcSpec, MachineSpec } from '../../../src/machine/spec.js';
import { shareOf, wholeSample } from '../../../src/simulate/share.js';
import { peakBandwidth, peakFlops, targetOf } from '../../../src/simulate/target.js';
import { SMALL } from '../machine/small-machine.js';

const SKYLAKE = loadMachine('skylake-sp-2s');

describe('what kernels know of a machine', () => {
  it('is the same of a share as of the whole, but for the threads that are simulated', () => {
    const share = shareOf(SKYLAKE, 120, 10);
    if (share === null) throw new Error('no share');
    const whole = targetOf(SKYLAKE, wholeSample(SKYLAKE, 120), 120);
    expect(whole).toMatchObject({ threads: 40, totalThreads: 40, totalBatch: 120 });
    expect(targetOf(SKYLAKE, share, 120)).toEqual({ ...whole, threads: 10 });
  });

  it('is the part of shared caches that a thread has', () => {
    const spec: MachineSpec = {
      ...SMALL,
      coresPerSocket: 8,
      l2: { ...(SMALL.l2 as CacheSpec), capacityBytes: 65_536, sharedBy: 4 },
      llc: { ...(SMALL.llc as LlcSpec), sliceBytes: 32_768, slicesPerSocket: 4 },
    };
    expect(targetOf(spec, wholeSample(spec, 8), 8)).toMatchObject({
      l1Bytes: 4096,
      l2Bytes: 65_536 / 4,
      llcBytesPerThread: (32_768 * 4) / 8,
    });
    const bare: MachineSpec = { ...spec, l2: null, llc: null };
    expect(targetOf(bare, wholeSample(bare, 8), 8)).toMatchObject({ l2Bytes: 4096, llcBytesPerThread: 0 });
  });
});

describe('the peaks of a machine', () => {
  it('are lanes x 2 x FMA units x clock x cores', () => {
    // 2 units of 16 lanes at 1 GHz.
    expect(peakFlops(SMALL)).toBe(64e9);
    expect(
      peakFlops({ ...SMALL, sockets: 2, coresPerSocket: 4, core: { ...SMALL.core, vectorBits: 256 } }),
    ).toBe(8 * 32e9);
  });

  it('are bus width x transfers of every channel, or what ideal memory is said to have', () => {
    const { part, channelsPerSocket } = SKYLAKE.memory as DramMemorySpec;
    // Double data rate.
    const channel = (part.channelBits / 8) * (2e12 / part.tCKps);
    expect(peakBandwidth(SKYLAKE) / (2 * channelsPerSocket * channel)).toBeCloseTo(1, 9);
    expect(peakBandwidth({ ...SMALL, sockets: 2 })).toBe(Infinity);
  });
});
