import fc from 'fast-check';
import seedrandom from 'seedrandom';
import { describe, expect, it } from 'vitest';
import { Clock, createClock } from '../../../../src/machine/clock.js';
import { LINE_FLITS, serialisationPs } from '../../../../src/machine/interconnect/message.js';
import {
  createNetwork,
  linkTraffic,
  type Network,
  nameLink,
  send,
} from '../../../../src/machine/interconnect/network.js';
import { hopsBetween } from '../../../../src/machine/interconnect/topology.js';
import type { InterconnectSpec } from '../../../../src/machine/spec.js';

/** A line message takes a link for 1000 ps. */
const BANDWIDTH = 72e9;
const LINE_PS = serialisationPs(LINE_FLITS, BANDWIDTH);
const HOP_PS = 625;
const AHEAD_PS = 1_000_000;
const SPECS = {
  mesh: { kind: 'mesh', columns: 4, rows: 4, hopPs: HOP_PS, linkBytesPerSecond: BANDWIDTH },
  ring: { kind: 'ring', columns: 0, rows: 0, hopPs: HOP_PS, linkBytesPerSecond: BANDWIDTH },
  crossbar: { kind: 'crossbar', columns: 0, rows: 0, hopPs: HOP_PS, linkBytesPerSecond: BANDWIDTH },
} as const satisfies Record<string, InterconnectSpec>;
const TILES = 16;

function networkOf(spec: InterconnectSpec, sockets = 1): Network {
  const network = createNetwork(spec, sockets, TILES, AHEAD_PS, createClock());
  if (network === null) throw new Error('a network without limit');
  return network;
}

function sendAt(network: Network, ps: number, from: number, to: number, socket = 0): number {
  network.clock[Clock.Message] = ps;
  return send(network, socket, from * TILES + to, LINE_FLITS);
}

/**
 * Random senders that ask for twice what they could get: each sends its next line as soon as the last one has left.
 * @returns bytes of lines per second that arrive, headers included
 */
function throughput(
  spec: InterconnectSpec,
  senders: readonly number[],
  receiver: (from: number, index: number) => number,
): number {
  const network = networkOf(spec);
  const lines = 2000;
  let lastPs = 0;
  for (let index = 0; index < lines; index++) {
    for (const from of senders) {
      const to = receiver(from, index);
      const readyPs = index * LINE_PS * 0.25;
      const arrivalPs =
        readyPs + sendAt(network, readyPs, from, to) + hopsBetween(spec, TILES, from, to) * HOP_PS + LINE_PS;
      lastPs = Math.max(lastPs, arrivalPs);
    }
  }
  return (lines * senders.length * 72) / (lastPs * 1e-12);
}

const ALL = Array.from({ length: TILES }, (_, tile) => tile);

describe('a network', () => {
  it('without limit does not exist: nothing asks it', () => {
    expect(createNetwork({ ...SPECS.mesh, linkBytesPerSecond: Infinity }, 1, 16, 0, createClock())).toBe(
      null,
    );
  });

  it.each(Object.entries(SPECS))('when idle (%s) adds nothing to the latency of the hops', (_kind, spec) => {
    const network = networkOf(spec);
    let now = 0;
    for (const from of ALL) {
      for (const to of ALL) {
        expect(sendAt(network, now, from, to)).toBe(0);
        now += 100_000;
      }
    }
  });

  it('counts each message once on each link of its way, and none elsewhere', () => {
    const pairs = fc.array(fc.tuple(fc.nat(TILES - 1), fc.nat(TILES - 1), fc.nat(20_000)), { maxLength: 80 });
    for (const spec of Object.values(SPECS)) {
      fc.assert(
        fc.property(pairs, (messages) => {
          const network = networkOf(spec);
          let hops = 0;
          let waited = 0;
          for (const [from, to, ps] of messages) {
            const wait = sendAt(network, ps, from, to);
            expect(wait).toBeGreaterThanOrEqual(0);
            waited += wait;
            hops += hopsBetween(spec, TILES, from, to);
          }
          const traffic = linkTraffic(network.calendar, (link) => nameLink(network, link));
          expect(traffic.bytes).toBe(hops * 72);
          expect(traffic.waitedPs).toBe(waited);
          expect(traffic.busiestBytes).toBe(Math.max(0, ...network.calendar.flits) * 8);
        }),
        { seed: 3, numRuns: 50 },
      );
    }
  });

  it('names the link that carried most', () => {
    const mesh = networkOf(SPECS.mesh, 2);
    for (const from of [0, 1, 2]) sendAt(mesh, 0, from, 3, 1);
    expect(linkTraffic(mesh.calendar, (link) => nameLink(mesh, link)).busiest).toBe(
      'socket 1, tile 2 to tile 3',
    );
    const crossbar = networkOf(SPECS.crossbar);
    sendAt(crossbar, 0, 4, 5);
    expect(linkTraffic(crossbar.calendar, (link) => nameLink(crossbar, link)).busiest).toBe(
      'socket 0, into tile 5',
    );
  });

  it('has links of its own on each socket', () => {
    const network = networkOf(SPECS.ring, 2);
    expect(sendAt(network, 0, 0, 1, 0)).toBe(0);
    expect(sendAt(network, 0, 0, 1, 1)).toBe(0);
    expect(sendAt(network, 0, 0, 1, 1)).toBe(LINE_PS);
  });

  it('passes a message on flit by flit: behind another on the same way it waits once, not at every hop', () => {
    const network = networkOf(SPECS.mesh);
    expect(sendAt(network, 0, 0, 15)).toBe(0);
    expect(sendAt(network, 0, 0, 15)).toBe(LINE_PS);
  });
});

describe('the bandwidth of a network', () => {
  const within = (value: number, expected: number, tolerance: number): void => {
    expect(Math.abs(value / expected - 1)).toBeLessThan(tolerance);
  };

  it('of a hot spot is that of the links into its tile', () => {
    const others = ALL.filter((tile) => tile !== 0);
    // Into the corner of a mesh two links lead; the row first, so that three tiles come along the row and twelve up the column.
    const mesh = throughput(SPECS.mesh, others, () => 0);
    within(mesh, (BANDWIDTH * 15) / 12, 0.01);
    // Round a ring of 16, eight tiles are nearer clockwise, those behind tile 0 included, and seven the other way.
    within(
      throughput(SPECS.ring, others, () => 0),
      (BANDWIDTH * 15) / 8,
      0.01,
    );
    within(
      throughput(SPECS.crossbar, others, () => 0),
      BANDWIDTH,
      0.01,
    );
  });

  it('of the tile that all read from is that of the links out of it', () => {
    const spread = (from: number, index: number): number => (from + 1 + (index % 15)) % 16;
    // From the corner of a mesh the row takes 12 of the 15 tiles, the column the other 3.
    within(throughput(SPECS.mesh, [0], spread), Math.min(4, 15 / 12) * BANDWIDTH, 0.01);
    within(throughput(SPECS.ring, [0], spread), (BANDWIDTH * 15) / 8, 0.01);
  });

  it('between two halves is that of the links across the middle: 4 of a 4 x 4 mesh, 2 of a ring', () => {
    // Each tile of one half sends to its mirror image, one column (or the other half of the ring) away.
    const left = ALL.filter((tile) => tile % 4 < 2);
    within(
      throughput(SPECS.mesh, left, (from) => from + 2),
      4 * BANDWIDTH,
      0.01,
    );
    const arc = ALL.filter((tile) => tile < 8);
    const across = throughput(SPECS.ring, arc, (from) => 15 - from);
    within(across, 2 * BANDWIDTH, 0.01);
  });

  it('of a crossbar is that of all its ports at once, for tiles that send in different directions', () => {
    within(
      throughput(SPECS.crossbar, ALL, (from, index) => (from + index) % TILES),
      TILES * BANDWIDTH,
      0.01,
    );
  });

  it('for uniform traffic is bound by the middle: half of all lines cross it', () => {
    const random = seedrandom('uniform');
    const uniform = throughput(SPECS.mesh, ALL, () => Math.floor(random() * TILES));
    // 4 links each way carry a quarter of the lines each way: 16 links' worth in all, of which random routes reach most.
    const bound = (4 * BANDWIDTH) / 0.25;
    expect(uniform).toBeLessThanOrEqual(bound * 1.01);
    expect(uniform).toBeGreaterThan(bound * 0.9);
  });
});
