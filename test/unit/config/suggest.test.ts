import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { didYouMean, editDistance, suggest } from '../../../src/config/suggest.js';

describe('edit distance', () => {
  it('counts insertions, deletions, substitutions and swaps as one each', () => {
    expect(editDistance('frequency', 'frequncy')).toBe(1);
    expect(editDistance('ways', 'wayss')).toBe(1);
    expect(editDistance('mesh', 'mush')).toBe(1);
    expect(editDistance('ranks', 'rakns')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
  });

  it('is symmetric and zero only for equal words', () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
      { seed: 2 },
    );
  });
});

describe('suggestions', () => {
  it('finds the nearest word, whatever its case and hyphens', () => {
    expect(suggest('Channels-Per-Socket', ['channelsPerSocket', 'coresPerSocket'])).toBe('channelsPerSocket');
    expect(suggest('densenet', ['resnet50', 'densenet121'])).toBe('densenet121');
  });

  it('says nothing where nothing is near', () => {
    expect(didYouMean('colour', ['frequency', 'ways'])).toBe('');
    expect(didYouMean('x', ['y'])).toBe('');
  });
});
