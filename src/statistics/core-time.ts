/** What the cores did with their time, by what held them up: the view from their queues of what `time-loss.ts` tells by where the lines came from. */
import { CoreCounter } from '../machine/core/layout.js';
import { Category } from './time-loss.js';

/** States of a core; lists of their times or shares are in this order. */
export const CORE_STATES = [
  { key: 'dispatching', header: 'dispatching', sentence: 'dispatching instructions' },
  {
    key: 'windowFull',
    header: 'window full',
    sentence: 'window or load queue full behind a load without data, or nothing to do but wait for it',
  },
  { key: 'storeQueueFull', header: 'store queue full', sentence: 'store queue full' },
  {
    key: 'fillBuffersFull',
    header: 'fill buffers full',
    sentence: 'fill buffers (MSHRs of the L1D, write-combining buffers among them) full',
  },
  { key: 'mshrsFull', header: 'MSHRs full', sentence: 'MSHRs of the last private level full' },
  { key: 'l1', header: 'L1 latency', sentence: 'waiting for the L1D (dependent loads)' },
  { key: 'barrier', header: 'barrier', sentence: 'waiting at barriers' },
] as const;

/** What a core does or waits for at a time: a `key` of `CORE_STATES`. */
export type CoreState = (typeof CORE_STATES)[number]['key'];

const DISPATCHING = 0;
const L1 = 5;
const BARRIER = 6;

/** What tells the states of the cores during a kernel. */
interface Kernel {
  readonly lossPs: readonly number[];
  readonly counters: readonly number[];
}

/** Core-picoseconds of a kernel by state: adds up to what `lossPs` does. */
export function coreTimePs({ lossPs, counters }: Kernel): number[] {
  const loss = (category: number): number => lossPs[category] ?? 0;
  const counter = (index: number): number => counters[index] ?? 0;
  return [
    loss(Category.Compute) + loss(Category.Issue),
    counter(CoreCounter.WindowFullPs),
    counter(CoreCounter.StoreQueueFullPs),
    counter(CoreCounter.FillBuffersFullPs),
    counter(CoreCounter.MshrsFullPs),
    loss(Category.L1),
    loss(Category.Barrier),
  ];
}

/**
 * The same after a correction of the waits for memory and at barriers: `addedPs` core-picoseconds, of which the waits for lines get their part in proportion, each of
 * them in proportion too.
 */
export function correctCoreTime(kernel: Kernel, addedPs: number): number[] {
  const times = coreTimePs(kernel);
  const { lossPs } = kernel;
  const barrier = lossPs[Category.Barrier] ?? 0;
  const memory = (lossPs[Category.DramLatency] ?? 0) + (lossPs[Category.DramBandwidth] ?? 0);
  const waits = times.reduce(
    (sum, ps, state) => sum + (state === DISPATCHING || state === L1 || state === BARRIER ? 0 : ps),
    0,
  );
  if (memory + barrier === 0) return times;
  const toMemory = (addedPs * memory) / (memory + barrier);
  return times.map((ps, state) => {
    if (state === DISPATCHING || state === L1) return ps;
    if (state === BARRIER) return ps + addedPs - toMemory;
    return waits === 0 ? ps : ps + (toMemory * ps) / waits;
  });
}

/** Values in the order of `CORE_STATES` by name. */
export function nameCoreStates(values: readonly number[]): Readonly<Record<CoreState, number>> {
  return Object.fromEntries(CORE_STATES.map(({ key }, at) => [key, values[at] as number])) as Record<
    CoreState,
    number
  >;
}
