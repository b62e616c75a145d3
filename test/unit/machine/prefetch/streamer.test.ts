import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PrefetchSpec } from '../../../../src/machine/spec.js';
import { fetchedBy, sequence, watch } from './watcher.js';

const PAGE_LINES = 64;
type StreamerSpec = Extract<PrefetchSpec, { kind: 'streamer' }>;
const SPEC: StreamerSpec = {
  kind: 'streamer',
  streams: 4,
  degree: 2,
  distanceLines: 8,
  pageBytes: PAGE_LINES * 64,
};
const EAGER: StreamerSpec = { ...SPEC, degree: 8, distanceLines: 32 };
/** First line of a page somewhere in memory. */
const PAGE = 10 * PAGE_LINES;

describe('the streamer', () => {
  it('fetches nothing at the first access to a page, and follows the direction that the second one shows', () => {
    expect(fetchedBy(SPEC, [PAGE + 5])).toEqual([[]]);
    expect(fetchedBy(SPEC, [PAGE + 5, PAGE + 6])[1]).toEqual([PAGE + 7, PAGE + 8]);
    expect(fetchedBy(SPEC, [PAGE + 5, PAGE + 4])[1]).toEqual([PAGE + 3, PAGE + 2]);
  });

  it('fetches at most `degree` lines an access, each once, and gets at most `distance` ahead', () => {
    for (const degree of [1, 2, 3, 8]) {
      for (const distanceLines of [1, 4, 8, 20]) {
        const accesses = sequence(PAGE, 40);
        const fetched = fetchedBy({ ...SPEC, degree, distanceLines }, accesses);
        fetched.forEach((lines, index) => {
          expect(lines.length).toBeLessThanOrEqual(degree);
          for (const line of lines) expect(line - (PAGE + index)).toBeLessThanOrEqual(distanceLines);
        });
        const all = fetched.flat();
        // Every line from the third on, in order and without a gap, up to the distance where the degree lets it get there.
        expect(all).toEqual(sequence(PAGE + 2, all.length));
        const reach = Math.min(distanceLines, 39 * (degree - 1) + degree);
        expect(all.at(-1)).toBe(PAGE + 39 + Math.min(reach, PAGE_LINES - 40));
      }
    }
  });

  it('never leaves the page, upwards or downwards', () => {
    const up = fetchedBy(EAGER, sequence(PAGE, PAGE_LINES)).flat();
    expect(up).toEqual(sequence(PAGE + 2, PAGE_LINES - 2));
    const down = fetchedBy(EAGER, sequence(PAGE, PAGE_LINES).reverse()).flat();
    expect(down).toEqual(sequence(PAGE, PAGE_LINES - 2).reverse());
  });

  it('turns where the accesses turn', () => {
    const fetched = fetchedBy(SPEC, [PAGE + 20, PAGE + 21, PAGE + 22, PAGE + 19, PAGE + 18]);
    expect(fetched[3]).toEqual([PAGE + 18, PAGE + 17]);
    expect(fetched[4]).toEqual([PAGE + 16, PAGE + 15]);
  });

  it('starts again in front of an access that overtook it', () => {
    expect(fetchedBy(SPEC, [PAGE, PAGE + 1, PAGE + 30])[2]).toEqual([PAGE + 31, PAGE + 32]);
  });

  it('is not stirred by an access to the same line again', () => {
    expect(fetchedBy(SPEC, [PAGE + 3, PAGE + 3, PAGE + 3])).toEqual([[], [], []]);
    expect(fetchedBy(SPEC, [PAGE + 3, PAGE + 4, PAGE + 4])[2]).toEqual([PAGE + 7, PAGE + 8]);
  });

  it('asks again for what could not be sent', () => {
    const see = watch(SPEC);
    see(PAGE);
    see(PAGE + 1, { accept: 1 });
    expect(see(PAGE + 2, { accept: 0 })).toEqual([PAGE + 3, PAGE + 4]);
    expect(see(PAGE + 3)).toEqual([PAGE + 4, PAGE + 5]);
  });

  it('does not look at lines beyond the address space', () => {
    const see = watch(EAGER, 1, PAGE + 10);
    see(PAGE + 3);
    expect(see(PAGE + 4)).toEqual(sequence(PAGE + 5, 5));
  });

  it('follows as many pages at once as it has streams, and forgets the one not used for longest', () => {
    const interleaved = (pages: number): number[] =>
      sequence(0, 6).flatMap((step) => sequence(0, pages).map((page) => PAGE + page * PAGE_LINES + step));
    const followed = fetchedBy(SPEC, interleaved(SPEC.streams));
    // From the second access of each page on, every access lets its stream go on.
    expect(followed.slice(SPEC.streams).every((lines) => lines.length > 0)).toBe(true);
    expect(fetchedBy(SPEC, interleaved(SPEC.streams + 1)).flat()).toEqual([]);
  });

  it('keeps the streams of different cores apart', () => {
    const see = watch(SPEC, 2);
    expect(see(PAGE, { core: 0 })).toEqual([]);
    expect(see(PAGE + 1, { core: 1 })).toEqual([]);
    expect(see(PAGE + 1, { core: 0 })).toEqual([PAGE + 2, PAGE + 3]);
  });

  it('decides as a plain list of streams in order of recency does', () => {
    const spec = fc.record({
      streams: fc.integer({ min: 1, max: 9 }),
      degree: fc.integer({ min: 1, max: 4 }),
      distanceLines: fc.integer({ min: 1, max: 12 }),
    });
    const access = fc.record({
      core: fc.nat(1),
      page: fc.oneof({ weight: 3, arbitrary: fc.nat(6) }, { weight: 1, arbitrary: fc.nat(40) }),
      line: fc.nat(7),
      accept: fc.constantFrom(0, 1, Infinity, Infinity, Infinity),
    });
    fc.assert(
      fc.property(spec, fc.array(access, { minLength: 1, maxLength: 300 }), (settings, accesses) => {
        const small: StreamerSpec = { kind: 'streamer', ...settings, pageBytes: 8 * 64 };
        const see = watch(small, 2);
        const plain = [plainStreamer(small, 8), plainStreamer(small, 8)];
        for (const { core, page, line, accept } of accesses) {
          const at = page * 8 + line;
          expect(see(at, { core, accept })).toEqual((plain[core] as Plain)(at, accept));
        }
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it('decides as the plain list does over many pages, of which each has room for streams that the hash mixes up', () => {
    const spec: StreamerSpec = { ...SPEC, streams: 32, distanceLines: 20 };
    const see = watch(spec);
    const plain = plainStreamer(spec, PAGE_LINES);
    // A linear congruential generator (Knuth, TAOCP 2, 3.3.4) picks among more pages than there are streams, and now and then any page.
    let state = 1;
    const draw = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let step = 0; step < 50_000; step++) {
      const page = draw(4) === 0 ? draw(2 ** 18) : 1024 * draw(40);
      const at = page * PAGE_LINES + draw(PAGE_LINES);
      expect(see(at)).toEqual(plain(at, Infinity));
    }
  });
});

type Plain = (line: number, accept: number) => number[];

/** The streamer's rules on a list of one core's streams, the newest first. */
function plainStreamer({ streams, degree, distanceLines }: StreamerSpec, pageLines: number): Plain {
  interface Stream {
    readonly page: number;
    last: number;
    way: number;
    ahead: number;
  }
  const list: Stream[] = [];
  return (line, accept) => {
    const page = Math.floor(line / pageLines);
    const place = list.findIndex((stream) => stream.page === page);
    if (place < 0) {
      list.unshift({ page, last: line, way: 0, ahead: line });
      list.splice(streams);
      return [];
    }
    const stream = list[place] as Stream;
    list.splice(place, 1);
    list.unshift(stream);
    const moved = Math.sign(line - stream.last);
    stream.last = line;
    const turns = moved !== 0 && moved !== stream.way;
    if (turns) stream.way = moved;
    if (stream.way === 0) return [];
    const isAhead = (stream.ahead - line) * stream.way > 0;
    if (turns || !isAhead) stream.ahead = line + stream.way;
    const lines: number[] = [];
    for (let next = stream.ahead; lines.length < degree; next += stream.way) {
      const isNear = Math.abs(next - line) <= distanceLines;
      if (!isNear || Math.floor(next / pageLines) !== page) break;
      lines.push(next);
    }
    stream.ahead += Math.min(accept, lines.length) * stream.way;
    return lines;
  };
}
