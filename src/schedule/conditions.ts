/** Pre- and post-conditions that several passes share. */
import type { Operation, TrainingStep } from '../training/step.js';
import type { Condition, Finding } from './pass.js';
import { describe } from './step-index.js';

/** A condition that each operation meets or breaks on its own. `complaint` gives the rest of a sentence that starts with the operation. */
export function onEveryOperation(
  sentence: string,
  complaint: (operation: Operation) => { tensor: string; message: string } | null,
): Condition {
  return {
    sentence,
    violations(step: TrainingStep): readonly Finding[] {
      return step.operations.flatMap((operation) => {
        const found = complaint(operation);
        if (found === null) return [];
        const message = `${describe(operation)} ${found.message}.`;
        return [{ operation: operation.name, tensor: found.tensor, message }];
      });
    },
  };
}

/** A post-condition: the pass finds nothing more to do. `remaining` gives the operations that it would still fuse. */
export function nothingLeft(
  sentence: string,
  remaining: (step: TrainingStep) => readonly Operation[],
): Condition {
  return {
    sentence,
    violations(step) {
      return remaining(step).map((operation) => ({
        operation: operation.name,
        tensor: null,
        message: `${describe(operation)} could still be fused.`,
      }));
    },
  };
}

/** Sums that ride on another operation come from one read, so the two-pass variance must be gone. */
export const singlePassStatistics = onEveryOperation(
  'Mean and variance of every BN come from a single pass (apply mvf first).',
  (operation) =>
    (operation.kind === 'bn-forward' || operation.kind === 'bn-statistics') &&
    operation.statistics === 'two-pass'
      ? {
          tensor: operation.input,
          message: `sweeps "${operation.input}" twice for its statistics; apply mvf first`,
        }
      : null,
);

/** Forward halves can be fused only once they are operations of their own. */
export const forwardSplit = onEveryOperation(
  'Every BN is split into statistics and normalise (apply fission first).',
  (operation) =>
    operation.kind === 'bn-forward'
      ? {
          tensor: operation.output,
          message: `is whole; apply fission before fusing the halves of BN "${operation.batchNorm}"`,
        }
      : null,
);

/** Backward halves likewise; a BN whose backward pass masks by a built-in ReLU cannot be split and stays whole. */
export const backwardSplit = onEveryOperation(
  'Every BN backward without a built-in ReLU is split into its sums and dX (apply fission first).',
  (operation) =>
    operation.kind === 'bn-backward' && operation.maskedBy === null
      ? {
          tensor: operation.output,
          message: `is whole; apply fission before fusing the halves of BN "${operation.batchNorm}"`,
        }
      : null,
);
