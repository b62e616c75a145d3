/** Which BN layers an operation takes part in, and on which tensors. */
import type { GradientSource, LoadTransform, MaskedStore, Operation } from '../training/step.js';

/** One use of a BN layer by an operation. */
export interface BnUse {
  readonly operation: Operation;
  readonly layer: string;
  /** X; null where the use does not name it (sums in an epilogue). */
  readonly input: string | null;
  /** dY; null where the use does not involve it. */
  readonly gradient: string | null;
}

/** Every use of a BN layer by `operation`, in whatever form. */
export function bnUsesOf(operation: Operation): readonly BnUse[] {
  const use = (layer: string, input: string | null, gradient: string | null): BnUse => ({
    operation,
    layer,
    input,
    gradient,
  });
  const ofLoad = (load: LoadTransform | null, input: string) =>
    load?.batchNorm ? [use(load.batchNorm, input, null)] : [];
  const ofSource = (source: GradientSource) =>
    source.kind === 'stored' ? [] : [use(source.batchNorm, source.input, source.gradient)];
  const ofStore = (store: MaskedStore | null, output: string) => {
    const uses: BnUse[] = [];
    if (store?.batchNorm) uses.push(use(store.batchNorm, store.tensor, null));
    if (store?.accumulate) uses.push(use(store.accumulate, store.tensor, output));
    return uses;
  };
  switch (operation.kind) {
    case 'bn-forward':
    case 'bn-statistics':
    case 'bn-normalise':
      return [use(operation.batchNorm, operation.input, null)];
    case 'bn-backward':
    case 'bn-backward-reduce':
    case 'bn-backward-data':
      return [use(operation.batchNorm, operation.input, operation.gradient)];
    case 'conv-forward':
      return [
        ...ofLoad(operation.load, operation.input),
        ...operation.statistics.map((s) => use(s.batchNorm, null, null)),
      ];
    case 'concat-forward':
      return operation.statistics.map((s) => use(s.batchNorm, null, null));
    case 'conv-backward-data':
      return [...ofSource(operation.gradient), ...ofStore(operation.store, operation.output)];
    case 'conv-backward-weights':
      return [...ofLoad(operation.load, operation.input), ...ofSource(operation.gradient)];
    case 'concat-backward':
      return ofSource(operation.gradient);
    case 'split-backward':
      return operation.gradients.flatMap(ofSource);
    default:
      return [];
  }
}
