/** Pointer chases on the shipped machines as they are, at each level, against the latencies that their files add up. */
import { loadMachine } from '../../../config/load.js';
import { Access } from '../../../kernel/op-stream.js';
import { tilesOf } from '../../../machine/chip.js';
import { dramClosedForms } from '../../../machine/dram/closed-form.js';
import { hopsBetween } from '../../../machine/interconnect/topology.js';
import type { MachineSpec } from '../../../machine/spec.js';
import { cyclePs, linesOf, type MicroKernel, timePs, touch, type Work } from './bench.js';

const MACHINES = ['teaching', 'skylake-sp-2s', 'knl-7210', 'titan-x-pascal'];
const LINE_BYTES = 64;
/** Lines chased in memory: more than a few rows of every channel. */
const MEMORY_LINES = 20_000;

/** The machine without what disturbs a lone chase: no prefetcher, no refresh. */
function undisturbed(name: string): MachineSpec {
  const machine = loadMachine(name);
  const { memory } = machine;
  return {
    ...machine,
    prefetch: { kind: 'none' },
    memory:
      memory.kind === 'dram' ? { ...memory, controller: { ...memory.controller, refresh: false } } : memory,
  };
}

/** From core 0 to a slice (or tag directory) and back, over all of them, and what is done there. */
function slicePs(spec: MachineSpec): number {
  const tiles = tilesOf(spec);
  const { hopPs, linkBytesPerSecond } = spec.interconnect;
  let hops = 0;
  let messagesPs = 0;
  for (let to = 0; to < tiles; to++) {
    const distance = hopsBetween(spec.interconnect, tiles, 0, to);
    hops += distance / tiles;
    // A request and a line, where they leave their tile.
    if (distance > 0) messagesPs += 80e12 / linkBytesPerSecond / tiles;
  }
  // A directory alone is taken to answer in the time of a hop.
  return (2 * hops + (spec.llc === null ? 1 : 0)) * hopPs + messagesPs + (spec.llc?.latencyPs ?? 0);
}

/** What a line in an open row takes beyond the slice. */
function openRowPs({ memory }: MachineSpec): number {
  if (memory.kind === 'ideal') return memory.latencyPs;
  return memory.controllerPs + dramClosedForms(memory.part).idleHit * memory.part.tCKps;
}

/** The work of core 0 alone. */
function onCore(core: number, work: Work): Work {
  return (out, thread) => {
    if (thread === core) work(out, thread);
  };
}

function chase(
  machine: string,
  level: string,
  law: string,
  lines: number,
  expectedPs: number,
  before: readonly Work[],
): MicroKernel {
  return {
    name: `pointer chase on ${machine}, ${level}`,
    law,
    unit: 'ns/load',
    expected: expectedPs / 1000,
    simulate: () =>
      timePs(
        undisturbed(machine),
        onCore(0, touch(lines, { kind: Access.LoadDependent, busyCycles: 0 })),
        ...before,
      ) /
      lines /
      1000,
  };
}

function chasesOn(name: string): MicroKernel[] {
  const spec = undisturbed(name);
  const { l1d, l2, llc, socketLink } = spec;
  const twice = (lines: number): Work[] => [onCore(0, touch(lines)), onCore(0, touch(lines))];
  const l1Lines = linesOf(l1d) / 2;
  const lookupPs = (l2 ?? l1d).latencyCycles * cyclePs(spec);
  const privateLines = linesOf(l2 ?? l1d);
  const localPs = lookupPs + slicePs(spec) + openRowPs(spec);
  const kernels = [
    chase(name, 'L1D', 'L1D latency', l1Lines, l1d.latencyCycles * cyclePs(spec), twice(l1Lines)),
  ];
  if (l2 !== null) {
    const lines = privateLines / 2;
    kernels.push(chase(name, 'L2', 'L2 latency', lines, lookupPs, twice(lines)));
  }
  if (llc !== null) {
    const lines = 2 * privateLines;
    kernels.push(
      chase(
        name,
        'last level',
        'lookup + 2 ways with their messages + slice',
        lines,
        lookupPs + slicePs(spec),
        twice(lines),
      ),
    );
  }
  const beyond = 'the same + controller + open row';
  kernels.push(chase(name, 'local memory', beyond, MEMORY_LINES, localPs, []));
  if (socketLink !== null) {
    // A core of the other socket touches a line of each page first.
    const pageLines = spec.pageBytes / LINE_BYTES;
    const other: Work = (out) => {
      out.run(Math.ceil(MEMORY_LINES / pageLines), 1, 0, 1, 1).stream(Access.Load, 0, pageLines);
    };
    kernels.push(
      chase(
        name,
        'remote memory',
        'the same + 2 crossings',
        MEMORY_LINES,
        localPs + 2 * socketLink.latencyPs,
        [onCore(spec.coresPerSocket, other)],
      ),
    );
  }
  return kernels;
}

export function shippedMicroKernels(): MicroKernel[] {
  return MACHINES.flatMap(chasesOn);
}
