/** Errors across threads: a structured clone keeps neither class nor members of an error of our own, so they travel as plain data. */
import { ConfigurationError, type Problem } from '../config/problem.js';
import { ScheduleError, UnknownScheduleError, type Violation } from '../schedule/errors.js';

/** An error as plain data. */
export type PackedError =
  | { readonly kind: 'configuration'; readonly problems: readonly Problem[] }
  | { readonly kind: 'schedule'; readonly pass: string | null; readonly violations: readonly Violation[] }
  | { readonly kind: 'unknown-schedule'; readonly requested: string; readonly allowed: readonly string[] }
  | { readonly kind: 'range'; readonly message: string; readonly stack: string }
  | { readonly kind: 'defect'; readonly name: string; readonly message: string; readonly stack: string };

/** What the engine itself says of a stack or an array that is too large: RangeErrors that are no refusal of ours. */
const ENGINE_RANGE_ERROR =
  /^Maximum call stack|^Invalid (typed )?array (buffer )?length|^Array buffer allocation|^Invalid string length|out of bounds|outside the bounds|^Invalid count value/i;

/** Whether an error says that the input cannot be simulated, as the simulator's interfaces document it; everything else is a defect. */
export function isRefusal(error: unknown): error is Error {
  if (error instanceof RangeError) return !ENGINE_RANGE_ERROR.test(error.message);
  return (
    error instanceof ConfigurationError ||
    error instanceof ScheduleError ||
    error instanceof UnknownScheduleError
  );
}

/** Packs whatever was thrown. */
export function packError(error: unknown): PackedError {
  if (error instanceof ConfigurationError) return { kind: 'configuration', problems: error.problems };
  if (error instanceof ScheduleError)
    return { kind: 'schedule', pass: error.pass, violations: error.violations };
  if (error instanceof UnknownScheduleError)
    return { kind: 'unknown-schedule', requested: error.requested, allowed: error.allowed };
  if (!(error instanceof Error)) return { kind: 'defect', name: 'Error', message: String(error), stack: '' };
  const { name, message, stack = '' } = error;
  return error instanceof RangeError
    ? { kind: 'range', message, stack }
    : { kind: 'defect', name, message, stack };
}

/** The error again, of its own class where that is one of ours, with the other thread's stack where it is a defect. */
export function unpackError(packed: PackedError): Error {
  switch (packed.kind) {
    case 'configuration':
      return new ConfigurationError(packed.problems);
    case 'schedule':
      return new ScheduleError(packed.pass, packed.violations);
    case 'unknown-schedule':
      return new UnknownScheduleError(packed.requested, packed.allowed);
    case 'range':
      return Object.assign(new RangeError(packed.message), { stack: packed.stack });
    case 'defect':
      return Object.assign(new Error(packed.message), { name: packed.name, stack: packed.stack });
  }
}
