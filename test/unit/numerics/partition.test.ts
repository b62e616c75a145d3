import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forEachShare, shareOf } from '../../../src/numerics/partition.js';

describe('partition over threads', () => {
  it('gives every item to exactly one thread, in order, with shares that differ by at most one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 1, max: 40 }), (items, threads) => {
        const shares = Array.from({ length: threads }, (_, thread) => shareOf(items, threads, thread));
        let next = 0;
        for (const { begin, end } of shares) {
          expect(begin).toBe(next);
          next = end;
        }
        expect(next).toBe(items);
        const sizes = shares.map(({ begin, end }) => end - begin);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
      { seed: 1 },
    );
  });

  it('visits every row of every image once, also when a thread starts in the middle of an image', () => {
    const visited: string[] = [];
    forEachShare(3, 5, 4, (thread, image, firstRow, endRow) => {
      for (let row = firstRow; row < endRow; row++) visited.push(`${thread}:${image}/${row}`);
    });
    const rows = visited.map((entry) => entry.split(':')[1]);
    expect(new Set(rows).size).toBe(15);
    expect(visited).toHaveLength(15);
    // 15 rows over 4 threads: 4, 4, 4, 3; the second thread starts at row 4 of image 0.
    expect(visited[4]).toBe('1:0/4');
  });

  it('leaves threads idle where there are more threads than rows', () => {
    const threads = new Set<number>();
    forEachShare(1, 2, 8, (thread) => threads.add(thread));
    expect(threads.size).toBe(2);
  });
});
