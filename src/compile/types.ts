/** Names of types in the compiled machine. */
import ts from 'typescript';
import type { Numbers } from './numbers.js';
import { type Source, TYPED_ARRAYS } from './source.js';

export class Types {
  readonly #source: Source;
  readonly #numbers: Numbers;

  constructor(source: Source, numbers: Numbers) {
    this.#source = source;
    this.#numbers = numbers;
  }

  /** @param symbol of what has the type, where that is a number */
  nameOf(type: ts.Type, symbol: ts.Symbol | undefined): string {
    if (this.#source.isBoolean(type)) return 'bool';
    if (this.#source.isNumber(type)) return this.#numbers.kindOf(symbol);
    if ((type.flags & ts.TypeFlags.Void) !== 0) return 'void';
    const array = TYPED_ARRAYS.get(this.#source.nameOf(type));
    if (array !== undefined) return array.name;
    const element = this.#source.elementOf(type);
    return element === undefined ? this.#source.nameOf(type) : `Objects<${this.nameOf(element, undefined)}>`;
  }
}
