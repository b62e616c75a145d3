/** How large the means of a network's BN inputs are against their standard deviations. */
import type { TrainingStep } from '../../training/step.js';
import { executeStep } from '../execute.js';
import { Execution } from '../execution.js';
import { initialise } from '../initialise.js';
import type { NetworkRatio } from './render-single-pass-variance.js';

/** Executes the step once, in float64, and finds the channel with the largest |mean| / std of all BN layers. */
export function findLargestRatio(step: TrainingStep, seed: string): NetworkRatio {
  const execution = new Execution(step, 'float64');
  initialise(execution, seed);
  executeStep(execution);
  let largestRatio = 0;
  let layer = '';
  for (const batchNorm of step.batchNorms.values()) {
    const mean = execution.read(batchNorm.mean);
    const variance = execution.read(batchNorm.variance);
    for (let channel = 0; channel < mean.length; channel++) {
      // A channel that is constant (an image's padding, a dead ReLU) has nothing to normalise.
      if (variance[channel] === 0) continue;
      const ratio = Math.abs(mean[channel]) / Math.sqrt(variance[channel]);
      if (ratio > largestRatio) {
        largestRatio = ratio;
        layer = batchNorm.layer;
      }
    }
  }
  return { network: step.network, batchNorms: step.batchNorms.size, largestRatio, layer };
}
