import { describe, expect, it } from 'vitest';
import { featureTraffic } from '../../../src/bound/sweeps.js';
import { buildStep } from '../../../src/simulate/part.js';
import { simulatePoint } from '../../../src/simulate/point.js';
import { measureTraffic } from '../../../src/simulate/traffic.js';
import { smallPoint } from '../sweep/points.js';

describe('the sources of DRAM traffic', () => {
  const settings = smallPoint({ exact: true });
  const sources = measureTraffic(settings);

  it('add up to the total', () => {
    const { noReuseBytes: _count, totalBytes, ...parts } = sources;
    expect(Object.values(parts).reduce((sum, bytes) => sum + bytes, 0)).toBe(totalBytes);
  });

  it('total what the point itself moves, plus what its last operation leaves queued', () => {
    const { dramReadBytes, dramWriteBytes } = simulatePoint(settings);
    const moved = dramReadBytes + dramWriteBytes;
    expect(sources.totalBytes).toBeGreaterThanOrEqual(moved);
    // No more than the queues of the channels hold (32 writes each, and what waits in front of them).
    expect(sources.totalBytes - moved).toBeLessThan(0.02 * moved + 64 * 200);
  });

  it('stand beside the closed-form count', () => {
    const step = buildStep(settings, settings.batch);
    const { forward, backward } = featureTraffic(step, settings.software);
    expect(sources.noReuseBytes).toBe(
      forward.readBytes + forward.writeBytes + backward.readBytes + backward.writeBytes,
    );
  });
});
