/**
 * Fission: BN = sub-BN1 (mean and variance over the mini-batch) + sub-BN2 (normalise, scale, shift), and the halves of the backward pass
 * likewise (docs/paper.md, "The transformations"). It moves no byte by itself; it makes the halves visible to the fusing passes.
 */
import type { BnBackward, BnForward, Operation } from '../../training/step.js';
import { backwardSplit, forwardSplit } from '../conditions.js';
import type { SchedulePass } from '../pass.js';
import { operationsOf, StepEditor } from '../step-editor.js';

export const fission: SchedulePass = {
  name: 'fission',
  summary: 'Fission: BN is split into statistics and normalise, its backward pass into dgamma/dbeta and dX.',
  requires: [],
  ensures: [forwardSplit, backwardSplit],
  apply(step) {
    const editor = new StepEditor(step);
    for (const whole of operationsOf(step, 'bn-forward')) editor.replace(whole, splitForward(whole));
    for (const whole of operationsOf(step, 'bn-backward')) {
      // The parts have no mask of their own: where ReLU is built in (and RCF could not move it) the backward pass stays whole.
      if (whole.maskedBy === null) editor.replace(whole, splitBackward(whole));
    }
    return editor.finish();
  },
};

function splitForward(whole: BnForward): readonly Operation[] {
  const { layer, type, phase, batchNorm, input } = whole;
  return [
    {
      name: `${layer}.statistics`,
      layer,
      type,
      phase,
      kind: 'bn-statistics',
      batchNorm,
      input,
      statistics: whole.statistics,
    },
    {
      name: `${layer}.normalise`,
      layer,
      type,
      phase,
      kind: 'bn-normalise',
      batchNorm,
      input,
      output: whole.output,
      relu: whole.relu,
    },
  ];
}

function splitBackward(whole: BnBackward): readonly Operation[] {
  const { layer, type, phase, batchNorm, input, gradient, output } = whole;
  return [
    {
      name: `${layer}.backward-reduce`,
      layer,
      type,
      phase,
      kind: 'bn-backward-reduce',
      batchNorm,
      input,
      gradient,
    },
    {
      name: `${layer}.backward-data`,
      layer,
      type,
      phase,
      kind: 'bn-backward-data',
      batchNorm,
      input,
      gradient,
      output,
    },
  ];
}
