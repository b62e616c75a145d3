/**
 * Wires a machine from its spec: cores, private caches, shared level, placement, links and memory, specialised once for the spec so that the loop over
 * accesses asks nothing about it.
 *
 * A chip may be simulated in part: a *share* of its cores with the same share of its last-level cache and of its memory channels, which keeps every ratio that a
 * data-parallel program feels (see docs/sampling.md). The share `cores = totalCores` is the whole machine.
 */
import { type OpStream, OpStream as Stream } from '../kernel/op-stream.js';
import { createRandomStream } from './cache/replacement/random-stream.js';
import { createTagArray, FLAG_BITS, type ReplacementChoice, type TagArray } from './cache/tag-array.js';
import { type ClockRegisters, createClock } from './clock.js';
import { type SharedLevelCounters, sharedCounters } from './coherence/shared-level.js';
import { createSharedLevel, type SharedLevel, type SharedLevelShape } from './coherence/state.js';
import { downgradeCluster, invalidateCluster } from './core/private-caches.js';
import { createEngineState, type EngineState } from './core/state.js';
import { BUS_CAUSES, listBusTime } from './dram/bus-time.js';
import { createMainMemory } from './dram/create.js';
import type { MainMemory, MemoryStatistics } from './dram/memory.js';
import { createEventOrder, type EventOrder } from './event-order.js';
import { createInterconnect } from './interconnect/interconnect.js';
import { type LinkTraffic, linkTraffic, nameLink } from './interconnect/network.js';
import { createWays, type MemoryPort, writeBackLine } from './memory-port.js';
import { createPlacement } from './placement.js';
import { createPrefetcher } from './prefetch/registry.js';
import type { MachineSpec, Replacement } from './spec.js';

/** Which part of a machine is simulated. */
export interface ChipShare {
  /** Simulated cores. */
  readonly cores: number;
  readonly totalCores: number;
  /** Simulated memory channels. */
  readonly channels: number;
  /** Simulated slices of the last-level cache. */
  readonly slices: number;
  /** The rate at which a simulated channel runs, relative to the real one: makes bandwidth per core exact where the channels do not divide evenly. */
  readonly channelRate: number;
}

/** What the chip must know of the address space it serves. */
export interface AddressSpace {
  readonly lines: number;
  readonly parameterBase: number;
  readonly parameterEnd: number;
}

export interface ChipStatistics {
  readonly memory: MemoryStatistics;
  readonly shared: SharedLevelCounters;
  /** Lines of memory that crossed the socket link, towards the requester and away from it. */
  readonly linkLinesIn: number;
  readonly linkLinesOut: number;
  /** The links within sockets; null where they have no limit, and where no whole socket is simulated. */
  readonly links: LinkTraffic | null;
  /** The simulated part of the link between sockets; null without one or without a limit. */
  readonly socketLink: LinkTraffic | null;
}

export interface Chip {
  readonly engine: EngineState;
  readonly memory: MainMemory;
  readonly shared: SharedLevel;
  /** Tags of the private caches, by core and by cluster; for checks. */
  readonly l1: TagArray;
  readonly l2: TagArray | null;
  readonly order: EventOrder;
  readonly clock: ClockRegisters;
  readonly cores: number;
  readonly coresPerCluster: number;
  /** Simulated sockets. */
  readonly sockets: number;
  readonly channels: number;
  readonly streams: readonly OpStream[];
  /**
   * Says that every thread reads the whole parameter region in what follows, not a part of its own. In a share of a socket, other shares fetch the same
   * lines; each fetches one in so many for all.
   */
  shareParameters(whole: boolean): void;
  /** Time of a barrier of all threads, ps: a dissemination barrier takes ceil(log2 n) rounds of one line passed between caches (Hensgen, Finkel and Manber 1988). */
  readonly barrierPs: number;
  statistics(): ChipStatistics;
  /** Where the time of the channels' data buses went from 0 to `untilPs`, summed over the simulated channels, in the order of BUS_CAUSES: adds up to channels x `untilPs`. */
  busTimePs(untilPs: number): number[];
}

/** The share that is the whole machine. */
export function wholeChip(spec: MachineSpec): ChipShare {
  const totalCores = spec.sockets * spec.coresPerSocket;
  return {
    cores: totalCores,
    totalCores,
    channels: spec.sockets * spec.memory.channelsPerSocket,
    slices: spec.llc === null ? tilesOf(spec) : spec.llc.slicesPerSocket,
    channelRate: 1,
  };
}

/** Tiles of a socket: where slices (or, without an LLC, tag directories) and clusters sit. */
export function tilesOf(spec: MachineSpec): number {
  const clusters = spec.coresPerSocket / (spec.l2?.sharedBy ?? 1);
  return Math.max(clusters, spec.llc?.slicesPerSocket ?? 0);
}

/**
 * @param wrapMemory puts something of the caller's between the chip and its main memory
 * @throws RangeError when the address space does not fit the tags of the smallest cache
 */
export function createChip(
  spec: MachineSpec,
  share: ChipShare,
  space: AddressSpace,
  wrapMemory: (memory: MainMemory) => MainMemory = (memory) => memory,
): Chip {
  const { cores } = share;
  const isWhole = share.cores === share.totalCores;
  const sockets = isWhole ? spec.sockets : 1;
  const coresPerCluster = spec.l2?.sharedBy ?? 1;
  const clusters = cores / coresPerCluster;
  const clustersPerSocket = clusters / sockets;
  const coresPerSocket = cores / sockets;
  const channelsPerSocket = share.channels / sockets;
  const periodPs = 1e12 / spec.core.frequencyHz;

  const l1 = createTagArray(
    cores,
    setsOf(spec.l1d.capacityBytes, spec.l1d.ways),
    spec.l1d.ways,
    FLAG_BITS,
    replacementOf(spec.l1d, 'l1d'),
  );
  const l2 =
    spec.l2 === null
      ? null
      : createTagArray(
          clusters,
          setsOf(spec.l2.capacityBytes, spec.l2.ways),
          spec.l2.ways,
          FLAG_BITS,
          replacementOf(spec.l2, 'l2'),
        );
  const clock = createClock();
  const order = createEventOrder(cores + share.channels);
  const streams = Array.from({ length: cores }, () => new Stream());
  const memory = wrapMemory(
    createMainMemory(spec.memory, share.channels, channelsPerSocket, share.channelRate),
  );
  const mirrored = !isWhole && spec.sockets === 2;
  const placement = createPlacement({
    policy: spec.pagePlacement,
    pageBytes: spec.pageBytes,
    sockets,
    lines: space.lines,
    parameterBase: space.parameterBase,
    parameterEnd: space.parameterEnd,
    mirrored,
  });

  const controllerPs = spec.memory.kind === 'dram' ? Math.round(spec.memory.controllerPs) : 0;
  const idleMemoryPs = Math.round(memory.idleReadPs);
  const slicePs = Math.round(spec.llc?.latencyPs ?? spec.interconnect.hopPs);
  const interconnect = createInterconnect(
    {
      interconnect: spec.interconnect,
      socketLink: spec.socketLink,
      sockets,
      tilesPerSocket: tilesOf(spec),
      clustersPerSocket,
      coresPerCluster,
      isWholeSocket: coresPerSocket === spec.coresPerSocket,
      linkShare: coresPerSocket / spec.coresPerSocket,
      // A line from memory is booked when memory has chosen it, with the whole way still before it.
      aheadPs: slicePs + controllerPs + idleMemoryPs + 2 * (spec.socketLink?.latencyPs ?? 0),
    },
    clock,
  );
  const shared = createSharedLevel(sharedShape(spec, share, sockets, clustersPerSocket), {
    interconnect,
    above: {
      invalidate: (cluster, line) => invalidateCluster(engine, cluster, line),
      downgrade: (cluster, line) => downgradeCluster(engine, cluster, line),
    },
    writeMemory: (socket, line) => writeBackLine(port, socket, line),
    clock,
  });
  const lineLimit = Math.min(l1.lineLimit, l2?.lineLimit ?? Infinity, shared.lineLimit);
  if (space.lines > lineLimit) {
    throw new RangeError(
      `The program needs ${space.lines} lines of memory; the tags of ${spec.name}'s caches reach ${lineLimit} lines (${Math.floor((lineLimit * 64) / 2 ** 30)} GiB).`,
    );
  }
  const port: MemoryPort = {
    memory,
    interconnect,
    placement,
    order,
    clock,
    sharedAnswer: shared.answer,
    channelsFrom: cores,
    sockets,
    coresPerSocket,
    channelsPerSocket,
    controllerPs,
    idleMemoryPs,
    lastEnqueuePs: new Float64Array(share.channels),
    linkLines: new Float64Array(2),
    parameterBase: space.parameterBase,
    parameterEnd: space.parameterEnd,
    fetchers: Math.max(1, Math.round(spec.coresPerSocket / coresPerSocket)),
    sharesParameters: false,
    ways: createWays(0),
    isObserved: false,
    observe: () => {},
  };
  const engine = createEngineState(
    {
      cores,
      coresPerCluster,
      core: spec.core,
      l1LatencyCycles: spec.l1d.latencyCycles,
      fillBuffers: spec.l1d.mshrs,
      l2: spec.l2,
    },
    {
      l1,
      l2,
      shared,
      memory: port,
      prefetcher: createPrefetcher(spec.prefetch, cores, space.lines),
      order,
      clock,
      streams,
    },
  );

  const { network, socketLink } = interconnect;
  if (network !== null || socketLink !== null) port.ways = createWays(engine.ints.length);

  const rounds = Math.ceil(Math.log2(share.totalCores));
  const roundPs =
    interconnect.farthestPs[interconnect.tileOfCore[0]] * 2 +
    slicePs +
    Math.round((spec.l2?.latencyCycles ?? spec.l1d.latencyCycles) * periodPs);
  // With two sockets one of the rounds crosses the link.
  const barrierPs = rounds * roundPs + 2 * interconnect.crossingPs;

  return {
    engine,
    memory,
    shared,
    l1,
    l2,
    order,
    clock,
    cores,
    coresPerCluster,
    sockets,
    channels: share.channels,
    streams,
    shareParameters: (whole) => {
      port.sharesParameters = whole && !isWhole;
    },
    barrierPs,
    statistics: () => ({
      memory: memory.statistics(),
      shared: sharedCounters(shared),
      linkLinesIn: port.linkLines[0],
      linkLinesOut: port.linkLines[1],
      links: network === null ? null : linkTraffic(network.calendar, (link) => nameLink(network, link)),
      socketLink: socketLink === null ? null : linkTraffic(socketLink, (link) => `to socket ${link}`),
    }),
    busTimePs: (untilPs) => {
      const sums = BUS_CAUSES.map(() => 0);
      for (let channel = 0; channel < share.channels; channel++) {
        listBusTime(memory.busTime(channel, untilPs)).forEach((ps, cause) => {
          sums[cause] = (sums[cause] as number) + ps;
        });
      }
      return sums;
    },
  };
}

function sharedShape(
  spec: MachineSpec,
  share: ChipShare,
  sockets: number,
  clustersPerSocket: number,
): SharedLevelShape {
  const { llc, l2, l1d } = spec;
  // Without an LLC there is a distributed tag directory of 16 ways, with room for half as many lines again as the caches above hold, so that displacement is rare.
  const privateLines = (l2?.capacityBytes ?? l1d.capacityBytes) / 64;
  const directoryOnlySets =
    2 ** Math.max(0, Math.ceil(Math.log2((1.5 * privateLines * clustersPerSocket) / share.slices / 16)));
  const periodPs = 1e12 / spec.core.frequencyHz;
  return {
    sockets,
    clustersPerSocket,
    slicesPerSocket: share.slices,
    sets: llc === null ? directoryOnlySets : setsOf(llc.sliceBytes, llc.ways),
    cacheWays: llc?.ways ?? 0,
    directoryWays: llc === null ? 16 : llc.inclusion === 'inclusive' ? llc.ways : llc.snoopFilterWays,
    inclusion: llc?.inclusion ?? 'none',
    replacement: replacementOf(llc, 'llc'),
    slicePs: Math.round(llc?.latencyPs ?? spec.interconnect.hopPs),
    occupancyPs: Math.round(llc?.occupancyPs ?? 0),
    snoopPs: Math.round((l2?.latencyCycles ?? l1d.latencyCycles) * periodPs),
  };
}

/** Seed of what timed caches draw. A run is a pure function of its configuration, which has no seed. */
const REPLACEMENT_SEED = 'timed';

function replacementOf(level: { readonly replacement: Replacement } | null, name: string): ReplacementChoice {
  return { kind: level?.replacement ?? 'lru', random: createRandomStream(REPLACEMENT_SEED, name) };
}

/** Sets of a cache of 64-byte lines. */
export function setsOf(capacityBytes: number, ways: number): number {
  return capacityBytes / 64 / ways;
}
