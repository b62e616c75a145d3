/**
 * Where a channel's time went: every picosecond of its data bus is a data burst or is lost to one cause.
 */
export interface BusTime {
  /** Data bursts, ps. */
  readonly dataPs: number;
  /** Waiting for a row: precharge, activate and tRCD of the burst's own bank. */
  readonly rowPs: number;
  /** Waiting for the distances within a bank group or rank: tCCD_L, tRRD, tFAW. */
  readonly bankPs: number;
  /** Turnaround between reads and writes or between ranks. */
  readonly turnaroundPs: number;
  readonly refreshPs: number;
  /** No request was waiting in the channel. */
  readonly idlePs: number;
}

/** What a data bus does with its time; lists of its times or shares are in this order. */
export const BUS_CAUSES = [
  { key: 'data', short: 'data', time: 'dataPs', sentence: 'data bursts' },
  {
    key: 'row',
    short: 'row misses',
    time: 'rowPs',
    sentence: "row misses: precharge, activate and tRCD of a burst's own bank",
  },
  { key: 'bank', short: 'bank conflicts', time: 'bankPs', sentence: 'bank conflicts: tCCD_L, tRRD and tFAW' },
  {
    key: 'turnaround',
    short: 'turnaround',
    time: 'turnaroundPs',
    sentence: 'bus turnaround between reads and writes or between ranks',
  },
  { key: 'refresh', short: 'refresh', time: 'refreshPs', sentence: 'refresh' },
  { key: 'idle', short: 'no request', time: 'idlePs', sentence: 'no request waiting' },
] as const satisfies readonly { key: string; short: string; time: keyof BusTime; sentence: string }[];

/** Name of what a data bus does with its time: a data burst, or what it loses time to. */
export type BusCause = (typeof BUS_CAUSES)[number]['key'];

/** Values in the order of `BUS_CAUSES` by name. */
export function nameBusCauses(values: readonly number[]): Readonly<Record<BusCause, number>> {
  return Object.fromEntries(BUS_CAUSES.map(({ key }, at) => [key, values[at] as number])) as Record<
    BusCause,
    number
  >;
}

/** Picoseconds in the order of `BUS_CAUSES`. */
export function listBusTime(time: BusTime): number[] {
  return BUS_CAUSES.map((cause) => time[cause.time]);
}
