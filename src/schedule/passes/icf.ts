/**
 * ICF, inter-composite-layer fusion: the sums of a BN behind a Concat ride on the Concat's copies, and its gradient half rides on the operation that
 * takes dX: Split's gradient sum, or Concat's backward copies where the BN is the Concat's only consumer (docs/paper.md, "The transformations").
 *
 * Forward one read of X goes; backward the write of dX and a read of it. It applies only where there is a Concat.
 */
import type { GradientSource, TrainingStep } from '../../training/step.js';
import { backwardSplit, forwardSplit, nothingLeft, singlePassStatistics } from '../conditions.js';
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

type GradientTaker = OperationOf<'split-backward'> | OperationOf<'concat-backward'>;

export const icf: SchedulePass = {
  name: 'icf',
  summary:
    "Inter-composite-layer fusion: a BN's sums ride on the Concat before it, its input gradient on Split or Concat backward.",
  requires: [singlePassStatistics, forwardSplit, backwardSplit],
  ensures: [
    nothingLeft(
      'No BN at a Concat sweeps for its statistics or its input gradient where the Concat or Split could.',
      (step) => [
        ...fusableStatistics(step).map(({ statistics }) => statistics),
        ...fusableGradients(step).map(({ data }) => data),
      ],
    ),
  ],
  apply(step) {
    const editor = new StepEditor(step);
    for (const { statistics, batchNorm, concat } of fusableStatistics(step)) {
      editor.remove(statistics);
      editor.update(concat, (current) => ({
        ...current,
        statistics: [
          ...current.statistics,
          { batchNorm: batchNorm.layer, channelOffset: 0, channels: batchNorm.channels },
        ],
      }));
    }
    for (const { data, taker } of fusableGradients(step)) {
      editor.remove(data);
      editor.update(taker, (current) => takeThrough(current, data));
    }
    return editor.finish();
  },
};

/** The Concat that can accumulate the sums as it copies, or why none can. */
export function findStatisticsConcat(
  index: StepIndex,
  site: BnSite,
): Decision<OperationOf<'concat-forward'>> {
  if (site.input === null) return stays('its input is not in the step');
  const producer = index.producerOf(site.input);
  if (producer?.kind === 'concat-forward') return fuseInto(producer);
  return stays(
    `its input is written by ${producer ? describe(producer) : 'nothing in the step'}, not by a Concat`,
  );
}

/** The Split or Concat backward that can compute dX as it takes it, or why none can. */
export function findGradientTaker(index: StepIndex, site: BnSite): Decision<GradientTaker> {
  const { input: x, inputGradient: dX, outputGradient: dY } = site;
  const own = site.data ?? site.wholeBackward;
  if (x === null || dX === null || dY === null || own === null) return stays('it has no input gradient');
  if (site.wholeBackward?.maskedBy)
    return stays('its backward pass masks by a built-in ReLU and cannot be split');
  const atConcat =
    index.producerOf(x)?.kind === 'concat-forward' ||
    index.forwardReadersOf(x).some((reader) => reader.kind === 'concat-forward');
  if (!atConcat) return stays('there is no Concat at its input');
  const [taker, ...others] = index.readersOf(dX);
  if (taker === undefined) return stays('nothing reads its input gradient');
  if (others.length > 0 || (taker.kind !== 'split-backward' && taker.kind !== 'concat-backward')) {
    return stays(`its input gradient goes to ${[taker, ...others].map(describe).join(', ')}`);
  }
  for (const tensor of [x, dY]) {
    const overwriter = index.overwriterBetween(tensor, own, taker);
    if (overwriter !== null) {
      return stays(`${describe(overwriter)} overwrites "${tensor}" before ${describe(taker)} could read it`);
    }
  }
  return fuseInto(taker);
}

function fusableStatistics(step: TrainingStep) {
  const index = new StepIndex(step);
  return [...collectBnSites(step).values()].flatMap((site) => {
    const { statistics, batchNorm } = site;
    const concat = findStatisticsConcat(index, site).host;
    return statistics === null || concat === null ? [] : [{ statistics, batchNorm, concat }];
  });
}

function fusableGradients(step: TrainingStep) {
  const index = new StepIndex(step);
  return [...collectBnSites(step).values()].flatMap((site) => {
    const { data } = site;
    const taker = findGradientTaker(index, site).host;
    return data === null || taker === null ? [] : [{ data, taker }];
  });
}

function takeThrough(taker: GradientTaker, data: OperationOf<'bn-backward-data'>): GradientTaker {
  const through = (source: GradientSource): GradientSource =>
    source.kind === 'stored' && source.tensor === data.output
      ? {
          kind: 'through-batch-norm',
          batchNorm: data.batchNorm,
          gradient: data.gradient,
          input: data.input,
          storeTo: null,
        }
      : source;
  return taker.kind === 'split-backward'
    ? { ...taker, gradients: taker.gradients.map(through) }
    : { ...taker, gradient: through(taker.gradient) };
}
