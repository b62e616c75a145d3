/** Small machines and programs, with round numbers to reckon with. */
import type { Kernel, Program } from '../../../src/kernel/kernel.js';
import type { OpStream } from '../../../src/kernel/op-stream.js';
import { wholeChip } from '../../../src/machine/chip.js';
import type { MachineSpec } from '../../../src/machine/spec.js';
import { type RunOptions, type RunResult, runProgram } from '../../../src/simulate/run.js';

/** A cycle of the small machine, ps. */
export const CYCLE_PS = 1000;

/** 1 GHz, one socket, one core, all three cache levels, no prefetcher, ideal memory of 80 ns and infinite bandwidth. */
export const SMALL: MachineSpec = {
  name: 'small',
  description: 'A test machine.',
  sockets: 1,
  coresPerSocket: 1,
  core: {
    frequencyHz: 1e12 / CYCLE_PS,
    issueWidth: 4,
    windowEntries: 200,
    loadQueueEntries: 64,
    storeQueueEntries: 32,
    vectorBits: 512,
    vectorRegisters: 32,
    fmaUnits: 2,
    fmaLatencyCycles: 4,
    loadPorts: 2,
    storePorts: 1,
  },
  l1d: {
    capacityBytes: 4096,
    ways: 4,
    replacement: 'lru',
    latencyCycles: 4,
    mshrs: 10,
    sharedBy: 1,
  },
  l2: {
    capacityBytes: 16384,
    ways: 8,
    replacement: 'lru',
    latencyCycles: 12,
    mshrs: 16,
    cyclesPerLine: 2,
    sharedBy: 1,
  },
  llc: {
    sliceBytes: 65536,
    slicesPerSocket: 1,
    ways: 16,
    replacement: 'lru',
    latencyPs: 20_000,
    occupancyPs: 0,
    inclusion: 'victim',
    snoopFilterWays: 16,
  },
  prefetch: { kind: 'none' },
  interconnect: { kind: 'crossbar', columns: 1, rows: 1, hopPs: 1000, linkBytesPerSecond: Infinity },
  socketLink: null,
  memory: { kind: 'ideal', latencyPs: 80_000, bytesPerSecond: Infinity, channelsPerSocket: 1 },
  pagePlacement: 'first-touch',
  pageBytes: 4096,
};

/** What misses the private caches has been looked up in the last of them first. */
export function lookupPs(spec: MachineSpec): number {
  return Math.round(((spec.l2 ?? spec.l1d).latencyCycles * 1e12) / spec.core.frequencyHz);
}

/** Time from a core to a slice and back, and in the slice: what a hit in the last level takes. */
export function llcPs(spec: MachineSpec): number {
  return lookupPs(spec) + 2 * spec.interconnect.hopPs + (spec.llc?.latencyPs ?? spec.interconnect.hopPs);
}

/** What a line from idle ideal memory takes. */
export function dramPs(spec: MachineSpec): number {
  if (spec.memory.kind !== 'ideal') throw new Error('not ideal');
  const linePs = (64e12 * spec.memory.channelsPerSocket) / spec.memory.bytesPerSecond;
  return llcPs(spec) + spec.memory.latencyPs + Math.ceil(linePs);
}

/** What one thread does in one phase. */
export type Work = (thread: number, out: OpStream) => void;

/** A program of one kernel with the given phases, each thread doing one tile. */
export function programOf(threads: number, phases: readonly Work[], lines = 1 << 20): Program {
  return kernelsOf(threads, [phases], lines);
}

/** A program of several kernels. */
export function kernelsOf(threads: number, kernels: readonly (readonly Work[])[], lines = 1 << 20): Program {
  return {
    name: 'test',
    threads,
    lines,
    parameterBase: 0,
    parameterEnd: 0,
    kernels: kernels.map(
      (phases, index): Kernel => ({
        name: `kernel ${index}`,
        type: 'CONV',
        phase: 'forward',
        shape: '',
        flops: 0,
        reads: [],
        writes: [],
        parameters: 'share',
        phases: phases.map((work, phase) => ({
          name: `phase ${phase}`,
          tileCount: () => 1,
          emit: (thread, _tile, out) => work(thread, out),
        })),
      }),
    ),
  };
}

/** Runs a program on the whole machine. */
export function run(spec: MachineSpec, program: Program, options: RunOptions = {}): RunResult {
  return runProgram(spec, wholeChip(spec), program, options);
}

/** Time of the last kernel of a program, ps. */
export function timeOf(spec: MachineSpec, program: Program): number {
  const kernels = run(spec, program).kernels;
  return (kernels[kernels.length - 1] as (typeof kernels)[number]).timePs;
}

/** The larger of the two over the smaller, minus 1. */
export function deviation(a: number, b: number): number {
  return Math.max(a, b) / Math.min(a, b) - 1;
}
