import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isoSegments, labelPlace } from '../../../../src/report/figures/iso-lines.js';

describe('lines of equal value', () => {
  it('run where a slope has the value, interpolated between the grid points', () => {
    // z = 10 x over three columns and two rows: 4 lies at x = 0.4.
    const grid = [
      [0, 10, 20],
      [0, 10, 20],
    ];
    expect(isoSegments(grid, 4)).toEqual([{ x1: 0.4, y1: 0, x2: 0.4, y2: 1 }]);
    expect(isoSegments(grid, 20.5)).toEqual([]);
    expect(isoSegments(grid, -1)).toEqual([]);
  });

  it('cut off a corner that stands out', () => {
    // 8 in one corner and 0 elsewhere: 6 lies a quarter of the way from the 8 on both edges.
    const [segment, ...rest] = isoSegments(
      [
        [8, 0],
        [0, 0],
      ],
      6,
    );
    expect(rest).toEqual([]);
    expect([
      [segment?.x1, segment?.y1],
      [segment?.x2, segment?.y2],
    ]).toEqual(
      expect.arrayContaining([
        [0.25, 0],
        [0, 0.25],
      ]),
    );
  });

  it('at a saddle leave the corners apart that the mean of the square parts', () => {
    const saddle = (high: number) => [
      [high, 0],
      [0, high],
    ];
    // Mean 5 (high 10): the middle is above 4, so that both low corners, at (1, 0) and (0, 1), are cut off.
    const around = (segments: ReturnType<typeof isoSegments>, x: number, y: number) =>
      segments.filter(
        ({ x1, y1, x2, y2 }) =>
          Math.abs(x1 - x) + Math.abs(y1 - y) < 0.5 && Math.abs(x2 - x) + Math.abs(y2 - y) < 0.5,
      ).length;
    const low = isoSegments(saddle(10), 4);
    expect([low.length, around(low, 1, 0), around(low, 0, 1)]).toEqual([2, 1, 1]);
    // The middle is below 6: both high corners are cut off.
    const high = isoSegments(saddle(10), 6);
    expect([high.length, around(high, 0, 0), around(high, 1, 1)]).toEqual([2, 1, 1]);
  });

  it('leave out squares that lack a corner', () => {
    const grid = [
      [0, 10, 0],
      [0, Number.NaN, 0],
    ];
    expect(isoSegments(grid, 5)).toEqual([]);
  });

  it('end on edges at the very value, and go on in the next square unless at the border', () => {
    const size = 5;
    const row = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: size, maxLength: size });
    fc.assert(
      fc.property(fc.array(row, { minLength: size, maxLength: size }), (grid) => {
        // Between whole numbers, so that no grid point has the value itself.
        const level = 4.5;
        const at = (x: number, y: number) => grid[y]?.[x] as number;
        const ends = isoSegments(grid, level).flatMap(({ x1, y1, x2, y2 }) => [
          { x: x1, y: y1 },
          { x: x2, y: y2 },
        ]);
        for (const { x, y } of ends) {
          const [left, low] = [Math.floor(x), Math.floor(y)];
          const value = Number.isInteger(y)
            ? at(left, y) + (x - left) * ((at(left + 1, y) ?? 0) - at(left, y) || 0)
            : at(x, low) + (y - low) * (at(x, low + 1) - at(x, low));
          expect(value).toBeCloseTo(level, 9);
          const isAtBorder = x === 0 || y === 0 || x === size - 1 || y === size - 1;
          const meeting = ends.filter((other) => Math.hypot(other.x - x, other.y - y) < 1e-9).length;
          // On an edge of the border one square has it, on any other edge two.
          const isOnBorderEdge =
            (Number.isInteger(y) && (y === 0 || y === size - 1)) ||
            (Number.isInteger(x) && (x === 0 || x === size - 1));
          expect(meeting).toBe(isAtBorder && isOnBorderEdge ? 1 : 2);
        }
      }),
      { seed: 20261122, numRuns: 200 },
    );
  });
});

describe('the place of a label', () => {
  const segments = [
    { x1: 0, y1: 0.1, x2: 0.2, y2: 0.1 },
    { x1: 0.4, y1: 0.5, x2: 0.6, y2: 0.5 },
    { x1: 2.5, y1: 2.3, x2: 2.5, y2: 2.5 },
  ];

  it('is the middle of the piece farthest from the grid points', () => {
    expect(labelPlace(segments, [])).toEqual({ x: 0.5, y: 0.5 });
  });

  it('keeps off other labels', () => {
    expect(labelPlace(segments, [{ x: 0.7, y: 0.7 }])).toEqual({ x: 2.5, y: 2.4 });
  });

  it('is nowhere where no piece is free', () => {
    expect(labelPlace(segments.slice(0, 1), [])).toBeNull();
  });
});
