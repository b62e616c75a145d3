import { describe, expect, it } from 'vitest';
import { Clock, createClock } from '../../../../src/machine/clock.js';
import { hashLine, rangeOfHash } from '../../../../src/machine/coherence/line-hash.js';
import {
  carry,
  createInterconnect,
  cross,
  type Interconnect,
  type InterconnectShape,
} from '../../../../src/machine/interconnect/interconnect.js';
import { ADDRESS_FLITS, LINE_FLITS } from '../../../../src/machine/interconnect/message.js';
import { hopsBetween } from '../../../../src/machine/interconnect/topology.js';
import type { InterconnectSpec } from '../../../../src/machine/spec.js';

const TILES = 20;
const MESH: InterconnectSpec = {
  kind: 'mesh',
  columns: 5,
  rows: 4,
  hopPs: 1000,
  linkBytesPerSecond: Infinity,
};

function interconnectOf(changes: Partial<InterconnectShape> = {}): Interconnect {
  return createInterconnect(
    {
      interconnect: MESH,
      socketLink: null,
      sockets: 1,
      tilesPerSocket: TILES,
      clustersPerSocket: TILES,
      coresPerCluster: 1,
      isWholeSocket: true,
      linkShare: 1,
      aheadPs: 100_000,
      ...changes,
    },
    createClock(),
  );
}

/** @returns when a message that sets out at `ps` arrives */
function arrival(i: Interconnect, ps: number, from: number, to: number, flits: number): number {
  i.clock[Clock.Message] = ps;
  carry(i, 0, from * TILES + to, flits);
  return i.clock[Clock.Message] as number;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Tiles of the lines of a tensor. */
const SLICES = Array.from({ length: 4000 }, (_, line) => rangeOfHash(hashLine(line), TILES));

describe('latencies on the chip', () => {
  it('are the hops, and behind them the message on a link of finite bandwidth', () => {
    // 8 bytes in 125 ps, 72 in 1125.
    const finite = interconnectOf({ interconnect: { ...MESH, linkBytesPerSecond: 64e9 } });
    for (const [from, to] of [
      [0, 19],
      [7, 8],
      [3, 3],
    ] as const) {
      const hopsPs = hopsBetween(MESH, TILES, from, to) * MESH.hopPs;
      const isLocal = from === to;
      expect(arrival(interconnectOf(), 500, from, to, LINE_FLITS)).toBe(500 + hopsPs);
      expect(arrival(finite, 500, from, to, LINE_FLITS)).toBe(500 + hopsPs + (isLocal ? 0 : 1125));
      expect(arrival(finite, 50_500, from, to, ADDRESS_FLITS)).toBe(50_500 + hopsPs + (isLocal ? 0 : 125));
    }
  });

  it('to the farthest tile are those from a corner to the other, less from the middle', () => {
    const { farthestPs } = interconnectOf();
    expect(farthestPs[0]).toBe((4 + 3) * 1000);
    expect(farthestPs[7]).toBe((2 + 2) * 1000);
  });

  it('are those of the mean distance for the lines of a tensor: they spread evenly over the tiles', () => {
    const { addressPs } = interconnectOf();
    for (const tile of [0, 7, 19]) {
      const toAll = Array.from({ length: TILES }, (_, to) => hopsBetween(MESH, TILES, tile, to) * 1000);
      const toLines = SLICES.map((slice) => addressPs[tile * TILES + slice] as number);
      expect(mean(toLines)).toBeCloseTo(mean(toAll), -2);
    }
  });

  it('are the same for the cores of a cluster, and for the same place on the other socket', () => {
    const { tileOfCore, tileOfCluster } = interconnectOf({ sockets: 2, coresPerCluster: 2 });
    expect(tileOfCore).toHaveLength(80);
    expect(tileOfCore[6]).toBe(tileOfCore[7]);
    expect(tileOfCore[6]).toBe(tileOfCore[46]);
    expect(tileOfCluster[3]).toBe(tileOfCore[6]);
    expect(tileOfCluster[23]).toBe(tileOfCluster[3]);
  });

  it('of a part of the chip are about those of the whole: its clusters sit spread over all tiles', () => {
    const meanOf = (clusters: number): number => {
      const { tileOfCluster, addressPs } = interconnectOf({ clustersPerSocket: clusters });
      return mean(
        [...tileOfCluster].flatMap((tile) =>
          SLICES.map((slice) => addressPs[tile * TILES + slice] as number),
        ),
      );
    };
    const whole = meanOf(20);
    for (const part of [2, 4, 5, 10]) expect(Math.abs(meanOf(part) / whole - 1)).toBeLessThan(0.15);
  });
});

describe('waits for links', () => {
  const finite = { ...MESH, linkBytesPerSecond: 72e9 };

  it('come on top where a whole socket is simulated', () => {
    const i = interconnectOf({ interconnect: finite });
    expect(arrival(i, 0, 0, 1, LINE_FLITS)).toBe(2000);
    expect(arrival(i, 0, 0, 1, LINE_FLITS)).toBe(3000);
  });

  it('do not exist on links without limit, nor in a share of a socket', () => {
    for (const i of [interconnectOf(), interconnectOf({ interconnect: finite, isWholeSocket: false })]) {
      expect(i.network).toBe(null);
      const alone = arrival(i, 0, 0, 1, LINE_FLITS);
      expect(arrival(i, 0, 0, 1, LINE_FLITS)).toBe(alone);
    }
  });
});

describe('the socket link', () => {
  const LINK = { latencyPs: 25_000, bytesPerSecond: 72e9 };
  const crossing = (i: Interconnect, to: number): number => {
    i.clock[Clock.Message] = 0;
    cross(i, to, LINE_FLITS);
    return i.clock[Clock.Message] as number;
  };

  it('has its bandwidth in either direction', () => {
    const i = interconnectOf({ sockets: 2, socketLink: LINK });
    expect(crossing(i, 0)).toBe(25_000);
    expect(crossing(i, 1)).toBe(25_000);
    expect(crossing(i, 0)).toBe(26_000);
    expect(crossing(i, 1)).toBe(26_000);
  });

  it('of infinite bandwidth has its latency only', () => {
    const i = interconnectOf({ sockets: 2, socketLink: { ...LINK, bytesPerSecond: Infinity } });
    expect([crossing(i, 0), crossing(i, 0)]).toEqual([25_000, 25_000]);
    expect(i.socketLink).toBe(null);
  });

  it('is there in part for a share of a chip, one direction for both', () => {
    const i = interconnectOf({
      socketLink: LINK,
      clustersPerSocket: 5,
      isWholeSocket: false,
      linkShare: 1 / 4,
    });
    // A line takes four times as long on a quarter of the link.
    expect([crossing(i, 0), crossing(i, 1), crossing(i, 0)]).toEqual([25_000, 29_000, 33_000]);
  });
});
