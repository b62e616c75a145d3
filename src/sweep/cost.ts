/** How much work a part of a point is for the host: what balances the workers and weighs the progress. Never part of a result. */
import { operationTraffic } from '../bound/sweeps.js';
import { LINE_BYTES } from '../kernel/op-stream.js';
import { PILOT_LINES } from '../simulate/calibration.js';
import { type PartName, PILOTS, type PointSettings, pilotSampleOf, sampleOf } from '../simulate/part.js';
import type { TrainingStep } from '../training/step.js';

/**
 * Feature bytes of a pilot per simulated core: cut short phase by phase, or whole behind its predecessor (see `runPilots`). Measured as time, on the share and on a socket of
 * skylake-sp-2s together: three times what two phases of PILOT_LINES lines would be.
 */
const PILOT_BYTES_PER_CORE = 6 * PILOT_LINES * LINE_BYTES;

/** Work of a line of ideal memory, relative to one of DRAM, whose scheduler takes half of a line's time (docs/performance.md). */
const IDEAL_MEMORY_WORK = 0.55;

/** CPU time of a line on the host that the shipped sweeps were timed on, ns: what turns the work of a part into a first guess of its time. */
const HOST_NS_PER_LINE = 440;

/** A first guess of the CPU time that work takes, seconds. */
export function estimateSeconds(work: number): number {
  return (work / LINE_BYTES) * HOST_NS_PER_LINE * 1e-9;
}

/**
 * Work of a part, relative to others: bytes of feature maps that the simulated images sweep, where memory is DRAM.
 * @param step the point's training step, built with the sample's images
 */
export function estimatePart(point: PointSettings, part: PartName, step: TrainingStep): number {
  const weight = point.machine.memory.kind === 'ideal' ? IDEAL_MEMORY_WORK : 1;
  return weight * estimateBytes(point, part, step);
}

function estimateBytes(point: PointSettings, part: PartName, step: TrainingStep): number {
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
