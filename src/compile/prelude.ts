/** What stands around the compiled functions. */

import { type ArrayClass, TYPED_ARRAYS } from './source.js';

/** A class for typed arrays: a pointer to the first element, with the number of elements 8 bytes in front. Indices are not checked: tests run the same code as JavaScript. */
function arrayClass({ name, stored, shift, kind }: ArrayClass): string {
  const place = `changetype<usize>(this) + (<usize>index << ${shift})`;
  return `@unmanaged class ${name} {
  @operator("[]") @inline private get(index: i32): ${kind} { return load<${stored}>(${place}); }
  @operator("[]=") @inline private set(index: i32, value: ${kind}): void { store<${stored}>(${place}, value); }
  @inline get length(): i32 { return load<i32>(changetype<usize>(this) - 8); }
}`;
}

/** Module of the imports that the host fills in. */
export const CONSTANTS_MODULE = 'constants';

/** The declarations in front of the structures. */
export const PRELUDE = `${[...TYPED_ARRAYS.values()].map(arrayClass).join('\n')}
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
@external("prelude", "refill") declare function refill(core: i32): bool;
@external("prelude", "growRing") declare function growRing(ring: RequestRing): void;
/** All entries at once, without partial tags. What is read behind the last, of the next set, is masked out. */
@inline function findTag(words: I32s, partials: i32, first: i32, ways: i32, flagBits: i32, tag: i32): i32 {
  const at = changetype<usize>(words) + (<usize>first << 2);
  const wanted = i32x4.splat(tag);
  const a = i32x4.eq(i32x4.shr_s(v128.load(at), flagBits), wanted);
  let matches: i32;
  if (ways > 8) {
    const b = i32x4.eq(i32x4.shr_s(v128.load(at, 16), flagBits), wanted);
    const c = i32x4.eq(i32x4.shr_s(v128.load(at, 32), flagBits), wanted);
    const d = i32x4.eq(i32x4.shr_s(v128.load(at, 48), flagBits), wanted);
    matches = i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
  } else if (ways > 4) {
    matches = i16x8.bitmask(i16x8.narrow_i32x4_s(a, i32x4.eq(i32x4.shr_s(v128.load(at, 16), flagBits), wanted)));
  } else {
    matches = i32x4.bitmask(a);
  }
  matches &= (1 << ways) - 1;
  return matches == 0 ? -1 : first + ctz(matches);
}
`;
