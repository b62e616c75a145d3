/** Micro-kernels of one core bound by its queues, by miss registers, by the bandwidth of a level, or by its latency. */
import { loadDramPart } from '../../../config/load.js';
import { dramChannel } from '../../../config/machine.js';
import { vectorsPerLine } from '../../../kernel/micro-kernel.js';
import { Access } from '../../../kernel/op-stream.js';
import { dramClosedForms } from '../../../machine/dram/closed-form.js';
import type { DramMemorySpec, MachineSpec } from '../../../machine/spec.js';
import {
  cyclePs,
  gigabytesPerSecond,
  linesOf,
  llcPs,
  type MicroKernel,
  memoryPs,
  oneCore,
  targetFor,
  timePs,
  times,
  touch,
  withCore,
  withManyMshrs,
  withSmallL2,
} from './bench.js';

/** Lines of a stream from memory: its first latency is less than a hundredth of it however many lines are under way. */
const STREAM_LINES = 8000;
const GBPS = 'GB/s';

/** The part of the real memory behind the chase and the contention. */
export const PART = 'ddr4-2400';

/** One channel of the part with the controller's defaults. */
export function oneChannel(refresh: boolean): DramMemorySpec {
  return dramChannel(loadDramPart(PART), { refresh });
}

/** Misses of lines from memory that follow each other as fast as the queues let them. */
function streamFromMemory(
  name: string,
  law: string,
  spec: ReturnType<typeof oneCore>,
  linesAtOnce: number,
  options: Parameters<typeof touch>[1] = {},
): MicroKernel {
  return {
    name,
    law,
    unit: GBPS,
    expected: gigabytesPerSecond(memoryPs(spec) / linesAtOnce),
    simulate: () => gigabytesPerSecond(timePs(spec, touch(STREAM_LINES, options)) / STREAM_LINES),
  };
}

function queues(): MicroKernel[] {
  const wide = withManyMshrs(oneCore());
  const { windowEntries } = wide.core;
  return [
    ...[8, 28, 56].map((microOps) =>
      streamFromMemory(
        `loads from memory, ${microOps} micro-ops each, window of ${windowEntries}`,
        'window / micro-ops lines per latency',
        withCore(wide, { loadQueueEntries: 4096 }),
        windowEntries / microOps,
        { microOps },
      ),
    ),
    ...[8, 32, 72].map((loadQueueEntries) =>
      streamFromMemory(
        `loads from memory, load queue of ${loadQueueEntries}`,
        'load queue lines per latency',
        withCore(wide, { windowEntries: 4096, loadQueueEntries }),
        loadQueueEntries,
      ),
    ),
    ...[8, 32, 56].map((storeQueueEntries) =>
      streamFromMemory(
        `stores to memory, store queue of ${storeQueueEntries}`,
        'store queue lines per latency',
        withCore(wide, { storeQueueEntries }),
        storeQueueEntries,
        { kind: Access.Store },
      ),
    ),
    ...[1, 4, 12].map((mshrs) =>
      streamFromMemory(
        `loads from memory, ${mshrs} fill buffer(s)`,
        'fill buffers per latency',
        { ...wide, l1d: { ...wide.l1d, mshrs } },
        mshrs,
      ),
    ),
    streamFromMemory(
      'loads from memory, 8 L2 MSHRs',
      'MSHRs per latency',
      { ...wide, l2: { ...wide.l2, mshrs: 8 } },
      8,
    ),
  ];
}

/** Sweeps over lines that a level holds and the one above does not. */
function sweep(
  name: string,
  law: string,
  spec: MachineSpec,
  lines: number,
  psPerLine: number,
  busyCycles = 0.1,
): MicroKernel {
  const sweeps = 2;
  const once = touch(lines, { busyCycles });
  return {
    name,
    law,
    unit: GBPS,
    expected: gigabytesPerSecond(psPerLine),
    simulate: () => gigabytesPerSecond(timePs(spec, times(sweeps, once), once, once) / (sweeps * lines)),
  };
}

function bandwidths(): MicroKernel[] {
  const base = oneCore();
  const wide = withManyMshrs(base);
  const l2Lines = linesOf(base.l2) / 2;
  const far = withSmallL2(base);
  const llcLines = 4 * linesOf(far.l2);
  const occupancyPs = 5000;
  const bytesPerSecond = 4e9;
  return [
    ...[512, 256].map((vectorBits) => {
      const spec = withCore(base, { vectorBits });
      const busyCycles = vectorsPerLine(targetFor(spec)) / spec.core.loadPorts;
      return sweep(
        `loads from the L1D, ${vectorBits} bits`,
        'load ports x vector',
        spec,
        linesOf(base.l1d) / 2,
        busyCycles * cyclePs(spec),
        busyCycles,
      );
    }),
    ...[base.l2.cyclesPerLine, 4].map((cyclesPerLine) => {
      const spec = { ...wide, l2: { ...wide.l2, cyclesPerLine } };
      return sweep(
        `loads from the L2, a line each ${cyclesPerLine} cycles`,
        'L2 port',
        spec,
        l2Lines,
        cyclesPerLine * cyclePs(spec),
      );
    }),
    sweep(
      'loads from the last level',
      'fill buffers per latency',
      far,
      llcLines,
      llcPs(base) / base.l1d.mshrs,
    ),
    sweep(
      `loads from the last level, slice busy for ${occupancyPs / 1000} ns`,
      'slice occupancy',
      { ...far, llc: { ...base.llc, occupancyPs } },
      llcLines,
      occupancyPs,
    ),
    {
      name: `loads from memory of ${bytesPerSecond / 1e9} GB/s`,
      law: 'memory bandwidth',
      unit: GBPS,
      expected: bytesPerSecond / 1e9,
      simulate() {
        const memory = { ...base.memory, bytesPerSecond } as MachineSpec['memory'];
        const time = timePs({ ...base, memory }, touch(STREAM_LINES));
        return gigabytesPerSecond(time / STREAM_LINES);
      },
    },
  ];
}

/** Loads each of which needs the one before. */
function chase(
  where: string,
  law: string,
  spec: MachineSpec,
  lines: number,
  expectedPs: number,
): MicroKernel {
  const fill = touch(lines);
  const isCold = where.startsWith('memory');
  return {
    name: `pointer chase in the ${where}`,
    law,
    unit: 'ns/load',
    expected: expectedPs / 1000,
    simulate: () =>
      timePs(
        spec,
        touch(lines, { kind: Access.LoadDependent, busyCycles: 0 }),
        ...(isCold ? [] : [fill, fill]),
      ) /
      lines /
      1000,
  };
}

function chases(): MicroKernel[] {
  const base = oneCore();
  const far = withSmallL2(base);
  const channel = oneChannel(false);
  const ns = channel.part.tCKps;
  return [
    chase('L1D', 'L1D latency', base, linesOf(base.l1d) / 2, base.l1d.latencyCycles * cyclePs(base)),
    chase('L2', 'L2 latency', base, linesOf(base.l2) / 2, base.l2.latencyCycles * cyclePs(base)),
    chase('last level', 'L2 lookup + 2 ways + slice', far, 4 * linesOf(far.l2), llcPs(far)),
    chase('memory, ideal', 'the same + memory', base, STREAM_LINES, memoryPs(base)),
    chase(
      `memory, ${PART}, open rows`,
      'the same + tCL + burst',
      { ...base, memory: channel },
      STREAM_LINES,
      llcPs(base) + dramClosedForms(channel.part).idleHit * ns,
    ),
  ];
}

export function memoryMicroKernels(): MicroKernel[] {
  return [...queues(), ...bandwidths(), ...chases()];
}
