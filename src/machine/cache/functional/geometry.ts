/** Sizes of plain cache levels, from a machine's specification or from a short notation. */
import type { MachineSpec, Replacement } from '../../spec.js';
import { REPLACEMENTS } from '../replacement/registry.js';

/** One level of plain caches. */
export interface LevelGeometry {
  readonly name: string;
  /** Sets of one cache of the level; the set of a line is line mod sets. */
  readonly sets: number;
  readonly ways: number;
  readonly replacement: Replacement;
  /** Cores that share one cache of the level. */
  readonly sharedBy: number;
}

const LINE_BYTES = 64;

/** Most ways of a set: `filled` counts them in a byte. */
const MAX_WAYS = 128;
/** Most bytes of a level; keeps a slip of the finger from asking for terabytes of tags. */
const MAX_BYTES = 2 ** 34;

/**
 * The cache levels of a machine, in order from the core. A last level cut into slices becomes one cache per socket of as many sets as its slices have together: which
 * slice a line goes to is a matter of time, not of what the level holds.
 */
export function machineGeometry(spec: MachineSpec): LevelGeometry[] {
  const levels: LevelGeometry[] = [
    {
      name: 'L1D',
      sets: spec.l1d.capacityBytes / LINE_BYTES / spec.l1d.ways,
      ways: spec.l1d.ways,
      replacement: spec.l1d.replacement,
      sharedBy: spec.l1d.sharedBy,
    },
  ];
  if (spec.l2 !== null) {
    levels.push({
      name: 'L2',
      sets: spec.l2.capacityBytes / LINE_BYTES / spec.l2.ways,
      ways: spec.l2.ways,
      replacement: spec.l2.replacement,
      sharedBy: spec.l2.sharedBy,
    });
  }
  if (spec.llc !== null) {
    levels.push({
      name: 'LLC',
      sets: (spec.llc.sliceBytes * spec.llc.slicesPerSocket) / LINE_BYTES / spec.llc.ways,
      ways: spec.llc.ways,
      replacement: spec.llc.replacement,
      sharedBy: spec.coresPerSocket,
    });
  }
  return levels;
}

const UNIT: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/**
 * Reads `32K/8/lru,1M/16/fifo`: levels from the core, each capacity (K, M, G are powers of 1024) / ways / replacement, the last of which may be left out (lru). The
 * first level is each core's own, the others are shared by all.
 * @throws RangeError with what is wrong and what is allowed
 */
export function parseGeometry(text: string): LevelGeometry[] {
  return text.split(',').map((part, index) => {
    const match = /^\s*(\d+)\s*([KMG]?)(?:iB)?\s*\/\s*(\d+)\s*(?:\/\s*(\S+))?\s*$/.exec(part);
    if (match === null) {
      throw new RangeError(`"${part}" is no cache level; write capacity/ways/replacement as in "32K/8/lru"`);
    }
    const bytes = Number(match[1]) * (UNIT[match[2] as string] as number);
    const ways = Number(match[3]);
    const replacement = match[4] ?? 'lru';
    if (!Object.hasOwn(REPLACEMENTS, replacement)) {
      throw new RangeError(
        `"${replacement}" in "${part}" is no replacement policy. Allowed: ${Object.keys(REPLACEMENTS).join(', ')}`,
      );
    }
    if (ways < 1 || ways > MAX_WAYS)
      throw new RangeError(`${ways} ways in "${part}" are out of range. Allowed: 1 to ${MAX_WAYS}`);
    if (bytes > MAX_BYTES) throw new RangeError(`"${part}" is too large. Allowed: up to 16G`);
    const sets = bytes / LINE_BYTES / ways;
    if (!Number.isInteger(sets) || sets < 1) {
      throw new RangeError(
        `"${part}": ${bytes} bytes are no whole number of sets of ${ways} ways of 64-byte lines`,
      );
    }
    return {
      name: `L${index + 1}`,
      sets,
      ways,
      replacement: replacement as Replacement,
      sharedBy: index === 0 ? 1 : Number.MAX_SAFE_INTEGER,
    };
  });
}
