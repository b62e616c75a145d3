/** What is compiled of the machine. */
import type { Plan } from './plan.js';

export const MACHINE_PLAN: Plan = {
  exported: [
    { file: 'machine/core/run-events.ts', name: 'runEvents' },
    { file: 'machine/dram/channel.ts', name: 'enqueueRequest' },
    { file: 'machine/dram/channel.ts', name: 'stepChannel' },
    { file: 'machine/dram/channel.ts', name: 'acceptsRequest' },
    { file: 'machine/dram/channel.ts', name: 'channelOfLine' },
    { file: 'machine/dram/feed.ts', name: 'offerRequests' },
  ],
  bound: [
    { file: 'machine/core/private-caches.ts', name: 'invalidateCluster' },
    { file: 'machine/core/private-caches.ts', name: 'downgradeCluster' },
    { file: 'machine/memory-port.ts', name: 'writeBackLine' },
    { file: 'machine/dram/ideal.ts', name: 'enqueueIdeal' },
    { file: 'machine/dram/ideal.ts', name: 'stepIdeal' },
    { file: 'machine/dram/ideal.ts', name: 'channelOfIdeal' },
  ],
  single: new Set([
    'EngineState',
    'EventOrder',
    'MemoryPort',
    'MainMemory',
    'ChannelSet',
    'RequestFeed',
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
  ]),
  several: new Set(['TagArray', 'FreeList', 'Calendar']),
  shapes: [
    // What stands for a chip in a sampled run, and what most traces are replayed on: one core with private L2, one slice and one channel of DRAM, LRU.
    {
      $EngineState$cores: 1,
      $EngineState$coresPerCluster: 1,
      $EngineState$clusters: 1,
      $EventOrder$leaves: 2,
      $EngineState$hasL2: 1,
      $EngineState$l1$isRecency: 1,
      $EngineState$l2$isRecency: 1,
      $SharedLevel$sockets: 1,
      $SharedLevel$clustersPerSocket: 1,
      $SharedLevel$slicesPerSocket: 1,
      $SharedLevel$maskWords: 1,
      $SharedLevel$hasCache: 1,
      $SharedLevel$cache$isRecency: 1,
      $MemoryPort$sockets: 1,
      $MemoryPort$channelsPerSocket: 1,
      $DramState$channels: 1,
      $DramState$ranks: 1,
      $IdealState: 0,
    },
  ],
  bindings: {
    'PrivateCaches.invalidate': { to: 'invalidateCluster' },
    'PrivateCaches.downgrade': { to: 'downgradeCluster' },
    'SharedLevel.writeMemory': { to: 'writeBackLine' },
    'MainMemory.enqueue': { to: 'enqueueRequest', instead: { where: 'IdealState', to: 'enqueueIdeal' } },
    'MainMemory.step': { to: 'stepChannel', instead: { where: 'IdealState', to: 'stepIdeal' } },
    'MainMemory.channelOf': { to: 'channelOfLine', instead: { where: 'IdealState', to: 'channelOfIdeal' } },
  },
  members: {
    'OpStream.clear': (call) => `${call.object()}.length = 0`,
    // The host knows the streams by their cores.
    'EngineState.refill': (call) => `refill(${call.argument(0)})`,
    'MemoryPort.observe': (call) => `observe(${call.argument(0)}, ${call.argument(1)})`,
  },
  // The host grows rings, for that allocates; for the others there are instructions that JavaScript has not.
  preludeFunctions: new Set(['growRing', 'findTag', 'moveToFront']),
  prelude: `@unmanaged class ReplacementPolicy {}
@unmanaged class Link {}
@external("prelude", "refill") declare function refill(core: i32): bool;
@external("prelude", "observe") declare function observe(line: i32, isWrite: bool): void;
@external("prelude", "growRing") declare function growRing(ring: RequestRing): void;
/** All entries at once. What is read behind the last way belongs to none, and is masked out. */
@inline function findTag(words: I32s, set: i32, ways: i32, flagBits: i32, tag: i32): i32 {
  const at = changetype<usize>(words) + (<usize>set << 2);
  const wanted = i32x4.splat(tag);
  const a = i32x4.eq(i32x4.shr_s(v128.load(at), flagBits), wanted);
  let matches: i32;
  if (ways > 8) {
    const b = i32x4.eq(i32x4.shr_s(v128.load(at, 16), flagBits), wanted);
    const c = i32x4.eq(i32x4.shr_s(v128.load(at, 32), flagBits), wanted);
    const d = i32x4.eq(i32x4.shr_s(v128.load(at, 48), flagBits), wanted);
    matches = i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
  } else if (ways > 4) {
    matches = i32x4.bitmask(a) | (i32x4.bitmask(i32x4.eq(i32x4.shr_s(v128.load(at, 16), flagBits), wanted)) << 4);
  } else {
    matches = i32x4.bitmask(a);
  }
  if (ways != 4 && ways != 8 && ways != 16) matches &= (1 << ways) - 1;
  return matches == 0 ? -1 : set + ctz(matches);
}
/** Both words of an order at once, and without a branch: a nibble that is equal becomes zero, which x - 1 & ~x & 8 finds, the lowest one exactly (Warren, Hacker's Delight, 6-1). */
@inline function moveToFront(orders: I32s, order: i32, ways: i32, way: i32): void {
  const at = changetype<usize>(orders) + (<usize>order << 2);
  if (ways > 8) {
    const list = load<u64>(at);
    const x = list ^ (<u64>way * 0x1111111111111111);
    const shift = ctz((x - 0x1111111111111111) & ~x & 0x8888888888888888) - 3;
    store<u64>(at, (list & (<u64>-16 << shift)) | ((list & ((<u64>1 << shift) - 1)) << 4) | <u64>way);
  } else {
    const list = load<u32>(at);
    const x = list ^ (<u32>way * 0x11111111);
    const shift = ctz((x - 0x11111111) & ~x & 0x88888888) - 3;
    store<u32>(at, (list & (<u32>-16 << shift)) | ((list & ((<u32>1 << shift) - 1)) << 4) | <u32>way);
  }
}
`,
  excludedTypes: new Set(['ReplacementPolicy']),
  methodsOnly: new Set(['PrivateCaches']),
  // Units of time, and reciprocals.
  doubleFields: /Ps$|^tCKps$|^per[A-Z]/,
};
