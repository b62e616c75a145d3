/** Made-up results that every figure can be drawn from. */
import { EDGE_VARIANTS } from '../../../../src/bound/edge.js';
import { fileSource, loadMachine } from '../../../../src/config/load.js';
import type { Phase } from '../../../../src/kernel/kernel.js';
import type { MachineSpec } from '../../../../src/machine/spec.js';
import type { Network } from '../../../../src/network/layers.js';
import { loadNetwork } from '../../../../src/network/load.js';
import type {
  Figure,
  FigureContent,
  FigurePoint,
  MeasuredEdge,
} from '../../../../src/report/figures/figure.js';
import type { PointSettings } from '../../../../src/simulate/part.js';
import type { OperationResult } from '../../../../src/simulate/point.js';
import {
  DEFAULT_BATCH,
  DEFAULT_SCHEDULE,
  DEFAULT_SEED,
  DEFAULT_SOFTWARE,
} from '../../../../src/sweep/point-options.js';
import { readSweep } from '../../../../src/sweep/sweep-file.js';
import { operationOf, pointOf } from '../fixtures.js';

const networks = new Map<string, Network>();
const machines = new Map<string, MachineSpec>();

/** Settings of a point by names, each file loaded once. */
export function settingsOf(
  network: string,
  machine: string,
  schedule: string,
  batch = DEFAULT_BATCH,
): PointSettings {
  const loadedNetwork = networks.get(network) ?? loadNetwork(network);
  networks.set(network, loadedNetwork);
  const loadedMachine = machines.get(machine) ?? loadMachine(machine);
  machines.set(machine, loadedMachine);
  return {
    network: loadedNetwork,
    machine: loadedMachine,
    schedule,
    batch,
    exact: false,
    seed: DEFAULT_SEED,
    software: DEFAULT_SOFTWARE,
    scheduleOptions: DEFAULT_SCHEDULE,
  };
}

const LAYERS: readonly [name: string, type: OperationResult['type'], share: number][] = [
  ['conv1', 'CONV', 8],
  ['conv2_1/x1', 'CONV', 6],
  ['conv2_6/x1/bn', 'BN', 7],
  ['conv2_6/x1/relu', 'ReLU', 3],
  ['conv2_6/x1', 'CONV', 9],
  ['conv2_6/concat', 'Concat/Split', 5],
  ['conv3_1/x1', 'CONV', 20],
  ['conv4_1/x1', 'CONV', 20],
  ['conv5_1/x1', 'CONV', 20],
  ['pool5', 'Pooling', 1],
  ['fc6', 'FC', 1],
];

/** A point made up of a few operations of each pass. @param seconds of the whole; forward takes a third */
export function madeUp(settings: PointSettings, seconds: number): FigurePoint {
  const shares = LAYERS.reduce((sum, [, , share]) => sum + share, 0);
  const pass = (phase: Phase, time: number): OperationResult[] =>
    LAYERS.map(([name, type, share]) => {
      const own = (time * share) / shares;
      const isConv = type === 'CONV' || type === 'FC';
      return operationOf(`${name}.${phase}`, own, 'compute', {
        type,
        phase,
        // A CONV at 2 TFLOP/s and 50 GB/s, the rest at 180 GB/s; a Concat has no arithmetic.
        flops: type === 'Concat/Split' ? 0 : own * (isConv ? 2e12 : 6e10),
        dramReadBytes: own * (isConv ? 30e9 : 120e9),
        dramWriteBytes: own * (isConv ? 20e9 : 60e9),
      });
    });
  const operations = [
    ...pass('forward', seconds / 3),
    ...pass('backward', (seconds * 2) / 3),
    // Operations without time or bytes are legal.
    operationOf('conv1.update', 0, 'compute', {
      phase: 'update',
      type: 'Update',
      flops: 0,
      dramReadBytes: 0,
      dramWriteBytes: 0,
    }),
  ];
  const { network, machine, schedule, batch } = settings;
  return {
    settings,
    result: pointOf(operations, { network: network.name, machine: machine.name, schedule, batch }),
  };
}

/** Baselines take 1 s; every other schedule a little less, ever less by its place in the list. */
const SECONDS: Readonly<Record<string, number>> = {
  baseline: 1,
  rcf: 1.01,
  'rcf+mvf': 0.95,
  bnff: 0.8,
  'bnff+icf': 0.75,
};

/** The points that a figure asks for. @param scale of all times */
export function pointsFor(figure: Figure, scale = 1): FigurePoint[] {
  if (figure.source === 'points') {
    return figure.points.map(({ network, machine, schedule, batch }, at) =>
      madeUp(settingsOf(network, machine, schedule, batch), scale * (SECONDS[schedule] ?? 1) * (1 + at / 10)),
    );
  }
  if (figure.source === 'edge') return [];
  return readSweep(figure.sweep, fileSource).points.map(({ settings }, at) =>
    madeUp(settings, scale * (settings.schedule === 'baseline' ? 1 + at / 50 : 1)),
  );
}

/** An edge whose counts are met exactly, three quarters of them by reads. */
export function madeUpEdge(): MeasuredEdge {
  const sweeps = (count: number) => ({ read: count * 0.75, written: count * 0.25, writeAllocate: 1 });
  return {
    machine: 'teaching',
    batch: 8,
    cores: 2,
    totalCores: 4,
    mapBytes: 6.5e6,
    variants: EDGE_VARIANTS.map(({ name, forwardSweeps, backwardSweeps }) => ({
      name,
      counted: { forward: forwardSweeps, backward: backwardSweeps },
      result: {
        forward: sweeps(forwardSweeps),
        backward: sweeps(backwardSweeps),
        operations: [],
        closedForm: { forward: { reads: 0, writes: 0 }, backward: { reads: 0, writes: 0 } },
      },
    })),
  };
}

/** Draws a figure from what is made up for it. */
export function drawMadeUp(figure: Figure, scale = 1): FigureContent {
  return figure.source === 'edge'
    ? figure.draw(madeUpEdge(), figure.edge)
    : figure.draw(pointsFor(figure, scale));
}
