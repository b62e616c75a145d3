/**
 * Sweeps over the feature maps of one CONV-BN-ReLU-CONV edge: docs/paper.md's counts, and the same counts from a training step in closed form.
 *
 * The edge is CONV_a -> BN -> ReLU -> CONV_b; X, Y, Z are what CONV_a, BN and ReLU write. All six maps (X, Y, Z and their gradients) have
 * the same size, so a sweep means the same number of bytes for each.
 */
import type { ScheduleOptions } from '../schedule/pass.js';
import type { TrainingStep } from '../training/step.js';
import { featureSweeps } from './sweeps.js';

/** Names of the edge's layers in the network that it is built of. */
export const EDGE_LAYERS = { convA: 'a', bn: 'bn', relu: 'relu', convB: 'b' } as const;

/** A schedule with its options, and how many sweeps docs/paper.md counts for it. */
export interface EdgeVariant {
  /** What the table calls it. */
  readonly name: string;
  readonly schedule: string;
  readonly options: ScheduleOptions;
  readonly forwardSweeps: number;
  readonly backwardSweeps: number;
}

const RECOMPUTED: ScheduleOptions = { storeZ: false, materialiseDx: true };

/** docs/paper.md, "Forward sweeps per edge" and "Backward sweeps per edge" [D]. MVF changes nothing backward, and ICF nothing where there is no Concat. */
export const EDGE_VARIANTS: readonly EdgeVariant[] = [
  { name: 'baseline', schedule: 'baseline', options: RECOMPUTED, forwardSweeps: 8, backwardSweeps: 12 },
  { name: 'rcf', schedule: 'rcf', options: RECOMPUTED, forwardSweeps: 6, backwardSweeps: 10 },
  { name: 'rcf+mvf', schedule: 'rcf+mvf', options: RECOMPUTED, forwardSweeps: 5, backwardSweeps: 10 },
  { name: 'bnff', schedule: 'bnff', options: RECOMPUTED, forwardSweeps: 2, backwardSweeps: 7 },
  {
    name: 'bnff, Z stored',
    schedule: 'bnff',
    options: { storeZ: true, materialiseDx: true },
    forwardSweeps: 3,
    backwardSweeps: 7,
  },
  {
    name: 'bnff, dX not materialised',
    schedule: 'bnff',
    options: { storeZ: false, materialiseDx: false },
    forwardSweeps: 2,
    backwardSweeps: 7,
  },
  { name: 'bnff+icf', schedule: 'bnff+icf', options: RECOMPUTED, forwardSweeps: 2, backwardSweeps: 7 },
];

/** Whether a tensor is one of the edge's maps: X, Y, Z (stored by the baseline or by a schedule) or a gradient of one. */
export function isEdgeTensor(name: string): boolean {
  const { convA, bn, relu } = EDGE_LAYERS;
  const maps = [convA, bn, relu, `${bn}.z`];
  return maps.includes(name) || [convA, bn, relu].some((layer) => name === `${layer}.gradient`);
}

/** Sweeps of a pass over the edge's maps, in closed form. */
export interface EdgeSweeps {
  readonly reads: number;
  readonly writes: number;
}

/** What a step's operations sweep of the edge's maps, BN streaming. */
export function countEdgeSweeps(step: TrainingStep, phase: 'forward' | 'backward'): EdgeSweeps {
  let reads = 0;
  let writes = 0;
  for (const operation of step.operations) {
    if (operation.phase !== phase) continue;
    for (const access of featureSweeps(operation, step, { bnBlocking: 'streaming' })) {
      if (!isEdgeTensor(access.tensor)) continue;
      reads += access.reads;
      writes += access.writes;
    }
  }
  return { reads, writes };
}
