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
const SCALAR_BYTES: Readonly<Record<string, number>> = { i32: 4, f64: 8, bool: 1 };
/** What the host's caches work in, and what every element is aligned to. */
const LINE_BYTES = 64;
/** Structures that hold what JavaScript goes on writing: their arrays are copied, not moved. */
const COPIED = 'OpStream';

/**
 * Memory for each byte carried: room for rings and streams to grow. Memory that grows is another buffer, and a host that has taken one buffer away looks, in all of its JavaScript, at every
 * access to an array whether the array still has its own. Pages that are never touched cost nothing.
 */
const MEMORY_PER_BYTE = 1.5;
/** And for what is small, 1 MiB. */
const SPARE_BYTES = 2 ** 20;

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

function layoutOf(layout: Layout, name: string): Layout[string] {
  return layout[name] ?? { bytes: 0, fields: [] };
}

/** What is carried: every structure once, and the bytes that all take. */
class Plan {
  readonly structures = new Map<object, PlacedStructure>();
  readonly byName = new Map<string, PlacedStructure>();
  bytes = 0;
  readonly #layout: Layout;
  readonly #single: ReadonlySet<string>;
  readonly #arrays = new Set<object>();

  constructor({ layout, single }: MachineCode) {
    this.#layout = layout;
    this.#single = new Set(single);
  }

  /** Takes note of a structure and of all that it holds. @throws Misfit */
  add(name: string, data: Data): void {
    if (this.structures.has(data)) return;
    const structure = { data, name, pointer: 0 };
    this.structures.set(data, structure);
    if (this.#single.has(name)) {
      if (this.byName.has(name)) throw new Misfit();
      this.byName.set(name, structure);
    }
    const { bytes, fields } = layoutOf(this.#layout, name);
    this.bytes += bytes + LINE_BYTES;
    for (const { name: field, type, element } of fields) {
      const value = data[field];
      if (type === 'i32' && !(Number.isInteger(value) && (value as number) === ((value as number) | 0)))
        throw new Misfit();
      if (type in SCALAR_BYTES || value === null) continue;
      if (type in ARRAY_TYPES) this.#addArray(value as TypedArray, (value as TypedArray).byteLength);
      else if (element === null) {
        if (!(type in this.#layout)) throw new Misfit();
        this.add(type, value as Data);
      } else {
        const parts = value as Data[];
        this.#addArray(parts, parts.length * Int32Array.BYTES_PER_ELEMENT);
        if (element in this.#layout) for (const part of parts) this.add(element, part);
      }
    }
  }

  #addArray(array: object, bytes: number): void {
    if (this.#arrays.has(array)) return;
    this.#arrays.add(array);
    this.bytes += bytes + 2 * LINE_BYTES;
  }
}

export class MachineImage {
  readonly memory: LinearMemory;
  readonly #layout: Layout;
  readonly #arrays = new Map<TypedArray, PlacedArray>();
  readonly #structures: ReadonlyMap<object, PlacedStructure>;
  readonly #byPointer = new Map<number, PlacedStructure>();
  readonly #byName: ReadonlyMap<string, PlacedStructure>;
  readonly #mutable: MutableField[] = [];
  #view: DataView;
  // The first page holds the constant tables of the code.
  #top = PAGE_BYTES;

  /**
   * Moves data structures, and all that they hold, into memory.
   * @param roots the structures with their names; null for what there is not
   * @returns null, with nothing changed, where something does not fit: an integer field holds another number, there are two of what a machine has one of, or there is what is not compiled
   */
  static of(
    code: MachineCode,
    roots: readonly (readonly [name: string, data: object | null])[],
  ): MachineImage | null {
    const plan = new Plan(code);
    try {
      for (const [name, data] of roots) if (data !== null) plan.add(name, data as Data);
    } catch (error) {
      if (error instanceof Misfit) return null;
      throw error;
    }
    return new MachineImage(code, plan);
  }

  private constructor({ layout }: MachineCode, { structures, byName, bytes }: Plan) {
    this.#layout = layout;
    this.#structures = structures;
    this.#byName = byName;
    this.memory = createMemory(Math.ceil((PAGE_BYTES + bytes * MEMORY_PER_BYTE + SPARE_BYTES) / PAGE_BYTES));
    this.#view = new DataView(this.memory.buffer);
    for (const structure of structures.values()) {
      structure.pointer = this.#allocate(this.#layoutOf(structure.name).bytes);
      this.#byPointer.set(structure.pointer, structure);
    }
    for (const structure of structures.values()) this.#write(structure);
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
    return layoutOf(this.#layout, name);
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
      const wanted = Math.max(this.#top, buffer.byteLength * MEMORY_PER_BYTE);
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
