/**
 * The first half of BNFF, forward: sub-BN1's sums are accumulated by CONV_a as it writes X (docs/paper.md, "The transformations"). One read of
 * X per BN goes.
 */
import type { TrainingStep } from '../../training/step.js';
import { forwardSplit, nothingLeft, singlePassStatistics } from '../conditions.js';
import type { SchedulePass } from '../pass.js';
import { StepEditor } from '../step-editor.js';
import {
  type BnSite,
  collectBnSites,
  type Decision,
  describe,
  fuseInto,
  type OperationOf,
  StepIndex,
  stays,
} from '../step-index.js';

export const fuseStatistics: SchedulePass = {
  name: 'fuse-statistics',
  summary: "BN's sums are accumulated in the epilogue of the CONV that writes its input.",
  requires: [singlePassStatistics, forwardSplit],
  ensures: [
    nothingLeft('No BN whose input a CONV writes sweeps it for statistics.', (step) =>
      fusable(step).map(({ statistics }) => statistics),
    ),
  ],
  apply(step) {
    const editor = new StepEditor(step);
    for (const { statistics, conv, batchNorm } of fusable(step)) {
      editor.remove(statistics);
      editor.update(conv, (current) => ({
        ...current,
        statistics: [
          ...current.statistics,
          { batchNorm: batchNorm.layer, channelOffset: 0, channels: batchNorm.channels },
        ],
      }));
    }
    return editor.finish();
  },
};

/** The CONV that can accumulate the sums, or why none can. */
export function findStatisticsConv(index: StepIndex, site: BnSite): Decision<OperationOf<'conv-forward'>> {
  if (site.input === null) return stays('its input is not in the step');
  const producer = index.producerOf(site.input);
  if (producer === null) return stays(`its input "${site.input}" comes from outside the step`);
  if (producer.kind !== 'conv-forward')
    return stays(`its input is written by ${describe(producer)}, not by a CONV`);
  return fuseInto(producer);
}

function fusable(step: TrainingStep) {
  const index = new StepIndex(step);
  return [...collectBnSites(step).values()].flatMap(({ statistics, batchNorm, ...site }) => {
    if (statistics === null) return [];
    const { host } = findStatisticsConv(index, { statistics, batchNorm, ...site });
    return host === null ? [] : [{ statistics, batchNorm, conv: host }];
  });
}
