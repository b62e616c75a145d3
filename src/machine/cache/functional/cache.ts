/**
 * One plain cache: which lines it holds, nothing of time. Write-back, write-allocate, non-inclusive, 64-byte lines.
 *
 * The rules are those under which Dinero IV and the references in use here agree: the set is line mod sets; ways that hold nothing are filled first; a miss fetches
 * from below, then evicts, then writes the victim down if it is dirty; what is written down is a whole line, so that below it makes a hit dirty and, on a
 * miss, is taken in without a fetch.
 */
import type { ReplacementPolicy } from '../replacement/policy.js';

/** Lines counted at one cache since construction. */
export interface CacheCounters {
  /** Reads by the core, and fetches of the level above. */
  reads: number;
  /** Writes by the core, and lines that the level above writes down. */
  writes: number;
  readMisses: number;
  writeMisses: number;
  /** Dirty lines written to the level below. */
  writebacks: number;
}

export interface FunctionalCache {
  /** A read of a line by the core or by the level above. */
  read(line: number): void;
  /** A write by the core: a miss fetches the line. */
  write(line: number): void;
  /** A whole line that the level above writes down. */
  writeBack(line: number): void;
  /** Writes every dirty line down and keeps it as clean: sets from the last to the first, a set from its last way to its first, as Dinero IV does. */
  flush(): void;
  /** Dirty lines held now. */
  dirtyLines(): number;
  readonly counters: CacheCounters;
}

/** Lines of a trace are below this, so that a line and its dirty bit fit a double. */
export const LINE_LIMIT = 2 ** 52;

const EMPTY = -1;

/**
 * @param sets any number
 * @param policy made for so many sets and ways
 * @param below the next level; null before main memory
 */
export function createFunctionalCache(
  sets: number,
  ways: number,
  policy: ReplacementPolicy,
  below: FunctionalCache | null,
): FunctionalCache {
  // An entry is line * 2 + dirty. Doubles, because lines go beyond 2^31.
  const entries = new Float64Array(sets * ways).fill(EMPTY);
  const filled = new Uint8Array(sets);
  const isPowerOfTwo = Number.isInteger(Math.log2(sets));
  const mask = sets - 1;
  const counters: CacheCounters = { reads: 0, writes: 0, readMisses: 0, writeMisses: 0, writebacks: 0 };

  function setOf(line: number): number {
    return isPowerOfTwo ? line & mask : line % sets;
  }

  /** Whether the line is there; if so, it counts as used and, where wanted, becomes dirty. */
  function use(line: number, base: number, dirty: number): boolean {
    const clean = line * 2;
    for (let at = base; at < base + ways; at++) {
      const entry = entries[at] as number;
      if (entry === clean || entry === clean + 1) {
        const now = policy.hit(entries, base, at);
        if (dirty !== 0) entries[now] = clean + 1;
        return true;
      }
    }
    return false;
  }

  function install(line: number, set: number, base: number, dirty: number): void {
    const used = filled[set] as number;
    if (used < ways) {
      filled[set] = used + 1;
      entries[base + used] = line * 2 + dirty;
      policy.fill(entries, base, base + used);
      return;
    }
    const at = policy.victim(entries, base);
    const victim = entries[at] as number;
    entries[at] = line * 2 + dirty;
    policy.fill(entries, base, at);
    if (victim % 2 === 1) {
      counters.writebacks++;
      if (below !== null) below.writeBack((victim - 1) / 2);
    }
  }

  function read(line: number): void {
    const set = setOf(line);
    const base = set * ways;
    counters.reads++;
    if (use(line, base, 0)) return;
    counters.readMisses++;
    if (below !== null) below.read(line);
    install(line, set, base, 0);
  }

  function write(line: number): void {
    const set = setOf(line);
    const base = set * ways;
    counters.writes++;
    if (use(line, base, 1)) return;
    counters.writeMisses++;
    if (below !== null) below.read(line);
    install(line, set, base, 1);
  }

  function writeBack(line: number): void {
    const set = setOf(line);
    const base = set * ways;
    counters.writes++;
    if (use(line, base, 1)) return;
    counters.writeMisses++;
    install(line, set, base, 1);
  }

  function flush(): void {
    for (let at = entries.length - 1; at >= 0; at--) {
      const entry = entries[at] as number;
      if (entry === EMPTY || entry % 2 === 0) continue;
      entries[at] = entry - 1;
      counters.writebacks++;
      if (below !== null) below.writeBack((entry - 1) / 2);
    }
  }

  function dirtyLines(): number {
    return entries.reduce((sum, entry) => sum + (entry !== EMPTY && entry % 2 === 1 ? 1 : 0), 0);
  }

  return { read, write, writeBack, flush, dirtyLines, counters };
}
