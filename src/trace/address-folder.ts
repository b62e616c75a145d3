/**
 * Brings the addresses of traces into the address space that a machine's tags tell apart, as an operating system brings those of a program into its memory: a program
 * touches little of the 2^64 bytes that it can name, and what it touches lies far apart (heap, libraries, stack).
 *
 * The machine's space is cut into equal regions. A region of the traces that lies in it stays where it is, if none from beyond has its place; every other one
 * gets, at its first access, the highest place that is free. Within a region nothing changes: sets, pages, banks and distances are those of the trace.
 */
import { LINE_BYTES } from '../kernel/op-stream.js';
import { TraceError } from './access.js';

/** Regions of the space. A program touches some dozen; each is at least as large as any cache that the tags belong to. */
export const REGIONS = 256;

export interface AddressFolder {
  /** Regions that lie elsewhere than in the trace. */
  readonly moved: number;
  /**
   * Replaces the first `count` lines.
   * @throws TraceError where the traces touch more regions than there are
   */
  fold(lines: Float64Array, count: number): void;
}

/**
 * One for all traces of a replay: they share their memory.
 * @param spaceLines of the machine's space, a power of two
 * @param machine its name, for messages
 */
export function createAddressFolder(spaceLines: number, machine: string): AddressFolder {
  const regionLines = spaceLines / REGIONS;
  /** What is added to the lines of a region. */
  const shifts = new Map<number, number>();
  const isTaken = new Uint8Array(REGIONS);
  let moved = 0;
  let last = -1;
  let shift = 0;

  function place(region: number): number {
    const isHome = region < REGIONS && isTaken[region] === 0;
    const slot = isHome ? region : isTaken.lastIndexOf(0);
    if (slot < 0) {
      throw new TraceError(
        `the trace touches more than ${REGIONS} regions of ${(regionLines * LINE_BYTES) / 2 ** 20} MiB, which is all that the tags of ${machine}'s caches tell apart; replay it with --functional`,
      );
    }
    isTaken[slot] = 1;
    if (slot !== region) moved++;
    const found = (slot - region) * regionLines;
    shifts.set(region, found);
    return found;
  }

  return {
    get moved() {
      return moved;
    },
    fold(lines, count) {
      for (let at = 0; at < count; at++) {
        const line = lines[at] as number;
        const region = Math.floor(line / regionLines);
        if (region !== last) {
          shift = shifts.get(region) ?? place(region);
          last = region;
        }
        lines[at] = line + shift;
      }
    },
  };
}
