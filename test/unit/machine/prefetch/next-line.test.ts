import { describe, expect, it } from 'vitest';
import type { PrefetchSpec } from '../../../../src/machine/spec.js';
import { sequence, watch } from './watcher.js';

const PAGE_LINES = 64;
/** First line of a page somewhere in memory. */
const PAGE = 10 * PAGE_LINES;

function nextLine(degree: number): PrefetchSpec {
  return { kind: 'next-line', degree, pageBytes: PAGE_LINES * 64 };
}

describe('the next-line prefetcher', () => {
  it.each([1, 2, 5])('offers the %i lines behind a miss or a first use', (degree) => {
    const see = watch(nextLine(degree));
    expect(see(PAGE + 3)).toEqual(sequence(PAGE + 4, degree));
    expect(see(PAGE + 4)).toEqual(sequence(PAGE + 5, degree));
    expect(see(PAGE + 40)).toEqual(sequence(PAGE + 41, degree));
  });

  it('offers nothing behind a line that is used again', () => {
    const see = watch(nextLine(2));
    see(PAGE + 3);
    expect(see(PAGE + 3, { isFirst: false })).toEqual([]);
  });

  it('does not leave the page, nor the address space', () => {
    const see = watch(nextLine(8));
    const last = PAGE + PAGE_LINES - 1;
    expect(see(last - 3)).toEqual(sequence(last - 2, 3));
    expect(see(last)).toEqual([]);
    expect(watch(nextLine(8), 1, PAGE + 4)(PAGE + 1)).toEqual([PAGE + 2, PAGE + 3]);
  });

  it('remembers nothing: cores and streams make no difference', () => {
    const see = watch(nextLine(1), 2);
    for (const core of [0, 1])
      for (const stream of [0, 3]) expect(see(PAGE + 7, { core, stream })).toEqual([PAGE + 8]);
  });
});

describe('no prefetcher', () => {
  it('offers nothing', () => {
    const see = watch({ kind: 'none' });
    for (const line of sequence(PAGE, 100)) expect(see(line)).toEqual([]);
  });
});
