/** Whether the parts of each BN layer, wherever they ended up, work on the same X and the same dY. */
import type { TrainingStep } from '../training/step.js';
import { type BnUse, bnUsesOf } from './bn-uses.js';
import type { Violation } from './errors.js';
import { describe } from './step-index.js';

/** Violations of the rules `batch-norm-operands` and `well-formed` (shapes). */
export function checkBatchNormOperands(step: TrainingStep): readonly Violation[] {
  const violations: Violation[] = [];
  const inputs = new Map<string, BnUse>();
  const gradients = new Map<string, BnUse>();
  for (const use of step.operations.flatMap(bnUsesOf)) {
    const { operation, layer, input, gradient } = use;
    const bn = step.batchNorms.get(layer);
    const complain = (tensor: string, message: string) =>
      violations.push({
        rule: 'batch-norm-operands',
        operation: operation.name,
        tensor,
        message: `${describe(operation)} ${message}.`,
      });
    if (bn === undefined) continue;
    const agree = (seen: Map<string, BnUse>, key: 'input' | 'gradient', tensor: string) => {
      const first = seen.get(layer);
      if (first === undefined) seen.set(layer, use);
      else if (first[key] !== tensor) {
        complain(
          tensor,
          `takes "${tensor}" as the ${key} of BN "${layer}", but ${describe(first.operation)} takes "${first[key]}"`,
        );
      }
    };
    if (input !== null) {
      agree(inputs, 'input', input);
      const channels = step.tensors.get(input)?.shape[1];
      if (channels !== undefined && channels !== bn.channels) {
        complain(input, `applies BN "${layer}" of ${bn.channels} channels to "${input}" of ${channels}`);
      }
    }
    if (gradient !== null) agree(gradients, 'gradient', gradient);
  }
  checkEpilogues(step, inputs, violations);
  checkStores(step, violations);
  return violations;
}

/** Sums that ride on an operation must be of channels of that BN's own X: of X itself, or of a tensor that Concat copies into it. */
function checkEpilogues(
  step: TrainingStep,
  inputs: ReadonlyMap<string, BnUse>,
  violations: Violation[],
): void {
  const concats = new Map(
    step.operations.flatMap((operation) =>
      operation.kind === 'concat-forward' ? [[operation.output, operation.inputs]] : [],
    ),
  );
  const channelsOf = (tensor: string) => step.tensors.get(tensor)?.shape[1] ?? 0;
  /** First channel of `whole` that is `part`'s; null where `part` is not in it. */
  const offsetIn = (whole: string, part: string): number | null => {
    if (whole === part) return 0;
    let base = 0;
    for (const input of concats.get(whole) ?? []) {
      const offset = offsetIn(input, part);
      if (offset !== null) return base + offset;
      base += channelsOf(input);
    }
    return null;
  };
  for (const operation of step.operations) {
    if (operation.kind !== 'conv-forward' && operation.kind !== 'concat-forward') continue;
    for (const { batchNorm, channelOffset, channels } of operation.statistics) {
      const input = inputs.get(batchNorm)?.input;
      if (!input) continue;
      const offset = offsetIn(input, operation.output);
      const first = offset === null ? -1 : channelOffset - offset;
      if (first >= 0 && first + channels <= channelsOf(operation.output)) continue;
      violations.push({
        rule: 'batch-norm-operands',
        operation: operation.name,
        tensor: operation.output,
        message: `${describe(operation)} sums "${operation.output}" into channels ${channelOffset} to ${channelOffset + channels - 1} of BN "${batchNorm}", whose input is "${input}".`,
      });
    }
  }
}

/** What is stored beside must have the shape of what it is made of. */
function checkStores(step: TrainingStep, violations: Violation[]): void {
  const shapeOf = (tensor: string) => step.tensors.get(tensor)?.shape.join('x');
  for (const operation of step.operations) {
    const pairs: (readonly [string, string])[] = [];
    const source =
      'gradient' in operation && typeof operation.gradient === 'object' ? [operation.gradient] : [];
    for (const each of operation.kind === 'split-backward' ? operation.gradients : source) {
      if (each.kind === 'stored') continue;
      pairs.push([each.input, each.gradient]);
      if (each.storeTo !== null) pairs.push([each.storeTo, each.gradient]);
    }
    if (operation.kind === 'conv-forward' || operation.kind === 'conv-backward-weights') {
      if (operation.load?.storeTo) pairs.push([operation.load.storeTo, operation.input]);
    }
    if (operation.kind === 'conv-backward-data' && operation.store) {
      pairs.push([operation.store.tensor, operation.output]);
      const { batchNorm, accumulate } = operation.store;
      if (accumulate !== null && accumulate !== batchNorm) {
        violations.push({
          rule: 'batch-norm-operands',
          operation: operation.name,
          tensor: operation.store.tensor,
          message: `${describe(operation)} accumulates dgamma and dbeta of BN "${accumulate}" but does not read its X.`,
        });
      }
    }
    for (const [one, other] of pairs) {
      if (shapeOf(one) === shapeOf(other)) continue;
      violations.push({
        rule: 'well-formed',
        operation: operation.name,
        tensor: one,
        message: `${describe(operation)} pairs "${one}" (${shapeOf(one)}) with "${other}" (${shapeOf(other)}).`,
      });
    }
  }
}
