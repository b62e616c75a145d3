/**
 * The interface of a rewrite pass. It is public: a user's own pass implements it and goes through the same checks as those shipped.
 *
 * A pass is a pure function from a training step to a training step. It may replace, merge, split, move and remove operations and add or
 * drop feature tensors; it must keep the mathematics, the BN layers, the inputs and the updates. A tensor's name stands for its values: a pass
 * that makes a tensor hold something else gives it another name. `applyPass` checks the stated pre-conditions before the pass, and the stated
 * post-conditions and the legality of the result (see `check.ts`) after it; whether the numbers are the same is for `numerics` to say.
 *
 * ```ts
 * export const builtInRelu: SchedulePass = {
 *   name: 'built-in-relu',
 *   summary: 'ReLU is applied in the last loop of the BN before it.',
 *   requires: [],
 *   ensures: [],
 *   apply(step) {
 *     const index = new StepIndex(step);   // who writes and reads each tensor
 *     const editor = new StepEditor(step); // update, replace, remove, move operations by name
 *     ...
 *     return editor.finish();              // drops the tensors that nothing touches any more
 *   },
 * };
 * ```
 */
import type { TrainingStep } from '../training/step.js';
import type { Violation } from './errors.js';

/** Choices that docs/paper.md leaves open ("both are options [A]"). */
export interface ScheduleOptions {
  /**
   * Store Z while CONV_b normalises and clips X, and let CONV_b's backward-weights read it; otherwise backward-weights recomputes Z from
   * X. Default false: recomputing saves one sweep per edge (2 instead of 3 forward), which is the point of restructuring.
   */
  readonly storeZ: boolean;
  /**
   * Write dX once, as CONV_a's backward-data computes it, and let CONV_a's backward-weights read it; otherwise both compute dX from dY and
   * X. The sweeps are the same (7 per edge). Default true: backward-weights visits a gradient element once per block of input channels,
   * so computing dX anew costs arithmetic at each visit.
   */
  readonly materialiseDx: boolean;
}

export const DEFAULT_SCHEDULE_OPTIONS: ScheduleOptions = { storeZ: false, materialiseDx: true };

/** Where a condition does not hold; whether it was to hold before or after is known where it is checked. */
export type Finding = Omit<Violation, 'rule'>;

/** A checked pre- or post-condition. */
export interface Condition {
  /** What holds, as a sentence for people. */
  readonly sentence: string;
  /** Where it does not hold; empty where it does. */
  violations(step: TrainingStep): readonly Finding[];
}

/** A rewrite pass (see the top of this file). */
export interface SchedulePass {
  /** Kebab-case, unique among passes and named schedules; no `+`, which joins names. */
  readonly name: string;
  /** One sentence for `normcore schedule list`. */
  readonly summary: string;
  /** Must hold before; a step that does not is refused with the violations. */
  readonly requires: readonly Condition[];
  /** Must hold after. */
  readonly ensures: readonly Condition[];
  /** Pure. Fuses every site that it can; a site that it cannot fuse stays as it is (the fusion report says why). */
  apply(step: TrainingStep, options: ScheduleOptions): TrainingStep;
}
