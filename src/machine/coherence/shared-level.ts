/**
 * The level that the cores of a socket share: last-level cache slices and, with them, the directory of what the private caches above hold.
 *
 * One set of one slice is contiguous in a flat Int32Array: its cache ways, then its directory (snoop filter) ways; the cache ways in recency order. The
 * protocol is MESI. A directory entry names either the one cluster that holds the line exclusively (and may have modified it) or a set of sharers.
 * A line that becomes shared is installed in the cache, so that further readers find it there.
 *
 * Inclusion. `victim`: filled by evictions from above; a line taken by one cluster leaves the cache. `inclusive`: filled by misses; evicting
 * a line invalidates it above; the directory has as many ways as the cache and cannot overflow, since it holds a subset of the cache's lines.
 * `none`: there is a directory only.
 */
import { Clock, type ClockRegisters } from '../clock.js';
import type { LatencyModel } from '../interconnect/latency.js';

/** Where a request's data came from; also the category that a wait for it is booked under. */
export const Source = { L1: 2, L2: 3, Llc: 4, Dram: 5 } as const;
export type Source = (typeof Source)[keyof typeof Source];

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
  readonly inclusion: 'victim' | 'inclusive' | 'none';
  readonly slicePs: number;
  readonly occupancyPs: number;
  /** Latency of a private cache answering a snoop, ps. */
  readonly snoopPs: number;
}

export interface SharedLevelCounters {
  requests: number;
  hits: number;
  misses: number;
  writebacksIn: number;
  writebacksOut: number;
  /** Requests answered by another private cache. */
  forwards: number;
  /** Copies invalidated because another core writes. */
  invalidations: number;
  /** Directory entries displaced; their copies above are invalidated. */
  directoryEvictions: number;
  /** Requests that the other socket's caches answered. */
  remoteForwards: number;
}

export interface SharedLevel {
  /**
   * A cluster asks for a line at Clock.Now.
   * @param exclusive it wants to write
   * @returns true when the answer is known: Clock.Ready is the time at which the data (or the permission) arrives; false when main memory must be
   *   asked: Clock.Known is the time at which the miss is known at the slice. `grantedFlags[0]` (Flag bits) and `source[0]` are set in both cases.
   */
  request(core: number, cluster: number, line: number, exclusive: boolean): boolean;
  /** A cluster gives up a line, clean or dirty, at Clock.Now. */
  evict(cluster: number, line: number, dirty: boolean, writable: boolean): void;
  /** Removes every copy of a line (a non-temporal store writes it in memory). */
  purge(cluster: number, line: number): void;
  /** Sharers that the directory knows of, for checks: cluster numbers. */
  sharersOf(line: number): number[];
  /** Whether a socket's cache holds the line: -1 no, 0 clean, 1 dirty. For checks. */
  cached(socket: number, line: number): number;
  /** Writes all dirty lines to memory, through `writeMemory`. For the end of a flushed run. */
  flush(): void;
  readonly grantedFlags: Int32Array;
  readonly source: Int32Array;
  /** One-way latency between the core of the last request and its slice. */
  readonly lastWayPs: Int32Array;
  /** Cluster that supplied the last request's data from its own copy, which may itself still be on its way; -1 for none. */
  readonly supplier: Int32Array;
  readonly counters: SharedLevelCounters;
}

const INVALID = -1;
// Cache entry: tag << 2 | shared << 1 | dirty.
const CACHE_BITS = 2;
const CACHE_DIRTY = 1;
/** Another socket may hold a copy: a reader gets no write permission. */
const CACHE_SHARED = 2;
// Directory entry: tag << 8 | exclusive << 7 | owner; owner is a cluster of the socket, and is meaningless when not exclusive.
const DIRECTORY_BITS = 8;
const EXCLUSIVE = 128;
const OWNER_MASK = 127;
const GRANT_WRITABLE = 2;
const GRANT_DIRTY = 1;

/** Spreads line addresses evenly over slices: the golden-ratio multiplicative hash (Knuth, TAOCP 3, 6.4). */
export function hashLine(line: number): number {
  return Math.imul(line ^ (line >>> 15), 0x9e3779b1);
}

/** Which of n equal ranges a hash falls in, n < 2^15. */
export function rangeOfHash(hash: number, n: number): number {
  return ((hash >>> 16) * n) >>> 16;
}

/**
 * @param writeMemory hands a dirty line to main memory on behalf of a socket, at Clock.Now
 */
export function createSharedLevel(
  shape: SharedLevelShape,
  latency: LatencyModel,
  above: PrivateCaches,
  writeMemory: (socket: number, line: number) => void,
  clock: ClockRegisters,
): SharedLevel {
  const { sockets, clustersPerSocket, slicesPerSocket, sets, cacheWays, directoryWays, inclusion } = shape;
  const { slicePs, occupancyPs, snoopPs } = shape;
  const setBits = Math.log2(sets);
  const setMask = sets - 1;
  const stride = cacheWays + directoryWays;
  const entries = new Int32Array(sockets * slicesPerSocket * sets * stride).fill(INVALID);
  const maskWords = Math.ceil(clustersPerSocket / 32);
  const masks = new Int32Array(sockets * slicesPerSocket * sets * directoryWays * maskWords);
  const portFreePs = new Float64Array(sockets * slicesPerSocket);
  const grantedFlags = new Int32Array(1);
  const source = new Int32Array(1);
  const lastWayPs = new Int32Array(1);
  const supplier = new Int32Array(1);
  const counters: SharedLevelCounters = {
    requests: 0,
    hits: 0,
    misses: 0,
    writebacksIn: 0,
    writebacksOut: 0,
    forwards: 0,
    invalidations: 0,
    directoryEvictions: 0,
    remoteForwards: 0,
  };
  const installsOnMiss = inclusion === 'inclusive';
  const leavesOnHit = inclusion === 'victim';

  function sliceOf(line: number): number {
    return rangeOfHash(hashLine(line), slicesPerSocket);
  }

  function baseOf(socket: number, slice: number, line: number): number {
    return ((socket * slicesPerSocket + slice) * sets + (line & setMask)) * stride;
  }

  function findCache(base: number, line: number): number {
    const tag = line >> setBits;
    for (let at = base; at < base + cacheWays; at++) {
      if ((entries[at] as number) >> CACHE_BITS === tag) return at;
    }
    return -1;
  }

  function findDirectory(base: number, line: number): number {
    const tag = line >> setBits;
    const first = base + cacheWays;
    for (let at = first; at < first + directoryWays; at++) {
      if ((entries[at] as number) >> DIRECTORY_BITS === tag) return at;
    }
    return -1;
  }

  /** Position of the sharer mask of the directory entry at `at`. */
  function maskAt(at: number): number {
    const set = Math.floor(at / stride);
    return (set * directoryWays + (at - set * stride - cacheWays)) * maskWords;
  }

  function setSharer(at: number, owner: number): void {
    const word = maskAt(at) + (owner >> 5);
    masks[word] = (masks[word] as number) | (1 << (owner & 31));
  }

  function clearMask(at: number): void {
    const first = maskAt(at);
    for (let word = 0; word < maskWords; word++) masks[first + word] = 0;
  }

  /** Calls the visitor for every sharer (cluster of the whole chip) of a shared entry. */
  function forEachSharer(at: number, socket: number, visit: (cluster: number) => void): void {
    const first = maskAt(at);
    for (let word = 0; word < maskWords; word++) {
      let bits = masks[first + word] as number;
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        visit(socket * clustersPerSocket + word * 32 + bit);
        bits &= bits - 1;
      }
    }
  }

  function removeCache(base: number, at: number): void {
    const last = base + cacheWays - 1;
    for (let to = at; to < last; to++) entries[to] = entries[to + 1] as number;
    entries[last] = INVALID;
  }

  function removeDirectory(at: number): void {
    entries[at] = INVALID;
  }

  /** Drops every private copy that the entry names. @returns 1 if one was modified. */
  function invalidateEntry(at: number, socket: number, except: number): number {
    const entry = entries[at] as number;
    let dirty = 0;
    if ((entry & EXCLUSIVE) !== 0) {
      const owner = socket * clustersPerSocket + (entry & OWNER_MASK);
      if (owner !== except) {
        dirty = above.invalidate(owner, line(at));
        counters.invalidations++;
      }
      return dirty;
    }
    const address = line(at);
    forEachSharer(at, socket, (cluster) => {
      if (cluster !== except) {
        dirty |= above.invalidate(cluster, address);
        counters.invalidations++;
      }
    });
    return dirty;
  }

  /** Line of the directory entry at a position. */
  function line(at: number): number {
    const set = Math.floor(at / stride) & setMask;
    return (((entries[at] as number) >> DIRECTORY_BITS) << setBits) | set;
  }

  function insertCache(socket: number, base: number, address: number, flags: number): void {
    const last = base + cacheWays - 1;
    const victim = entries[last] as number;
    if (victim !== INVALID) {
      const victimLine = ((victim >> CACHE_BITS) << setBits) | (address & setMask);
      let dirty = victim & CACHE_DIRTY;
      if (installsOnMiss) {
        const held = findDirectory(base, victimLine);
        if (held >= 0) {
          dirty |= invalidateEntry(held, socket, -1);
          removeDirectory(held);
        }
      }
      if (dirty !== 0) {
        counters.writebacksOut++;
        writeMemory(socket, victimLine);
      }
    }
    for (let to = last; to > base; to--) entries[to] = entries[to - 1] as number;
    entries[base] = ((address >> setBits) << CACHE_BITS) | flags;
  }

  function promoteCache(base: number, at: number): number {
    const entry = entries[at] as number;
    for (let to = at; to > base; to--) entries[to] = entries[to - 1] as number;
    entries[base] = entry;
    return base;
  }

  /** Takes in a line that comes down from a private cache. */
  function takeIn(socket: number, base: number, address: number, dirty: number, shared: number): void {
    if (cacheWays === 0) {
      if (dirty !== 0) {
        counters.writebacksOut++;
        writeMemory(socket, address);
      }
      return;
    }
    const at = findCache(base, address);
    if (at >= 0) {
      if (dirty !== 0) entries[at] = (entries[at] as number) | CACHE_DIRTY;
      return;
    }
    insertCache(socket, base, address, dirty | shared);
  }

  /** Position of the new entry. Where no way is free, one is displaced, each in its turn. */
  function insertDirectory(socket: number, base: number, address: number, entryFlags: number): number {
    const first = base + cacheWays;
    let at = first;
    const end = first + directoryWays;
    while (at < end && entries[at] !== INVALID) at++;
    if (at === end) {
      counters.directoryEvictions++;
      at = first + (counters.directoryEvictions % directoryWays);
      const victimLine = line(at);
      // Of a shared line the other socket may hold copies too.
      const shared = sockets === 2 && ((entries[at] as number) & EXCLUSIVE) === 0 ? CACHE_SHARED : 0;
      const dirty = invalidateEntry(at, socket, -1);
      takeIn(socket, base, victimLine, dirty, shared);
    }
    entries[at] = ((address >> setBits) << DIRECTORY_BITS) | entryFlags;
    return at;
  }

  /** Turns an entry into a shared one with no sharers yet. */
  function makeShared(at: number): void {
    entries[at] = (entries[at] as number) & ~(EXCLUSIVE | OWNER_MASK);
    clearMask(at);
  }

  /**
   * Looks for the line in the other socket, on behalf of a miss here.
   * @returns -1: not there; otherwise bit 0: a modified copy was found (and is now clean there or gone), bit 1: copies remain there
   */
  function askOtherSocket(socket: number, slice: number, address: number, exclusive: boolean): number {
    const other = 1 - socket;
    const base = baseOf(other, slice, address);
    const held = findDirectory(base, address);
    let cacheAt = cacheWays > 0 ? findCache(base, address) : -1;
    if (held < 0 && cacheAt < 0) return -1;
    let dirty = 0;
    if (exclusive) {
      if (held >= 0) {
        dirty |= invalidateEntry(held, other, -1);
        removeDirectory(held);
      }
      cacheAt = cacheWays > 0 ? findCache(base, address) : -1;
      if (cacheAt >= 0) {
        dirty |= (entries[cacheAt] as number) & CACHE_DIRTY;
        removeCache(base, cacheAt);
      }
      return dirty;
    }
    if (held >= 0 && ((entries[held] as number) & EXCLUSIVE) !== 0) {
      const owner = (entries[held] as number) & OWNER_MASK;
      dirty |= above.downgrade(other * clustersPerSocket + owner, address);
      makeShared(held);
      setSharer(held, owner);
    }
    if (cacheAt >= 0) {
      dirty |= (entries[cacheAt] as number) & CACHE_DIRTY;
      entries[cacheAt] = ((entries[cacheAt] as number) & ~CACHE_DIRTY) | CACHE_SHARED;
    }
    if (dirty !== 0) writeMemory(other, address); // MESI has no owned state: memory is made current when a modified line becomes shared
    return 2 | dirty;
  }

  function invalidateOtherSocket(socket: number, slice: number, address: number): boolean {
    return sockets === 2 && askOtherSocket(socket, slice, address, true) >= 0;
  }

  function request(core: number, cluster: number, address: number, exclusive: boolean): boolean {
    const socket = sockets === 1 ? 0 : cluster < clustersPerSocket ? 0 : 1;
    const local = cluster - socket * clustersPerSocket;
    const hash = hashLine(address);
    const slice = rangeOfHash(hash, slicesPerSocket);
    const base = baseOf(socket, slice, address);
    const port = socket * slicesPerSocket + slice;
    const wayPs = latency.toSlicePs(core, hash);
    lastWayPs[0] = wayPs;
    let start = (clock[Clock.Now] as number) + wayPs;
    if ((portFreePs[port] as number) > start) start = portFreePs[port] as number;
    portFreePs[port] = start + occupancyPs;
    const known = start + slicePs;
    counters.requests++;
    source[0] = Source.Llc;
    supplier[0] = -1;
    const held = findDirectory(base, address);
    const cacheAt = cacheWays > 0 ? findCache(base, address) : -1;

    if (held >= 0) {
      const entry = entries[held] as number;
      if ((entry & EXCLUSIVE) !== 0) {
        const owner = entry & OWNER_MASK;
        if (owner === local) {
          grantedFlags[0] = GRANT_WRITABLE;
          clock[Clock.Ready] = known + wayPs;
          return true;
        }
        counters.hits++;
        counters.forwards++;
        const ownerCluster = socket * clustersPerSocket + owner;
        supplier[0] = ownerCluster;
        const ready = known + latency.sliceToClusterPs(ownerCluster, hash) + snoopPs + latency.betweenClustersPs(ownerCluster, core);
        if (exclusive) {
          const dirty = above.invalidate(ownerCluster, address);
          counters.invalidations++;
          entries[held] = (entry & ~OWNER_MASK) | local;
          grantedFlags[0] = GRANT_WRITABLE | dirty;
          clock[Clock.Ready] = ready;
          return true;
        }
        const dirty = above.downgrade(ownerCluster, address);
        makeShared(held);
        setSharer(held, owner);
        setSharer(held, local);
        takeIn(socket, base, address, dirty, 0);
        grantedFlags[0] = 0;
        clock[Clock.Ready] = ready;
          return true;
      }
      if (exclusive) {
        const wasSharer = ((masks[maskAt(held) + (local >> 5)] as number) & (1 << (local & 31))) !== 0;
        const before = counters.invalidations;
        invalidateEntry(held, socket, cluster);
        const crossed = invalidateOtherSocket(socket, slice, address);
        entries[held] = ((address >> setBits) << DIRECTORY_BITS) | EXCLUSIVE | local;
        let dirty = 0;
        if (cacheAt >= 0) {
          if (leavesOnHit) {
            dirty = (entries[cacheAt] as number) & CACHE_DIRTY;
            removeCache(base, cacheAt);
          } else {
            entries[cacheAt] = (entries[cacheAt] as number) & ~CACHE_SHARED;
          }
        }
        grantedFlags[0] = GRANT_WRITABLE | dirty;
        const acknowledged = known + (counters.invalidations > before ? latency.farthestPs(core) * 2 + snoopPs : 0) + (crossed ? latency.crossingPs * 2 : 0);
        if (wasSharer || cacheAt >= 0) {
          counters.hits++;
          clock[Clock.Ready] = acknowledged + wayPs;
          return true;
        }
        counters.misses++;
        source[0] = Source.Dram;
        clock[Clock.Known] = acknowledged;
        return false;
      }
      setSharer(held, local);
      grantedFlags[0] = 0;
      if (cacheAt >= 0) {
        counters.hits++;
        promoteCache(base, cacheAt);
        clock[Clock.Ready] = known + wayPs;
          return true;
      }
      counters.misses++;
      if (cacheWays > 0) insertCache(socket, base, address, CACHE_SHARED);
      source[0] = Source.Dram;
      clock[Clock.Known] = known;
      return false;
    }

    if (cacheAt >= 0) {
      counters.hits++;
      const flags = entries[cacheAt] as number;
      const foreign = (flags & CACHE_SHARED) !== 0;
      let ready = known + wayPs;
      if (foreign && exclusive && invalidateOtherSocket(socket, slice, address)) ready += latency.crossingPs * 2;
      let granted = foreign && !exclusive ? 0 : GRANT_WRITABLE;
      if (leavesOnHit && granted !== 0) {
        granted |= flags & CACHE_DIRTY;
        removeCache(base, cacheAt);
      } else {
        if (granted !== 0) entries[cacheAt] = flags & ~CACHE_SHARED;
        promoteCache(base, cacheAt);
      }
      grantedFlags[0] = granted;
      const at = insertDirectory(socket, base, address, granted === 0 ? 0 : EXCLUSIVE | local);
      if (granted === 0) {
        clearMask(at);
        setSharer(at, local);
      }
      clock[Clock.Ready] = ready;
          return true;
    }

    let granted = GRANT_WRITABLE;
    let remote = -1;
    if (sockets === 2) {
      remote = askOtherSocket(socket, slice, address, exclusive);
      if (remote >= 0 && !exclusive) granted = 0;
      if (remote >= 0 && exclusive) granted |= remote & GRANT_DIRTY;
    }
    grantedFlags[0] = granted;
    if (installsOnMiss) insertCache(socket, base, address, granted === 0 ? CACHE_SHARED : 0);
    const at = insertDirectory(socket, base, address, granted === 0 ? 0 : EXCLUSIVE | local);
    if (granted === 0) {
      clearMask(at);
      setSharer(at, local);
    }
    if (remote >= 0) {
      counters.remoteForwards++;
      counters.hits++;
      clock[Clock.Ready] = known + 2 * latency.crossingPs + slicePs + snoopPs + wayPs;
      return true;
    }
    counters.misses++;
    source[0] = Source.Dram;
    clock[Clock.Known] = known;
    return false;
  }

  function evict(cluster: number, address: number, dirty: boolean, writable: boolean): void {
    const socket = sockets === 1 ? 0 : cluster < clustersPerSocket ? 0 : 1;
    const local = cluster - socket * clustersPerSocket;
    const base = baseOf(socket, sliceOf(address), address);
    const held = findDirectory(base, address);
    if (dirty) counters.writebacksIn++;
    if (held >= 0) {
      const entry = entries[held] as number;
      if ((entry & EXCLUSIVE) !== 0) {
        removeDirectory(held);
        if (leavesOnHit) {
          // An exclusive line has left the cache when it was granted: no need to look for it.
          insertCache(socket, base, address, dirty ? CACHE_DIRTY : 0);
          return;
        }
      } else {
        const first = maskAt(held);
        const word = first + (local >> 5);
        masks[word] = (masks[word] as number) & ~(1 << (local & 31));
        let left = 0;
        for (let index = 0; index < maskWords; index++) left |= masks[first + index] as number;
        if (left === 0) removeDirectory(held);
      }
    }
    if (inclusion === 'victim') takeIn(socket, base, address, dirty ? CACHE_DIRTY : 0, writable || sockets === 1 ? 0 : CACHE_SHARED);
    else if (dirty) takeIn(socket, base, address, CACHE_DIRTY, 0);
  }

  function purge(cluster: number, address: number): void {
    const slice = sliceOf(address);
    for (let socket = 0; socket < sockets; socket++) {
      const base = baseOf(socket, slice, address);
      const held = findDirectory(base, address);
      if (held >= 0) {
        invalidateEntry(held, socket, cluster);
        removeDirectory(held);
      }
      const at = cacheWays > 0 ? findCache(base, address) : -1;
      if (at >= 0) removeCache(base, at);
    }
  }

  function sharersOf(address: number): number[] {
    const sharers: number[] = [];
    const slice = sliceOf(address);
    for (let socket = 0; socket < sockets; socket++) {
      const base = baseOf(socket, slice, address);
      const held = findDirectory(base, address);
      if (held < 0) continue;
      const entry = entries[held] as number;
      if ((entry & EXCLUSIVE) !== 0) sharers.push(socket * clustersPerSocket + (entry & OWNER_MASK));
      else forEachSharer(held, socket, (cluster) => sharers.push(cluster));
    }
    return sharers;
  }

  function cached(socket: number, address: number): number {
    if (cacheWays === 0) return -1;
    const at = findCache(baseOf(socket, sliceOf(address), address), address);
    return at < 0 ? -1 : (entries[at] as number) & CACHE_DIRTY;
  }

  function flush(): void {
    for (let index = 0; index < sockets * slicesPerSocket * sets; index++) {
      const base = index * stride;
      const socket = Math.floor(index / (slicesPerSocket * sets));
      for (let at = base; at < base + cacheWays; at++) {
        const entry = entries[at] as number;
        if (entry !== INVALID && (entry & CACHE_DIRTY) !== 0) {
          counters.writebacksOut++;
          writeMemory(socket, ((entry >> CACHE_BITS) << setBits) | (index & setMask));
        }
      }
    }
    entries.fill(INVALID);
  }

  return { request, evict, purge, sharersOf, cached, flush, grantedFlags, source, lastWayPs, supplier, counters };
}
