import { describe, expect, it } from 'vitest';
import { interconnectUse } from '../../../src/statistics/link-use.js';

const TRAFFIC = {
  links: 4,
  bytesPerSecond: 10e9,
  bytes: 6000,
  busiestBytes: 4000,
  busiest: 'tile 0 to tile 1',
  waitedPs: 5e6,
};

describe('the use of links', () => {
  it('is the share of the time in which they could have carried what they did', () => {
    // A microsecond is room for 10,000 bytes on each of the four.
    expect(interconnectUse({ links: TRAFFIC, socketLink: null }, 1e6)).toEqual({
      links: {
        links: 4,
        gbpsEach: 10,
        bytes: 6000,
        meanBusyShare: expect.closeTo(0.15, 12),
        maxBusyShare: expect.closeTo(0.4, 12),
        busiest: 'tile 0 to tile 1',
        queueingSeconds: expect.closeTo(5e-6, 12),
      },
      socketLink: null,
    });
  });

  it('is none without time or links', () => {
    const { links } = interconnectUse({ links: TRAFFIC, socketLink: null }, 0);
    expect([links?.meanBusyShare, links?.maxBusyShare]).toEqual([0, 0]);
    const none = { ...TRAFFIC, links: 0, bytes: 0, busiestBytes: 0, busiest: '' };
    expect(interconnectUse({ links: null, socketLink: none }, 1e6).socketLink?.meanBusyShare).toBe(0);
  });
});
