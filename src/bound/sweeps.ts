/**
 * Feature-map traffic of a training step in closed form, if nothing that one operation leaves in a cache were of use to the next.
 *
 * An estimate to hold simulated DRAM bytes against, never a number to print as simulated. Counted: every sweep over a feature map or its
 * gradient at N*C*H*W*4 bytes, the input image included. Left out: parameters, per-channel vectors, masks, labels, write-allocate reads,
 * and the padding of channels to whole lines.
 */
import { type AccessOptions, type TensorAccess, tensorAccesses } from '../training/accesses.js';
import type { Operation, TensorRole, TrainingStep } from '../training/step.js';
import { sweepBytes } from '../training/tensors.js';

const FEATURE_ROLES = new Set<TensorRole>(['feature', 'feature-gradient']);

export interface Traffic {
  readonly readBytes: number;
  readonly writeBytes: number;
}

/** Traffic of the two passes; updates touch no feature map. */
export interface FeatureTraffic {
  readonly forward: Traffic;
  readonly backward: Traffic;
}

/** Feature maps and gradients of them that an operation sweeps, and how often each. */
export function featureSweeps(
  operation: Operation,
  step: TrainingStep,
  options: AccessOptions,
): TensorAccess[] {
  return tensorAccesses(operation, step, options).filter(({ tensor }) => {
    const role = step.tensors.get(tensor)?.role;
    return role !== undefined && FEATURE_ROLES.has(role);
  });
}

/** Bytes that one operation moves by its feature sweeps. */
export function operationTraffic(operation: Operation, step: TrainingStep, options: AccessOptions): Traffic {
  let readBytes = 0;
  let writeBytes = 0;
  for (const { tensor, reads, writes } of featureSweeps(operation, step, options)) {
    const found = step.tensors.get(tensor);
    if (found === undefined) continue;
    readBytes += reads * sweepBytes(found);
    writeBytes += writes * sweepBytes(found);
  }
  return { readBytes, writeBytes };
}

/** Bytes that all operations of a step move by their feature sweeps. */
export function featureTraffic(step: TrainingStep, options: AccessOptions): FeatureTraffic {
  const total = (phase: Operation['phase']): Traffic => {
    let readBytes = 0;
    let writeBytes = 0;
    for (const operation of step.operations) {
      if (operation.phase !== phase) continue;
      const traffic = operationTraffic(operation, step, options);
      readBytes += traffic.readBytes;
      writeBytes += traffic.writeBytes;
    }
    return { readBytes, writeBytes };
  };
  return { forward: total('forward'), backward: total('backward') };
}
