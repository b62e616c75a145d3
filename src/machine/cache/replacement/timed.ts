import type { MachineSpec, Replacement } from '../../spec.js';

/** Policies that the caches of runs with timing have built in. */
export const TIMED_REPLACEMENTS: readonly Replacement[] = ['lru'];

/**
 * Refuses machines with caches that a run with timing would not do as configured.
 * @throws RangeError that names the setting and what is possible
 */
export function checkTimedReplacement(spec: MachineSpec): void {
  for (const level of ['l1d', 'l2', 'llc'] as const) {
    const replacement = spec[level]?.replacement;
    if (replacement === undefined || TIMED_REPLACEMENTS.includes(replacement)) continue;
    throw new RangeError(
      `${spec.name}: ${level}.replacement is ${replacement}, which functional replays know; runs with timing know ${TIMED_REPLACEMENTS.join(', ')}`,
    );
  }
}
