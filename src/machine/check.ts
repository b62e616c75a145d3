/**
 * The paranoid checker: walks every tag of a chip and throws at the first contradiction between its caches. Far too slow for a run; for tests and for finding a defect.
 *
 * What must hold between any two accesses, for a protocol of single writer or multiple readers (Nagarajan et al., A Primer on Memory Consistency and Cache Coherence,
 * chapter 2) over inclusive private levels:
 * - a line that may be written in one L1D, or in one cluster, is nowhere else at that level;
 * - a modified line has no copy beside it, but the older ones right below it;
 * - a line of an L1D is in its L2;
 * - the directory knows exactly the clusters that hold a line;
 * - an inclusive last level holds every line above it, and no socket's cache holds a line that the other socket may write.
 */
import { Flag, find, forEachEntry, type TagArray } from './cache/tag-array.js';
import type { Chip } from './chip.js';
import { cached, sharersOf } from './coherence/shared-level.js';
import type { Inclusion } from './spec.js';

/** A contradiction between the caches of a chip. */
export class CoherenceViolation extends Error {
  override readonly name = 'CoherenceViolation';
}

/** What the checker looks at. */
export type CheckedChip = Pick<Chip, 'l1' | 'l2' | 'shared' | 'cores' | 'coresPerCluster' | 'sockets'>;

interface Holder {
  readonly instance: number;
  readonly flags: number;
}

type HoldersByLine = Map<number, Holder[]>;

function holdersOf(tags: TagArray, instances: number): HoldersByLine {
  const holders: HoldersByLine = new Map();
  for (let instance = 0; instance < instances; instance++) {
    forEachEntry(tags, instance, (line, flags) => {
      const known = holders.get(line);
      if (known === undefined) holders.set(line, [{ instance, flags }]);
      else known.push({ instance, flags });
    });
  }
  return holders;
}

function describe(holders: readonly Holder[]): string {
  return holders
    .map(
      ({ instance, flags }) =>
        `${instance}${(flags & Flag.Writable) !== 0 ? ' writable' : ''}${(flags & Flag.Dirty) !== 0 ? ' modified' : ''}`,
    )
    .join(', ');
}

function checkSingleWriter(level: string, holders: HoldersByLine): void {
  for (const [line, copies] of holders) {
    if (new Set(copies.map(({ instance }) => instance)).size < copies.length) {
      throw new CoherenceViolation(`Line ${line} is twice in one ${level}: ${describe(copies)}.`);
    }
    if (copies.length > 1 && copies.some(({ flags }) => (flags & (Flag.Writable | Flag.Dirty)) !== 0)) {
      throw new CoherenceViolation(
        `Line ${line} has a writer beside other copies in the ${level}s: ${describe(copies)}.`,
      );
    }
  }
}

function checkInclusion(chip: CheckedChip, l1: HoldersByLine, l2: TagArray): void {
  for (const [line, copies] of l1) {
    for (const { instance, flags } of copies) {
      const at = find(l2, Math.floor(instance / chip.coresPerCluster), line);
      if (at < 0) throw new CoherenceViolation(`Line ${line} is in L1D ${instance}, but not in its L2.`);
      if ((flags & (Flag.Writable | Flag.Dirty)) !== 0 && (l2.words[at] & Flag.Writable) === 0) {
        throw new CoherenceViolation(`Line ${line} may be written in L1D ${instance}, but not in its L2.`);
      }
    }
  }
}

/**
 * @param inclusion of the last level: `none` where there is a directory only
 * @throws CoherenceViolation naming the line and who holds it how
 */
export function checkCoherence(chip: CheckedChip, inclusion: Inclusion | 'none'): void {
  const { l1, l2, shared, cores, coresPerCluster, sockets } = chip;
  const clusters = cores / coresPerCluster;
  const clustersPerSocket = clusters / sockets;
  const byCore = holdersOf(l1, cores);
  checkSingleWriter('L1D', byCore);
  if (l2 !== null) checkInclusion(chip, byCore, l2);
  const byCluster = l2 === null ? byCore : holdersOf(l2, clusters);
  checkSingleWriter(l2 === null ? 'L1D' : 'L2', byCluster);
  for (const [line, copies] of byCluster) {
    for (const { instance, flags } of copies) {
      const socket = Math.floor(instance / clustersPerSocket);
      if (inclusion === 'inclusive' && cached(shared, socket, line) < 0) {
        throw new CoherenceViolation(
          `Line ${line} is in cluster ${instance}, but not in the inclusive last level of its socket.`,
        );
      }
      if (sockets === 2 && (flags & Flag.Writable) !== 0 && cached(shared, 1 - socket, line) >= 0) {
        throw new CoherenceViolation(
          `Line ${line} may be written by cluster ${instance} while the other socket's last level holds it.`,
        );
      }
    }
    const holders = copies.map(({ instance }) => instance).sort((a, b) => a - b);
    const known = sharersOf(shared, line).sort((a, b) => a - b);
    if (known.join() !== holders.join()) {
      throw new CoherenceViolation(
        `Line ${line} is held by clusters [${holders.join(', ')}]; the directory knows [${known.join(', ')}].`,
      );
    }
  }
}
