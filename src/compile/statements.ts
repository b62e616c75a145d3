/** Functions of the sources as AssemblyScript. */
import ts from 'typescript';
import type { Expressions } from './expressions.js';
import type { MachineFunction } from './functions.js';
import type { Numbers } from './numbers.js';
import type { BoundParameters, MachineObjects } from './objects.js';
import type { Plan } from './plan.js';
import type { NumberKind, Source } from './source.js';
import type { Types } from './types.js';

export class Statements {
  readonly #source: Source;
  readonly #plan: Plan;
  readonly #numbers: Numbers;
  readonly #objects: MachineObjects;
  readonly #types: Types;
  readonly #expressions: Expressions;
  #result: NumberKind | undefined;
  #temporaries = 0;

  constructor(
    source: Source,
    plan: Plan,
    numbers: Numbers,
    objects: MachineObjects,
    types: Types,
    expressions: Expressions,
  ) {
    this.#source = source;
    this.#plan = plan;
    this.#numbers = numbers;
    this.#objects = objects;
    this.#types = types;
    this.#expressions = expressions;
  }

  /** A version of a function. */
  emitFunction(name: string, { declaration, symbol }: MachineFunction, bound: BoundParameters): string {
    const { checker } = this.#source;
    this.#objects.bound = bound;
    const opening: string[] = [];
    const parameters = declaration.parameters.flatMap((parameter, index) => {
      const type = this.#source.typeOf(parameter);
      const own = this.#source.symbolOf(parameter.name);
      const isSingle = this.#objects.isSingle(type);
      if (
        parameter.initializer !== undefined ||
        parameter.questionToken !== undefined ||
        parameter.dotDotDotToken !== undefined
      )
        this.#source.report(parameter, 'parameters that may be left out are not compiled');
      if (ts.isObjectBindingPattern(parameter.name)) {
        opening.push(
          ...this.#bind(parameter.name, isSingle ? `$${this.#source.nameOf(type)}` : undefined, `$p${index}`),
        );
        return isSingle ? [] : [`$p${index}: ${this.#types.nameOf(type, undefined)}`];
      }
      if (isSingle || (own !== undefined && bound.has(own))) return [];
      return [`${parameter.name.getText()}_: ${this.#types.nameOf(type, own)}`];
    });
    const signature = checker.getSignatureFromDeclaration(declaration);
    const result = signature === undefined ? undefined : checker.getReturnTypeOfSignature(signature);
    const isNumber = result !== undefined && this.#source.isNumber(result);
    this.#result = isNumber ? this.#numbers.kindOf(symbol) : undefined;
    const body = [...opening, ...declaration.body.statements.map((statement) => this.#emit(statement))];
    const last = declaration.body.statements.at(-1);
    // All cases of a switch return, and a loop without end is left by returning; AssemblyScript asks for a result behind them.
    if (isNumber && last !== undefined && (ts.isSwitchStatement(last) || ts.isForStatement(last)))
      body.push('return 0;');
    const type = result === undefined ? 'void' : this.#types.nameOf(result, symbol);
    return `function ${name}(${parameters.join(', ')}): ${type} {\n${body.join('\n')}\n}`;
  }

  #emit(node: ts.Statement): string {
    if (ts.isBlock(node))
      return `{\n${node.statements.map((statement) => this.#emit(statement)).join('\n')}\n}`;
    if (ts.isVariableStatement(node)) return this.#declare(node.declarationList).join('\n');
    if (ts.isExpressionStatement(node)) return `${this.#expressions.emit(node.expression)};`;
    if (ts.isIfStatement(node)) {
      const otherwise =
        node.elseStatement === undefined ? '' : ` else {\n${this.#emit(node.elseStatement)}\n}`;
      return `if (${this.#expressions.emit(node.expression)}) {\n${this.#emit(node.thenStatement)}\n}${otherwise}`;
    }
    if (ts.isReturnStatement(node))
      return node.expression === undefined
        ? 'return;'
        : `return ${this.#expressions.emit(node.expression, this.#result)};`;
    if (ts.isForStatement(node)) return this.#for(node);
    if (ts.isWhileStatement(node))
      return `while (${this.#expressions.emit(node.expression)}) {\n${this.#emit(node.statement)}\n}`;
    if (ts.isDoStatement(node))
      return `do {\n${this.#emit(node.statement)}\n} while (${this.#expressions.emit(node.expression)});`;
    if (ts.isBreakStatement(node)) return 'break;';
    if (ts.isContinueStatement(node)) return 'continue;';
    if (ts.isEmptyStatement(node)) return ';';
    if (ts.isSwitchStatement(node)) return this.#switch(node);
    this.#source.report(node, 'this kind of statement is not compiled');
    return '';
  }

  #declare(list: ts.VariableDeclarationList): string[] {
    const keyword = (list.flags & ts.NodeFlags.Const) === 0 ? 'let' : 'const';
    return list.declarations.flatMap(({ name, initializer }) => {
      if (ts.isObjectBindingPattern(name) && initializer !== undefined) {
        const object = this.#objects.of(initializer);
        if (object !== undefined) return this.#bind(name, object, '');
        const from = this.#expressions.emit(initializer);
        if (/^\w+$/.test(from)) return this.#bind(name, undefined, from);
        const temporary = `$t${this.#temporaries++}`;
        return [`const ${temporary} = ${from};`, ...this.#bind(name, undefined, temporary)];
      }
      if (!ts.isIdentifier(name)) {
        this.#source.report(name, 'patterns of elements are not compiled');
        return [];
      }
      if (this.#objects.of(name) !== undefined) return [];
      const type = this.#source.typeOf(name);
      const kind = this.#source.isNumber(type)
        ? this.#numbers.kindOf(this.#source.symbolOf(name))
        : undefined;
      const value = initializer === undefined ? '' : ` = ${this.#expressions.emit(initializer, kind)}`;
      return [
        `${keyword} ${name.getText()}_: ${this.#types.nameOf(type, this.#source.symbolOf(name))}${value};`,
      ];
    });
  }

  /** Names for fields of a structure: one that is known, or the value of an expression. */
  #bind(pattern: ts.ObjectBindingPattern, object: string | undefined, from: string): string[] {
    return pattern.elements.flatMap((element) => {
      if (!ts.isIdentifier(element.name)) {
        this.#source.report(element, 'nested patterns are not compiled');
        return [];
      }
      if (element.initializer !== undefined || element.dotDotDotToken !== undefined) {
        this.#source.report(element, 'patterns with defaults or a rest are not compiled');
        return [];
      }
      if (this.#plan.methodsOnly.has(this.#source.nameOf(this.#source.typeOf(element)))) return [];
      // A structure that is known is known by its field as well.
      if (this.#objects.of(element.name) !== undefined) return [];
      const field = (element.propertyName ?? element.name).getText();
      const value = this.#expressions.fieldOf(object, this.#source.typeOf(pattern), field, element, from);
      return [`const ${element.name.text}_ = ${value};`];
    });
  }

  #for({ initializer, condition, incrementor, statement }: ts.ForStatement): string {
    const opening =
      initializer === undefined
        ? []
        : ts.isVariableDeclarationList(initializer)
          ? this.#declare(initializer)
          : [`${this.#expressions.emit(initializer)};`];
    const test = condition === undefined ? '' : this.#expressions.emit(condition);
    const step = incrementor === undefined ? '' : this.#step(incrementor);
    return `{\n${opening.join('\n')}\nfor (; ${test}; ${step}) {\n${this.#emit(statement)}\n}\n}`;
  }

  /** The last part of a loop's head, in which commas separate expressions. */
  #step(expression: ts.Expression): string {
    return ts.isBinaryExpression(expression) && expression.operatorToken.kind === ts.SyntaxKind.CommaToken
      ? `${this.#step(expression.left)}, ${this.#step(expression.right)}`
      : this.#expressions.emit(expression);
  }

  #switch({ expression, caseBlock }: ts.SwitchStatement): string {
    const clauses = caseBlock.clauses.map((clause) => {
      const label = ts.isCaseClause(clause)
        ? `case ${this.#expressions.emit(clause.expression)}:`
        : 'default:';
      return `${label}\n${clause.statements.map((statement) => this.#emit(statement)).join('\n')}`;
    });
    return `switch (${this.#expressions.emit(expression)}) {\n${clauses.join('\n')}\n}`;
  }
}
