/** Machines of every shape, small enough that random traffic over a few hundred lines overflows each level. */
import type {
  CacheSpec,
  Inclusion,
  LlcSpec,
  MachineSpec,
  PrivateCacheSpec,
} from '../../../src/machine/spec.js';
import { SMALL } from './small-machine.js';

const TINY_L1: PrivateCacheSpec = { ...SMALL.l1d, capacityBytes: 512, ways: 2, mshrs: 4 };
const TINY_L2: CacheSpec = { ...(SMALL.l2 as CacheSpec), capacityBytes: 2048, ways: 4, mshrs: 6 };

function llc(spec: Partial<LlcSpec>): LlcSpec {
  return {
    ...(SMALL.llc as LlcSpec),
    sliceBytes: 2048,
    slicesPerSocket: 4,
    ways: 4,
    snoopFilterWays: 8,
    occupancyPs: 500,
    ...spec,
  };
}

const PREFETCH: MachineSpec['prefetch'] = {
  kind: 'streamer',
  streams: 4,
  degree: 2,
  distanceLines: 4,
  pageBytes: 1024,
};

/** By name. `coresPerSocket` of each may be replaced by any multiple of 4 up to 32. */
export const SHAPES: Readonly<Record<string, MachineSpec>> = {
  'private L2, victim last level': { ...SMALL, coresPerSocket: 4, l1d: TINY_L1, l2: TINY_L2, llc: llc({}) },
  'private L2, victim last level, snoop filter too small': {
    ...SMALL,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: TINY_L2,
    llc: llc({ snoopFilterWays: 2 }),
  },
  'private L2, inclusive last level': {
    ...SMALL,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: TINY_L2,
    llc: llc({ inclusion: 'inclusive', sliceBytes: 4096, snoopFilterWays: 0 }),
  },
  'private L2, non-inclusive last level': {
    ...SMALL,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: TINY_L2,
    llc: llc({ inclusion: 'non-inclusive' }),
  },
  'private L2, non-inclusive last level, snoop filter too small': {
    ...SMALL,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: TINY_L2,
    llc: llc({ inclusion: 'non-inclusive', snoopFilterWays: 2 }),
  },
  'no L2, a streamer, non-inclusive last level': {
    ...SMALL,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: null,
    llc: llc({ inclusion: 'non-inclusive' }),
    prefetch: PREFETCH,
  },
  'private L2, no last level': { ...SMALL, coresPerSocket: 4, l1d: TINY_L1, l2: TINY_L2, llc: null },
  'L2 shared by 2, victim last level': {
    ...SMALL,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: { ...TINY_L2, sharedBy: 2 },
    llc: llc({}),
  },
  'L2 shared by 2, no last level': {
    ...SMALL,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: { ...TINY_L2, sharedBy: 2 },
    llc: null,
  },
  'no L2, victim last level': { ...SMALL, coresPerSocket: 4, l1d: TINY_L1, l2: null, llc: llc({}) },
  'no L2, inclusive last level': {
    ...SMALL,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: null,
    llc: llc({ inclusion: 'inclusive', snoopFilterWays: 0 }),
  },
  'no L2, no last level': { ...SMALL, coresPerSocket: 4, l1d: TINY_L1, l2: null, llc: null },
  'private L2 with a streamer, victim last level': {
    ...SMALL,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: TINY_L2,
    llc: llc({}),
    prefetch: PREFETCH,
  },
  'no L2, a streamer, victim last level': {
    ...SMALL,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: null,
    llc: llc({}),
    prefetch: PREFETCH,
  },
  'no L2, next-line prefetch, inclusive last level': {
    ...SMALL,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: null,
    llc: llc({ inclusion: 'inclusive', snoopFilterWays: 0 }),
    prefetch: { kind: 'next-line', degree: 2, pageBytes: 1024 },
  },
  'L2 shared by 2 with a stride prefetcher, victim last level': {
    ...SMALL,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: { ...TINY_L2, sharedBy: 2 },
    llc: llc({}),
    prefetch: { kind: 'stride', index: 'stream', entries: 4, degree: 2, distanceStrides: 4, pageBytes: 1024 },
  },
  'two sockets, victim last levels': {
    ...SMALL,
    sockets: 2,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: TINY_L2,
    llc: llc({}),
    socketLink: { latencyPs: 60_000, bytesPerSecond: 20e9 },
  },
  'two sockets, victim last levels, snoop filters too small': {
    ...SMALL,
    sockets: 2,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: TINY_L2,
    llc: llc({ snoopFilterWays: 2 }),
    socketLink: { latencyPs: 60_000, bytesPerSecond: 20e9 },
  },
  'two sockets, inclusive last levels, shared L2s, a streamer': {
    ...SMALL,
    sockets: 2,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: { ...TINY_L2, sharedBy: 2 },
    llc: llc({ inclusion: 'inclusive', sliceBytes: 4096, snoopFilterWays: 0 }),
    socketLink: { latencyPs: 60_000, bytesPerSecond: Infinity },
    prefetch: PREFETCH,
    pagePlacement: 'interleave',
  },
  'two sockets, non-inclusive last levels, shared L2s, a streamer': {
    ...SMALL,
    sockets: 2,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: { ...TINY_L2, sharedBy: 2 },
    llc: llc({ inclusion: 'non-inclusive' }),
    socketLink: { latencyPs: 60_000, bytesPerSecond: 20e9 },
    prefetch: PREFETCH,
  },
  'private L2, victim last level, slow links of a ring': {
    ...SMALL,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: TINY_L2,
    llc: llc({}),
    interconnect: { kind: 'ring', columns: 0, rows: 0, hopPs: 700, linkBytesPerSecond: 5e9 },
  },
  'two sockets, inclusive last levels, slow links through crossbars, a streamer': {
    ...SMALL,
    sockets: 2,
    coresPerSocket: 4,
    l1d: TINY_L1,
    l2: { ...TINY_L2, sharedBy: 2 },
    llc: llc({ inclusion: 'inclusive', sliceBytes: 4096, snoopFilterWays: 0 }),
    interconnect: { kind: 'crossbar', columns: 0, rows: 0, hopPs: 1000, linkBytesPerSecond: 3e9 },
    socketLink: { latencyPs: 60_000, bytesPerSecond: 2e9 },
    prefetch: PREFETCH,
  },
};

/** A machine of a shape with so many cores. */
export function withCores(shape: string, cores: number): MachineSpec {
  const spec = SHAPES[shape] as MachineSpec;
  return { ...spec, name: shape, coresPerSocket: cores / spec.sockets };
}

export function inclusionOf(spec: MachineSpec): Inclusion | 'none' {
  return spec.llc?.inclusion ?? 'none';
}
