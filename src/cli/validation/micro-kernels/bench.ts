/** Small programs bound by one thing each, the law of that thing, and the core that they run on. */
import { loadMachine } from '../../../config/load.js';
import type { Kernel, Program, Target } from '../../../kernel/kernel.js';
import { type Cost, costOf, type InstructionMix } from '../../../kernel/micro-kernel.js';
import { Access, type OpStream } from '../../../kernel/op-stream.js';
import { wholeChip } from '../../../machine/chip.js';
import type { CacheSpec, CoreSpec, LlcSpec, MachineSpec } from '../../../machine/spec.js';
import { type RunResult, runProgram } from '../../../simulate/run.js';
import { wholeSample } from '../../../simulate/share.js';
import { targetOf } from '../../../simulate/target.js';

/** One micro-kernel. */
export interface MicroKernel {
  /** What it does, and the setting that is varied. */
  readonly name: string;
  /** The closed form, in words. */
  readonly law: string;
  readonly unit: string;
  readonly expected: number;
  /** Relative; 2 % unless stated. */
  readonly tolerance?: number;
  /** Runs it. */
  simulate(): number;
}

const LINE_BYTES = 64;

/** The machine whose core and private caches the micro-kernels run on. */
export const BASE_MACHINE = 'skylake-sp-2s';
/** Latency of the ideal memory behind them, ps. */
const MEMORY_PS = 80_000;
/** One way from a core to the one slice, ps. */
const HOP_PS = 2000;

/**
 * One core of the base machine with its private caches, one slice of its last level a fixed way off, no prefetcher, and ideal memory of infinite bandwidth:
 * nothing but the thing under test is narrow.
 */
export function oneCore(): MachineSpec & { readonly l2: CacheSpec; readonly llc: LlcSpec } {
  const { l2, llc, ...machine } = loadMachine(BASE_MACHINE);
  if (l2 === null || llc === null) throw new Error(`${BASE_MACHINE} has three levels`);
  return {
    ...machine,
    sockets: 1,
    coresPerSocket: 1,
    l2,
    llc: { ...llc, slicesPerSocket: 1, occupancyPs: 0 },
    prefetch: { kind: 'none' },
    interconnect: { kind: 'crossbar', columns: 0, rows: 0, hopPs: HOP_PS, linkBytesPerSecond: Infinity },
    socketLink: null,
    memory: { kind: 'ideal', latencyPs: MEMORY_PS, bytesPerSecond: Infinity, channelsPerSocket: 1 },
  };
}

/** The same with another core. */
export function withCore<T extends MachineSpec>(spec: T, changes: Partial<CoreSpec>): T {
  return { ...spec, core: { ...spec.core, ...changes } };
}

/** The same with an L2 of a sixteenth, so that lines that miss it are soon swept. */
export function withSmallL2(spec: ReturnType<typeof oneCore>): ReturnType<typeof oneCore> {
  return { ...spec, l2: { ...spec.l2, capacityBytes: spec.l2.capacityBytes / 16 } };
}

/** The same with fill buffers and MSHRs that are never the bound. */
export function withManyMshrs(spec: ReturnType<typeof oneCore>): ReturnType<typeof oneCore> {
  return { ...spec, l1d: { ...spec.l1d, mshrs: 128 }, l2: { ...spec.l2, mshrs: 128 } };
}

export function cyclePs({ core }: MachineSpec): number {
  return 1e12 / core.frequencyHz;
}

/** What a hit in the last level takes: looked up in the L2, the way there and back, the slice. */
export function llcPs(spec: ReturnType<typeof oneCore>): number {
  return spec.l2.latencyCycles * cyclePs(spec) + 2 * spec.interconnect.hopPs + spec.llc.latencyPs;
}

/** What a line of idle ideal memory takes. */
export function memoryPs(spec: ReturnType<typeof oneCore>): number {
  return llcPs(spec) + MEMORY_PS;
}

/** Lines of a cache. */
export function linesOf({ capacityBytes }: { readonly capacityBytes: number }): number {
  return capacityBytes / LINE_BYTES;
}

/** Bytes per nanosecond, that is GB/s, of lines that take a time each. */
export function gigabytesPerSecond(psPerLine: number): number {
  return (LINE_BYTES * 1000) / psPerLine;
}

export function targetFor(spec: MachineSpec): Target {
  return targetOf(spec, wholeSample(spec, 1), 1);
}

/** What one thread does between two barriers. */
export type Work = (out: OpStream, thread: number) => void;

/** Runs one kernel after the other on all cores of a machine. */
export function runAll(spec: MachineSpec, works: readonly Work[]): RunResult {
  const program: Program = {
    name: 'micro-kernels',
    threads: spec.sockets * spec.coresPerSocket,
    kernels: works.map(
      (work, index): Kernel => ({
        name: `micro-kernel ${index}`,
        type: 'CONV',
        phase: 'forward',
        shape: '',
        flops: 0,
        reads: [],
        writes: [],
        parameters: 'share',
        phases: [{ name: 'work', tileCount: () => 1, emit: (thread, _tile, out) => work(out, thread) }],
      }),
    ),
    lines: 2 ** 22,
    parameterBase: 0,
    parameterEnd: 0,
  };
  return runProgram(spec, wholeChip(spec), program);
}

/** Time of work, ps, after other work has filled the caches; without the barrier behind it. */
export function timePs(spec: MachineSpec, work: Work, ...before: readonly Work[]): number {
  const { kernels, barrierPs } = runAll(spec, [...before, work]);
  return (kernels[before.length]?.timePs ?? Number.NaN) - barrierPs;
}

/** `turns` turns of a stretch of code that touches no line. */
export function repeat(turns: number, { busyCycles, fmaCycles, microOps, loads }: Cost): Work {
  return (out) => {
    out.run(turns, busyCycles, fmaCycles, microOps, loads);
  };
}

/** Cycles per turn of an instruction mix, simulated. */
export function cyclesPerTurn(spec: MachineSpec, mix: InstructionMix, latencyCycles = 0): number {
  const turns = 1000;
  return timePs(spec, repeat(turns, costOf(mix, targetFor(spec), latencyCycles))) / turns / cyclePs(spec);
}

/** One access after the other to `lines` lines from `base` on, each with the given work beside it. */
export function touch(
  lines: number,
  {
    base = 0,
    kind = Access.Load as Access,
    busyCycles = 0.1,
    microOps = 1,
  }: {
    readonly base?: number;
    readonly kind?: Access;
    readonly busyCycles?: number;
    readonly microOps?: number;
  } = {},
): Work {
  return (out) => {
    out.run(lines, busyCycles, 0, microOps, 1).stream(kind, base);
  };
}

/** Work several times over. */
export function times(count: number, work: Work): Work {
  return (out, thread) => {
    for (let turn = 0; turn < count; turn++) work(out, thread);
  };
}
