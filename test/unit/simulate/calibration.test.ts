import { describe, expect, it } from 'vitest';
import {
  calibrate,
  choosePilots,
  correctedPs,
  memoryShare,
  NO_CALIBRATION,
} from '../../../src/simulate/calibration.js';
import type { KernelResult } from '../../../src/simulate/run.js';
import { CATEGORY_COUNT, Category } from '../../../src/statistics/time-loss.js';
import type { Operation } from '../../../src/training/step.js';

/** A kernel of which `share` of the time waits for memory. */
function kernelOf(timePs: number, share: number): KernelResult {
  const lossPs = new Array<number>(CATEGORY_COUNT).fill(0);
  lossPs[Category.Compute] = timePs * (1 - share);
  lossPs[Category.DramLatency] = timePs * share * 0.25;
  lossPs[Category.DramBandwidth] = timePs * share * 0.5;
  lossPs[Category.Barrier] = timePs * share * 0.25;
  return {
    name: 'k',
    type: 'BN',
    phase: 'forward',
    shape: '',
    timePs,
    flops: 0,
    dramReadLines: 0,
    dramWrittenLines: 0,
    lossPs,
    busPs: [],
    counters: [],
    sharedHits: 0,
    sharedMisses: 0,
  };
}

describe('the share of a kernel that waits for memory', () => {
  it('is that of DRAM and barriers', () => {
    expect(memoryShare(kernelOf(1000, 0.6))).toBeCloseTo(0.6, 12);
    expect(memoryShare(kernelOf(0, 0))).toBe(0);
  });
});

describe('the pilots', () => {
  const TYPES = [
    'CONV',
    'BN',
    'ReLU',
    'Concat/Split',
    'Pooling',
    'FC',
    'BN',
    'ReLU',
    'Sum',
    'Update',
  ] as const;
  const operations = Array.from(
    { length: 40 },
    (_, index) => ({ type: TYPES[index % TYPES.length] }) as Operation,
  );
  const isMoving = (index: number): boolean =>
    !['CONV', 'FC', 'Loss', 'Update'].includes(operations[index]?.type ?? '');
  /** From 100 to 500 lines; what computes sweeps most. */
  const lines = operations.map((_, index) => (isMoving(index) ? 100 * (1 + ((index * 7) % 5)) : 10_000));
  const total = lines.reduce((sum, each, index) => sum + (isMoving(index) ? each : 0), 0);

  it('are operations that move data, in order, each once, about as many as asked for', () => {
    for (let seed = 0; seed < 50; seed++) {
      for (const count of [1, 2, 4, 8]) {
        const chosen = choosePilots(operations, lines, count, `${seed}`);
        // No operation here sweeps more than a stretch of the whole: none stands for two.
        expect(chosen).toHaveLength(count);
        expect(chosen.every(isMoving)).toBe(true);
        expect(chosen).toEqual([...new Set(chosen)].sort((a, b) => a - b));
      }
    }
  });

  it('are drawn in proportion to the lines that they sweep', () => {
    const draws = 3000;
    const count = 4;
    const times = new Map<number, number>();
    for (let seed = 0; seed < draws; seed++) {
      for (const index of choosePilots(operations, lines, count, `${seed}`))
        times.set(index, (times.get(index) ?? 0) + 1);
    }
    operations.forEach((_, index) => {
      const expected = isMoving(index) ? (count * (lines[index] as number)) / total : 0;
      expect(Math.abs((times.get(index) ?? 0) / draws - expected)).toBeLessThan(0.04);
    });
  });

  it('come from all parts of the step', () => {
    const running = lines.map((_, index) =>
      lines.slice(0, index + 1).reduce((sum, each, at) => sum + (isMoving(at) ? each : 0), 0),
    );
    for (let seed = 0; seed < 20; seed++) {
      choosePilots(operations, lines, 4, `${seed}`).forEach((index, pilot) => {
        // The pilot's stretch overlaps its quarter of the whole.
        expect(running[index] as number).toBeGreaterThan((pilot * total) / 4);
        expect((running[index] as number) - (lines[index] as number)).toBeLessThan(((pilot + 1) * total) / 4);
      });
    }
  });

  it('stand once for an operation that sweeps most of the whole, and are none where nothing moves data', () => {
    const large = lines.map((each, index) => (index === 11 ? 100 * total : each));
    expect(choosePilots(operations, large, 8, 's')).toContain(11);
    expect(choosePilots(operations, large, 8, 's').length).toBeLessThanOrEqual(3);
    expect(choosePilots(operations.slice(0, 1), [5], 8, 's')).toEqual([]);
    expect(choosePilots([], [], 8, 's')).toEqual([]);
  });

  it('come from the seed and nothing else', () => {
    expect(choosePilots(operations, lines, 3, 'a')).toEqual(choosePilots(operations, lines, 3, 'a'));
    const different = new Set(
      Array.from({ length: 20 }, (_, seed) => choosePilots(operations, lines, 2, `${seed}`).join()),
    );
    expect(different.size).toBeGreaterThan(1);
  });
});

describe('the calibration', () => {
  const program = [kernelOf(1000, 0.8), kernelOf(3000, 0.4), kernelOf(500, 0)];
  const pairOf = (share: number, growth: number) => ({
    sample: kernelOf(1_000_000, share),
    larger: kernelOf(1_000_000 * growth, share),
  });

  it('finds the coefficient that the larger share obeys exactly, and states no error then', () => {
    const calibration = calibrate(
      [0.6, 0.8, 0.95].map((share) => pairOf(share, 1 + 0.12 * share)),
      program,
    );
    expect(calibration.coefficient).toBeCloseTo(0.12, 9);
    expect(calibration.error).toBeCloseTo(0, 9);
    expect(calibration.pilots).toBe(3);
  });

  it('stretches the waits of a kernel and leaves its work alone', () => {
    const calibration = { coefficient: 0.5, error: 0, pilots: 1 };
    expect(correctedPs(kernelOf(1000, 0.8), calibration)).toBe(1000 + 0.5 * 800);
    expect(correctedPs(kernelOf(1000, 0), calibration)).toBe(1000);
    expect(correctedPs(kernelOf(1000, 1), NO_CALIBRATION)).toBe(1000);
  });

  it('states a larger error where the pilots disagree more', () => {
    const errorOf = (spread: number): number =>
      calibrate([pairOf(0.8, 1.08 + spread), pairOf(0.8, 1.08 - spread), pairOf(0.9, 1.09)], program).error;
    expect(errorOf(0.02)).toBeGreaterThan(errorOf(0.01));
    expect(errorOf(0.01)).toBeGreaterThan(0);
  });

  it('has the whole correction in doubt where there is one pilot', () => {
    const { coefficient, error } = calibrate([pairOf(0.8, 1.16)], program);
    expect(coefficient).toBeCloseTo(0.2, 9);
    // 800 + 1200 of 4500 ps wait, and take a fifth more.
    expect(error).toBeCloseTo(400 / 4900, 9);
  });

  it('corrects nothing where no pilot waits for memory', () => {
    expect(calibrate([pairOf(0, 1), pairOf(0, 1)], [kernelOf(1000, 0)])).toEqual({
      coefficient: 0,
      error: 0,
      pilots: 2,
    });
  });

  it('is none without pilots', () => {
    expect(calibrate([], program)).toBe(NO_CALIBRATION);
  });
});
