import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PrefetchSpec } from '../../../../src/machine/spec.js';
import { fetchedBy, LINES, sequence, watch } from './watcher.js';

type StrideSpec = Extract<PrefetchSpec, { kind: 'stride' }>;
const PAGE_LINES = 64;
const SPEC: StrideSpec = {
  kind: 'stride',
  index: 'stream',
  entries: 4,
  degree: 2,
  distanceStrides: 4,
  pageBytes: PAGE_LINES * 64,
};
const BY_PAGE: StrideSpec = { ...SPEC, index: 'page' };
/** First line of a page somewhere in memory. */
const PAGE = 10 * PAGE_LINES;

describe('the stride prefetcher', () => {
  it.each([
    ['by line stream', 3, SPEC],
    ['by line stream', -2, SPEC],
    ['by page', 3, BY_PAGE],
    ['by page', -2, BY_PAGE],
    ['by page', 1, BY_PAGE],
  ])(
    'knows the stride from the second access on, and fetches each line once: %s, stride %i',
    (_, step, spec) => {
      const accesses = sequence(PAGE + 30, 8, step);
      const fetched = fetchedBy(spec, accesses);
      expect(fetched[0]).toEqual([]);
      const all = fetched.flat();
      expect(all).toEqual(sequence(PAGE + 30 + 2 * step, all.length, step));
      // Two an access, until it is 4 strides ahead.
      const ahead = accesses.map((_line, index) => (index === 0 ? 0 : Math.min(index + 1, 4)));
      expect(fetched.map((lines) => lines.length)).toEqual(
        ahead.map((strides, index) =>
          index === 0 ? 0 : strides - (ahead[index - 1] as number) + (index > 1 ? 1 : 0),
        ),
      );
    },
  );

  it.each([1, 2, 3, 8])(
    'fetches %i lines an access at most and gets no farther ahead than the distance',
    (degree) => {
      for (const distanceStrides of [1, 3, 7]) {
        const accesses = sequence(PAGE, 10, 3);
        fetchedBy({ ...SPEC, degree, distanceStrides }, accesses).forEach((lines, index) => {
          expect(lines.length).toBeLessThanOrEqual(degree);
          for (const line of lines) {
            const strides = (line - (accesses[index] as number)) / 3;
            expect(strides).toBeGreaterThan(0);
            expect(strides).toBeLessThanOrEqual(distanceStrides);
          }
        });
      }
    },
  );

  /** Accesses `moved` lines apart, and whether the table makes a prediction after each, by figure 4 of Chen and Baer's paper. */
  it.each([
    ['initial, then transient: the stride of two accesses is tried', [5], [true]],
    ['transient, then steady', [5, 5], [true, true]],
    ['transient, then no prediction: two strides, neither seen twice', [5, 7], [true, false]],
    ['no prediction stays for a third one', [5, 7, 3], [true, false, false]],
    ['no prediction, then transient, then steady', [5, 7, 7, 7], [true, false, true, true]],
    ['no prediction, then transient, then no prediction again', [5, 7, 7, 3], [true, false, true, false]],
    ['steady, then initial: one jump does not lose the stride', [5, 5, 100], [true, true, true]],
    ['steady, initial, steady', [5, 5, 100, 5, 5], [true, true, true, true, true]],
    ['steady, initial, transient, no prediction', [5, 5, 100, 40, 3], [true, true, true, true, false]],
  ])('changes its mind as the paper says: %s', (_, moves, predicts) => {
    const see = watch({ ...SPEC, degree: 1, distanceStrides: 1, pageBytes: 2 ** 20 });
    let line = PAGE;
    see(line);
    const strides: number[] = [];
    moves.forEach((moved, index) => {
      line += moved;
      const [target] = see(line);
      expect(target !== undefined).toBe(predicts[index]);
      if (target !== undefined) strides.push(target - line);
    });
    // What is fetched is a stride that was seen.
    for (const stride of strides) expect(moves).toContain(stride);
  });

  it('keeps a steady stride over a jump, and takes it up from there', () => {
    const see = watch(SPEC);
    for (const line of sequence(PAGE, 5, 3)) see(line);
    expect(see(PAGE + 10 * PAGE_LINES)).toEqual(sequence(PAGE + 10 * PAGE_LINES + 3, 2, 3));
  });

  it('keeps line streams apart that take turns', () => {
    const strides = [3, -2, 1, 5];
    const bases = strides.map((_, stream) => PAGE + 100 * stream * PAGE_LINES + 20);
    const see = watch(SPEC);
    for (let turn = 0; turn < 5; turn++) {
      strides.forEach((step, stream) => {
        const line = (bases[stream] as number) + turn * step;
        const offered = see(line, { stream });
        if (turn > 0) expect(offered.length).toBeGreaterThan(0);
        for (const target of offered) expect(Number.isInteger((target - line) / step)).toBe(true);
      });
    }
  });

  it('takes line streams for one where they have one number, unless it goes by page', () => {
    const taking = (spec: StrideSpec): number[] => {
      const see = watch(spec);
      return sequence(0, 8).flatMap((turn) => [
        ...see(PAGE + 3 * turn),
        ...see(PAGE + 100 * PAGE_LINES + 2 * turn),
      ]);
    };
    // Each access is elsewhere than the one before: after two strides, neither seen twice, it predicts nothing.
    expect(taking({ ...SPEC, pageBytes: 2 ** 30 }).length).toBeLessThanOrEqual(2);
    expect(taking(BY_PAGE).length).toBeGreaterThan(8);
  });

  it('crosses a page with the line stream, without learning again, and by page learns again', () => {
    const accesses = sequence(PAGE, 60, 3);
    const firstOfNext = accesses.findIndex((line) => line >= PAGE + PAGE_LINES);
    expect(fetchedBy(SPEC, accesses)[firstOfNext]?.length).toBeGreaterThan(0);
    expect(fetchedBy(BY_PAGE, accesses)[firstOfNext]).toEqual([]);
  });

  it('never leaves the page of the access, nor the address space', () => {
    const access = fc.record({ stream: fc.nat(3), move: fc.constantFrom(1, -1, 3, -2, 17, -40, 200, 5000) });
    for (const index of ['stream', 'page'] as const) {
      fc.assert(
        fc.property(fc.array(access, { minLength: 1, maxLength: 200 }), (accesses) => {
          const see = watch({ ...SPEC, index, degree: 8, distanceStrides: 32 });
          const at = [0, 1, 2, 3].map((stream) => LINES - 1000 - 3000 * stream);
          for (const { stream, move } of accesses) {
            const line = Math.min(LINES - 1, Math.max(0, (at[stream] as number) + move));
            at[stream] = line;
            for (const target of see(line, { stream }))
              expect(Math.floor(target / PAGE_LINES)).toBe(Math.floor(line / PAGE_LINES));
          }
        }),
        { seed: 5, numRuns: 200 },
      );
    }
    const see = watch({ ...SPEC, degree: 8, distanceStrides: 8 }, 1, PAGE + 20);
    see(PAGE + 10);
    expect(see(PAGE + 12)).toEqual([PAGE + 14, PAGE + 16, PAGE + 18]);
  });

  it('offers strides of a large part of the address space nowhere outside it', () => {
    const see = watch({ ...SPEC, pageBytes: 2 ** 30, degree: 64, distanceStrides: 1024 }, 1, 2 ** 31);
    for (const line of [0, 2 ** 30, 2 ** 31 - 1, 0, 2 ** 31 - 1, 0, 2 ** 31 - 1])
      expect(see(line)).toEqual([]);
  });

  it('is not stirred by an access to the same line again', () => {
    const see = watch(SPEC);
    see(PAGE);
    expect(see(PAGE)).toEqual([]);
    expect(see(PAGE + 3)).toEqual([PAGE + 6, PAGE + 9]);
    expect(see(PAGE + 3)).toEqual([]);
    expect(see(PAGE + 6)).toEqual([PAGE + 12, PAGE + 15]);
  });

  it('asks again for what could not be sent', () => {
    const see = watch(SPEC);
    see(PAGE);
    expect(see(PAGE + 3, { accept: 1 })).toEqual([PAGE + 6, PAGE + 9]);
    expect(see(PAGE + 6, { accept: 0 })).toEqual([PAGE + 9, PAGE + 12]);
    expect(see(PAGE + 9)).toEqual([PAGE + 12, PAGE + 15]);
  });

  it('forgets the page not used for longest', () => {
    const pages = (count: number): number =>
      fetchedBy(
        BY_PAGE,
        sequence(0, 6).flatMap((turn) => sequence(PAGE + turn, count, PAGE_LINES)),
      ).flat().length;
    expect(pages(BY_PAGE.entries)).toBeGreaterThan(0);
    expect(pages(BY_PAGE.entries + 1)).toBe(0);
  });
});
