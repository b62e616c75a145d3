/** The sources as the compiler's front end sees them: symbols, types, and what is wrong where. */
import { basename, relative } from 'node:path';
import ts from 'typescript';

/** What cannot be compiled, all of it at once. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
}

/** The two kinds of number of the compiled machine. */
export type NumberKind = 'i32' | 'f64';

/** A typed array in the compiled machine. */
export interface ArrayClass {
  /** Class of the prelude that stands for it. */
  readonly name: string;
  /** Type of the bytes of an element, log2 of their number, and kind of its value. */
  readonly stored: string;
  readonly shift: number;
  readonly kind: NumberKind;
}

export const TYPED_ARRAYS: ReadonlyMap<string, ArrayClass> = new Map([
  ['Int32Array', { name: 'I32s', stored: 'i32', shift: 2, kind: 'i32' }],
  ['Float64Array', { name: 'F64s', stored: 'f64', shift: 3, kind: 'f64' }],
  ['Uint8Array', { name: 'U8s', stored: 'u8', shift: 0, kind: 'i32' }],
  ['Int8Array', { name: 'I8s', stored: 'i8', shift: 0, kind: 'i32' }],
  ['Uint16Array', { name: 'U16s', stored: 'u16', shift: 1, kind: 'i32' }],
]);

export class Source {
  readonly checker: ts.TypeChecker;
  readonly #program: ts.Program;
  readonly #root: string;
  readonly #problems: string[] = [];

  /** @param root folder of the sources @param configFile of the TypeScript project */
  constructor(root: string, configFile: string) {
    const { config } = ts.readConfigFile(configFile, ts.sys.readFile);
    const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, `${root}/..`);
    this.#root = root;
    this.#program = ts.createProgram(fileNames, options);
    this.checker = this.#program.getTypeChecker();
  }

  /** An exported function by file and name. @throws CompileError where there is none */
  exported(file: string, name: string): ts.Symbol {
    const source = this.#program.getSourceFile(`${this.#root}/${file}`);
    const module = source === undefined ? undefined : this.checker.getSymbolAtLocation(source);
    const found =
      module === undefined
        ? undefined
        : this.checker.getExportsOfModule(module).find((symbol) => symbol.name === name);
    if (found === undefined) throw new CompileError(`${file} exports no ${name}`);
    return this.#resolve(found);
  }

  /** File of a node, without the path to the sources and the ending. */
  fileOf(node: ts.Node): string {
    return relative(this.#root, node.getSourceFile().fileName).replace(/\.ts$/, '').replace(/\\/g, '/');
  }

  report(node: ts.Node, problem: string): void {
    const { line, character } = node.getSourceFile().getLineAndCharacterOfPosition(node.getStart());
    const text = node.getText().split('\n', 1)[0] ?? '';
    this.#problems.push(
      `${basename(this.#root)}/${this.fileOf(node)}.ts:${line + 1}:${character + 1}: ${problem}: ${text}`,
    );
  }

  /** @throws CompileError with all that was reported */
  failOnProblems(): void {
    if (this.#problems.length > 0) throw new CompileError([...new Set(this.#problems)].join('\n'));
  }

  symbolOf(node: ts.Node): ts.Symbol | undefined {
    const symbol = this.checker.getSymbolAtLocation(node);
    return symbol === undefined ? undefined : this.#resolve(symbol);
  }

  typeOf(node: ts.Node): ts.Type {
    return this.checker.getNonNullableType(this.checker.getTypeAtLocation(node));
  }

  /** Name of a type that is an object. */
  nameOf(type: ts.Type): string {
    return this.checker.getNonNullableType(type).symbol?.name ?? '';
  }

  isNumber(type: ts.Type): boolean {
    return isMadeOf(type, ts.TypeFlags.NumberLike);
  }

  isBoolean(type: ts.Type): boolean {
    return isMadeOf(type, ts.TypeFlags.BooleanLike);
  }

  /** Type of the elements of an array of objects; undefined for what is none. */
  elementOf(type: ts.Type): ts.Type | undefined {
    const name = this.nameOf(type);
    if (name !== 'Array' && name !== 'ReadonlyArray') return undefined;
    return this.checker.getIndexTypeOfType(type, ts.IndexKind.Number);
  }

  #resolve(symbol: ts.Symbol): ts.Symbol {
    return (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : this.checker.getAliasedSymbol(symbol);
  }
}

function isMadeOf(type: ts.Type, flags: ts.TypeFlags): boolean {
  if (type.isUnion()) return type.types.every((part) => (part.flags & flags) !== 0);
  return (type.flags & flags) !== 0;
}

/** Whether a declaration stands outside of all functions. */
export function isOfModule(declaration: ts.Node): boolean {
  let node = declaration;
  while (!ts.isVariableStatement(node)) {
    if (ts.isFunctionLike(node) || ts.isSourceFile(node)) return false;
    node = node.parent;
  }
  return ts.isSourceFile(node.parent);
}

/** An expression without what only the type checker reads, and without parentheses. */
export function bare(node: ts.Expression): ts.Expression {
  let inner = node;
  while (ts.isParenthesizedExpression(inner) || ts.isAsExpression(inner) || ts.isNonNullExpression(inner))
    inner = inner.expression;
  return inner;
}
