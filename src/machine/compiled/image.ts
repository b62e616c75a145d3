/**
 * The data of a machine in the memory of its compiled form.
 *
 * Typed arrays move there: the objects that hold them get views of their new place, so that JavaScript and WebAssembly work on the same elements. Single numbers are
 * copied; those that may change are copied in before compiled functions run and out behind them.
 */
import type { FieldLayout, Layout, MachineCode } from './layout.js';
import { createMemory, type LinearMemory, PAGE_BYTES } from './memory.js';

type Data = Record<string, unknown>;
type TypedArray = Int32Array | Float64Array | Uint8Array | Int8Array | Uint16Array;
type TypedArrayType = new (buffer: ArrayBuffer, at: number, length: number) => TypedArray;

const ARRAY_TYPES: Readonly<Record<string, TypedArrayType>> = {
  I32s: Int32Array,
  F64s: Float64Array,
  U8s: Uint8Array,
  I8s: Int8Array,
  U16s: Uint16Array,
};
/** What the host's caches work in, and what every element is aligned to. */
const LINE_BYTES = 64;
/** Structures that hold what JavaScript goes on writing: their arrays are copied, not moved. */
const COPIED = 'OpStream';

/** Memory to begin with, 1 MiB: a small machine fits. */
const FIRST_PAGES = 16;

/** What a program hands to its compiled machine does not fit: it is run as JavaScript. */
class Misfit extends Error {}

interface PlacedArray {
  readonly type: TypedArrayType;
  readonly pointer: number;
  readonly length: number;
  holders: { readonly owner: Data; readonly field: string }[];
}

interface PlacedStructure {
  readonly data: Data;
  readonly name: string;
  pointer: number;
}

interface MutableField {
  readonly data: Data;
  readonly field: FieldLayout;
  readonly at: number;
}

export class MachineImage {
  readonly memory: LinearMemory = createMemory(FIRST_PAGES);
  readonly #layout: Layout;
  readonly #single: ReadonlySet<string>;
  readonly #arrays = new Map<TypedArray, PlacedArray>();
  readonly #structures = new Map<object, PlacedStructure>();
  readonly #byPointer = new Map<number, PlacedStructure>();
  readonly #byName = new Map<string, PlacedStructure>();
  readonly #mutable: MutableField[] = [];
  #view = new DataView(this.memory.buffer);
  // The first page holds the constant tables of the code.
  #top = PAGE_BYTES;

  constructor({ layout, single }: MachineCode) {
    this.#layout = layout;
    this.#single = new Set(single);
  }

  /**
   * Moves data structures, and all that they hold, into memory.
   * @param roots the structures with their names; null for what there is not
   * @returns whether that was done; false, with nothing changed, where something does not fit: an integer field holds another number, there are two of what a machine has one of, or there is
   *   what is not compiled
   */
  carry(roots: readonly (readonly [name: string, data: object | null])[]): boolean {
    try {
      for (const [name, data] of roots) if (data !== null) this.#plan(name, data as Data);
    } catch (error) {
      if (error instanceof Misfit) return false;
      throw error;
    }
    for (const structure of this.#structures.values()) {
      structure.pointer = this.#allocate(this.#layoutOf(structure.name).bytes);
      this.#byPointer.set(structure.pointer, structure);
    }
    for (const structure of this.#structures.values()) this.#write(structure);
    return true;
  }

  /** The value of a constant of the code, by its path; 0 where there is nothing on the way. */
  valueAt(path: string): number {
    const [, name = '', ...fields] = path.split('$');
    let structure = this.#byName.get(name);
    let value = structure?.pointer ?? 0;
    for (const field of fields) {
      if (structure === undefined) return 0;
      const { pointer } = structure;
      const layout = this.#layoutOf(structure.name).fields.find((known) => known.name === field);
      if (layout === undefined) return 0;
      const at = pointer + layout.offset;
      if (layout.type === 'f64') return this.#view.getFloat64(at, true);
      value = layout.type === 'bool' ? this.#view.getUint8(at) : this.#view.getInt32(at, true);
      structure = this.#byPointer.get(value);
    }
    return value;
  }

  /** The data at a pointer. */
  dataAt(pointer: number): object | undefined {
    return this.#byPointer.get(pointer)?.data;
  }

  /** Copies the numbers that may have changed into memory. */
  copyIn(): void {
    for (const { data, field, at } of this.#mutable) this.#put(field, at, data[field.name]);
  }

  /** Copies the numbers that may have changed out of memory. */
  copyOut(): void {
    const view = this.#view;
    for (const { data, field, at } of this.#mutable) {
      if (field.type === 'f64') data[field.name] = view.getFloat64(at, true);
      else if (field.type === 'i32') data[field.name] = view.getInt32(at, true);
      else data[field.name] = view.getUint8(at) !== 0;
    }
  }

  /** Writes a structure anew that has got other arrays. */
  rewrite(data: object): void {
    const structure = this.#structures.get(data);
    if (structure === undefined) return;
    for (const placed of this.#arrays.values())
      placed.holders = placed.holders.filter(
        ({ owner, field }) => owner !== structure.data || this.#isView(owner[field] as TypedArray),
      );
    this.#write(structure);
  }

  /** Copies the words in use of a stream, and how many they are, to where compiled functions read them. */
  copyStream(data: { readonly words: Int32Array; readonly length: number }): void {
    const { pointer } = this.#structures.get(data) as PlacedStructure;
    const { words: at, length: lengthAt } = this.#streamFields();
    let words = this.#view.getInt32(pointer + at, true);
    if (data.length > this.#view.getInt32(words - 8, true)) {
      words = this.#allocateArray(data.words.length, Int32Array.BYTES_PER_ELEMENT);
      this.#view.setInt32(pointer + at, words, true);
    }
    new Int32Array(this.memory.buffer, words, data.length).set(data.words.subarray(0, data.length));
    this.#view.setInt32(pointer + lengthAt, data.length, true);
  }

  /** Whether an array has moved already. */
  #isView(array: TypedArray): boolean {
    return array.buffer === this.memory.buffer;
  }

  #pointerOf(data: object): number {
    return this.#structures.get(data)?.pointer ?? 0;
  }

  #streamFields(): { readonly words: number; readonly length: number } {
    const offsetOf = (name: string): number =>
      this.#layoutOf(COPIED).fields.find((field) => field.name === name)?.offset ?? 0;
    return { words: offsetOf('words'), length: offsetOf('length') };
  }

  #layoutOf(name: string): Layout[string] {
    return this.#layout[name] ?? { bytes: 0, fields: [] };
  }

  /** Takes note of what is to be carried, and finds what does not fit. */
  #plan(name: string, data: Data): void {
    if (this.#structures.has(data)) return;
    const structure = { data, name, pointer: 0 };
    this.#structures.set(data, structure);
    if (this.#single.has(name)) {
      if (this.#byName.has(name)) throw new Misfit();
      this.#byName.set(name, structure);
    }
    for (const { name: field, type, element } of this.#layoutOf(name).fields) {
      const value = data[field];
      if (type === 'i32' && !(Number.isInteger(value) && (value as number) === ((value as number) | 0)))
        throw new Misfit();
      if (type in SCALAR_BYTES || type in ARRAY_TYPES || value === null) continue;
      if (!(type in this.#layout) && element === null) throw new Misfit();
      if (element === null) this.#plan(type, value as Data);
      else if (element in this.#layout) for (const part of value as Data[]) this.#plan(element, part);
    }
  }

  #write(structure: PlacedStructure): void {
    const { data, name, pointer } = structure;
    for (const field of this.#layoutOf(name).fields) {
      const at = pointer + field.offset;
      const value = data[field.name];
      if (field.type in SCALAR_BYTES) {
        this.#put(field, at, value);
        const isKnown = this.#mutable.some((known) => known.at === at);
        if (field.isMutable && name !== COPIED && !isKnown) this.#mutable.push({ data, field, at });
      } else {
        // Placing what it points to may renew the view.
        const target = this.#pointerFor(structure, field, value);
        this.#view.setInt32(at, target, true);
      }
    }
  }

  #pointerFor({ data, name }: PlacedStructure, field: FieldLayout, value: unknown): number {
    if (value === null) return 0;
    const type = ARRAY_TYPES[field.type];
    if (type !== undefined) {
      const array = value as TypedArray;
      if (name === COPIED) return this.#allocateArray(array.length, array.BYTES_PER_ELEMENT);
      return this.#move(array, type, data, field.name);
    }
    if (field.element === null) return this.#pointerOf(value as object);
    const parts = value as object[];
    const pointers = this.#allocateArray(parts.length, Int32Array.BYTES_PER_ELEMENT);
    parts.forEach((part, index) => {
      this.#view.setInt32(pointers + index * Int32Array.BYTES_PER_ELEMENT, this.#pointerOf(part), true);
    });
    return pointers;
  }

  /** Moves an array, once however many fields hold it, and gives its holder the view of its new place. */
  #move(array: TypedArray, type: TypedArrayType, owner: Data, field: string): number {
    if (this.#isView(array)) return array.byteOffset;
    let placed = this.#arrays.get(array);
    if (placed === undefined) {
      const pointer = this.#allocateArray(array.length, array.BYTES_PER_ELEMENT);
      placed = { type, pointer, length: array.length, holders: [] };
      const view = new type(this.memory.buffer, pointer, array.length);
      view.set(array);
      this.#arrays.set(array, placed);
    }
    placed.holders.push({ owner, field });
    owner[field] = new type(this.memory.buffer, placed.pointer, placed.length);
    return placed.pointer;
  }

  #put(field: FieldLayout, at: number, value: unknown): void {
    if (field.type === 'f64') this.#view.setFloat64(at, value as number, true);
    else if (field.type === 'i32') this.#view.setInt32(at, value as number, true);
    else this.#view.setUint8(at, value === true ? 1 : 0);
  }

  /** An array's elements begin on a host line; their number stands 8 bytes in front. */
  #allocateArray(length: number, elementBytes: number): number {
    const elements = this.#allocate(LINE_BYTES + length * elementBytes) + LINE_BYTES;
    this.#view.setInt32(elements - 8, length, true);
    return elements;
  }

  #allocate(bytes: number): number {
    const at = Math.ceil(this.#top / LINE_BYTES) * LINE_BYTES;
    this.#top = at + bytes;
    const { buffer } = this.memory;
    if (this.#top > buffer.byteLength) {
      // By half as much again, so that carrying a machine grows memory a few times only.
      const wanted = Math.max(this.#top, buffer.byteLength * 1.5);
      this.memory.grow(Math.ceil((wanted - buffer.byteLength) / PAGE_BYTES));
      this.#renewViews();
    }
    return at;
  }

  /** Memory that has grown is another buffer. */
  #renewViews(): void {
    const { buffer } = this.memory;
    this.#view = new DataView(buffer);
    for (const { type, pointer, length, holders } of this.#arrays.values())
      for (const { owner, field } of holders) owner[field] = new type(buffer, pointer, length);
  }
}

const SCALAR_BYTES: Readonly<Record<string, number>> = { i32: 4, f64: 8, bool: 1 };
