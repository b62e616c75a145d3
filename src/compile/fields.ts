/** The fields of the machine's data that compiled functions read or write, by the interface that declares them. */
import ts from 'typescript';
import type { Plan } from './plan.js';
import { type Source, TYPED_ARRAYS } from './source.js';

export interface Field {
  readonly symbol: ts.Symbol;
  readonly type: ts.Type;
  /** Something other than its creation may change it. */
  readonly isMutable: boolean;
}

export class Fields {
  /** By type and field. */
  readonly byType = new Map<string, Map<string, Field>>();
  readonly #source: Source;
  readonly #plan: Plan;

  constructor(source: Source, plan: Plan) {
    this.#source = source;
    this.#plan = plan;
  }

  /** Takes note of the use of a member. @returns its symbol; undefined for the length of an array, for a method and for what the compiled machine has not */
  use(object: ts.Type, name: string, node: ts.Node): ts.Symbol | undefined {
    const { checker } = this.#source;
    const owner = this.#source.nameOf(object);
    if (TYPED_ARRAYS.has(owner) || this.#source.elementOf(object) !== undefined) return undefined;
    const symbol = checker.getPropertyOfType(checker.getNonNullableType(object), name);
    if (symbol === undefined || owner === '' || owner === '__object') return symbol;
    const type = checker.getTypeOfSymbolAtLocation(symbol, node);
    if (type.getCallSignatures().length > 0 || this.#plan.methodsOnly.has(this.#source.nameOf(type)))
      return symbol;
    if (this.#plan.excludedTypes.has(owner)) return symbol;
    let fields = this.byType.get(owner);
    if (fields === undefined) {
      fields = new Map();
      this.byType.set(owner, fields);
    }
    const declaration = symbol.valueDeclaration;
    const isReadonly =
      declaration !== undefined &&
      (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Readonly) !== 0;
    if (!fields.has(name)) fields.set(name, { symbol, type, isMutable: !isReadonly });
    return symbol;
  }
}
