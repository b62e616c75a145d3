/**
 * Which numbers are 32-bit integers and which are doubles.
 *
 * To JavaScript all are doubles. In the compiled machine a variable, field, parameter or result is an integer unless a double flows into it: an element of a Float64Array, a
 * quotient, a value that is not an integer of 32 bits, or a field that the plan names, which its creation sets. The kinds are found by going through
 * all functions until nothing changes.
 *
 * Integers wrap around at 32 bits where JavaScript's numbers would not; machines keep lines and cycles below that, and what flows into a double is computed in doubles throughout. Data whose
 * integer fields hold anything else are refused when they are carried over.
 *
 * What hot functions must not do, because it is not what JavaScript does: compare `x >>> 0` beyond 2^31, take an integer's remainder by 0, make an integer of a double beyond 2^63 or of
 * an infinity, give NaN to `Math.min` and `Math.max`, or assign to a field that holds a structure or an array.
 */
import ts from 'typescript';
import type { Constants } from './constants.js';
import type { Fields } from './fields.js';
import type { Functions, MachineFunction } from './functions.js';
import type { Plan } from './plan.js';
import { bare, type NumberKind, type Source, TYPED_ARRAYS } from './source.js';

const INTEGER_OPERATORS: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.BarToken,
  ts.SyntaxKind.AmpersandToken,
  ts.SyntaxKind.CaretToken,
  ts.SyntaxKind.LessThanLessThanToken,
  ts.SyntaxKind.GreaterThanGreaterThanToken,
  ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken,
]);
const ARITHMETIC_ASSIGNMENTS: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.EqualsToken,
  ts.SyntaxKind.PlusEqualsToken,
  ts.SyntaxKind.MinusEqualsToken,
  ts.SyntaxKind.AsteriskEqualsToken,
  ts.SyntaxKind.PercentEqualsToken,
]);
/** Functions of Math whose result is an integer of 32 bits. */
const INTEGER_FUNCTIONS: ReadonlySet<string> = new Set(['imul', 'clz32', 'sign']);

/** The kind that a constant has by itself. Integers up to 2^32 are bit patterns. */
export function kindOfConstant(value: number): NumberKind {
  return Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32 ? 'i32' : 'f64';
}

/** Name of the function of Math that is called, or undefined. */
export function mathFunction(call: ts.CallExpression): string | undefined {
  const { expression } = call;
  return ts.isPropertyAccessExpression(expression) && expression.expression.getText() === 'Math'
    ? expression.name.text
    : undefined;
}

export class Numbers {
  readonly #source: Source;
  readonly #plan: Plan;
  readonly #constants: Constants;
  readonly #functions: Functions;
  readonly #fields: Fields;
  readonly #doubles = new Set<ts.Symbol>();
  #hasChanged = false;

  constructor(source: Source, plan: Plan, constants: Constants, functions: Functions, fields: Fields) {
    this.#source = source;
    this.#plan = plan;
    this.#constants = constants;
    this.#functions = functions;
    this.#fields = fields;
    do {
      this.#hasChanged = false;
      for (const { declaration, symbol } of functions.all.values()) this.#infer(declaration, symbol);
    } while (this.#hasChanged);
  }

  /** Kind of a variable, field, parameter, or of a function's result. */
  kindOf(symbol: ts.Symbol | undefined): NumberKind {
    return symbol !== undefined && this.#doubles.has(symbol) ? 'f64' : 'i32';
  }

  /** Kind of a parameter; undefined where it is no number. */
  kindOfParameter(parameter: ts.ParameterDeclaration | undefined): NumberKind | undefined {
    if (parameter === undefined || !ts.isIdentifier(parameter.name)) return undefined;
    return this.#source.isNumber(this.#source.typeOf(parameter.name))
      ? this.kindOf(this.#source.symbolOf(parameter.name))
      : undefined;
  }

  /** Kind that a number expression has by itself. */
  of(expression: ts.Expression): NumberKind {
    const value = this.#constants.valueOf(expression);
    if (value !== undefined) return kindOfConstant(value);
    const node = bare(expression);
    if (ts.isIdentifier(node)) return this.kindOf(this.#source.symbolOf(node));
    if (ts.isPropertyAccessExpression(node))
      return this.kindOf(this.#fields.use(this.#source.typeOf(node.expression), node.name.text, node));
    if (ts.isElementAccessExpression(node))
      return TYPED_ARRAYS.get(this.#source.nameOf(this.#source.typeOf(node.expression)))?.kind ?? 'i32';
    if (ts.isPrefixUnaryExpression(node))
      return node.operator === ts.SyntaxKind.TildeToken ? 'i32' : this.of(node.operand);
    if (ts.isPostfixUnaryExpression(node)) return this.of(node.operand);
    if (ts.isConditionalExpression(node)) return this.#wider(node.whenTrue, node.whenFalse);
    if (ts.isBinaryExpression(node)) return this.#ofBinary(node);
    if (ts.isCallExpression(node)) return this.#ofCall(node);
    return 'i32';
  }

  #wider(left: ts.Expression, right: ts.Expression): NumberKind {
    return this.of(left) === 'f64' ? 'f64' : this.of(right);
  }

  #ofBinary(node: ts.BinaryExpression): NumberKind {
    const operator = node.operatorToken.kind;
    if (INTEGER_OPERATORS.has(operator)) return 'i32';
    if (operator === ts.SyntaxKind.SlashToken) return 'f64';
    if (operator === ts.SyntaxKind.EqualsToken) return this.of(node.left);
    return this.#wider(node.left, node.right);
  }

  #ofCall(node: ts.CallExpression): NumberKind {
    const math = mathFunction(node);
    if (math !== undefined) {
      const isDouble = !INTEGER_FUNCTIONS.has(math) && node.arguments.some((part) => this.of(part) === 'f64');
      return isDouble ? 'f64' : 'i32';
    }
    const isDouble = this.callable(node).some(({ symbol }) => this.kindOf(symbol) === 'f64');
    return isDouble ? 'f64' : 'i32';
  }

  /** The functions that a call may reach, directly or through data: two where that depends on the data, none where it is not compiled. */
  callable(node: ts.CallExpression): readonly MachineFunction[] {
    const { expression } = node;
    if (ts.isPropertyAccessExpression(expression)) {
      const binding = this.#plan.bindings[this.memberName(expression)];
      if (binding === undefined) return [];
      const names = binding.instead === undefined ? [binding.to] : [binding.to, binding.instead.to];
      return names.map((name) => this.#functions.entry(name));
    }
    const symbol = this.#source.symbolOf(expression);
    const called = symbol === undefined ? undefined : this.#functions.all.get(symbol);
    return called === undefined ? [] : [called];
  }

  /** The parameters that a call's arguments are for: in a call through data those that are no single structures. */
  parametersFor(
    node: ts.CallExpression,
    { declaration }: MachineFunction,
  ): readonly ts.ParameterDeclaration[] {
    return ts.isPropertyAccessExpression(node.expression)
      ? declaration.parameters.filter(
          (parameter) => !this.#plan.single.has(this.#source.nameOf(this.#source.typeOf(parameter))),
        )
      : declaration.parameters;
  }

  /** A member as `Type.member`. */
  memberName(node: ts.PropertyAccessExpression): string {
    return `${this.#source.nameOf(this.#source.typeOf(node.expression))}.${node.name.text}`;
  }

  #widen(symbol: ts.Symbol | undefined, kind: NumberKind): void {
    if (kind === 'i32' || symbol === undefined || this.#doubles.has(symbol)) return;
    this.#doubles.add(symbol);
    this.#hasChanged = true;
  }

  #infer(declaration: MachineFunction['declaration'], symbol: ts.Symbol): void {
    const visit = (node: ts.Node): void => {
      if (ts.isPropertyAccessExpression(node)) this.#useField(node);
      else if (ts.isVariableDeclaration(node)) this.#inferVariable(node);
      else if (ts.isBinaryExpression(node)) this.#inferAssignment(node);
      else if (ts.isCallExpression(node)) this.#inferArguments(node);
      else if (ts.isReturnStatement(node) && node.expression !== undefined && this.#isNumber(node.expression))
        this.#widen(symbol, this.of(node.expression));
      ts.forEachChild(node, visit);
    };
    for (const parameter of declaration.parameters) {
      if (ts.isObjectBindingPattern(parameter.name))
        this.#inferPattern(parameter.name, this.#source.typeOf(parameter));
    }
    visit(declaration.body);
  }

  #isNumber(node: ts.Node): boolean {
    return this.#source.isNumber(this.#source.typeOf(node));
  }

  #useField(node: ts.PropertyAccessExpression): void {
    if (this.#constants.valueOf(node) !== undefined || node.expression.getText() === 'Math') return;
    const symbol = this.#fields.use(this.#source.typeOf(node.expression), node.name.text, node);
    if (this.#plan.doubleFields.test(node.name.text) && this.#isNumber(node)) this.#widen(symbol, 'f64');
  }

  #inferVariable(node: ts.VariableDeclaration): void {
    if (node.initializer === undefined) return;
    if (ts.isObjectBindingPattern(node.name))
      this.#inferPattern(node.name, this.#source.typeOf(node.initializer));
    else if (this.#isNumber(node.name))
      this.#widen(this.#source.symbolOf(node.name), this.of(node.initializer));
  }

  #inferPattern(pattern: ts.ObjectBindingPattern, type: ts.Type): void {
    for (const element of pattern.elements) {
      const name = (element.propertyName ?? element.name).getText();
      const field = this.#fields.use(type, name, element);
      if (!this.#isNumber(element.name)) continue;
      if (this.#plan.doubleFields.test(name)) this.#widen(field, 'f64');
      this.#widen(this.#source.symbolOf(element.name), this.kindOf(field));
    }
  }

  #inferAssignment(node: ts.BinaryExpression): void {
    if (!ARITHMETIC_ASSIGNMENTS.has(node.operatorToken.kind) || !this.#isNumber(node.left)) return;
    const { left } = node;
    if (ts.isIdentifier(left)) this.#widen(this.#source.symbolOf(left), this.of(node.right));
    else if (ts.isPropertyAccessExpression(left)) {
      const field = this.#fields.use(this.#source.typeOf(left.expression), left.name.text, left);
      this.#widen(field, this.of(node.right));
    }
  }

  #inferArguments(node: ts.CallExpression): void {
    for (const called of this.callable(node)) {
      this.parametersFor(node, called).forEach((parameter, index) => {
        const argument = node.arguments[index];
        if (argument !== undefined) this.#inferArgument(parameter, argument);
      });
    }
  }

  #inferArgument(parameter: ts.ParameterDeclaration | undefined, argument: ts.Expression): void {
    if (this.kindOfParameter(parameter) === undefined || !this.#isNumber(argument)) return;
    this.#widen(this.#source.symbolOf((parameter as ts.ParameterDeclaration).name), this.of(argument));
  }
}
