/** Categories of the time-loss account: every picosecond of every core falls in exactly one. */
export const TIME_CATEGORIES = [
  { key: 'compute', sentence: 'FMA and vector units are the bound' },
  { key: 'issue', sentence: 'issue width or load and store ports are the bound' },
  { key: 'l1', sentence: 'waiting for the L1D (dependent loads)' },
  { key: 'l2', sentence: 'waiting for lines that were in the L2' },
  { key: 'llc', sentence: 'waiting for lines that were in the last-level cache or in another core' },
  { key: 'dramLatency', sentence: 'waiting for main memory, the part that an idle memory would take too' },
  { key: 'dramBandwidth', sentence: 'waiting for main memory, the part spent queueing' },
  { key: 'barrier', sentence: 'waiting for other threads at a barrier, and the barrier itself' },
] as const;

/** What a part of the time is booked to: a `key` of `TIME_CATEGORIES`. */
export type TimeCategory = (typeof TIME_CATEGORIES)[number]['key'];

export const Category = {
  Compute: 0,
  Issue: 1,
  L1: 2,
  L2: 3,
  Llc: 4,
  DramLatency: 5,
  DramBandwidth: 6,
  Barrier: 7,
} as const;
export const CATEGORY_COUNT = TIME_CATEGORIES.length;
