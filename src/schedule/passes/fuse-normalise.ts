/**
 * The second half of BNFF: sub-BN2 and ReLU are applied by CONV_b as it loads X (docs/paper.md, "The transformations").
 *
 * Forward, Y is never written: one read and one write of it go, or one read where Z is stored for the backward pass. Backward, CONV_b's
 * backward-data reads X instead of Y, which gives it the mask (Y recomputed), xhat, and so dgamma and dbeta as it stores dY: the sweeps of
 * X and dY for these sums go. Backward-weights recomputes Z from X, or reads the stored Z.
 */
import type { LoadTransform, MaskedStore, Tensor, TrainingStep } from '../../training/step.js';
import { backwardSplit, forwardSplit, nothingLeft } from '../conditions.js';
import type { Condition, ScheduleOptions, SchedulePass } from '../pass.js';
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
import { findReluHost, reluSites } from './rcf.js';

/** The operations of CONV_b that take over the normalise and its backward half. */
export interface NormaliseHost {
  readonly forward: OperationOf<'conv-forward'>;
  readonly backwardData: OperationOf<'conv-backward-data'>;
  readonly backwardWeights: OperationOf<'conv-backward-weights'>;
}

const reluMoved: Condition = {
  sentence: 'No ReLU stands between a BN and a CONV that could take it (apply rcf first).',
  violations(step) {
    const index = new StepIndex(step);
    return reluSites(step).flatMap((relu) => {
      const follows = relu.kind === 'bn-forward' || index.producerOf(relu.input)?.type === 'BN';
      if (!follows || findReluHost(index, relu).host === null) return [];
      const message = `${describe(relu)} clips "${relu.output}" between a BN and a CONV; apply rcf first.`;
      return [{ operation: relu.name, tensor: relu.output, message }];
    });
  },
};

export const fuseNormalise: SchedulePass = {
  name: 'fuse-normalise',
  summary:
    'BN is applied (with ReLU) while the CONV behind it loads its input; dgamma and dbeta are accumulated as that CONV stores the gradient.',
  requires: [forwardSplit, backwardSplit, reluMoved],
  ensures: [
    nothingLeft('No BN whose output goes to one CONV alone writes that output.', (step) =>
      fusable(step).map(({ normalise }) => normalise),
    ),
  ],
  apply(step, options) {
    const editor = new StepEditor(step);
    for (const site of fusable(step)) fuse(editor, step, site, options);
    return editor.finish();
  },
};

/** The CONV that can normalise as it loads, or why none can. */
export function findNormaliseConv(index: StepIndex, site: BnSite): Decision<NormaliseHost> {
  const { input: x, output: y, outputGradient: dY } = site;
  const own = site.normalise ?? site.whole;
  if (x === null || y === null) return stays('its output is not in the step');
  const consumers = index.forwardReadersOf(y);
  const [forward] = consumers;
  if (forward === undefined) return stays('nothing reads its output');
  if (consumers.length > 1)
    return stays(`its output goes to ${consumers.map(describe).join(', ')}, not to one CONV alone`);
  if (forward.kind === 'relu-forward') {
    const { reason } = findReluHost(index, forward);
    return stays(
      reason === null
        ? `${describe(forward)} stands between it and its CONV, which rcf would move`
        : `${describe(forward)} stands between: ${reason}`,
    );
  }
  if (forward.kind !== 'conv-forward') return stays(`its output goes to ${describe(forward)}, not to a CONV`);
  if (own?.relu || site.wholeBackward?.maskedBy) {
    return stays('its built-in ReLU masks inside its backward pass; rcf would move it first');
  }
  const sums = site.reduce ?? site.wholeBackward;
  if (dY === null || sums === null || own === null) return stays('it has no backward pass');

  const backwardData = index.producerOf(dY);
  if (backwardData?.kind !== 'conv-backward-data' || backwardData.layer !== forward.layer) {
    return stays(
      `its gradient comes from ${backwardData ? describe(backwardData) : 'outside'}, not from its CONV`,
    );
  }
  const weights = index
    .readersOf(y)
    .filter((operation) => operation.phase === 'backward' && operation !== backwardData);
  const [backwardWeights] = weights;
  if (weights.length !== 1 || backwardWeights?.kind !== 'conv-backward-weights') {
    return stays(`${weights.map(describe).join(', ')} reads its output in the backward pass`);
  }
  if (forward.load?.batchNorm || backwardData.store?.batchNorm) {
    return stays(`${describe(forward)} already applies a BN as it loads`);
  }
  const overwriter = index.overwriterBetween(x, own, sums);
  if (overwriter !== null)
    return stays(`${describe(overwriter)} overwrites its input before the CONV reads it`);
  return fuseInto({ forward, backwardData, backwardWeights });
}

interface Fusable extends BnSite {
  readonly normalise: OperationOf<'bn-normalise'>;
  readonly reduce: OperationOf<'bn-backward-reduce'>;
  readonly host: NormaliseHost;
}

function fusable(step: TrainingStep): Fusable[] {
  const index = new StepIndex(step);
  return [...collectBnSites(step).values()].flatMap((site) => {
    const { normalise, reduce } = site;
    if (normalise === null || reduce === null) return [];
    const { host } = findNormaliseConv(index, site);
    return host === null ? [] : [{ ...site, normalise, reduce, host }];
  });
}

function fuse(editor: StepEditor, step: TrainingStep, site: Fusable, options: ScheduleOptions): void {
  const { normalise, reduce, host } = site;
  const batchNorm = site.batchNorm.layer;
  const x = normalise.input;
  const relu = host.forward.load?.relu === true;
  const z = options.storeZ ? addStoredZ(editor, step, normalise) : null;

  const load = (storeTo: string | null): LoadTransform => ({ batchNorm, relu, storeTo });
  const store: MaskedStore = { tensor: x, batchNorm, relu, accumulate: batchNorm };
  editor.update(host.forward, (conv) => ({ ...conv, input: x, load: load(z) }));
  editor.update(host.backwardWeights, (conv) =>
    z === null ? { ...conv, input: x, load: load(null) } : { ...conv, input: z, load: null },
  );
  editor.update(host.backwardData, (conv) => ({ ...conv, store }));
  editor.remove(normalise);
  editor.remove(reduce);
}

/** Z gets a tensor and a storage of its own: what RCF dropped shared Y's. */
function addStoredZ(editor: StepEditor, step: TrainingStep, normalise: OperationOf<'bn-normalise'>): string {
  const y = step.tensors.get(normalise.output);
  if (y === undefined) throw new Error(`tensor ${normalise.output} is not in the step`);
  const name = `${normalise.layer}.z`;
  const z: Tensor = { ...y, name, storage: name };
  editor.addTensor(z);
  return name;
}
