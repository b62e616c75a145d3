/** MVF, mean/variance fusion: both from one read, var = E[X^2] - E[X]^2 (docs/paper.md, "The transformations"). */
import { singlePassStatistics } from '../conditions.js';
import type { SchedulePass } from '../pass.js';
import { operationsOf, StepEditor } from '../step-editor.js';

export const mvf: SchedulePass = {
  name: 'mvf',
  summary: 'Mean/variance fusion: BN computes mean and variance from one read of its input.',
  requires: [],
  ensures: [singlePassStatistics],
  apply(step) {
    const editor = new StepEditor(step);
    for (const operation of [...operationsOf(step, 'bn-forward'), ...operationsOf(step, 'bn-statistics')]) {
      editor.update(operation, (current) => ({ ...current, statistics: 'single-pass' }));
    }
    return editor.finish();
  },
};
