/**
 * Number of one of `count` things that are numbered from 0. Of one there is but number 0, whatever the caller has worked out: in code that is compiled for a chip of one core (see
 * compile/machine-plan.ts) whatever is indexed by it then stands at an address that is known.
 */
export function among(count: number, index: number): number {
  return count === 1 ? 0 : index;
}
