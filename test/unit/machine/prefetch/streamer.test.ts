import { describe, expect, it } from 'vitest';
import { createStreamer } from '../../../../src/machine/prefetch/streamer.js';
import type { PrefetchSpec } from '../../../../src/machine/spec.js';

const PAGE_LINES = 64;
const SPEC: PrefetchSpec = {
  kind: 'streamer',
  streams: 4,
  degree: 2,
  distanceLines: 8,
  pageBytes: PAGE_LINES * 64,
};
/** First line of a page somewhere in memory. */
const PAGE = 10 * PAGE_LINES;

/** What the streamer asks for, access by access; everything asked for is fetched. */
function fetchedBy(lines: readonly number[], spec = SPEC): number[][] {
  const streamer = createStreamer(spec, 1);
  return lines.map((line) => {
    const offered = streamer.observe(0, line);
    const first = streamer.next[0] as number;
    const direction = streamer.direction[0] as number;
    if (offered > 0) streamer.issued(offered);
    return Array.from({ length: offered }, (_, index) => first + index * direction);
  });
}

function ascending(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

describe('the streamer', () => {
  it('fetches nothing at the first access to a page, and follows the direction that the second one shows', () => {
    expect(fetchedBy([PAGE + 5])).toEqual([[]]);
    expect(fetchedBy([PAGE + 5, PAGE + 6])[1]).toEqual([PAGE + 7, PAGE + 8]);
    expect(fetchedBy([PAGE + 5, PAGE + 4])[1]).toEqual([PAGE + 3, PAGE + 2]);
  });

  it('fetches at most `degree` lines an access, each once, and gets at most `distance` ahead', () => {
    for (const degree of [1, 2, 3, 8]) {
      for (const distanceLines of [1, 4, 8, 20]) {
        const accesses = ascending(PAGE, 40);
        const fetched = fetchedBy(accesses, { ...SPEC, degree, distanceLines });
        fetched.forEach((lines, index) => {
          expect(lines.length).toBeLessThanOrEqual(degree);
          for (const line of lines) expect(line - (PAGE + index)).toBeLessThanOrEqual(distanceLines);
        });
        const all = fetched.flat();
        // Every line from the third on, in order and without a gap, up to the distance where the degree lets it get there.
        expect(all).toEqual(ascending(PAGE + 2, all.length));
        const reach = Math.min(distanceLines, 39 * (degree - 1) + degree);
        expect(all.at(-1)).toBe(PAGE + 39 + Math.min(reach, PAGE_LINES - 40));
      }
    }
  });

  it('never leaves the page, upwards or downwards', () => {
    const up = fetchedBy(ascending(PAGE, PAGE_LINES), { ...SPEC, degree: 8, distanceLines: 32 }).flat();
    expect(up).toEqual(ascending(PAGE + 2, PAGE_LINES - 2));
    const down = fetchedBy(ascending(PAGE, PAGE_LINES).reverse(), {
      ...SPEC,
      degree: 8,
      distanceLines: 32,
    }).flat();
    expect(down).toEqual(ascending(PAGE, PAGE_LINES - 2).reverse());
  });

  it('turns where the accesses turn', () => {
    const fetched = fetchedBy([PAGE + 20, PAGE + 21, PAGE + 22, PAGE + 19, PAGE + 18]);
    expect(fetched[3]).toEqual([PAGE + 18, PAGE + 17]);
    expect(fetched[4]).toEqual([PAGE + 16, PAGE + 15]);
  });

  it('starts again in front of an access that overtook it', () => {
    expect(fetchedBy([PAGE, PAGE + 1, PAGE + 30])[2]).toEqual([PAGE + 31, PAGE + 32]);
  });

  it('is not stirred by an access to the same line again', () => {
    expect(fetchedBy([PAGE + 3, PAGE + 3, PAGE + 3])).toEqual([[], [], []]);
    expect(fetchedBy([PAGE + 3, PAGE + 4, PAGE + 4])[2]).toEqual([PAGE + 7, PAGE + 8]);
  });

  it('asks again for what could not be sent', () => {
    const streamer = createStreamer(SPEC, 1);
    streamer.observe(0, PAGE);
    streamer.observe(0, PAGE + 1);
    streamer.issued(1);
    expect(streamer.observe(0, PAGE + 2)).toBe(2);
    expect(streamer.next[0]).toBe(PAGE + 3);
    streamer.issued(0);
    expect(streamer.observe(0, PAGE + 3)).toBe(2);
    expect(streamer.next[0]).toBe(PAGE + 4);
  });

  it('follows as many pages at once as it has streams, and forgets the one not used for longest', () => {
    const interleaved = (pages: number): number[] =>
      ascending(0, 6).flatMap((step) => ascending(0, pages).map((page) => PAGE + page * PAGE_LINES + step));
    const followed = fetchedBy(interleaved(SPEC.streams));
    // From the second access of each page on, every access lets its stream go on.
    expect(followed.slice(SPEC.streams).every((lines) => lines.length > 0)).toBe(true);
    expect(fetchedBy(interleaved(SPEC.streams + 1)).flat()).toEqual([]);
  });

  it('keeps the streams of different cores apart', () => {
    const streamer = createStreamer(SPEC, 2);
    expect(streamer.observe(0, PAGE)).toBe(0);
    expect(streamer.observe(1, PAGE + 1)).toBe(0);
    expect(streamer.observe(0, PAGE + 1)).toBe(2);
  });
});
