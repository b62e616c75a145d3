/** How the data of a machine lie in the memory of its compiled form. */

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

/** A machine's hot functions as WebAssembly, and how they expect their data. */
export interface MachineCode {
  /** The binary, in base 64. */
  readonly wasm: string;
  readonly layout: Layout;
}
