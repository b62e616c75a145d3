/** How much work a part of a point is for the host: what balances the workers and weighs the progress. Never part of a result. */
import { operationTraffic } from '../bound/sweeps.js';
import { LINE_BYTES } from '../kernel/op-stream.js';
import { PILOT_LINES } from '../simulate/calibration.js';
import { type PartName, PILOTS, type PointSettings, pilotSampleOf, sampleOf } from '../simulate/part.js';
import type { TrainingStep } from '../training/step.js';

/** Feature bytes of a pilot per simulated core, behind its predecessor or cut short (see `runPilots`): the middle of both. */
const PILOT_BYTES_PER_CORE = 2 * PILOT_LINES * LINE_BYTES;

/**
 * Work of a part, relative to others: bytes of feature maps that the simulated images sweep.
 * @param step the point's training step, built with the sample's images
 */
export function estimatePart(point: PointSettings, part: PartName, step: TrainingStep): number {
  if (part === 'pilots') {
    const cores = sampleOf(point).share.cores + pilotSampleOf(point).share.cores;
    return PILOTS * PILOT_BYTES_PER_CORE * cores;
  }
  return step.operations.reduce((sum, operation) => {
    if (part !== 'whole' && (operation.phase === 'forward') !== (part === 'forward')) return sum;
    const { readBytes, writeBytes } = operationTraffic(operation, step, point.software);
    return sum + readBytes + writeBytes;
  }, 0);
}
