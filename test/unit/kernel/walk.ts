/**
 * The shadow walker of the kernel tests: walks every phase of a kernel for all threads, decodes the op streams and records who touched which
 * line, then checks the rules that every kernel must keep.
 */
import type { Kernel, LineRange } from '../../../src/kernel/kernel.js';
import {
  Access,
  CYCLE_SCALE,
  OpStream,
  RUN_HEADER_WORDS,
  STREAM_WORDS,
} from '../../../src/kernel/op-stream.js';

/** What one thread did to one line within one phase. */
export interface LineUse {
  loads: number;
  /** Stores of any kind. */
  stores: number;
  nonTemporalStores: number;
  prefetches: number;
  /** The first access by this thread in this phase was a load. */
  loadedFirst: boolean;
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

/** Walks all phases, threads and tiles of a kernel. */
export function walkKernel(kernel: Kernel, threads: number): Walk {
  const out = new OpStream();
  let accesses = 0;
  let runs = 0;
  let tiles = 0;
  let largestTile = 0;
  const phases: WalkedPhase[] = [];
  for (const phase of kernel.phases) {
    const walked: WalkedPhase & { threads: Map<number, LineUse>[] } = {
      name: phase.name,
      threads: [],
      busyCycles: [],
      fmaCycles: [],
      instructions: [],
    };
    for (let thread = 0; thread < threads; thread++) {
      const uses = new Map<number, LineUse>();
      let busy = 0;
      let fma = 0;
      let instructions = 0;
      const count = phase.tileCount(thread);
      if (!Number.isInteger(count) || count < 0)
        throw new Error(`${kernel.name} ${phase.name}: tileCount is ${count}`);
      for (let tile = 0; tile < count; tile++) {
        out.clear();
        phase.emit(thread, tile, out);
        const before = accesses;
        let at = 0;
        while (at < out.length) {
          const streams = out.words[at] as number;
          const steps = out.words[at + 1] as number;
          if (streams < 0 || streams > 4 || steps < 1) {
            throw new Error(`${kernel.name} ${phase.name}: a run of ${steps} steps with ${streams} streams`);
          }
          busy += (steps * (out.words[at + 2] as number)) / CYCLE_SCALE;
          fma += (steps * (out.words[at + 3] as number)) / CYCLE_SCALE;
          if ((out.words[at + 3] as number) > (out.words[at + 2] as number)) {
            throw new Error(`${kernel.name} ${phase.name}: FMA cycles exceed busy cycles`);
          }
          instructions += steps * (out.words[at + 4] as number);
          at += RUN_HEADER_WORDS;
          for (let step = 0; step < steps; step++) {
            for (let s = 0; s < streams; s++) {
              const word = at + s * STREAM_WORDS;
              const line = (out.words[word + 1] as number) + step * (out.words[word + 2] as number);
              touch(uses, line, out.words[word] as number);
            }
          }
          accesses += steps * streams;
          at += streams * STREAM_WORDS;
          runs++;
        }
        largestTile = Math.max(largestTile, accesses - before);
        tiles++;
      }
      walked.threads.push(uses);
      walked.busyCycles.push(busy);
      walked.fmaCycles.push(fma);
      walked.instructions.push(instructions);
    }
    phases.push(walked);
  }
  return { phases, flops: out.flops, accesses, runs, tiles, largestTile };
}

function touch(uses: Map<number, LineUse>, line: number, access: number): void {
  if (line < 0 || !Number.isInteger(line)) throw new Error(`line ${line} is no line`);
  const isLoad = access === Access.Load || access === Access.LoadDependent;
  const isStore = access === Access.Store || access === Access.StoreNonTemporal;
  let use = uses.get(line);
  if (use === undefined) {
    use = { loads: 0, stores: 0, nonTemporalStores: 0, prefetches: 0, loadedFirst: false };
    uses.set(line, use);
  }
  if (isLoad && use.stores === 0) use.loadedFirst = true;
  if (isLoad) use.loads++;
  else if (isStore) use.stores++;
  else use.prefetches++;
  if (access === Access.StoreNonTemporal) use.nonTemporalStores++;
}

export interface CheckOptions {
  /** Output lines may be stored again, by the thread that owns them or in a later phase (accumulation passes). */
  readonly accumulates?: boolean;
}

/**
 * Checks the rules of DESIGN.md's fidelity point 4. Returns a sentence per violation, none for a sound kernel:
 * every line of `reads` is loaded; every line of `writes` is stored, once over the kernel; within a phase no line is stored by two threads, nor
 * stored by one and loaded by another; a load of a line outside `reads` follows its store; a store outside `writes` is to scratch (a line of no other kernel's tensor is not
 * checked here); the emitted flops are exactly `kernel.flops`.
 */
export function checkKernel(kernel: Kernel, threads: number, options: CheckOptions = {}): string[] {
  const walk = walkKernel(kernel, threads);
  const problems = new Set<string>();
  const loaded = new Set<number>();
  const stored = new Map<number, number>();
  const isInput = membership(kernel.reads);
  const isOutput = membership(kernel.writes);
  for (const phase of walk.phases) {
    const writer = new Map<number, number>();
    phase.threads.forEach((uses, thread) => {
      for (const [line, use] of uses) {
        if (use.stores === 0) continue;
        const other = writer.get(line);
        if (other !== undefined)
          problems.add(
            `${phase.name}: threads ${other} and ${thread} both store a line of ${place(kernel, line)}`,
          );
        writer.set(line, thread);
        if (use.stores > 1 && isOutput(line) && options.accumulates !== true) {
          problems.add(`${phase.name}: a line of ${place(kernel, line)} is stored ${use.stores} times`);
        }
      }
    });
    phase.threads.forEach((uses, thread) => {
      for (const [line, use] of uses) {
        if (use.loads === 0) continue;
        const other = writer.get(line);
        if (other !== undefined && other !== thread) {
          problems.add(
            `${phase.name}: thread ${thread} loads a line of ${place(kernel, line)} that thread ${other} stores`,
          );
        }
        loaded.add(line);
        if (isInput(line)) continue;
        if (!stored.has(line) && use.loadedFirst) {
          problems.add(`${phase.name}: a line of ${place(kernel, line)} is loaded before it is stored`);
        }
      }
    });
    for (const line of writer.keys()) stored.set(line, (stored.get(line) ?? 0) + 1);
  }
  for (const range of kernel.reads) {
    for (let i = 0; i < range.lines; i++) {
      if (!loaded.has(range.base + i)) {
        problems.add(`a line of ${range.tensor} is never loaded`);
        break;
      }
    }
  }
  for (const range of kernel.writes) {
    for (let i = 0; i < range.lines; i++) {
      const times = stored.get(range.base + i) ?? 0;
      if (times === 0) problems.add(`line ${i} of ${range.lines} of ${range.tensor} is never stored`);
      if (times > 1 && options.accumulates !== true)
        problems.add(`a line of ${range.tensor} is stored in ${times} phases`);
    }
  }
  if (walk.flops !== kernel.flops) problems.add(`emitted ${walk.flops} flops of ${kernel.flops}`);
  return [...problems];
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

function membership(ranges: readonly LineRange[]): (line: number) => boolean {
  const lines = new Set<number>();
  for (const range of ranges) for (let i = 0; i < range.lines; i++) lines.add(range.base + i);
  return (line) => lines.has(line);
}

function place(kernel: Kernel, line: number): string {
  for (const range of [...kernel.writes, ...kernel.reads]) {
    if (line >= range.base && line < range.base + range.lines) return range.tensor;
  }
  return 'scratch';
}
