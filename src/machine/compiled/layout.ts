/** How the data of a machine lie in the memory of its compiled form, and what of it is part of the code. */

export interface FieldLayout {
  readonly name: string;
  /** `i32`, `f64`, `bool`, the class of a typed array (`I32s`, ...), `Objects<...>`, or the name of a structure. */
  readonly type: string;
  /** Structure of the elements of an array of objects, else null. */
  readonly element: string | null;
  /** Byte within the structure. */
  readonly offset: number;
  /** It may change after its creation. */
  readonly isMutable: boolean;
}

export interface StructureLayout {
  readonly bytes: number;
  readonly fields: readonly FieldLayout[];
}

/** By the name of the interface. */
export type Layout = Readonly<Record<string, StructureLayout>>;

/** A number of the code that is another for each machine. */
export interface CodeConstant {
  /** A single structure and the way from it, `$Type$field$field`: a number, a truth value, or the address of a structure or array. */
  readonly path: string;
  readonly isDouble: boolean;
  /** Bytes of the binary at which it stands: eight of a double, else five of a signed LEB128 integer. */
  readonly places: readonly number[];
}

/** Code for machines of a shape: whose constants have the given values, by their paths; an empty shape is that of any. */
export interface CodeForShape {
  readonly shape: Readonly<Record<string, number>>;
  /** The binary, in base 64. */
  readonly wasm: string;
  readonly constants: readonly CodeConstant[];
}

/** A machine's hot functions as WebAssembly, and how they expect their data. */
export interface MachineCode {
  readonly layout: Layout;
  /** Structures of which a machine has one each. */
  readonly single: readonly string[];
  /** The first whose shape a machine has is its code; the last is for any. */
  readonly shapes: readonly CodeForShape[];
}
