/**
 * RCF, ReLU-CONV fusion: ReLU is applied while CONV_b loads its input (docs/paper.md, "The transformations").
 *
 * Forward, CONV_b reads Y and clips. Backward, CONV_b's backward-data reads Y as the mask and stores dY already masked, its backward-weights
 * reads Y and clips. Sweeps per edge: 2 fewer forward, 2 fewer backward. A ReLU that the baseline software built into BN moves to the CONV likewise.
 */
import type {
  BnForward,
  LoadTransform,
  MaskedStore,
  ReluForward,
  TrainingStep,
} from '../../training/step.js';
import { gradientName } from '../../training/tensor-table.js';
import { nothingLeft } from '../conditions.js';
import type { SchedulePass } from '../pass.js';
import { operationsOf, StepEditor } from '../step-editor.js';
import { type Decision, describe, fuseInto, type OperationOf, StepIndex, stays } from '../step-index.js';

/** A ReLU: an operation of its own, or built into BN. */
export type ReluSite = ReluForward | (BnForward & { readonly relu: true });

/** The operations that take a ReLU over. */
export interface ReluHost {
  readonly forward: OperationOf<'conv-forward'>;
  readonly backwardWeights: OperationOf<'conv-backward-weights'> | null;
  /** Null where no gradient flows below the ReLU. */
  readonly backwardData: OperationOf<'conv-backward-data'> | null;
  /** The operation that masks in the backward pass until now. */
  readonly mask: OperationOf<'relu-backward'> | OperationOf<'bn-backward'> | null;
}

const LOAD: LoadTransform = { batchNorm: null, relu: true, storeTo: null };

export const rcf: SchedulePass = {
  name: 'rcf',
  summary:
    'ReLU-CONV fusion: ReLU is applied while the CONV behind it loads its input, and its mask as that CONV stores the gradient.',
  requires: [],
  ensures: [
    nothingLeft('No ReLU is left whose output goes to one CONV alone.', (step) => {
      const index = new StepIndex(step);
      return reluSites(step).filter((site) => findReluHost(index, site).host !== null);
    }),
  ],
  apply(step) {
    const index = new StepIndex(step);
    const editor = new StepEditor(step);
    for (const site of reluSites(step)) {
      const { host } = findReluHost(index, site);
      if (host !== null) fuse(editor, step, site, host);
    }
    return editor.finish();
  },
};

/** Every ReLU of the step, whether an operation of its own or built into BN. */
export function reluSites(step: TrainingStep): ReluSite[] {
  const builtIn = operationsOf(step, 'bn-forward').filter(
    (operation): operation is BnForward & { readonly relu: true } => operation.relu,
  );
  return [...operationsOf(step, 'relu-forward'), ...builtIn];
}

/** The CONV that can take the ReLU over, or why the ReLU stays. */
export function findReluHost(index: StepIndex, site: ReluSite): Decision<ReluHost> {
  const z = site.output;
  const consumers = index.forwardReadersOf(z);
  const [forward] = consumers;
  if (forward === undefined) return stays('nothing reads its output');
  if (consumers.length > 1) {
    const names = consumers.map(describe).join(', ');
    return stays(
      `its output goes to ${names}: the mask applies to the sum of their gradients, not to one CONV's`,
    );
  }
  if (forward.kind !== 'conv-forward') return stays(`its output goes to ${describe(forward)}, not to a CONV`);
  if (forward.load !== null) return stays(`${describe(forward)} already transforms its input`);

  const mask = findMask(index, site);
  let backwardData: ReluHost['backwardData'] = null;
  let backwardWeights: ReluHost['backwardWeights'] = null;
  for (const reader of index.readersOf(z)) {
    if (reader === forward || reader === mask) continue;
    if (reader.kind !== 'conv-backward-weights' || reader.layer !== forward.layer) {
      return stays(`${describe(reader)} reads its output in the backward pass`);
    }
    backwardWeights = reader;
  }
  if (mask !== null) {
    const producer = index.producerOf(mask.gradient);
    if (producer === null || producer.kind !== 'conv-backward-data' || producer.layer !== forward.layer) {
      return stays(`its gradient comes from ${producer ? describe(producer) : 'outside'}, not from its CONV`);
    }
    if (producer.store !== null) return stays(`${describe(producer)} already masks its result`);
    backwardData = producer;
  }
  return fuseInto({ forward, backwardData, backwardWeights, mask });
}

function findMask(index: StepIndex, site: ReluSite): ReluHost['mask'] {
  for (const operation of [...index.readersOf(site.output), ...index.readersOf(site.input)]) {
    if (site.kind === 'relu-forward' && operation.kind === 'relu-backward') return operation;
    if (site.kind === 'bn-forward' && operation.kind === 'bn-backward') {
      if (operation.batchNorm === site.batchNorm) return operation;
    }
  }
  return null;
}

function fuse(editor: StepEditor, step: TrainingStep, site: ReluSite, host: ReluHost): void {
  const y = site.kind === 'relu-forward' ? site.input : addUnclipped(editor, step, site.output, site.layer);
  editor.update(host.forward, (conv) => ({ ...conv, input: y, load: LOAD }));
  if (host.backwardWeights)
    editor.update(host.backwardWeights, (conv) => ({ ...conv, input: y, load: LOAD }));
  if (site.kind === 'relu-forward') editor.remove(site);
  else editor.update(site, (bn) => ({ ...bn, output: y, relu: false }));

  const { mask, backwardData } = host;
  if (mask === null || backwardData === null) return;
  const dY =
    mask.kind === 'relu-backward'
      ? mask.output
      : addUnclipped(editor, step, mask.gradient, gradientName(mask.layer));
  const store: MaskedStore = { tensor: y, batchNorm: null, relu: true, accumulate: null };
  editor.update(backwardData, (conv) => ({ ...conv, output: dY, store }));
  if (mask.kind === 'relu-backward') editor.remove(mask);
  else editor.update(mask, (bn) => ({ ...bn, gradient: dY, maskedBy: null }));
}

/** Y (or dY) of a BN that had its ReLU built in: it takes the place of Z (or dZ), under the name that a BN without ReLU gives it. */
function addUnclipped(editor: StepEditor, step: TrainingStep, clipped: string, name: string): string {
  const tensor = step.tensors.get(clipped);
  if (tensor === undefined) throw new Error(`tensor ${clipped} is not in the step`);
  editor.addTensor({ ...tensor, name });
  return name;
}
