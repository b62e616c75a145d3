/** Every state of the protocol for 2 and 3 private caches and 1 to 2 lines: single writer or multiple readers, and the latest value is never lost. */
import { describe, expect, it } from 'vitest';
import { type Arrangement, explore } from './explore.js';

/** Everything in one set of one slice, whose ways and directory entries 1 or 2 lines overflow or just fill. */
function arrangements(): Arrangement[] {
  const rows: Arrangement[] = [];
  for (const [sockets, clustersPerSocket] of [
    [1, 2],
    [1, 3],
    [2, 1],
    [2, 2],
  ] as const) {
    for (const inclusion of ['victim', 'inclusive', 'non-inclusive', 'none'] as const) {
      for (const lines of [1, 2]) {
        // Four caches and two lines have too many states for a unit test.
        if (sockets * clustersPerSocket === 4 && lines === 2) continue;
        for (const cacheWays of inclusion === 'none' ? [0] : [1, 2]) {
          // An inclusive cache's tags are its directory.
          for (const directoryWays of inclusion === 'inclusive' ? [cacheWays] : [1, 2]) {
            rows.push({ sockets, clustersPerSocket, inclusion, lines, cacheWays, directoryWays });
          }
        }
      }
    }
  }
  return rows;
}

describe('every reachable state of the shared level', () => {
  for (const row of arrangements()) {
    const name =
      `is coherent and loses no value: ${row.sockets} x ${row.clustersPerSocket} caches, ${row.lines} line(s), ` +
      `${row.inclusion}, ${row.cacheWays} cache way(s), ${row.directoryWays} directory way(s)`;
    it(name, () => {
      const { states, failure } = explore(row);
      expect(failure).toBeNull();
      expect(states).toBeGreaterThan(2);
    });
  }

  it('counts the states of one line in two caches under a directory alone', () => {
    // None; S, E or M in one of the two (E and S differ in permission; alone, a line is never merely shared unless its other sharer let go): I I, E I, I E, M I, I M,
    // S S, S I, I S.
    const { states } = explore({
      sockets: 1,
      clustersPerSocket: 2,
      lines: 1,
      inclusion: 'none',
      cacheWays: 0,
      directoryWays: 1,
    });
    expect(states).toBe(8);
  });
});
