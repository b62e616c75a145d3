/** Micro-kernels bound by the pipeline: FMA units and their latency, ports, issue slots, and register blocks of convolutions. */
import { reductionCost, stepCost } from '../../../kernel/micro-kernel.js';
import {
  cyclePs,
  cyclesPerTurn,
  type MicroKernel,
  oneCore,
  repeat,
  targetFor,
  timePs,
  withCore,
} from './bench.js';

/** Micro-ops of a loop beside its body: two pointers, a count, a fused compare-and-branch. */
const LOOP = 4;

/** Independent multiply-adds, 24 accumulators in turn. */
function fmaThroughput(fmaUnits: number, vectorBits: number): MicroKernel {
  const spec = withCore(oneCore(), { fmaUnits, vectorBits });
  const accumulators = 24;
  const flopsPerTurn = (accumulators * 2 * vectorBits) / 32;
  return {
    name: `FMA throughput, ${fmaUnits} x ${vectorBits} bits`,
    law: 'units x lanes x 2',
    unit: 'FLOP/cycle',
    expected: (fmaUnits * vectorBits * 2) / 32,
    simulate: () =>
      flopsPerTurn /
      cyclesPerTurn(
        spec,
        { arithmetic: accumulators, loads: 0, stores: 0, microOps: accumulators + LOOP },
        spec.core.fmaLatencyCycles,
      ),
  };
}

/** One step of a register block with one vector of weights and fewer accumulators than latency x units. */
function fmaLatency(accumulators: number): MicroKernel {
  const spec = oneCore();
  const { fmaUnits, fmaLatencyCycles } = spec.core;
  const turns = 1000;
  return {
    name: `FMA latency, ${accumulators} accumulator(s) for ${fmaUnits} x ${fmaLatencyCycles}`,
    law: 'latency per round',
    unit: 'cycles/round',
    expected: fmaLatencyCycles,
    simulate: () =>
      timePs(spec, repeat(turns, stepCost(accumulators, 1, false, targetFor(spec)))) / turns / cyclePs(spec),
  };
}

function loadPort(loadPorts: number): MicroKernel {
  const loads = 16;
  return {
    name: `loads, ${loadPorts} load port(s)`,
    law: 'loads / ports',
    unit: 'cycles/16 loads',
    expected: loads / loadPorts,
    simulate: () =>
      cyclesPerTurn(withCore(oneCore(), { loadPorts }), { arithmetic: 0, loads, stores: 0, microOps: loads }),
  };
}

function storePort(storePorts: number): MicroKernel {
  const stores = 16;
  return {
    name: `stores, ${storePorts} store port(s)`,
    law: 'stores / ports',
    unit: 'cycles/16 stores',
    expected: stores / storePorts,
    simulate: () =>
      cyclesPerTurn(withCore(oneCore(), { storePorts }), {
        arithmetic: 0,
        loads: 0,
        stores,
        microOps: stores,
      }),
  };
}

function issueWidth(width: number): MicroKernel {
  const microOps = 32;
  return {
    name: `a mix of everything, ${width} issue slots`,
    law: 'micro-ops / width',
    unit: 'cycles/32 micro-ops',
    expected: microOps / width,
    simulate: () =>
      cyclesPerTurn(withCore(oneCore(), { issueWidth: width }), {
        arithmetic: 8,
        loads: 8,
        stores: 4,
        microOps,
      }),
  };
}

interface Block {
  readonly pixels: number;
  readonly vectors: number;
  /** Elements are broadcast into registers for several vectors; else each multiply-add takes its own from memory. */
  readonly explicit: boolean;
  readonly fmaUnits: number;
  readonly vectorBits: number;
}

/** The reduction of a 3x3 convolution over 16 channels, an unrolled turn of the loop per filter row. */
function registerBlock({ pixels, vectors, explicit, fmaUnits, vectorBits }: Block): MicroKernel {
  const spec = withCore(oneCore(), { fmaUnits, vectorBits });
  const { core } = spec;
  const steps = 9 * 16;
  const rows = 3;
  const weights = (vectors * 512) / vectorBits;
  const accumulators = pixels * weights;
  const loads = weights + (explicit ? pixels : accumulators);
  const microOps = accumulators + weights + (explicit ? pixels : 0);
  return {
    name: `register block of ${pixels} pixels x ${vectors}, ${explicit ? 'broadcasts' : 'elements from memory'}, ${fmaUnits} x ${vectorBits} bits`,
    law: 'most of FMAs / units, loads / ports, micro-ops / width, latency',
    unit: 'cycles/step',
    expected: Math.max(
      accumulators / fmaUnits,
      loads / core.loadPorts,
      (microOps + (rows * LOOP) / steps) / core.issueWidth,
      core.fmaLatencyCycles,
    ),
    simulate: () => {
      const target = targetFor(spec);
      const cost = reductionCost(stepCost(pixels, vectors, explicit, target), steps, rows, target);
      return timePs(spec, repeat(100, cost)) / (100 * steps) / cyclePs(spec);
    },
  };
}

const CORES = [
  { fmaUnits: 1, vectorBits: 256 },
  { fmaUnits: 2, vectorBits: 256 },
  { fmaUnits: 1, vectorBits: 512 },
  { fmaUnits: 2, vectorBits: 512 },
] as const;

const BLOCKS = [
  { pixels: 6, vectors: 1, explicit: false },
  { pixels: 14, vectors: 1, explicit: false },
  { pixels: 28, vectors: 1, explicit: false },
  { pixels: 6, vectors: 4, explicit: true },
] as const;

export function pipelineMicroKernels(): MicroKernel[] {
  return [
    ...CORES.map(({ fmaUnits, vectorBits }) => fmaThroughput(fmaUnits, vectorBits)),
    ...[1, 2, 4, 6].map(fmaLatency),
    ...[1, 2, 4].map(loadPort),
    ...[1, 2].map(storePort),
    ...[2, 4, 6].map(issueWidth),
    ...BLOCKS.flatMap((block) => CORES.map((core) => registerBlock({ ...block, ...core }))),
  ];
}
