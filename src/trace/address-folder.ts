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

/** No shift of whole regions. */
const UNTOUCHED = 2 ** 31 - 1;

export interface AddressFolder {
  /** Regions that lie elsewhere than in the trace. */
  readonly moved: number;
  /**
   * Writes where the first `count` lines lie to `out`, from the word `from` on.
   * @throws TraceError where the traces touch more regions than there are
   */
  fold(lines: Float64Array, count: number, out: Int32Array, from: number): void;
}

/**
 * One for all traces of a replay: they share their memory.
 * @param spaceLines of the machine's space, a power of two
 * @param machine its name, for messages
 */
export function createAddressFolder(spaceLines: number, machine: string): AddressFolder {
  const regionLines = spaceLines / REGIONS;
  const regionShift = Math.log2(regionLines);
  /** What is added to the lines of a region: of those in the space, by number, `UNTOUCHED` where it has no place yet; of those beyond. */
  const near = new Int32Array(REGIONS).fill(UNTOUCHED);
  const far = new Map<number, number>();
  const isTaken = new Uint8Array(REGIONS);
  let moved = 0;
  let lastRegion = -1;
  let lastShift = 0;

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
    return (slot - region) * regionLines;
  }

  /** Of a line beyond the space, or in a region that has no place yet. */
  function shiftOf(line: number): number {
    const region = Math.floor(line / regionLines);
    if (region < REGIONS) {
      near[region] = place(region);
      return near[region] as number;
    }
    if (region !== lastRegion) {
      lastShift = far.get(region) ?? place(region);
      far.set(region, lastShift);
      lastRegion = region;
    }
    return lastShift;
  }

  return {
    get moved() {
      return moved;
    },
    fold(lines, count, out, from) {
      for (let at = 0; at < count; ) {
        at = foldNear(lines, at, count, near, spaceLines, regionShift, out, from);
        if (at < count)
          at = foldRegion(lines, at, count, regionLines, shiftOf(lines[at] as number), out, from);
      }
    },
  };
}

/**
 * Folds the lines from `at` on up to the first one beyond the space or in a region that has no place yet. A loop without calls, which the host keeps in registers: this runs for every access.
 * @param near what is added to the lines of each region, `UNTOUCHED` where it has no place
 * @returns the place of that line; `count` where there is none
 */
function foldNear(
  lines: Float64Array,
  at: number,
  count: number,
  near: Int32Array,
  spaceLines: number,
  regionShift: number,
  out: Int32Array,
  from: number,
): number {
  const none = UNTOUCHED;
  for (let next = at; next < count; next++) {
    const line = lines[next] as number;
    if (line >= spaceLines) return next;
    // The space has 2^31 lines at most.
    const number = line | 0;
    const shift = near[number >>> regionShift] as number;
    if (shift === none) return next;
    out[from + next] = (number + shift) | 0;
  }
  return count;
}

/**
 * Folds the lines from `at` on that lie in the region of the first of them: beyond the space a program stays in one for long.
 * @param shift what is added to the lines of that region
 * @returns the place of the first line elsewhere; `count` where there is none
 */
function foldRegion(
  lines: Float64Array,
  at: number,
  count: number,
  regionLines: number,
  shift: number,
  out: Int32Array,
  from: number,
): number {
  const first = Math.floor((lines[at] as number) / regionLines) * regionLines;
  const end = first + regionLines;
  for (let next = at; next < count; next++) {
    const line = lines[next] as number;
    if (line < first || line >= end) return next;
    out[from + next] = line + shift;
  }
  return count;
}
