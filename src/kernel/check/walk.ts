/** Walks every phase of a kernel for all threads and records what each of them did to which line. */
import type { Kernel, LineRange } from '../kernel.js';
import { Access, CYCLE_SCALE, OpStream, STREAM_WORDS } from '../op-stream.js';
import { visitRuns, visitTiles } from './runs.js';

/** What one thread did to one line within one phase. */
export interface LineUse {
  loads: number;
  /** Stores of any kind. */
  stores: number;
  nonTemporalStores: number;
  prefetches: number;
}

export interface WalkedPhase {
  readonly name: string;
  /** Uses by thread, then by line. */
  readonly threads: ReadonlyMap<number, LineUse>[];
  /** Per thread: cycles that the pipeline is busy, and the part bound by the FMA units. */
  readonly busyCycles: number[];
  readonly fmaCycles: number[];
  readonly instructions: number[];
}

export interface Walk {
  readonly phases: readonly WalkedPhase[];
  readonly flops: number;
  /** Line accesses emitted, prefetches included. */
  readonly accesses: number;
  readonly runs: number;
  readonly tiles: number;
  /** The largest number of line accesses of one emit call. */
  readonly largestTile: number;
}

/** Walks all phases, threads and tiles of a kernel. Keeps a record per thread and line: for small kernels. */
export function walkKernel(kernel: Kernel, threads: number): Walk {
  const out = new OpStream();
  let accesses = 0;
  let runs = 0;
  let tiles = 0;
  let largestTile = 0;
  const phases = kernel.phases.map((phase): WalkedPhase => {
    const walked = {
      name: phase.name,
      threads: [] as Map<number, LineUse>[],
      busyCycles: [] as number[],
      fmaCycles: [] as number[],
      instructions: [] as number[],
    };
    for (let thread = 0; thread < threads; thread++) {
      const uses = new Map<number, LineUse>();
      let busy = 0;
      let fma = 0;
      let instructions = 0;
      visitTiles(kernel, phase, thread, out, () => {
        const before = accesses;
        visitRuns(out, ({ words, at, steps, streams, firstStream }) => {
          busy += (steps * (words[at + 2] as number)) / CYCLE_SCALE;
          fma += (steps * (words[at + 3] as number)) / CYCLE_SCALE;
          instructions += steps * (words[at + 4] as number);
          for (let step = 0; step < steps; step++) {
            for (let s = 0; s < streams; s++) {
              const word = firstStream + s * STREAM_WORDS;
              const line = (words[word + 1] as number) + step * (words[word + 2] as number);
              touch(uses, line, words[word] as number);
            }
          }
          accesses += steps * streams;
          runs++;
        });
        largestTile = Math.max(largestTile, accesses - before);
        tiles++;
      });
      walked.threads.push(uses);
      walked.busyCycles.push(busy);
      walked.fmaCycles.push(fma);
      walked.instructions.push(instructions);
    }
    return walked;
  });
  return { phases, flops: out.flops, accesses, runs, tiles, largestTile };
}

function touch(uses: Map<number, LineUse>, line: number, access: number): void {
  let use = uses.get(line);
  if (use === undefined) {
    use = { loads: 0, stores: 0, nonTemporalStores: 0, prefetches: 0 };
    uses.set(line, use);
  }
  if (access === Access.Load || access === Access.LoadDependent) use.loads++;
  else if (access === Access.Store || access === Access.StoreNonTemporal) use.stores++;
  else use.prefetches++;
  if (access === Access.StoreNonTemporal) use.nonTemporalStores++;
}

/** Loads and stores of a range of lines over all threads and phases. */
export function countAccesses(
  walk: Walk,
  range: LineRange,
): { loads: number; stores: number; nonTemporalStores: number } {
  const total = { loads: 0, stores: 0, nonTemporalStores: 0 };
  for (const phase of walk.phases) {
    for (const uses of phase.threads) {
      for (const [line, use] of uses) {
        if (line < range.base || line >= range.base + range.lines) continue;
        total.loads += use.loads;
        total.stores += use.stores;
        total.nonTemporalStores += use.nonTemporalStores;
      }
    }
  }
  return total;
}
