/**
 * Kernels and programs: what lowering gives and a machine runs.
 *
 * A program is a list of kernels; a kernel is a list of phases; every phase ends in a barrier of all threads. Within a phase each thread
 * walks its tiles in order and emits the op stream of one tile at a time, so a stream of any length needs little memory.
 */
import type { OpStream } from './op-stream.js';

/** Report category of an operation. A fused operation counts where its CONV (or, without one, its host) counts. */
export type OperationType =
  | 'CONV'
  | 'BN'
  | 'ReLU'
  | 'Concat/Split'
  | 'Pooling'
  | 'Sum'
  | 'FC'
  | 'LRN'
  | 'Loss'
  | 'Dropout'
  | 'Update';

export type Phase = 'forward' | 'backward' | 'update';

/** One stretch of a kernel between two barriers. */
export interface KernelPhase {
  /** For example `mean`, `variance`, `normalise`, `reduce`. */
  readonly name: string;
  /** Tiles of each thread, indexed by thread; Infinity where that is not known beforehand (a trace): the first tile that adds nothing is then the end. */
  tileCount(thread: number): number;
  /** Appends the runs of tile `tile` (0-based within the thread) of `thread` to `out`. Pure: same arguments, same runs. */
  emit(thread: number, tile: number, out: OpStream): void;
}

/** One operation, lowered for a machine: what its threads access and compute, phase by phase, and what that must come to. */
export interface Kernel {
  /** Name of the operation it lowers, for example `conv2_1/x1.backward-data`. Unique in a program. */
  readonly name: string;
  readonly type: OperationType;
  readonly phase: Phase;
  /** Shape to print, for example `120x256x56x56 -> 120x128x56x56, 1x1`. */
  readonly shape: string;
  /** Floating-point operations of the mathematics over all *simulated* threads and images; the emitted flops must sum to exactly this. */
  readonly flops: number;
  /** Lines [base, base + lines) that the mathematics must read, each at least once (what the shadow checker and the bounds use). */
  readonly reads: readonly LineRange[];
  /** Lines that the kernel must write. */
  readonly writes: readonly LineRange[];
  /**
   * How the threads of the whole chip read the parameter region: `whole`, every thread all of it (a CONV's weights), or `share`, each thread its own part (a weight
   * update). A simulated share of the chip fetches whole parameters once for all shares.
   */
  readonly parameters: 'whole' | 'share';
  readonly phases: readonly KernelPhase[];
}

/** A contiguous range of lines that belongs to a named tensor. */
export interface LineRange {
  readonly tensor: string;
  readonly base: number;
  readonly lines: number;
}

/** The kernels of a training step in order: what a machine runs. Addresses are lines of 64 bytes. */
export interface Program {
  /** Network, schedule and batch, for messages. */
  readonly name: string;
  /** Threads that emit (the simulated ones). */
  readonly threads: number;
  readonly kernels: readonly Kernel[];
  /** Lines of the address space in use; addresses are in [0, lines). */
  readonly lines: number;
  /** Lines [parameterBase, parameterEnd) hold parameters, read whole by every slice of the chip. */
  readonly parameterBase: number;
  readonly parameterEnd: number;
}

/**
 * What lowering needs to know of the machine: enough to choose register and cache blocking and to cost a micro-kernel, no more.
 * `simulate` derives it from a machine spec.
 */
export interface Target {
  /** Threads that are simulated; loops over the mini-batch are partitioned over these. */
  readonly threads: number;
  /**
   * Threads of the whole chip. Loops over parameters (weight updates, reductions of weight gradients, fully connected layers) are partitioned over
   * these, and the simulated threads do their share only. Equal to `threads` in exact mode.
   */
  readonly totalThreads: number;
  /** Images of the whole mini-batch (the step itself is built with the simulated images). */
  readonly totalBatch: number;
  readonly issueWidth: number;
  readonly vectorBits: number;
  readonly vectorRegisters: number;
  readonly fmaUnits: number;
  readonly fmaLatencyCycles: number;
  readonly loadPorts: number;
  readonly storePorts: number;
  readonly l1Bytes: number;
  /** Capacity of the private (or tile's) L2 per thread; the L1D's where there is no L2. */
  readonly l2Bytes: number;
  /** Last-level capacity per thread; 0 without an LLC. */
  readonly llcBytesPerThread: number;
}

/** Options on the modelled software that docs/paper.md leaves open. Defaults and sentences live in the configuration schema. */
export interface SoftwareOptions {
  /** Streaming: every BN loop sweeps the tensor. Cached: channel blocks are grouped so that the re-reads hit the caches. */
  readonly bnBlocking: 'streaming' | 'cached';
  /** Non-temporal stores where the software uses them (BN outputs, 1x1 CONV outputs under its rule). */
  readonly nonTemporalStores: boolean;
  /** Software prefetch in the direct convolutions. */
  readonly softwarePrefetch: boolean;
}
