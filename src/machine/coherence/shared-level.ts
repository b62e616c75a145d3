/**
 * The level that the cores of a socket share: last-level cache slices and, with them, the directory of what the private caches above hold.
 *
 * The protocol is MESI. A directory entry names either the one cluster that holds the line exclusively (and may have modified it) or a set of sharers.
 * A line that becomes shared is installed in the cache, so that further readers find it there.
 *
 * Inclusion. `victim`: filled by evictions from above; a line taken by one cluster leaves the cache. `inclusive`: filled by misses; evicting
 * a line invalidates it above; the directory has as many ways as the cache and cannot overflow, since it holds a subset of the cache's lines.
 * `none`: there is a directory only.
 */
import { createTagArray } from '../cache/tag-array.js';
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
  /** Cluster whose copy of the line may still be on its way and that the answer cannot precede; -1 for none. */
  readonly supplier: Int32Array;
  readonly counters: SharedLevelCounters;
  /** Lines must be below this for the tags of cache and directory to fit. */
  readonly lineLimit: number;
}

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
  const slices = sockets * slicesPerSocket;
  // An instance is a slice of a socket. A directory-only level gets a cache of one way that is never filled.
  const cache = createTagArray(slices, cacheWays === 0 ? 1 : sets, Math.max(1, cacheWays), CACHE_BITS);
  const directory = createTagArray(slices, sets, directoryWays, DIRECTORY_BITS);
  const cacheEntries = cache.entries;
  const entries = directory.entries;
  const maskWords = Math.ceil(clustersPerSocket / 32);
  /** Sharers of a directory entry that is not exclusive, by its position. */
  const masks = new Int32Array(slices * sets * directoryWays * maskWords);
  const portFreePs = new Float64Array(slices);
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

  function instanceOf(socket: number, slice: number): number {
    return socket * slicesPerSocket + slice;
  }

  function findCache(instance: number, address: number): number {
    return cacheWays === 0 ? -1 : cache.find(instance, address);
  }

  function setSharer(at: number, owner: number): void {
    const word = at * maskWords + (owner >> 5);
    masks[word] = (masks[word] as number) | (1 << (owner & 31));
  }

  /** The sharer of a shared entry with the lowest number, of its socket. There must be one. */
  function lowestSharer(at: number): number {
    const first = at * maskWords;
    let word = 0;
    while (masks[first + word] === 0 && word < maskWords - 1) word++;
    const bits = masks[first + word] as number;
    return word * 32 + 31 - Math.clz32(bits & -bits);
  }

  function clearMask(at: number): void {
    const first = at * maskWords;
    for (let word = 0; word < maskWords; word++) masks[first + word] = 0;
  }

  /** Calls the visitor for every sharer (cluster of the whole chip) of a shared entry. */
  function forEachSharer(at: number, socket: number, visit: (cluster: number) => void): void {
    const first = at * maskWords;
    for (let word = 0; word < maskWords; word++) {
      let bits = masks[first + word] as number;
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        visit(socket * clustersPerSocket + word * 32 + bit);
        bits &= bits - 1;
      }
    }
  }

  /** Drops every private copy that the entry names. @returns 1 if one was modified. */
  function invalidateEntry(at: number, socket: number, except: number): number {
    const entry = entries[at] as number;
    let dirty = 0;
    if ((entry & EXCLUSIVE) !== 0) {
      const owner = socket * clustersPerSocket + (entry & OWNER_MASK);
      if (owner !== except) {
        dirty = above.invalidate(owner, directory.lineAt(at));
        counters.invalidations++;
      }
      return dirty;
    }
    const address = directory.lineAt(at);
    forEachSharer(at, socket, (cluster) => {
      if (cluster !== except) {
        dirty |= above.invalidate(cluster, address);
        counters.invalidations++;
      }
    });
    return dirty;
  }

  function insertCache(socket: number, instance: number, address: number, flags: number): void {
    const victim = cache.nextVictim(instance, address);
    if (victim >= 0) {
      let dirty = (cacheEntries[cache.victimAt[0] as number] as number) & CACHE_DIRTY;
      if (installsOnMiss) {
        const held = directory.find(instance, victim);
        if (held >= 0) {
          dirty |= invalidateEntry(held, socket, -1);
          directory.remove(held);
        }
      }
      if (dirty !== 0) {
        counters.writebacksOut++;
        writeMemory(socket, victim);
      }
    }
    cache.insert(instance, address, flags);
  }

  /** Takes in a line that comes down from a private cache. */
  function takeIn(socket: number, instance: number, address: number, dirty: number, shared: number): void {
    if (cacheWays === 0) {
      if (dirty !== 0) {
        counters.writebacksOut++;
        writeMemory(socket, address);
      }
      return;
    }
    const at = findCache(instance, address);
    if (at >= 0) {
      if (dirty !== 0) cacheEntries[at] = (cacheEntries[at] as number) | CACHE_DIRTY;
      return;
    }
    insertCache(socket, instance, address, dirty | shared);
  }

  /** Position of the new entry. Where no way is free, the one that came first is displaced. */
  function insertDirectory(socket: number, instance: number, address: number, entryFlags: number): number {
    const victim = directory.nextVictim(instance, address);
    if (victim >= 0) {
      const at = directory.victimAt[0] as number;
      counters.directoryEvictions++;
      // Of a shared line the other socket may hold copies too.
      const shared = sockets === 2 && ((entries[at] as number) & EXCLUSIVE) === 0 ? CACHE_SHARED : 0;
      const dirty = invalidateEntry(at, socket, -1);
      takeIn(socket, instance, victim, dirty, shared);
    }
    return directory.insert(instance, address, entryFlags);
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
    const instance = instanceOf(other, slice);
    const held = directory.find(instance, address);
    let cacheAt = cacheWays > 0 ? findCache(instance, address) : -1;
    if (held < 0 && cacheAt < 0) return -1;
    let dirty = 0;
    if (exclusive) {
      if (held >= 0) {
        dirty |= invalidateEntry(held, other, -1);
        directory.remove(held);
      }
      cacheAt = cacheWays > 0 ? findCache(instance, address) : -1;
      if (cacheAt >= 0) {
        dirty |= (cacheEntries[cacheAt] as number) & CACHE_DIRTY;
        cache.remove(cacheAt);
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
      dirty |= (cacheEntries[cacheAt] as number) & CACHE_DIRTY;
      cacheEntries[cacheAt] = ((cacheEntries[cacheAt] as number) & ~CACHE_DIRTY) | CACHE_SHARED;
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
    const instance = instanceOf(socket, slice);
    const wayPs = latency.toSlicePs(core, hash);
    lastWayPs[0] = wayPs;
    let start = (clock[Clock.Now] as number) + wayPs;
    if ((portFreePs[instance] as number) > start) start = portFreePs[instance] as number;
    portFreePs[instance] = start + occupancyPs;
    const known = start + slicePs;
    counters.requests++;
    source[0] = Source.Llc;
    supplier[0] = -1;
    const held = directory.find(instance, address);
    const cacheAt = cacheWays > 0 ? findCache(instance, address) : -1;

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
        const ready =
          known +
          latency.sliceToClusterPs(ownerCluster, hash) +
          snoopPs +
          latency.betweenClustersPs(ownerCluster, core);
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
        takeIn(socket, instance, address, dirty, 0);
        grantedFlags[0] = 0;
        clock[Clock.Ready] = ready;
        return true;
      }
      if (exclusive) {
        const wasSharer = ((masks[held * maskWords + (local >> 5)] as number) & (1 << (local & 31))) !== 0;
        const before = counters.invalidations;
        invalidateEntry(held, socket, cluster);
        const crossed = invalidateOtherSocket(socket, slice, address);
        entries[held] = (entry & ~OWNER_MASK) | EXCLUSIVE | local;
        let dirty = 0;
        if (cacheAt >= 0) {
          if (leavesOnHit) {
            dirty = (cacheEntries[cacheAt] as number) & CACHE_DIRTY;
            cache.remove(cacheAt);
          } else {
            cacheEntries[cacheAt] = (cacheEntries[cacheAt] as number) & ~CACHE_SHARED;
          }
        }
        grantedFlags[0] = GRANT_WRITABLE | dirty;
        const acknowledged =
          known +
          (counters.invalidations > before ? latency.farthestPs(core) * 2 + snoopPs : 0) +
          (crossed ? latency.crossingPs * 2 : 0);
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
      if (cacheAt >= 0) supplier[0] = socket * clustersPerSocket + lowestSharer(held);
      setSharer(held, local);
      grantedFlags[0] = 0;
      if (cacheAt >= 0) {
        counters.hits++;
        cache.promote(cacheAt);
        clock[Clock.Ready] = known + wayPs;
        return true;
      }
      counters.misses++;
      if (cacheWays > 0) insertCache(socket, instance, address, CACHE_SHARED);
      source[0] = Source.Dram;
      clock[Clock.Known] = known;
      return false;
    }

    if (cacheAt >= 0) {
      counters.hits++;
      const flags = cacheEntries[cacheAt] as number;
      const foreign = (flags & CACHE_SHARED) !== 0;
      let ready = known + wayPs;
      if (foreign && exclusive && invalidateOtherSocket(socket, slice, address))
        ready += latency.crossingPs * 2;
      let granted = foreign && !exclusive ? 0 : GRANT_WRITABLE;
      if (leavesOnHit && granted !== 0) {
        granted |= flags & CACHE_DIRTY;
        cache.remove(cacheAt);
      } else {
        if (granted !== 0) cacheEntries[cacheAt] = flags & ~CACHE_SHARED;
        cache.promote(cacheAt);
      }
      grantedFlags[0] = granted;
      const at = insertDirectory(socket, instance, address, granted === 0 ? 0 : EXCLUSIVE | local);
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
    if (installsOnMiss) insertCache(socket, instance, address, granted === 0 ? CACHE_SHARED : 0);
    const at = insertDirectory(socket, instance, address, granted === 0 ? 0 : EXCLUSIVE | local);
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
    const instance = instanceOf(socket, sliceOf(address));
    const held = directory.find(instance, address);
    if (dirty) counters.writebacksIn++;
    if (held >= 0) {
      const entry = entries[held] as number;
      if ((entry & EXCLUSIVE) !== 0) {
        directory.remove(held);
        if (leavesOnHit) {
          // An exclusive line has left the cache when it was granted: no need to look for it.
          insertCache(socket, instance, address, dirty ? CACHE_DIRTY : 0);
          return;
        }
      } else {
        const first = held * maskWords;
        const word = first + (local >> 5);
        masks[word] = (masks[word] as number) & ~(1 << (local & 31));
        let left = 0;
        for (let index = 0; index < maskWords; index++) left |= masks[first + index] as number;
        if (left === 0) directory.remove(held);
      }
    }
    if (inclusion === 'victim')
      takeIn(
        socket,
        instance,
        address,
        dirty ? CACHE_DIRTY : 0,
        writable || sockets === 1 ? 0 : CACHE_SHARED,
      );
    else if (dirty) takeIn(socket, instance, address, CACHE_DIRTY, 0);
  }

  function purge(cluster: number, address: number): void {
    const slice = sliceOf(address);
    for (let socket = 0; socket < sockets; socket++) {
      const instance = instanceOf(socket, slice);
      const held = directory.find(instance, address);
      if (held >= 0) {
        invalidateEntry(held, socket, cluster);
        directory.remove(held);
      }
      const at = cacheWays > 0 ? findCache(instance, address) : -1;
      if (at >= 0) cache.remove(at);
    }
  }

  function sharersOf(address: number): number[] {
    const sharers: number[] = [];
    const slice = sliceOf(address);
    for (let socket = 0; socket < sockets; socket++) {
      const instance = instanceOf(socket, slice);
      const held = directory.find(instance, address);
      if (held < 0) continue;
      const entry = entries[held] as number;
      if ((entry & EXCLUSIVE) !== 0) sharers.push(socket * clustersPerSocket + (entry & OWNER_MASK));
      else forEachSharer(held, socket, (cluster) => sharers.push(cluster));
    }
    return sharers;
  }

  function cached(socket: number, address: number): number {
    if (cacheWays === 0) return -1;
    const at = findCache(instanceOf(socket, sliceOf(address)), address);
    return at < 0 ? -1 : (cacheEntries[at] as number) & CACHE_DIRTY;
  }

  function flush(): void {
    if (cacheWays === 0) return;
    for (let instance = 0; instance < slices; instance++) {
      const lines: number[] = [];
      cache.forEach(instance, (address, flags, at) => {
        if ((flags & CACHE_DIRTY) !== 0) {
          lines.push(address);
          cacheEntries[at] = (cacheEntries[at] as number) & ~CACHE_DIRTY;
        }
      });
      for (const address of lines) {
        counters.writebacksOut++;
        writeMemory(Math.floor(instance / slicesPerSocket), address);
      }
    }
  }

  return {
    request,
    evict,
    purge,
    sharersOf,
    cached,
    flush,
    grantedFlags,
    source,
    lastWayPs,
    supplier,
    counters,
    lineLimit: Math.min(directory.lineLimit, cacheWays === 0 ? Infinity : cache.lineLimit),
  };
}
