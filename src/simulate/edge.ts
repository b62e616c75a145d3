/** Sweeps of one CONV-BN-ReLU-CONV edge, counted from the lines that its operations move on a simulated machine. */
import { countEdgeSweeps, EDGE_LAYERS, type EdgeSweeps, isEdgeTensor } from '../bound/edge.js';
import type { SoftwareOptions } from '../kernel/kernel.js';
import { lowerProgram } from '../kernel/lower.js';
import { LINE_BYTES } from '../kernel/op-stream.js';
import type { MachineSpec } from '../machine/spec.js';
import type { Network } from '../network/layers.js';
import { parseNetwork } from '../network/parse.js';
import { applySchedule } from '../schedule/apply.js';
import type { ScheduleOptions, SchedulePass } from '../schedule/pass.js';
import { buildTrainingStep } from '../training/build.js';
import type { Operation } from '../training/step.js';
import { type Sample, smallestShare } from './share.js';
import { targetOf } from './target.js';
import { measureOperation, type OperationTraffic } from './tensor-traffic.js';

/** What an edge is made of. */
export interface EdgeShape {
  /** Images of the mini-batch. */
  readonly batch: number;
  /** Channels of X, Y and Z. */
  readonly channels: number;
  /** Height and width of all maps, pixels. */
  readonly image: number;
}

/** Sweeps in multiples of a whole map of X's size. */
export interface SimulatedSweeps {
  readonly read: number;
  readonly written: number;
  /** Reads on account of ordinary stores that miss, which docs/paper.md's counts leave out. */
  readonly writeAllocate: number;
}

export interface EdgeOperation extends SimulatedSweeps {
  readonly name: string;
  readonly phase: 'forward' | 'backward';
}

export interface EdgeResult {
  readonly forward: SimulatedSweeps;
  readonly backward: SimulatedSweeps;
  /** Operations that touch one of the edge's maps, in order. */
  readonly operations: readonly EdgeOperation[];
  /** What the step's operations must sweep, in closed form. */
  readonly closedForm: { readonly forward: EdgeSweeps; readonly backward: EdgeSweeps };
}

/** Cores that are simulated at least: one alone shares nothing. */
const MINIMUM_CORES = 2;
/** Maps must be this many times as large as the caches, so that nothing of a sweep is left for the next one. */
export const CACHE_MULTIPLE = 4;

/**
 * The edge with the smallest network around it: a CONV before it, so that CONV_a has an input gradient to compute, and a classifier behind it. CONV_b is a 3x3
 * with a quarter of the channels, as in a DenseNet composite layer.
 */
export function edgeNetwork({ channels, image }: EdgeShape): Network {
  const { convA, bn, relu, convB } = EDGE_LAYERS;
  const quarter = Math.max(16, Math.round(channels / 64) * 16);
  const half = Math.max(16, Math.round(channels / 32) * 16);
  return parseNetwork(
    `
name: edge
description: one CONV-BN-ReLU-CONV edge
input: {channels: 3, height: ${image}, width: ${image}}
layers:
  - {type: conv, name: stem, channels: ${half}, kernel: 3, pad: 1}
  - {type: conv, name: ${convA}, channels: ${channels}, kernel: 1}
  - {type: bn, name: ${bn}}
  - {type: relu, name: ${relu}}
  - {type: conv, name: ${convB}, channels: ${quarter}, kernel: 3, pad: 1}
  - {type: global-pool, name: pool}
  - {type: fc, name: fc, channels: 16}
  - {type: softmax-loss, name: loss}
`,
    'edge',
  );
}

/** The share of the machine that an edge is simulated on. */
export function edgeSample(machine: MachineSpec, batch: number): Sample {
  return smallestShare(machine, batch, MINIMUM_CORES);
}

/** Bytes of all caches of the simulated share. */
export function simulatedCacheBytes(machine: MachineSpec, { share }: Sample): number {
  const sockets = share.cores === share.totalCores ? machine.sockets : 1;
  const l1 = share.cores * machine.l1d.capacityBytes;
  const l2 = machine.l2 === null ? 0 : (share.cores / machine.l2.sharedBy) * machine.l2.capacityBytes;
  const llc = machine.llc === null ? 0 : sockets * share.slices * machine.llc.sliceBytes;
  return l1 + l2 + llc;
}

/** Bytes of one map of the simulated images. */
export function mapBytes({ channels, image }: EdgeShape, { images }: Sample): number {
  return images * Math.ceil(channels / 16) * image * image * LINE_BYTES;
}

/** The smallest mini-batch (a multiple of the cores) whose maps are CACHE_MULTIPLE times as large as the caches. */
export function smallestEdgeBatch(machine: MachineSpec, shape: Omit<EdgeShape, 'batch'>): number {
  const cores = machine.sockets * machine.coresPerSocket;
  for (let batch = cores; ; batch += cores) {
    const sample = edgeSample(machine, batch);
    if (mapBytes({ ...shape, batch }, sample) >= CACHE_MULTIPLE * simulatedCacheBytes(machine, sample))
      return batch;
  }
}

export interface EdgeSettings {
  readonly machine: MachineSpec;
  readonly shape: EdgeShape;
  readonly software: SoftwareOptions & { readonly fuseBnRelu: boolean };
  readonly userPasses?: readonly SchedulePass[];
}

/** Measures schedules on one edge; operations that schedules have in common are simulated once. */
export class EdgeMeasurement {
  readonly sample: Sample;
  readonly #settings: EdgeSettings;
  readonly #known = new Map<string, EdgeOperation | null>();

  constructor(settings: EdgeSettings) {
    this.#settings = settings;
    this.sample = edgeSample(settings.machine, settings.shape.batch);
  }

  /**
   * @throws ScheduleError, UnknownScheduleError where the schedule is illegal or unknown
   */
  measure(
    schedule: string,
    options: ScheduleOptions,
    onOperation: (name: string) => void = () => {},
  ): EdgeResult {
    const { machine, shape, software, userPasses } = this.#settings;
    const { share, images } = this.sample;
    const baseline = buildTrainingStep(edgeNetwork(shape), {
      batch: images,
      fuseBnRelu: software.fuseBnRelu,
    });
    const step = applySchedule(baseline, schedule, options, userPasses);
    const program = lowerProgram(step, targetOf(machine, this.sample, shape.batch), software);
    const edgeLayers: readonly string[] = Object.values(EDGE_LAYERS);
    const edgeStorages = new Set(
      [...step.tensors.values()].filter(({ name }) => isEdgeTensor(name)).map(({ storage }) => storage),
    );
    const operations: EdgeOperation[] = [];
    step.operations.forEach((operation, index) => {
      const { phase } = operation;
      if (!edgeLayers.includes(operation.layer) || phase === 'update') return;
      const key = operationKey(operation, (tensor) => step.tensors.get(tensor)?.storage);
      let measured = this.#known.get(key);
      if (measured === undefined) {
        onOperation(operation.name);
        const traffic = measureOperation(machine, share, step, program, index);
        measured = toSweeps(operation.name, phase, traffic, edgeStorages);
        this.#known.set(key, measured);
      }
      if (measured !== null) operations.push(measured);
    });
    const closedForm = {
      forward: countEdgeSweeps(step, 'forward'),
      backward: countEdgeSweeps(step, 'backward'),
    };
    const total = (phase: 'forward' | 'backward'): SimulatedSweeps => {
      const of = operations.filter((operation) => operation.phase === phase);
      const sum = (key: keyof SimulatedSweeps) => of.reduce((all, operation) => all + operation[key], 0);
      return { read: sum('read'), written: sum('written'), writeAllocate: sum('writeAllocate') };
    };
    return { forward: total('forward'), backward: total('backward'), operations, closedForm };
  }
}

/** Two schedules' operations with this in common have the same kernel, up to where its tensors lie. */
function operationKey(operation: Operation, storageOf: (tensor: string) => string | undefined): string {
  const storages: (string | undefined)[] = [];
  const text = JSON.stringify(operation, (_key, value) => {
    if (typeof value === 'string') storages.push(storageOf(value));
    return value;
  });
  const order = [...new Set(storages.filter((storage) => storage !== undefined))];
  return `${text} ${storages.map((storage) => (storage === undefined ? '' : order.indexOf(storage))).join()}`;
}

function toSweeps(
  name: string,
  phase: 'forward' | 'backward',
  traffic: OperationTraffic,
  edgeStorages: ReadonlySet<string>,
): EdgeOperation | null {
  const own = traffic.storages.filter(({ storage }) => edgeStorages.has(storage));
  if (own.length === 0) return null;
  const sum = (lines: (of: (typeof own)[number]) => number) =>
    own.reduce((all, of) => all + lines(of) / of.lines, 0);
  return {
    name,
    phase,
    read: sum(({ readLines }) => readLines),
    written: sum(({ writtenLines }) => writtenLines),
    writeAllocate: sum(({ writeAllocateLines }) => writeAllocateLines),
  };
}
