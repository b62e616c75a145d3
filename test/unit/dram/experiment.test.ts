import { describe, expect, it } from 'vitest';
import { runDramExperiment } from '../../../src/machine/dram/experiment.js';
import { DDR4_2400, M1, M2, memorySpec } from './memory-spec.js';

describe('a DRAM experiment', () => {
  const run = (pattern: string, mode: string, requests = 2000) =>
    runDramExperiment(memorySpec(DDR4_2400, { mapping: M2 }), { pattern, mode, requests });

  it('gives the same result twice', () => {
    expect(run('random_rw21', 'load:0.4')).toEqual(run('random_rw21', 'load:0.4'));
  });

  it('offers in order at one request per cycle: a queue of n reads waits n bursts', () => {
    const t = DDR4_2400.timings;
    const requests = 20_000;
    const { averageReadLatencyNs } = run('stream_r', 'sat', requests);
    // In a full queue of 32 a read waits for the 31 before it, a burst each, and takes CL + burst; the queue is refilled a cycle after a place is free.
    const cycles = 32 * t.nBL - 1 + t.nCL + t.nBL;
    expect(averageReadLatencyNs / (DDR4_2400.tCKps / 1000)).toBeCloseTo(cycles, -0.5);
  });

  it('chases writes too, and reports no read latency for them', () => {
    expect(run('stream_w', 'chase')).toMatchObject({ averageReadLatencyNs: 0, p50Ns: 0, p99Ns: 0 });
  });

  it('runs on one channel whatever the machine has', () => {
    const spec = { ...memorySpec(DDR4_2400, { mapping: M1 }), channelsPerSocket: 6, interleaveLines: 4 };
    const alone = runDramExperiment(memorySpec(DDR4_2400, { mapping: M1 }), {
      pattern: 'stream_r',
      mode: 'sat',
      requests: 1000,
    });
    expect(runDramExperiment(spec, { pattern: 'stream_r', mode: 'sat', requests: 1000 })).toEqual(alone);
  });

  it('offers the load it was asked for', () => {
    for (const load of [0.1, 0.3])
      expect(run('stream_r', `load:${load}`, 40_000).percentOfPeak / 100).toBeCloseTo(load, 2);
  });

  it.each([
    ['stream', 'sat', 'is no pattern'],
    ['stride100', 'sat', 'multiple of 64'],
    ['constructor', 'sat', 'is no pattern'],
    ['stream_r', 'load', 'is no mode'],
    ['stream_r', 'full', 'is no mode'],
  ])('refuses %s %s', (pattern, mode, reason) => {
    expect(() => run(pattern, mode)).toThrow(reason);
  });
});
