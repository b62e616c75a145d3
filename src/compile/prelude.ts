/** What stands around the compiled functions. */

/** Classes for typed arrays: a pointer to the first element, with the number of elements 8 bytes in front. Indices are not checked: tests run the same code as JavaScript. */
const ARRAYS = [
  ['I32s', 'i32', 'i32', 2],
  ['F64s', 'f64', 'f64', 3],
  ['U8s', 'u8', 'i32', 0],
  ['I8s', 'i8', 'i32', 0],
  ['U16s', 'u16', 'i32', 1],
] as const;

function arrayClass([name, stored, value, shift]: (typeof ARRAYS)[number]): string {
  const place = `changetype<usize>(this) + (<usize>index << ${shift})`;
  return `@unmanaged class ${name} {
  @operator("[]") @inline private get(index: i32): ${value} { return load<${stored}>(${place}); }
  @operator("[]=") @inline private set(index: i32, value: ${value}): void { store<${stored}>(${place}, value); }
  @inline get length(): i32 { return load<i32>(changetype<usize>(this) - 8); }
}`;
}

/** The declarations in front of the structures. */
export const PRELUDE = `${ARRAYS.map(arrayClass).join('\n')}
@unmanaged class Objects<T> {
  @operator("[]") @inline private get(index: i32): T { return changetype<T>(load<usize>(changetype<usize>(this) + (<usize>index << 2))); }
  @inline get length(): i32 { return load<i32>(changetype<usize>(this) - 8); }
}
@unmanaged class ReplacementPolicy {}
@unmanaged class Link {}
@inline function toI32(value: f64): i32 { return <i32><i64>value; }
@inline function maxOf<T>(left: T, right: T): T { return left > right ? left : right; }
@inline function minOf<T>(left: T, right: T): T { return left < right ? left : right; }
@inline function signOf(value: i32): i32 { return i32(value > 0) - i32(value < 0); }
function refuse(): void { unreachable(); }
function refuseI32(): i32 { unreachable(); return 0; }
@external("host", "refill") declare function refill(core: i32): bool;
@external("host", "growRing") declare function growRing(ring: RequestRing): void;
let ENGINE: EngineState = changetype<EngineState>(0);
let PORT: MemoryPort = changetype<MemoryPort>(0);
let CHANNELS: ChannelSet = changetype<ChannelSet>(0);
let IDEAL: IdealState = changetype<IdealState>(0);
let IS_IDEAL: bool = false;
/** Where the data of a machine may begin. */
export function dataStart(): usize { return __heap_base; }
/** Tells what the calls through data mean; 0 for what the machine has not. */
export function bindState(engine: EngineState, port: MemoryPort, channels: ChannelSet, ideal: IdealState): void {
  ENGINE = engine;
  PORT = port;
  CHANNELS = channels;
  IDEAL = ideal;
  IS_IDEAL = changetype<usize>(ideal) != 0;
}
`;
