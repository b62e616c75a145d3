import { describe, expect, it } from 'vitest';
import { ScheduleError } from '../../../src/schedule/errors.js';
import { simulatePoint } from '../../../src/simulate/point.js';
import { type ListProgress, runPoints } from '../../../src/sweep/pool.js';
import { smallPoint } from './points.js';

describe('points on worker threads', () => {
  const points = ['bnff', 'baseline', 'rcf'].map((schedule) => smallPoint({ schedule }));

  it('give what they give here, in the order of the points, for any number of workers', async () => {
    const here = points.map((point) => simulatePoint(point));
    for (const workers of [1, 2, 5]) expect(await runPoints(points, { workers })).toEqual(here);
  });

  it('say how far they are, from nothing to everything', async () => {
    const seen: ListProgress[] = [];
    await runPoints(points, { workers: 2, onProgress: (progress) => seen.push(progress) });
    const shares = seen.map(({ share }) => share);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.length).toBeGreaterThan(points.length);
    expect(shares.at(-1)).toBeCloseTo(1, 12);
    expect(seen.at(-1)?.pointsDone).toBe(points.length);
  });

  it('fail with the error of the point, of its own class', async () => {
    // The normalise pass asks for a BN that fission has split.
    const illegal = smallPoint({ schedule: 'fuse-normalise' });
    expect(() => simulatePoint(illegal)).toThrow(ScheduleError);
    await expect(runPoints([smallPoint(), illegal], { workers: 1 })).rejects.toThrow(ScheduleError);
  });

  it('stop at once when the signal aborts, with its reason', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    // About a minute of work if it were let run.
    const long = smallPoint({ batch: 4096 });
    const running = runPoints([long, long], {
      workers: 1,
      onProgress: () => controller.abort(reason),
      signal: controller.signal,
    });
    await expect(running).rejects.toBe(reason);
  });

  it('are none for none', async () => {
    expect(await runPoints([])).toEqual([]);
  });
});
