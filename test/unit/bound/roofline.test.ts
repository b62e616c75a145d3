import { describe, expect, it } from 'vitest';
import { ridgePoint, rooflineLimit, rooflineSeconds } from '../../../src/bound/roofline.js';

/** 100 GB/s and 1 TFLOPS: 10 FLOP per byte at the ridge. */
const PEAKS = { bytesPerSecond: 100e9, flopsPerSecond: 1e12 };

describe('the roofline', () => {
  it('takes the longer of the time to move and the time to compute', () => {
    expect(rooflineSeconds({ bytes: 1e9, flops: 1e9 }, PEAKS)).toBeCloseTo(1e9 / 100e9, 12);
    expect(rooflineSeconds({ bytes: 1e9, flops: 1e11 }, PEAKS)).toBeCloseTo(1e11 / 1e12, 12);
  });

  it('changes sides at the ridge', () => {
    expect(ridgePoint(PEAKS)).toBe(10);
    expect(rooflineLimit({ bytes: 1, flops: 9 }, PEAKS)).toBe('memory');
    expect(rooflineLimit({ bytes: 1, flops: 10 }, PEAKS)).toBe('compute');
    expect(rooflineLimit({ bytes: 1, flops: 11 }, PEAKS)).toBe('compute');
  });

  it('is bound by compute alone with infinite bandwidth', () => {
    const peaks = { ...PEAKS, bytesPerSecond: Infinity };
    expect(rooflineSeconds({ bytes: 1e12, flops: 1e12 }, peaks)).toBe(1);
    expect(rooflineLimit({ bytes: 1e12, flops: 1 }, peaks)).toBe('compute');
    expect(ridgePoint(peaks)).toBe(0);
  });
});
