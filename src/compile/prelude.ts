/** What stands around the compiled functions. */

import { type ArrayClass, TYPED_ARRAYS } from './source.js';

/** A class for typed arrays: a pointer to the first element, with the number of elements 8 bytes in front. Indices are not checked: tests run the same code as JavaScript. What `put` and `step` answer is the number before a narrow element cuts it off. */
function arrayClass({ name, stored, shift, kind }: ArrayClass): string {
  const place = `changetype<usize>(this) + (<usize>index << ${shift})`;
  return `@unmanaged class ${name} {
  @operator("[]") @inline private get(index: i32): ${kind} { return load<${stored}>(${place}); }
  @operator("[]=") @inline private set(index: i32, value: ${kind}): void { store<${stored}>(${place}, value); }
  @inline put(index: i32, value: ${kind}): ${kind} { store<${stored}>(${place}, value); return value; }
  @inline step(index: i32, by: ${kind}): ${kind} { return this.put(index, load<${stored}>(${place}) + by); }
  @inline get length(): i32 { return load<i32>(changetype<usize>(this) - 8); }
}`;
}

/** Module of the imports that the host fills in. */
export const CONSTANTS_MODULE = 'constants';

/** The declarations that all compiled functions use. */
export const PRELUDE = `${[...TYPED_ARRAYS.values()].map(arrayClass).join('\n')}
@unmanaged class Objects<T> {
  @operator("[]") @inline private get(index: i32): T { return changetype<T>(load<usize>(changetype<usize>(this) + (<usize>index << 2))); }
  @inline get length(): i32 { return load<i32>(changetype<usize>(this) - 8); }
}
@inline function toI32(value: f64): i32 { return <i32><i64>value; }
@inline function maxOf<T>(left: T, right: T): T {
  if (isFloat<T>()) return f64x2.extract_lane(f64x2.pmax(f64x2.splat(right), f64x2.splat(left)), 0);
  return left > right ? left : right;
}
@inline function minOf<T>(left: T, right: T): T {
  if (isFloat<T>()) return f64x2.extract_lane(f64x2.pmin(f64x2.splat(right), f64x2.splat(left)), 0);
  return left < right ? left : right;
}
@inline function signOf<T>(value: T): i32 { return i32(value > 0) - i32(value < 0); }
function refuse(): void { unreachable(); }
function refuseI32(): i32 { unreachable(); return 0; }
`;
