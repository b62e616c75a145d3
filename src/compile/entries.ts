/** What is compiled, and what the compiler is told of it beyond what the sources say. */

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

/**
 * Structures of which a machine has one each. They are not handed on from function to function, and what of them never changes is a constant of the compiled machine,
 * filled in for each machine that is run.
 */
export const SINGLE: ReadonlySet<string> = new Set([
  'EngineState',
  'EventOrder',
  'MemoryPort',
  'MainMemory',
  'ChannelSet',
  'DramState',
  'AddressMap',
  'DramTimings',
  'RowPolicy',
  'ColumnGaps',
  'IdealState',
  'Placement',
  'Interconnect',
  'Network',
  'SharedLevel',
  'PrefetchState',
  'StreamTable',
]);

/** Structures of which single ones hold several: a function that takes one is compiled once for each that it is called with. */
export const SEVERAL: ReadonlySet<string> = new Set(['TagArray', 'FreeList', 'Calendar']);

/** What a call through data becomes: a function that takes the same arguments, beside single structures. Of two, the second is called where memory is ideal. */
export const BINDINGS: Readonly<Record<string, readonly [string, string?]>> = {
  'PrivateCaches.invalidate': ['invalidateCluster'],
  'PrivateCaches.downgrade': ['downgradeCluster'],
  'SharedLevel.writeMemory': ['writeBackLine'],
  'MainMemory.enqueue': ['enqueueRequest', 'enqueueIdeal'],
  'MainMemory.step': ['stepChannel', 'stepIdeal'],
  'MainMemory.channelOf': ['channelOfLine', 'channelOfIdeal'],
};

/**
 * Functions that are not compiled, since the prelude has them by the same name and with the same parameters: the host runs them, for they need what only JavaScript has, or there are instructions
 * for them that it has not.
 */
export const PRELUDE_FUNCTIONS: ReadonlySet<string> = new Set(['growRing', 'findTag']);

/** Types whose members are never called in a compiled machine: a host does not compile a machine that has one. */
export const EXCLUDED_TYPES: ReadonlySet<string> = new Set(['ReplacementPolicy']);

/** Types that are reached through bound calls alone. */
export const METHODS_ONLY: ReadonlySet<string> = new Set(['PrivateCaches']);
