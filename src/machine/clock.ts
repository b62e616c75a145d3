/**
 * Registers through which the parts of a chip hand each other times. Times are doubles; as arguments and results of functions that the compiler
 * does not inline they would be boxed on the heap, several for each line moved.
 */
export const Clock = {
  /** Time of the request in hand, ps. */
  Now: 0,
  /** When its answer arrives. */
  Ready: 1,
  /** When a miss became known at the slice. */
  Known: 2,
  /** Earliest time at which any other core or channel acts. */
  Horizon: 3,
  /** When the message in hand sets out, then when it has arrived (see interconnect/interconnect.ts). */
  Message: 4,
} as const;

export type ClockRegisters = Float64Array;

export function createClock(): ClockRegisters {
  return new Float64Array(5);
}
