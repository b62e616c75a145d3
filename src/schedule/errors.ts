/** What the schedule refuses, and why. */

/** Rules that a training step must keep; each violation names the one it breaks. */
export type Rule =
  /** Names of operations are unique; every operand, BN layer and tensor that is named exists; shapes agree. */
  | 'well-formed'
  /** Forward, then backward, then update. */
  | 'phase-order'
  /** Everything read was written by an earlier operation, or is an input or a parameter. */
  | 'read-before-write'
  /** Nothing reads a tensor after another tensor took its storage. */
  | 'overwritten'
  /** Only element-wise operations write the storage that they read. */
  | 'in-place'
  /** Each tensor (each channel of a statistics vector) is written once. */
  | 'written-twice'
  /** Mean and variance are whole, by a barrier, before an operation normalises with them. */
  | 'statistics-incomplete'
  /** dgamma and dbeta are whole, by a barrier, before an operation computes dX with them. */
  | 'gradient-sums-incomplete'
  /** All parts of one BN layer work on the same X and the same dY. */
  | 'batch-norm-operands'
  /** Every parameter gradient is produced once, before its update; no update, input or BN layer is lost. */
  | 'parameter-gradient'
  /** A stated pre-condition of a pass. */
  | 'requires'
  /** A stated post-condition of a pass. */
  | 'ensures';

/** One broken rule, with the operation and the tensor (or BN layer) at which it shows. */
export interface Violation {
  readonly rule: Rule;
  /** Name of the operation; null where the whole step is meant. */
  readonly operation: string | null;
  /** Name of the tensor or of the BN layer; null where there is none. */
  readonly tensor: string | null;
  /** A full sentence that names both. */
  readonly message: string;
}

/** Thrown for a step that breaks a rule: by a user's list of passes, by a user's pass, or by a hand-made step. */
export class ScheduleError extends Error {
  override readonly name = 'ScheduleError';

  /**
   * @param pass pass at which the violations showed; null for a check of its own
   * @param violations at least one
   */
  constructor(
    readonly pass: string | null,
    readonly violations: readonly Violation[],
  ) {
    const shown = violations.slice(0, 5).map((violation) => violation.message);
    const more = violations.length - shown.length;
    if (more > 0) shown.push(`(and ${more} more of this kind)`);
    super(`${pass === null ? 'illegal training step' : `pass "${pass}" refused`}: ${shown.join(' ')}`);
  }
}

/** Thrown for a name that is neither a pass nor a named schedule. */
export class UnknownScheduleError extends Error {
  override readonly name = 'UnknownScheduleError';

  constructor(
    readonly requested: string,
    /** Every name that would have been accepted. */
    readonly allowed: readonly string[],
  ) {
    super(`"${requested}" is neither a schedule nor a pass. Allowed: ${allowed.join(', ')}.`);
  }
}
