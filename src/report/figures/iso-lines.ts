/** Lines of equal value through a grid of numbers: marching squares with linear interpolation along the edges. */

/** A straight piece of a line; coordinates are indices into the grid, fractions between them. */
export interface IsoSegment {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * The pieces of the line on which a grid has the value `level`, at most two in each square of four neighbours. A square with a missing corner has none.
 * @param grid values by row (y) and column (x), all rows equally long; NaN where a value is missing
 */
export function isoSegments(grid: readonly (readonly number[])[], level: number): IsoSegment[] {
  const segments: IsoSegment[] = [];
  for (let y = 0; y + 1 < grid.length; y++) {
    const columns = grid[y]?.length ?? 0;
    for (let x = 0; x + 1 < columns; x++) segments.push(...segmentsOfSquare(grid, x, y, level));
  }
  return segments;
}

function segmentsOfSquare(
  grid: readonly (readonly number[])[],
  x: number,
  y: number,
  level: number,
): IsoSegment[] {
  // Around the square, so that neighbours in the list share an edge.
  const corners = [
    { x, y },
    { x: x + 1, y },
    { x: x + 1, y: y + 1 },
    { x, y: y + 1 },
  ];
  const values = corners.map((corner) => grid[corner.y]?.[corner.x] ?? Number.NaN);
  if (values.some(Number.isNaN)) return [];
  const isAbove = values.map((value) => value >= level);
  const crossings = corners.flatMap((corner, at): { edge: number; point: Point }[] => {
    const next = (at + 1) % 4;
    if (isAbove[at] === isAbove[next]) return [];
    const from = values[at] as number;
    const share = (level - from) / ((values[next] as number) - from);
    const to = corners[next] as Point;
    return [
      {
        edge: at,
        point: { x: corner.x + share * (to.x - corner.x), y: corner.y + share * (to.y - corner.y) },
      },
    ];
  });
  const points = crossings.map(({ point }) => point);
  if (points.length === 2) return [segment(points[0] as Point, points[1] as Point)];
  if (points.length !== 4) return [];
  // A saddle: the mean of the corners decides which of them the middle goes with. Crossing i lies on the edge behind corner i.
  const isMiddleAbove = values.reduce((sum, value) => sum + value, 0) / 4 >= level;
  const [a, b, c, d] = points as [Point, Point, Point, Point];
  // Where the middle goes with corner 0, corners 1 and 3 are cut off; else corners 0 and 2.
  return isMiddleAbove === isAbove[0] ? [segment(a, b), segment(c, d)] : [segment(d, a), segment(b, c)];
}

function segment(from: Point, to: Point): IsoSegment {
  return { x1: from.x, y1: from.y, x2: to.x, y2: to.y };
}

/**
 * Where to write a line's value: the middle of the piece that is farthest from every grid point (where the grid's own numbers stand) and from places already taken.
 * @param taken places of other labels, in indices
 * @returns null where there is no piece that is far enough from both
 */
export function labelPlace(
  segments: readonly IsoSegment[],
  taken: readonly Point[],
  clearance = { gridPoint: 0.3, label: 0.9 },
): Point | null {
  const toGrid = ({ x, y }: Point) => Math.hypot(x - Math.round(x), y - Math.round(y));
  const middles = segments
    .map(({ x1, y1, x2, y2 }) => ({ x: (x1 + x2) / 2, y: (y1 + y2) / 2 }))
    .filter(
      (middle) =>
        toGrid(middle) >= clearance.gridPoint &&
        taken.every((other) => Math.hypot(other.x - middle.x, other.y - middle.y) >= clearance.label),
    );
  const best = Math.max(...middles.map(toGrid));
  return middles.find((middle) => toGrid(middle) === best) ?? null;
}
