import { describe, expect, it } from 'vitest';
import { listSettings } from '../../../src/config/schema.js';
import { softwareOptions, softwareSchema } from '../../../src/config/software-schema.js';

describe('options of the modelled software', () => {
  it('default to the baseline that streams every BN loop', () => {
    expect(softwareOptions()).toEqual({
      bnBlocking: 'streaming',
      nonTemporalStores: true,
      softwarePrefetch: true,
    });
    expect(softwareOptions({ bnBlocking: 'cached' }).bnBlocking).toBe('cached');
  });

  it('each have a sentence and a default', () => {
    for (const row of listSettings(softwareSchema)) {
      expect(row.sentence).not.toBe('');
      expect(row.fallback).not.toBe('required');
    }
  });
});
