/** How long each tensor of a training step lives, and how much memory the step needs at its fullest. */
import { tensorAccesses } from './accesses.js';
import type { Tensor, TensorRole, TrainingStep } from './step.js';
import { allocatedBytes } from './tensors.js';

export interface TensorLifetime {
  readonly tensor: string;
  /** Index of the first operation that touches it. */
  readonly firstUse: number;
  /** Index of the last operation that touches it. */
  readonly lastUse: number;
  /** Whether the forward pass makes it and the backward pass reads it, or what took its place in its storage. */
  readonly storedForBackward: boolean;
}

export interface LifetimeAnalysis {
  /** Tensors that no operation touches are absent. */
  readonly lifetimes: ReadonlyMap<string, TensorLifetime>;
  /** Bytes of all storages in use at the fullest operation. */
  readonly peakBytes: number;
  /** Name of the first operation at which the peak is reached. */
  readonly peakOperation: string;
}

/** What a training run keeps from iteration to iteration lives through the whole step. */
const PERMANENT_ROLES = new Set<TensorRole>(['parameter', 'optimiser-state']);

interface Use {
  first: number;
  last: number;
  writtenForward: boolean;
  readBackward: boolean;
}

function findUses(step: TrainingStep): Map<string, Use> {
  const uses = new Map<string, Use>();
  step.operations.forEach((operation, index) => {
    // How often a tensor is swept does not matter here, so neither does the blocking of BN.
    for (const { tensor, reads, writes } of tensorAccesses(operation, step, { bnBlocking: 'streaming' })) {
      let use = uses.get(tensor);
      if (use === undefined) {
        use = { first: index, last: index, writtenForward: false, readBackward: false };
        uses.set(tensor, use);
      }
      use.last = index;
      if (operation.phase === 'forward' && writes > 0) use.writtenForward = true;
      if (operation.phase === 'backward' && reads > 0) use.readBackward = true;
    }
  });
  return uses;
}

/**
 * Finds first and last use of every tensor, and the peak of the bytes in use.
 *
 * A storage is in use from the first to the last use of any tensor in it; parameters, momenta and running statistics are in use throughout.
 */
export function analyseLifetimes(step: TrainingStep): LifetimeAnalysis {
  const uses = findUses(step);
  const permanent = new Set<string>();
  for (const { runningMean, runningVariance } of step.batchNorms.values())
    permanent.add(runningMean).add(runningVariance);
  const lifetimes = new Map<string, TensorLifetime>();
  const storages = new Map<string, { first: number; last: number; bytes: number }>();
  const end = step.operations.length - 1;
  for (const tensor of step.tensors.values()) {
    const use = uses.get(tensor.name);
    if (use === undefined) continue;
    lifetimes.set(tensor.name, {
      tensor: tensor.name,
      firstUse: use.first,
      lastUse: use.last,
      storedForBackward: use.writtenForward && use.readBackward,
    });
    const always = PERMANENT_ROLES.has(tensor.role) || permanent.has(tensor.name);
    extendStorage(storages, tensor, always ? 0 : use.first, always ? end : use.last);
  }
  return { lifetimes, ...findPeak(step, storages.values()) };
}

function extendStorage(
  storages: Map<string, { first: number; last: number; bytes: number }>,
  tensor: Tensor,
  first: number,
  last: number,
): void {
  const bytes = allocatedBytes(tensor);
  const storage = storages.get(tensor.storage);
  if (storage === undefined) {
    storages.set(tensor.storage, { first, last, bytes });
    return;
  }
  storage.first = Math.min(storage.first, first);
  storage.last = Math.max(storage.last, last);
  storage.bytes = Math.max(storage.bytes, bytes);
}

function findPeak(
  step: TrainingStep,
  storages: Iterable<{ first: number; last: number; bytes: number }>,
): { peakBytes: number; peakOperation: string } {
  const changes = new Float64Array(step.operations.length + 1);
  for (const { first, last, bytes } of storages) {
    changes[first] = (changes[first] as number) + bytes;
    changes[last + 1] = (changes[last + 1] as number) - bytes;
  }
  let current = 0;
  let peakBytes = 0;
  let peakOperation = '';
  step.operations.forEach((operation, index) => {
    current += changes[index] as number;
    if (current <= peakBytes) return;
    peakBytes = current;
    peakOperation = operation.name;
  });
  return { peakBytes, peakOperation };
}
