/** Undoes fission where neither half found an operation to ride on: one BN kernel again, with its own barriers and cache blocking. */
import type { TrainingStep } from '../../training/step.js';
import { nothingLeft } from '../conditions.js';
import type { SchedulePass } from '../pass.js';
import { StepEditor } from '../step-editor.js';
import { type BnSite, collectBnSites, StepIndex } from '../step-index.js';

export const rejoin: SchedulePass = {
  name: 'rejoin',
  summary: 'Rejoin: a BN whose halves found nothing to ride on becomes one operation again.',
  requires: [],
  ensures: [
    nothingLeft('No BN is split with both halves on their own.', (step) => [
      ...separateForward(step).map((site) => site.normalise),
      ...separateBackward(step).map((site) => site.data),
    ]),
  ],
  apply(step) {
    const editor = new StepEditor(step);
    for (const { statistics, normalise } of separateForward(step)) {
      const { layer, type, phase, batchNorm, input, output, relu } = normalise;
      editor.remove(statistics);
      editor.replace(normalise, [
        {
          name: `${layer}.forward`,
          layer,
          type,
          phase,
          kind: 'bn-forward',
          batchNorm,
          input,
          output,
          relu,
          statistics: statistics.statistics,
        },
      ]);
    }
    for (const { reduce, data } of separateBackward(step)) {
      const { layer, type, phase, batchNorm, input, gradient, output } = data;
      editor.remove(reduce);
      editor.replace(data, [
        {
          name: `${layer}.backward`,
          layer,
          type,
          phase,
          kind: 'bn-backward',
          batchNorm,
          input,
          gradient,
          output,
          maskedBy: null,
        },
      ]);
    }
    return editor.finish();
  },
};

type With<K extends keyof BnSite> = BnSite & { readonly [key in K]: NonNullable<BnSite[key]> };

function separateForward(step: TrainingStep): With<'statistics' | 'normalise'>[] {
  return [...collectBnSites(step).values()].filter(
    (site): site is With<'statistics' | 'normalise'> => site.statistics !== null && site.normalise !== null,
  );
}

/** The sums move to where dX is computed, so nothing before it may need them. */
function separateBackward(step: TrainingStep): With<'reduce' | 'data'>[] {
  const index = new StepIndex(step);
  return [...collectBnSites(step).values()].filter((site): site is With<'reduce' | 'data'> => {
    const { reduce, data } = site;
    if (reduce === null || data === null) return false;
    return !index
      .readersOf(site.batchNorm.gammaGradient)
      .some((reader) => index.positionOf(reader) < index.positionOf(data));
  });
}
