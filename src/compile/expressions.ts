/** Expressions of the sources as AssemblyScript. */
import ts from 'typescript';
import type { Constants } from './constants.js';
import { Effects } from './effects.js';
import type { MachineFunction } from './functions.js';
import { kindOfConstant, mathFunction, type Numbers } from './numbers.js';
import type { BoundParameters, MachineObjects } from './objects.js';
import type { Binding, Plan } from './plan.js';
import { bare, isOfModule, type NumberKind, type Source, TYPED_ARRAYS } from './source.js';
import type { Types } from './types.js';

const COMPARISONS: ReadonlyMap<ts.SyntaxKind, string> = new Map([
  [ts.SyntaxKind.EqualsEqualsEqualsToken, '=='],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, '!='],
  [ts.SyntaxKind.LessThanToken, '<'],
  [ts.SyntaxKind.LessThanEqualsToken, '<='],
  [ts.SyntaxKind.GreaterThanToken, '>'],
  [ts.SyntaxKind.GreaterThanEqualsToken, '>='],
]);
const BITWISE: ReadonlySet<string> = new Set(['|', '&', '^', '<<', '>>', '>>>']);
const ARITHMETIC: ReadonlySet<string> = new Set(['+', '-', '*', '%']);

/** An element in memory. */
interface ElementPlace {
  /** Type of its bytes, and kind of its value. */
  readonly stored: string;
  readonly kind: NumberKind;
  readonly address: string;
  readonly offset: number;
}

export class Expressions {
  /** Constant tables of bytes that were met, by name. */
  readonly tables = new Map<string, readonly number[]>();
  /** Constants that the host fills in, with their types. */
  readonly filledIn = new Map<string, string>();
  /** Versions of functions that are called: their names, with what their parameters stand for. */
  readonly versions = new Map<
    string,
    { readonly called: MachineFunction; readonly bound: BoundParameters }
  >();
  readonly #source: Source;
  readonly #plan: Plan;
  readonly #constants: Constants;
  readonly #numbers: Numbers;
  readonly #objects: MachineObjects;
  readonly #types: Types;
  readonly #effects: Effects;

  constructor(
    source: Source,
    plan: Plan,
    constants: Constants,
    numbers: Numbers,
    objects: MachineObjects,
    types: Types,
  ) {
    this.#source = source;
    this.#plan = plan;
    this.#constants = constants;
    this.#numbers = numbers;
    this.#objects = objects;
    this.#types = types;
    this.#effects = new Effects(numbers);
  }

  /** An expression; a number as the kind that is wanted, else as its own. */
  emit(expression: ts.Expression, wanted?: NumberKind): string {
    const value = this.#constants.valueOf(expression);
    if (value !== undefined) return literal(value, wanted ?? kindOfConstant(value));
    const node = bare(expression);
    if (wanted === undefined || !this.#isNumber(node)) return this.#emit(node);
    const kind = this.#numbers.of(node);
    if (kind === wanted) return this.#emit(node);
    if (wanted === 'i32') return converted(this.#emit(node), wanted);
    return this.#toDouble(node);
  }

  /** An integer expression that flows into a double: it is computed in doubles, as in JavaScript. */
  #toDouble(node: ts.Expression): string {
    if (ts.isConditionalExpression(node)) return this.#conditional(node, 'f64');
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.MinusToken)
      return `-(${this.emit(node.operand, 'f64')})`;
    if (ts.isBinaryExpression(node)) {
      const operator = node.operatorToken.getText();
      if (ARITHMETIC.has(operator)) return this.#arithmetic(node, 'f64');
      if (operator === '>>>') return `<f64><u32>${this.#emit(node)}`;
    }
    if (ts.isCallExpression(node)) {
      const math = mathFunction(node);
      if (math === 'max' || math === 'min') return this.#math(node, math, 'f64');
    }
    return `<f64>(${this.#emit(node)})`;
  }

  /** Kind of an expression that is a number; undefined for others. */
  kindOf(expression: ts.Expression): NumberKind | undefined {
    return this.#isNumber(expression) ? this.#numbers.of(expression) : undefined;
  }

  #isNumber(node: ts.Node): boolean {
    return this.#source.isNumber(this.#source.typeOf(node));
  }

  #emit(node: ts.Expression): string {
    if (node.kind === ts.SyntaxKind.TrueKeyword) return 'true';
    if (node.kind === ts.SyntaxKind.FalseKeyword) return 'false';
    const object = this.#objects.of(node);
    if (object !== undefined)
      return this.fillIn(object, this.#types.nameOf(this.#source.typeOf(node), undefined));
    if (ts.isIdentifier(node)) return this.#name(node);
    if (ts.isOptionalChain(node)) return this.#refuse(node, '?. is not compiled');
    if (ts.isPropertyAccessExpression(node)) {
      const { expression, name } = node;
      const object = this.#objects.of(expression);
      const from = object === undefined ? this.emit(expression) : '';
      return this.fieldOf(object, this.#source.typeOf(expression), name.text, node, from);
    }
    if (ts.isElementAccessExpression(node)) return this.#element(node);
    if (ts.isPrefixUnaryExpression(node)) return this.#prefix(node);
    if (ts.isPostfixUnaryExpression(node))
      return `${this.emit(node.operand)}${ts.tokenToString(node.operator)}`;
    if (ts.isConditionalExpression(node)) return this.#conditional(node, this.kindOf(node));
    if (ts.isBinaryExpression(node)) return this.#binary(node);
    if (ts.isCallExpression(node)) return this.#call(node);
    return this.#refuse(node, 'this kind of expression is not compiled');
  }

  #conditional(node: ts.ConditionalExpression, kind: NumberKind | undefined): string {
    return `(${this.emit(node.condition)} ? ${this.emit(node.whenTrue, kind)} : ${this.emit(node.whenFalse, kind)})`;
  }

  /** A constant that the host fills in: a number, a truth value or the address of a structure or array. */
  fillIn(name: string, type: string): string {
    this.filledIn.set(name, type);
    if (type === 'i32' || type === 'f64') return name;
    return type === 'bool' ? `(${name} != 0)` : `changetype<${type}>(${name})`;
  }

  /** A field of a structure that is known, or of the value of an expression. */
  fieldOf(object: string | undefined, type: ts.Type, name: string, node: ts.Node, from: string): string {
    const constant = object === undefined ? undefined : this.#objects.constantField(object, type, name, node);
    const symbol = this.#source.checker.getPropertyOfType(type, name);
    if (constant !== undefined && symbol !== undefined) {
      const fieldType = this.#source.checker.getTypeOfSymbolAtLocation(symbol, node);
      return this.fillIn(constant, this.#types.nameOf(fieldType, symbol));
    }
    return `${object === undefined ? from : this.fillIn(object, this.#types.nameOf(type, undefined))}.${name}`;
  }

  /** The name of a function's version for structures that parameters stand for. */
  versionOf(called: MachineFunction, bound: BoundParameters): string {
    const name = [called.name, ...[...bound].map(([{ name }, object]) => `${name}${object}`)].join('__');
    if (!this.versions.has(name)) this.versions.set(name, { called, bound });
    return name;
  }

  #refuse(node: ts.Node, problem: string): string {
    this.#source.report(node, problem);
    return '0';
  }

  /** Local names get a mark, since some are names of AssemblyScript. */
  #name(node: ts.Identifier): string {
    const declaration = this.#source.symbolOf(node)?.valueDeclaration;
    if (declaration === undefined) return this.#refuse(node, 'this name is not compiled');
    if (!isOfModule(declaration)) return `${node.text}_`;
    const table = ts.isVariableDeclaration(declaration) ? this.#tableOf(declaration.initializer) : undefined;
    if (table === undefined)
      return this.#refuse(node, 'a module constant whose value is not known when the machine is compiled');
    this.tables.set(node.text, table);
    return node.text;
  }

  /** The bytes of `Uint8Array.of(...)`. */
  #tableOf(initializer: ts.Expression | undefined): readonly number[] | undefined {
    if (initializer === undefined || !ts.isCallExpression(initializer)) return undefined;
    if (initializer.expression.getText() !== 'Uint8Array.of') return undefined;
    const values = initializer.arguments.map((value) => this.#constants.valueOf(value));
    return values.every((value) => value !== undefined) ? values : undefined;
  }

  #prefix(node: ts.PrefixUnaryExpression): string {
    const operator = ts.tokenToString(node.operator) ?? '';
    if (isStep(node)) {
      const target = bare(node.operand);
      // A narrow element may be another number than its step.
      return ts.isElementAccessExpression(target) && !ts.isExpressionStatement(node.parent)
        ? `${this.emit(target.expression)}.step(${this.emit(target.argumentExpression, 'i32')}, ${operator[0]}1)`
        : `${operator}${this.emit(node.operand)}`;
    }
    return `${operator}(${this.emit(node.operand, operator === '~' ? 'i32' : undefined)})`;
  }

  #binary(node: ts.BinaryExpression): string {
    const { left, right, operatorToken } = node;
    const operator = operatorToken.getText();
    const comparison = COMPARISONS.get(operatorToken.kind);
    if (comparison !== undefined) return this.#compare(left, right, comparison);
    if (operator === '&&' || operator === '||') return `(${this.emit(left)} ${operator} ${this.emit(right)})`;
    if (BITWISE.has(operator)) return `(${this.emit(left, 'i32')} ${operator} ${this.emit(right, 'i32')})`;
    if (operator === '/') return `(${this.emit(left, 'f64')} / ${this.emit(right, 'f64')})`;
    if (ARITHMETIC.has(operator)) return this.#arithmetic(node, this.#numbers.of(node));
    if (operator === '=') return this.#assign(node, this.emit(right, this.kindOf(left)));
    const plain = operator.replace(/=$/, '');
    if (plain === operator || !(BITWISE.has(plain) || ARITHMETIC.has(plain)))
      return this.#refuse(node, `${operator} is not compiled`);
    return this.#compound(node, plain);
  }

  /** An assignment of a target's value and another. */
  #compound(node: ts.BinaryExpression, operator: string): string {
    const { left, right } = node;
    if (this.#effects.changes(left))
      return this.#refuse(node, 'the target of an assignment is evaluated twice');
    const target = this.#numbers.of(left);
    const kind = BITWISE.has(operator) ? 'i32' : target === 'f64' ? target : this.#numbers.of(right);
    const value = `${this.emit(left, kind)} ${operator} (${this.emit(right, kind)})`;
    return this.#assign(node, kind === target ? value : converted(value, target));
  }

  #assign(node: ts.BinaryExpression, value: string): string {
    const target = bare(node.left);
    const isStatement = ts.isExpressionStatement(node.parent);
    const place = ts.isElementAccessExpression(target) ? this.#placeOf(target) : undefined;
    if (place === undefined || !ts.isElementAccessExpression(target)) {
      const assignment = `${this.emit(node.left)} = ${value}`;
      return isStatement ? assignment : `(${assignment})`;
    }
    return isStatement
      ? `store<${place.stored}>(${place.address}, ${value}, ${place.offset})`
      : `${this.emit(target.expression)}.put(${this.emit(target.argumentExpression, 'i32')}, ${value})`;
  }

  /** An element of an array. What steps it goes through the array's class. */
  #element(node: ts.ElementAccessExpression): string {
    const { parent } = node;
    const isStepped =
      ts.isPostfixUnaryExpression(parent) || (ts.isPrefixUnaryExpression(parent) && isStep(parent));
    const place = isStepped ? undefined : this.#placeOf(node);
    if (place === undefined)
      return `${this.emit(node.expression)}[${this.emit(node.argumentExpression, 'i32')}]`;
    const load = `load<${place.stored}>(${place.address}, ${place.offset})`;
    return place.stored === place.kind ? load : `<${place.kind}>${load}`;
  }

  /** Where an element of a typed array is: the constants among what its index adds up are the offset of the instruction, which costs nothing. */
  #placeOf(node: ts.ElementAccessExpression): ElementPlace | undefined {
    const array = TYPED_ARRAYS.get(this.#source.nameOf(this.#source.typeOf(node.expression)));
    if (array === undefined) return undefined;
    const { terms, constant } = this.#sum(node.argumentExpression);
    const from = `changetype<usize>(${this.emit(node.expression)})`;
    const isSplit = constant >= 0;
    const index = isSplit ? terms.join(' + ') : this.emit(node.argumentExpression, 'i32');
    return {
      stored: array.stored,
      kind: array.kind,
      address: index === '' ? from : `${from} + (<usize>(${index}) << ${array.shift})`,
      offset: isSplit ? constant << array.shift : 0,
    };
  }

  /** An integer expression as terms that are added, and a constant. */
  #sum(expression: ts.Expression): { readonly terms: readonly string[]; readonly constant: number } {
    const value = this.#constants.valueOf(expression);
    if (value !== undefined && Number.isInteger(value)) return { terms: [], constant: value };
    const node = bare(expression);
    if (ts.isBinaryExpression(node) && this.#numbers.of(node) === 'i32') {
      const operator = node.operatorToken.kind;
      const right = this.#constants.valueOf(node.right);
      if (operator === ts.SyntaxKind.MinusToken && right !== undefined) {
        const { terms, constant } = this.#sum(node.left);
        return { terms, constant: constant - right };
      }
      if (operator === ts.SyntaxKind.PlusToken) {
        const first = this.#sum(node.left);
        const second = this.#sum(node.right);
        return {
          terms: [...first.terms, ...second.terms],
          constant: first.constant + second.constant,
        };
      }
    }
    return { terms: [this.emit(node, 'i32')], constant: 0 };
  }

  #arithmetic(node: ts.BinaryExpression, kind: NumberKind): string {
    return `(${this.emit(node.left, kind)} ${node.operatorToken.getText()} ${this.emit(node.right, kind)})`;
  }

  #compare(left: ts.Expression, right: ts.Expression, operator: string): string {
    if (right.kind === ts.SyntaxKind.NullKeyword)
      return `(changetype<usize>(${this.emit(left)}) ${operator} 0)`;
    if (!this.#isNumber(left)) return `(${this.emit(left)} ${operator} ${this.emit(right)})`;
    const kind = this.#numbers.of(left) === 'f64' ? 'f64' : this.#numbers.of(right);
    return `(${this.emit(left, kind)} ${operator} ${this.emit(right, kind)})`;
  }

  #call(node: ts.CallExpression): string {
    const math = mathFunction(node);
    if (math !== undefined) return this.#math(node, math, this.#numbers.of(node));
    const { expression } = node;
    if (ts.isPropertyAccessExpression(expression)) return this.#callThroughData(node, expression);
    if (this.#plan.preludeFunctions.has(expression.getText()))
      return `${expression.getText()}(${node.arguments.map((part) => this.emit(part)).join(', ')})`;
    const [called] = this.#numbers.callable(node);
    // What is none has been reported when the functions were gathered.
    return called === undefined ? '0' : this.#callTo(node, called);
  }

  #callTo(node: ts.CallExpression, called: MachineFunction): string {
    const bound = new Map<ts.Symbol, string>();
    const args: string[] = [];
    this.#numbers.parametersFor(node, called).forEach((parameter, index) => {
      const argument = node.arguments[index];
      if (argument === undefined || this.#objects.isSingle(this.#source.typeOf(parameter))) return;
      const object = this.#objects.of(argument);
      const symbol = this.#source.symbolOf(parameter.name);
      const kind = this.#numbers.kindOfParameter(parameter);
      if (object !== undefined && symbol !== undefined) bound.set(symbol, object);
      else if (kind !== undefined && !this.#isNumber(argument)) args.push(`(${this.emit(argument)} ? 1 : 0)`);
      else args.push(this.emit(argument, kind));
    });
    return `${this.versionOf(called, bound)}(${args.join(', ')})`;
  }

  #math(node: ts.CallExpression, name: string, kind: NumberKind): string {
    const args = node.arguments;
    switch (name) {
      case 'imul':
        return `(${args.map((part) => this.emit(part, 'i32')).join(' * ')})`;
      case 'clz32':
        return `clz<i32>(${args.map((part) => this.emit(part, 'i32')).join()})`;
      case 'sign':
        return args.map((part) => `signOf<${this.#numbers.of(part)}>(${this.emit(part)})`).join();
      case 'floor':
      case 'ceil':
      case 'round': {
        const value = args.map((part) => this.emit(part, kind)).join();
        if (kind === 'i32') return value;
        return name === 'round' ? `Math.round(${value})` : `${name}<f64>(${value})`;
      }
      case 'max':
      case 'min':
        return args
          .map((part) => this.emit(part, kind))
          .reduce((so, part) => `${name}Of<${kind}>(${so}, ${part})`);
      default:
        return this.#refuse(node, `Math.${name} is not compiled`);
    }
  }

  #callThroughData(node: ts.CallExpression, member: ts.PropertyAccessExpression): string {
    const name = this.#numbers.memberName(member);
    const binding = this.#plan.bindings[name];
    if (binding !== undefined) return this.#callBound(node, binding);
    const translated = this.#plan.members[name]?.({
      object: () => this.emit(member.expression),
      argument: (index) =>
        node.arguments
          .slice(index, index + 1)
          .map((part) => this.emit(part))
          .join(),
    });
    if (translated !== undefined) return translated;
    if (this.#plan.excludedTypes.has(name.split('.', 1)[0] ?? ''))
      return this.#isNumber(node) ? 'refuseI32()' : 'refuse()';
    return this.#refuse(node, `${name} is not compiled`);
  }

  #callBound(node: ts.CallExpression, { instead }: Binding): string {
    const [first = '0', other] = this.#numbers.callable(node).map((called) => this.#callTo(node, called));
    if (instead === undefined || other === undefined) return first;
    const isOther = `${this.fillIn(`$${instead.where}`, 'usize')} != 0`;
    return ts.isExpressionStatement(node.parent)
      ? `if (${isOther}) ${other}; else ${first}`
      : `(${isOther} ? ${other} : ${first})`;
  }
}

/** Whether an expression is `++` or `--`. */
function isStep({ operator }: ts.PrefixUnaryExpression): boolean {
  return operator === ts.SyntaxKind.PlusPlusToken || operator === ts.SyntaxKind.MinusMinusToken;
}

/** A number of the other kind. */
function converted(value: string, kind: NumberKind): string {
  return kind === 'i32' ? `toI32(${value})` : `<f64>(${value})`;
}

function literal(value: number, kind: NumberKind): string {
  if (kind === 'i32') return value < 0 ? `(${value | 0})` : `${value | 0}`;
  if (!Number.isFinite(value)) return value < 0 ? '(-Infinity)' : 'Infinity';
  if (Object.is(value, -0)) return '(-0.0)';
  const digits = Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : `${value}`;
  return value < 0 ? `(${digits})` : digits;
}
