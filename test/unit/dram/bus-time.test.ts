import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BusTime } from '../../../src/machine/dram/bus-time.js';
import { createDram } from '../../../src/machine/dram/dram.js';
import { runDramExperiment } from '../../../src/machine/dram/experiment.js';
import { DDR4_2400, M1, M2, memorySpec } from './memory-spec.js';

const total = (time: BusTime): number =>
  time.dataPs + time.rowPs + time.bankPs + time.turnaroundPs + time.refreshPs + time.idlePs;

/** Shares of an experiment's time, in percent. */
function shares(
  pattern: string,
  mode: string,
  mapping: string,
  refresh = false,
  requests = 20_000,
): Record<keyof BusTime, number> {
  const spec = memorySpec(DDR4_2400, { mapping, refresh });
  const { busTime } = runDramExperiment(spec, { pattern, mode, requests });
  const whole = total(busTime);
  const share = ([name, ps]: [string, number]): [string, number] => [name, (100 * ps) / whole];
  return Object.fromEntries((Object.entries(busTime) as [string, number][]).map(share)) as Record<
    keyof BusTime,
    number
  >;
}

describe('where the peak went', () => {
  const t = DDR4_2400.timings;

  it('adds up to the elapsed time exactly, whatever the traffic', () => {
    const access = fc.record({
      line: fc.nat(2 ** 20),
      isWrite: fc.boolean(),
      gapPs: fc.oneof(fc.nat(5000), fc.nat(30_000_000)),
    });
    fc.assert(
      fc.property(
        fc.array(access, { minLength: 1, maxLength: 80 }),
        fc.nat(10_000_000),
        (accesses, restPs) => {
          const dram = createDram(memorySpec(DDR4_2400, { refresh: true }), 1);
          let timePs = 0;
          for (const { line, isWrite, gapPs } of accesses) {
            timePs += gapPs;
            while ((dram.nextPs[0] as number) < timePs) dram.step(0);
            dram.enqueue(0, line, isWrite, timePs, -1);
            expect(total(dram.busTime(0, timePs))).toBe(timePs);
          }
          while ((dram.nextPs[0] as number) < Infinity) {
            timePs = dram.nextPs[0] as number;
            dram.step(0);
          }
          expect(total(dram.busTime(0, timePs + restPs))).toBe(timePs + restPs);
        },
      ),
      { seed: 3, numRuns: 60 },
    );
  });

  it('is all data for a stream over bank groups', () => {
    expect(shares('stream_r', 'sat', M2).dataPs).toBeGreaterThan(99.5);
  });

  it('is tCCD_L for a stream inside a bank group', () => {
    const lost = 100 * (1 - t.nBL / t.nCCDL);
    expect(shares('stride256', 'sat', M2).bankPs).toBeCloseTo(lost, 0);
  });

  it('is the row for accesses that always need a new row of one bank', () => {
    const lost = 100 * (1 - t.nBL / t.nRC);
    expect(shares('stride131072', 'sat', M1).rowPs).toBeCloseTo(lost, 0);
  });

  it('is tFAW for random reads', () => {
    const lost = 100 * (1 - t.nBL / (t.nFAW / 4));
    expect(shares('random_r', 'sat', M2).bankPs).toBeGreaterThan(lost - 1.5);
  });

  it('is refresh for its share of a stream', () => {
    const lost = (100 * (t.nRTP + t.nRP + t.nRFC + t.nRCD)) / t.nREFI;
    const { refreshPs, rowPs, dataPs } = shares('stream_r', 'sat', M2, true, 100_000);
    expect(refreshPs + rowPs).toBeCloseTo(lost, 0);
    expect(refreshPs).toBeGreaterThan(lost - 1);
    expect(dataPs).toBeCloseTo(100 - lost, 0);
  });

  it('is turnaround for a stream of reads and writes', () => {
    const { turnaroundPs, dataPs } = shares('stream_rw21', 'sat', M2);
    expect(turnaroundPs).toBeGreaterThan(100 - dataPs - 1);
  });

  it('is idleness at low load', () => {
    const { idlePs, dataPs } = shares('stream_r', 'load:0.1', M2);
    expect(dataPs).toBeCloseTo(10, 0);
    expect(idlePs).toBeGreaterThan(85);
  });
});
