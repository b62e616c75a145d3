/**
 * Main-memory traffic tensor by tensor: each operation's kernel alone on a cold machine, flushed at its end, every line that reaches main memory
 * booked under the tensor whose address it has.
 */
import { createAddressMap } from '../kernel/address-map.js';
import type { Program } from '../kernel/kernel.js';
import type { ChipShare } from '../machine/chip.js';
import type { MachineSpec } from '../machine/spec.js';
import { tensorAccesses } from '../training/accesses.js';
import type { Operation, TrainingStep } from '../training/step.js';
import { type KernelResult, runProgram } from './run.js';

/** Lines of one storage that an operation moved between chip and main memory. */
export interface StorageTraffic {
  readonly storage: string;
  /** Lines of a whole sweep. */
  readonly lines: number;
  /** Lines read because the operation reads the tensor. */
  readonly readLines: number;
  /** Lines read only because an ordinary store to them missed (read for ownership, or a prefetch of the same). */
  readonly writeAllocateLines: number;
  readonly writtenLines: number;
}

export interface OperationTraffic {
  readonly operation: Operation;
  readonly kernel: KernelResult;
  /** By storage, in the order of addresses; those without traffic are left out. */
  readonly storages: readonly StorageTraffic[];
  /** Lines of partial sums, strips and other scratch. */
  readonly scratchReadLines: number;
  readonly scratchWrittenLines: number;
}

/** Lines of an `mmap` page: storages begin at pages (see `address-map.ts`). */
const PAGE_LINES = 64;

/** Finds the storage of a line; scratch belongs to none. */
export class StorageIndex {
  readonly names: string[] = [];
  readonly lines: number[] = [];
  /** By page: index of the storage, or -1. */
  readonly #pages: Int32Array;

  constructor(step: TrainingStep, lines: number) {
    this.#pages = new Int32Array(Math.ceil(lines / PAGE_LINES)).fill(-1);
    const map = createAddressMap(step);
    for (const { name, storage } of step.tensors.values()) {
      const base = map.baseOf(name);
      const extent = map.linesOf(name);
      let index = this.names.indexOf(storage);
      if (index < 0) index = this.names.push(storage) - 1;
      this.lines[index] = Math.max(this.lines[index] ?? 0, extent);
      this.#pages.fill(index, base / PAGE_LINES, Math.ceil((base + extent) / PAGE_LINES));
    }
  }

  /** Index of the storage that holds `line`; -1 for scratch. */
  find(line: number): number {
    return this.#pages[Math.floor(line / PAGE_LINES)] ?? -1;
  }
}

/**
 * Simulates one kernel of a program alone, from cold caches, with a flush at the end.
 * @param step what the program was lowered from
 * @param index of the kernel, which is that of its operation
 */
export function measureOperation(
  spec: MachineSpec,
  share: ChipShare,
  step: TrainingStep,
  program: Program,
  index: number,
): OperationTraffic {
  const operation = step.operations[index];
  const kernel = program.kernels[index];
  if (operation === undefined || kernel === undefined) throw new RangeError(`there is no operation ${index}`);
  const storages = new StorageIndex(step, program.lines);
  const count = storages.names.length;
  // The last entry is scratch.
  const reads = new Float64Array(count + 1);
  const writes = new Float64Array(count + 1);
  const run = runProgram(
    spec,
    share,
    { ...program, kernels: [kernel] },
    {
      flush: true,
      onMemoryRequest(line, isWrite) {
        const storage = storages.find(line);
        const at = storage < 0 ? count : storage;
        const lines = isWrite ? writes : reads;
        lines[at] = (lines[at] as number) + 1;
      },
    },
  );
  const wanted = new Set(
    tensorAccesses(operation, step, { bnBlocking: 'streaming' })
      .filter((access) => access.reads > 0)
      .map(({ tensor }) => step.tensors.get(tensor)?.storage),
  );
  const traffic = storages.names.flatMap((storage, at): StorageTraffic[] => {
    const readLines = reads[at] as number;
    const writtenLines = writes[at] as number;
    if (readLines + writtenLines === 0) return [];
    const isWanted = wanted.has(storage);
    return [
      {
        storage,
        lines: storages.lines[at] as number,
        readLines: isWanted ? readLines : 0,
        writeAllocateLines: isWanted ? 0 : readLines,
        writtenLines,
      },
    ];
  });
  return {
    operation,
    kernel: run.kernels[0] as KernelResult,
    storages: traffic,
    scratchReadLines: reads[count] as number,
    scratchWrittenLines: writes[count] as number,
  };
}
