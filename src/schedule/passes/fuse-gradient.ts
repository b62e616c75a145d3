/**
 * BNFF, backward half of sub-BN1: CONV_a's backward operations take dX through BN, computed from dY and X as they load them.
 *
 * The sweep that wrote dX goes. Materialised, CONV_a's backward-data writes dX once for backward-weights; otherwise both compute it. Either way
 * CONV_a's backward operations sweep 4 feature maps where BN and they swept 5 (docs/paper.md, "Backward sweeps per edge"). dgamma and dbeta must be
 * whole first: the second mini-batch-wide barrier, which lies between this operation and the one that accumulates them.
 */
import type { GradientSource, TrainingStep } from '../../training/step.js';
import { backwardSplit, nothingLeft } from '../conditions.js';
import type { ScheduleOptions, SchedulePass } from '../pass.js';
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

/** CONV_a's backward operations; without backward-data where no gradient flows below it (the first layer). */
export interface GradientHost {
  readonly backwardData: OperationOf<'conv-backward-data'> | null;
  readonly backwardWeights: OperationOf<'conv-backward-weights'>;
}

export const fuseGradient: SchedulePass = {
  name: 'fuse-gradient',
  summary: "BN's input gradient is computed while the backward operations of the CONV before it load it.",
  requires: [backwardSplit],
  ensures: [
    nothingLeft('No BN whose input gradient goes to one CONV alone sweeps for it.', (step) =>
      fusable(step).map(({ data }) => data),
    ),
  ],
  apply(step, options) {
    const editor = new StepEditor(step);
    for (const site of fusable(step)) fuse(editor, step, site, options);
    return editor.finish();
  },
};

/** The CONV whose backward operations can compute dX, or why none can. */
export function findGradientConv(index: StepIndex, site: BnSite): Decision<GradientHost> {
  const { input: x, inputGradient: dX, outputGradient: dY } = site;
  const own = site.data ?? site.wholeBackward;
  if (x === null || dX === null || dY === null || own === null) return stays('it has no input gradient');
  if (site.wholeBackward?.maskedBy)
    return stays('its backward pass masks by a built-in ReLU and cannot be split');
  const producer = index.producerOf(x);
  let backwardData: GradientHost['backwardData'] = null;
  let backwardWeights: GradientHost['backwardWeights'] | null = null;
  for (const reader of index.readersOf(dX)) {
    const isConv = reader.kind === 'conv-backward-data' || reader.kind === 'conv-backward-weights';
    if (!isConv || reader.layer !== producer?.layer) {
      return stays(`its input gradient goes to ${describe(reader)}, not to a CONV`);
    }
    if (reader.kind === 'conv-backward-data') backwardData = reader;
    else backwardWeights = reader;
    for (const tensor of [x, dY]) {
      const overwriter = index.overwriterBetween(tensor, own, reader);
      if (overwriter !== null) {
        return stays(
          `${describe(overwriter)} overwrites "${tensor}" before ${describe(reader)} could read it`,
        );
      }
    }
  }
  if (backwardWeights === null) return stays('no CONV reads its input gradient');
  return fuseInto({ backwardData, backwardWeights });
}

interface Fusable extends BnSite {
  readonly data: OperationOf<'bn-backward-data'>;
  readonly host: GradientHost;
}

function fusable(step: TrainingStep): Fusable[] {
  const index = new StepIndex(step);
  return [...collectBnSites(step).values()].flatMap((site) => {
    const { data } = site;
    if (data === null) return [];
    const { host } = findGradientConv(index, site);
    return host === null ? [] : [{ ...site, data, host }];
  });
}

function fuse(editor: StepEditor, step: TrainingStep, site: Fusable, options: ScheduleOptions): void {
  const { data, host } = site;
  const { backwardData, backwardWeights } = host;
  const through = (storeTo: string | null): GradientSource => ({
    kind: 'through-batch-norm',
    batchNorm: data.batchNorm,
    gradient: data.gradient,
    input: data.input,
    storeTo,
  });
  if (backwardData !== null && options.materialiseDx) {
    editor.update(backwardData, (conv) => ({ ...conv, gradient: through(data.output) }));
    // Backward-weights reads the dX that backward-data writes, so it comes second.
    const order = step.operations;
    if (order.indexOf(backwardWeights) < order.indexOf(backwardData))
      editor.moveBefore(backwardData, backwardWeights);
  } else {
    if (backwardData !== null) editor.update(backwardData, (conv) => ({ ...conv, gradient: through(null) }));
    editor.update(backwardWeights, (conv) => ({ ...conv, gradient: through(null) }));
  }
  editor.remove(data);
}
