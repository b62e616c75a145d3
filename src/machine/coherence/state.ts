import { createTagArray, type ReplacementChoice, type TagArray } from '../cache/tag-array.js';
import type { ClockRegisters } from '../clock.js';
import type { Interconnect } from '../interconnect/interconnect.js';
import type { Inclusion } from '../spec.js';
import { ANSWER, ENTRY, SHARED_COUNTERS } from './layout.js';

/** What the shared level asks of the private caches of a cluster. */
export interface PrivateCaches {
  /** Drops the line everywhere in the cluster. @returns 1 if it was modified. */
  invalidate(cluster: number, line: number): number;
  /** Takes write permission from the line everywhere in the cluster. @returns 1 if it was modified (its data goes down). */
  downgrade(cluster: number, line: number): number;
}

export interface SharedLevelShape {
  readonly sockets: number;
  readonly clustersPerSocket: number;
  readonly slicesPerSocket: number;
  /** Sets of a slice: a power of two. */
  readonly sets: number;
  /** 0: directory only. */
  readonly cacheWays: number;
  readonly directoryWays: number;
  readonly inclusion: Inclusion | 'none';
  /** Of the cache; the directory replaces by LRU. */
  readonly replacement: ReplacementChoice;
  readonly slicePs: number;
  readonly occupancyPs: number;
  /** Latency of a private cache answering a snoop, ps. */
  readonly snoopPs: number;
}

/** What the shared level stands between. */
export interface SharedLevelParts {
  readonly interconnect: Interconnect;
  readonly above: PrivateCaches;
  /** Hands a dirty line to main memory on behalf of a socket, at Clock.Now. */
  readonly writeMemory: (socket: number, line: number) => void;
  readonly clock: ClockRegisters;
}

/** All state of the shared level as plain data, with what of the shape its hot functions need. */
export interface SharedLevel {
  readonly sockets: number;
  readonly clustersPerSocket: number;
  readonly slicesPerSocket: number;
  readonly slicePs: number;
  readonly occupancyPs: number;
  readonly snoopPs: number;
  readonly hasCache: boolean;
  /** The cache is filled by misses. */
  readonly fillsOnMiss: boolean;
  /** What leaves the cache leaves the caches above: its entries tell who holds a line there. */
  readonly isInclusive: boolean;
  /** The cache is filled by evictions from above, and what one cluster takes leaves it. */
  readonly isVictim: boolean;
  /** Tags by slice, the slices of a socket side by side. A level without a cache gets one of a single line that is never filled. */
  readonly cache: TagArray;
  /** The entries of an inclusive cache tell who holds a line above: there the directory is the cache. */
  readonly directory: TagArray;
  readonly maskWords: number;
  /** Sharers of a directory entry that is not exclusive, `maskWords` from its position times that on. */
  readonly masks: Int32Array;
  /** When each slice takes its next request. */
  readonly portFreePs: Float64Array;
  /** Of the last request; see `ANSWER`. */
  readonly answer: Int32Array;
  /** See `SHARED_COUNTER`. */
  readonly counts: Float64Array;
  readonly interconnect: Interconnect;
  readonly above: PrivateCaches;
  readonly writeMemory: (socket: number, line: number) => void;
  readonly clock: ClockRegisters;
  /** Lines must be below this for the tags of cache and directory to fit. */
  readonly lineLimit: number;
}

export function createSharedLevel(shape: SharedLevelShape, parts: SharedLevelParts): SharedLevel {
  const { sockets, clustersPerSocket, slicesPerSocket, sets, cacheWays, inclusion } = shape;
  const slices = sockets * slicesPerSocket;
  const hasCache = cacheWays > 0;
  const cache = createTagArray(
    slices,
    hasCache ? sets : 1,
    Math.max(1, cacheWays),
    ENTRY.BITS,
    shape.replacement,
  );
  const directory =
    inclusion === 'inclusive' ? cache : createTagArray(slices, sets, shape.directoryWays, ENTRY.BITS);
  const maskWords = Math.ceil(clustersPerSocket / 32);
  return {
    sockets,
    clustersPerSocket,
    slicesPerSocket,
    slicePs: shape.slicePs,
    occupancyPs: shape.occupancyPs,
    snoopPs: shape.snoopPs,
    hasCache,
    fillsOnMiss: inclusion === 'inclusive' || inclusion === 'non-inclusive',
    isInclusive: inclusion === 'inclusive',
    isVictim: inclusion === 'victim',
    cache,
    directory,
    maskWords,
    masks: new Int32Array(directory.words.length * maskWords),
    portFreePs: new Float64Array(slices),
    answer: new Int32Array(ANSWER.WORDS),
    counts: new Float64Array(SHARED_COUNTERS),
    interconnect: parts.interconnect,
    above: parts.above,
    writeMemory: parts.writeMemory,
    clock: parts.clock,
    lineLimit: Math.min(directory.lineLimit, hasCache ? cache.lineLimit : Infinity),
  };
}
