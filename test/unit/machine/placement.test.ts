import { describe, expect, it } from 'vitest';
import { createPlacement, homeOf, type PlacementShape } from '../../../src/machine/placement.js';

const PAGE_LINES = 64;
const PAGES = 2000;
const SHAPE: PlacementShape = {
  policy: 'first-touch',
  pageBytes: PAGE_LINES * 64,
  sockets: 2,
  lines: PAGES * PAGE_LINES,
  parameterBase: 1000 * PAGE_LINES,
  parameterEnd: 1500 * PAGE_LINES,
  mirrored: false,
};

function firstLines(from: number, pages: number): number[] {
  return Array.from({ length: pages }, (_, page) => (from + page) * PAGE_LINES);
}

describe('page placement', () => {
  it('by first touch keeps a page where it was touched first, all of it', () => {
    const placement = createPlacement(SHAPE);
    expect(homeOf(placement, 5, 1)).toBe(1);
    expect(homeOf(placement, 0, 0)).toBe(1);
    expect(homeOf(placement, PAGE_LINES - 1, 0)).toBe(1);
    expect(homeOf(placement, PAGE_LINES, 0)).toBe(0);
    expect(homeOf(placement, PAGE_LINES, 1)).toBe(0);
    expect(homeOf(placement, PAGES * PAGE_LINES - 1, 1)).toBe(1);
  });

  it('by first touch spreads parameters, whoever touches them first', () => {
    const placement = createPlacement(SHAPE);
    const homes = firstLines(1000, 500).map((line) => homeOf(placement, line, 0));
    const onOther = homes.reduce((sum, home) => sum + home, 0);
    expect(onOther).toBeGreaterThan(225);
    expect(onOther).toBeLessThan(275);
    expect(firstLines(1000, 500).map((line) => homeOf(placement, line, 1))).toEqual(homes);
  });

  it('by interleaving puts half of the pages of any power-of-two stride on each socket', () => {
    const placement = createPlacement({ ...SHAPE, policy: 'interleave' });
    for (const stride of [1, 2, 4, 8, 16]) {
      const homes = Array.from({ length: 1024 }, (_, page) =>
        homeOf(placement, page * stride * PAGE_LINES, 0),
      );
      const onOther = homes.reduce((sum, home) => sum + home, 0);
      expect(Math.abs(onOther - 512)).toBeLessThan(64);
    }
    expect(homeOf(placement, 3 * PAGE_LINES, 0)).toBe(homeOf(placement, 3 * PAGE_LINES + 63, 1));
  });

  it('on the first socket is there for both', () => {
    const placement = createPlacement({ ...SHAPE, policy: 'first-socket' });
    expect(homeOf(placement, 123, 1)).toBe(0);
  });

  it('on one socket is always there', () => {
    for (const policy of ['first-touch', 'interleave', 'first-socket'] as const) {
      expect(homeOf(createPlacement({ ...SHAPE, policy, sockets: 1 }), 12345, 0)).toBe(0);
    }
  });

  it('in a part of a chip of two sockets has the other socket be a mirror: own data near, parameters near or far as on the whole chip', () => {
    const part = createPlacement({ ...SHAPE, sockets: 1, mirrored: true });
    const whole = createPlacement(SHAPE);
    for (const line of firstLines(0, 100)) expect(homeOf(part, line, 0)).toBe(0);
    for (const line of firstLines(1000, 100)) expect(homeOf(part, line, 0)).toBe(homeOf(whole, line, 0));
  });
});
