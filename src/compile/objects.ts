/**
 * Which structure of the machine an expression stands for, where that is known when it is compiled.
 *
 * A single structure is called `$Type`, one of several by the field that holds it: `$EngineState$l1`. Those are the names of constants, the structure's address; behind it
 * stands a field that never changes: `$EngineState$l1$words`. The host fills them in (see machine/compiled/instance.ts).
 */
import ts from 'typescript';
import type { Fields } from './fields.js';
import type { Plan } from './plan.js';
import { bare, type Source } from './source.js';

/** Structures that parameters stand for in one version of a function. */
export type BoundParameters = ReadonlyMap<ts.Symbol, string>;

export class MachineObjects {
  /** Parameters of the version of a function that is being compiled. */
  bound: BoundParameters = new Map();
  readonly #source: Source;
  readonly #plan: Plan;
  readonly #fields: Fields;

  constructor(source: Source, plan: Plan, fields: Fields) {
    this.#source = source;
    this.#plan = plan;
    this.#fields = fields;
  }

  isSingle(type: ts.Type): boolean {
    return this.#plan.single.has(this.#source.nameOf(type));
  }

  /** Name of the structure, or undefined. */
  of(expression: ts.Expression): string | undefined {
    const node = bare(expression);
    const type = this.#source.typeOf(node);
    if (this.isSingle(type)) return `$${this.#source.nameOf(type)}`;
    if (!this.#plan.several.has(this.#source.nameOf(type))) return undefined;
    if (ts.isPropertyAccessExpression(node)) {
      const holder = this.of(node.expression);
      return holder === undefined
        ? undefined
        : this.constantField(holder, this.#source.typeOf(node.expression), node.name.text, node);
    }
    return ts.isIdentifier(node) ? this.#ofName(node) : undefined;
  }

  /** Name of the constant that a field of a known structure is; undefined where the field may change. */
  constantField(holder: string, type: ts.Type, field: string, node: ts.Node): string | undefined {
    this.#fields.use(type, field, node);
    const known = this.#fields.byType.get(this.#source.nameOf(type))?.get(field);
    return known === undefined || known.isMutable ? undefined : `${holder}$${field}`;
  }

  #ofName(node: ts.Identifier): string | undefined {
    const symbol = this.#source.symbolOf(node);
    const declaration = symbol?.valueDeclaration;
    if (symbol === undefined || declaration === undefined) return undefined;
    const bound = this.bound.get(symbol);
    if (bound !== undefined) return bound;
    if ((ts.getCombinedNodeFlags(declaration) & ts.NodeFlags.Const) === 0) return undefined;
    if (ts.isVariableDeclaration(declaration))
      return declaration.initializer === undefined ? undefined : this.of(declaration.initializer);
    if (!ts.isBindingElement(declaration) || !ts.isObjectBindingPattern(declaration.parent)) return undefined;
    const pattern = declaration.parent;
    const { initializer } = pattern.parent;
    const holder = initializer === undefined ? undefined : this.of(initializer);
    const field = (declaration.propertyName ?? declaration.name).getText();
    return holder === undefined
      ? undefined
      : this.constantField(holder, this.#source.typeOf(pattern), field, declaration);
  }
}
