/** What the translator is told of a program beyond what its sources say. */

/** A function by its file below the sources and its name. */
export interface Entry {
  readonly file: string;
  readonly name: string;
}

/** What a call through data becomes: a call of a function that takes the same arguments, beside single structures. */
export interface Binding {
  /** Name of one of the entries. */
  readonly to: string;
  /** What is called in its place where the program's data include a single structure. */
  readonly instead?: { readonly where: string; readonly to: string };
}

/** A call of a member, whose parts are translated when they are asked for. */
export interface MemberCall {
  object(): string;
  argument(index: number): string;
}

/** Values of constants that a shape of the program's data has, by their paths: `$Type$field`. */
export type Shape = Readonly<Record<string, number>>;

export interface Plan {
  /** Functions that a host calls. What they call is compiled with them. */
  readonly exported: readonly Entry[];
  /** Functions that stand for a call through data. */
  readonly bound: readonly Entry[];
  /**
   * Structures of which a program has one each. They are not handed on from function to function, and what of them never changes is a constant of the compiled program,
   * filled in for each set of data that it is run on.
   */
  readonly single: ReadonlySet<string>;
  /** Structures of which single ones hold several: a function that takes one is compiled once for each that it is called with. */
  readonly several: ReadonlySet<string>;
  /** Shapes that get code of their own, which is optimised for them, beside the code for any. The first that data have is taken. */
  readonly shapes: readonly Shape[];
  /** Calls through data, by `Type.member`. */
  readonly bindings: Readonly<Record<string, Binding>>;
  /** Calls of members that have a translation of their own, by `Type.member`. */
  readonly members: Readonly<Record<string, (call: MemberCall) => string>>;
  /** Functions that are not compiled, since the prelude has them by the same name and with the same parameters. */
  readonly preludeFunctions: ReadonlySet<string>;
  /** AssemblyScript in front of the compiled functions: the prelude functions, what `members` call, and empty classes for the structures of which no field is used. */
  readonly prelude: string;
  /** Types whose members are never called in a compiled program: a host does not compile data that have one. */
  readonly excludedTypes: ReadonlySet<string>;
  /** Types that are reached through bound calls alone. */
  readonly methodsOnly: ReadonlySet<string>;
  /** Names of fields that are doubles whatever flows into them, because their creation sets them. */
  readonly doubleFields: RegExp;
}
