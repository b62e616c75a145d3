/**
 * The specification of a machine: readonly plain data, as configured, with every quantity in one unit.
 * Defaults, ranges and sentences live in the schema (`config/machine-schema.ts`); nothing here or in the models has a default of its own.
 */

export interface CoreSpec {
  readonly frequencyHz: number;
  /** Fused micro-ops dispatched per cycle. */
  readonly issueWidth: number;
  /** Reorder-buffer entries. */
  readonly windowEntries: number;
  readonly loadQueueEntries: number;
  readonly storeQueueEntries: number;
  readonly vectorBits: number;
  readonly vectorRegisters: number;
  readonly fmaUnits: number;
  readonly fmaLatencyCycles: number;
  readonly loadPorts: number;
  readonly storePorts: number;
}

/** Which line of a full set gives way; see `cache/replacement/registry.ts`. */
export type Replacement = 'lru' | 'fifo' | 'random' | 'plru' | 'srrip';

/** A cache of one core or a few. What an L1D delivers is bound by the core's load ports. */
export interface PrivateCacheSpec {
  readonly capacityBytes: number;
  readonly ways: number;
  readonly replacement: Replacement;
  /** Load-to-use latency of a hit, cycles of the core's clock. */
  readonly latencyCycles: number;
  /** Outstanding misses of one instance (the L1D's are the fill buffers). */
  readonly mshrs: number;
  /** Cores that share one instance: 1 is private. */
  readonly sharedBy: number;
}

/** A cache below the L1D. */
export interface CacheSpec extends PrivateCacheSpec {
  /** Time that an instance is busy with handing one line upwards, cycles of the core's clock. */
  readonly cyclesPerLine: number;
}

/**
 * What the last level holds of what the caches above it hold. `victim`: filled by what they evict; a line that one of them takes for itself leaves it. `inclusive`: filled by
 * misses, holds all their lines. `non-inclusive`: filled by misses too, but neither gives a line up when one above takes it nor takes it away above when it gives it up.
 */
export type Inclusion = 'victim' | 'inclusive' | 'non-inclusive';

/** The level shared by all cores of a socket, cut into slices. */
export interface LlcSpec {
  /** Capacity of one slice. */
  readonly sliceBytes: number;
  readonly slicesPerSocket: number;
  readonly ways: number;
  readonly replacement: Replacement;
  /** Latency of a slice itself, without the way there, ps. */
  readonly latencyPs: number;
  /** Time a slice is busy with one request, ps. */
  readonly occupancyPs: number;
  readonly inclusion: Inclusion;
  /** Ways of the snoop filter per set (of as many sets as the slice has); 0 for an inclusive level, whose tags are the directory. */
  readonly snoopFilterWays: number;
}

/** The prefetcher beside the L2 (beside the L1D where there is no L2) and its settings; see `prefetch/registry.ts`. */
export type PrefetchSpec =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'next-line';
      /** Lines fetched behind a trigger. */
      readonly degree: number;
      /** No line is fetched on account of an access to another page of this size. */
      readonly pageBytes: number;
    }
  | {
      readonly kind: 'stride';
      /** What tells streams apart: the number of the line stream, or the page. */
      readonly index: 'stream' | 'page';
      /** Streams tracked by one core. */
      readonly entries: number;
      /** Lines requested per access at most. */
      readonly degree: number;
      /** How far ahead of the newest demand line it may run, in strides. */
      readonly distanceStrides: number;
      readonly pageBytes: number;
    }
  | {
      readonly kind: 'streamer';
      /** Streams tracked by one core. */
      readonly streams: number;
      /** Lines requested per trigger at most. */
      readonly degree: number;
      /** How far ahead of the newest demand line it may run, in lines. */
      readonly distanceLines: number;
      /** A stream never crosses a page of this size. */
      readonly pageBytes: number;
    };

export interface InterconnectSpec {
  readonly kind: 'mesh' | 'ring' | 'crossbar';
  /** Mesh only: columns x rows must hold all core/slice tiles of a socket. */
  readonly columns: number;
  readonly rows: number;
  /** Latency of one hop (mesh, ring), or of a crossing (crossbar), one way, ps. */
  readonly hopPs: number;
  /** Of each link (of each output port of a crossbar) and direction, message headers included; Infinity is legal: latency only. */
  readonly linkBytesPerSecond: number;
}

export interface SocketLinkSpec {
  /** Added one-way latency of crossing to the other socket, ps. */
  readonly latencyPs: number;
  /** Per direction, bytes per second, message headers included; Infinity is legal. */
  readonly bytesPerSecond: number;
}

/** All timings in cycles of the memory clock, JEDEC names. */
export interface DramTimings {
  readonly nBL: number;
  readonly nCL: number;
  readonly nCWL: number;
  readonly nRCD: number;
  readonly nRP: number;
  readonly nRAS: number;
  readonly nRC: number;
  readonly nWR: number;
  readonly nRTP: number;
  readonly nCCDS: number;
  readonly nCCDL: number;
  readonly nRRDS: number;
  readonly nRRDL: number;
  readonly nWTRS: number;
  readonly nWTRL: number;
  readonly nFAW: number;
  readonly nRFC: number;
  readonly nREFI: number;
  /** Bus turnaround between ranks. */
  readonly nRTRS: number;
}

/** A DRAM part as seen by one channel. */
export interface DramPartSpec {
  readonly name: string;
  /** Clock period of the memory clock, ps (may be fractional: 833.3333). */
  readonly tCKps: number;
  /** Data bits of one channel; a 64-byte line is 512 / (channelBits * 2 * burstCycles) bursts, 1 on every shipped part. */
  readonly channelBits: number;
  readonly ranks: number;
  readonly bankGroups: number;
  readonly banksPerGroup: number;
  readonly rows: number;
  /** 64-byte lines of one open row of a channel. */
  readonly linesPerRow: number;
  readonly timings: DramTimings;
}

export interface DramControllerSpec {
  readonly readQueueEntries: number;
  readonly writeQueueEntries: number;
  /** Share of the write queue at which a drain starts and stops. */
  readonly writeHighWatermark: number;
  readonly writeLowWatermark: number;
  readonly rowPolicy: 'open' | 'closed' | 'capped';
  /** Capped: accesses served from an open row before it is closed. */
  readonly rowHitCap: number;
  readonly refresh: boolean;
  /** Address mapping: the fields from the lowest line-address bit up, for example `column:7 bank-group:2 bank:2 rank:1 row:16`. `channel` is handled before it. */
  readonly mapping: string;
  /** Age beyond which the oldest request goes first whatever its row, memory cycles. */
  readonly ageLimitCycles: number;
}

/** Main memory down to its commands: the channels of a socket, each a controller with its parts. */
export interface DramMemorySpec {
  readonly kind: 'dram';
  readonly part: DramPartSpec;
  readonly controller: DramControllerSpec;
  readonly channelsPerSocket: number;
  /** Consecutive lines on one channel before the next one; channels of a socket are interleaved at this grain. */
  readonly interleaveLines: number;
  /** Way from a slice to the controller and back beside the interconnect, fixed, ps in total. */
  readonly controllerPs: number;
}

/** Bandwidth and latency only, for sweeps over ideal bandwidth. */
export interface IdealMemorySpec {
  readonly kind: 'ideal';
  readonly latencyPs: number;
  /** Per socket; Infinity is legal. */
  readonly bytesPerSecond: number;
  readonly channelsPerSocket: number;
}

export type MemorySpec = DramMemorySpec | IdealMemorySpec;

/** A machine, whole: what its configuration file says once defaults are filled in and units are SI's (times ps where a field's name ends in `Ps`). */
export interface MachineSpec {
  readonly name: string;
  readonly description: string;
  readonly sockets: number;
  readonly coresPerSocket: number;
  readonly core: CoreSpec;
  readonly l1d: PrivateCacheSpec;
  /** Absent where the LLC follows the L1D (the Pascal machine). */
  readonly l2: CacheSpec | null;
  readonly llc: LlcSpec | null;
  readonly prefetch: PrefetchSpec;
  readonly interconnect: InterconnectSpec;
  /** Null on one socket. */
  readonly socketLink: SocketLinkSpec | null;
  readonly memory: MemorySpec;
  /** Which socket's memory a page lives in. */
  readonly pagePlacement: 'first-touch' | 'interleave' | 'first-socket';
  readonly pageBytes: number;
}
