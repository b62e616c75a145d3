/** What is compiled: the functions that the outside calls, and what stands where data hold a function. */

/** A function by its file below the sources and its name. */
export interface Entry {
  readonly file: string;
  readonly name: string;
}

/** Functions that a host calls. What they call is compiled with them. */
export const EXPORTED: readonly Entry[] = [
  { file: 'machine/core/run-events.ts', name: 'runEvents' },
  { file: 'machine/dram/channel.ts', name: 'enqueueRequest' },
  { file: 'machine/dram/channel.ts', name: 'stepChannel' },
  { file: 'machine/dram/channel.ts', name: 'acceptsRequest' },
  { file: 'machine/dram/channel.ts', name: 'channelOfLine' },
];

/** Functions that stand for a call through data. */
const BOUND: readonly Entry[] = [
  { file: 'machine/core/private-caches.ts', name: 'invalidateCluster' },
  { file: 'machine/core/private-caches.ts', name: 'downgradeCluster' },
  { file: 'machine/memory-port.ts', name: 'writeBackLine' },
  { file: 'machine/dram/ideal.ts', name: 'enqueueIdeal' },
  { file: 'machine/dram/ideal.ts', name: 'stepIdeal' },
  { file: 'machine/dram/ideal.ts', name: 'channelOfIdeal' },
];

export const ENTRIES: readonly Entry[] = [...EXPORTED, ...BOUND];

/** An argument of the function called instead: the call's own by its number, one of those as 0 or 1, or a global of the prelude. */
export type Argument = number | { readonly flag: number } | string;

/** What a call through data becomes: one function, or one of two. */
export interface Binding {
  readonly name: string;
  readonly args: readonly Argument[];
  /** Where memory is ideal. */
  readonly ideal?: { readonly name: string; readonly args: readonly Argument[] };
}

/**
 * Calls through data, by type and member. A compiled machine is one chip, so that what its parts reach through closures are its globals: the engine, the memory port, and
 * the one of the two memories that it has.
 */
export const BINDINGS: Readonly<Record<string, Binding>> = {
  'PrivateCaches.invalidate': { name: 'invalidateCluster', args: ['ENGINE', 0, 1] },
  'PrivateCaches.downgrade': { name: 'downgradeCluster', args: ['ENGINE', 0, 1] },
  'SharedLevel.writeMemory': { name: 'writeBackLine', args: ['PORT', 0, 1] },
  'MainMemory.enqueue': {
    name: 'enqueueRequest',
    args: ['CHANNELS', 0, 1, { flag: 2 }, 3, 4],
    ideal: { name: 'enqueueIdeal', args: ['IDEAL', 0, 1, { flag: 2 }, 3, 4] },
  },
  'MainMemory.step': {
    name: 'stepChannel',
    args: ['CHANNELS', 0],
    ideal: { name: 'stepIdeal', args: ['IDEAL', 0] },
  },
  'MainMemory.channelOf': {
    name: 'channelOfLine',
    args: ['CHANNELS', 0],
    ideal: { name: 'channelOfIdeal', args: ['IDEAL', 0] },
  },
};

/** Functions that the host runs, since they need what only JavaScript has; by name, with what is called instead. */
export const HOST_FUNCTIONS: Readonly<Record<string, string>> = { growRing: 'growRing' };

/** Types whose members are never called in a compiled machine: a host does not compile a machine that has one. */
export const EXCLUDED_TYPES: ReadonlySet<string> = new Set(['ReplacementPolicy']);

/** Types that are reached through bound calls alone. */
export const METHODS_ONLY: ReadonlySet<string> = new Set(['PrivateCaches']);
