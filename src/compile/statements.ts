/** Functions of the sources as AssemblyScript. */
import ts from 'typescript';
import { METHODS_ONLY } from './entries.js';
import type { Expressions } from './expressions.js';
import type { MachineFunction } from './functions.js';
import type { Numbers } from './numbers.js';
import { type NumberKind, type Source, TYPED_ARRAYS } from './source.js';

export class Statements {
  readonly #source: Source;
  readonly #numbers: Numbers;
  readonly #expressions: Expressions;
  #result: NumberKind | undefined;
  #temporaries = 0;

  constructor(source: Source, numbers: Numbers, expressions: Expressions) {
    this.#source = source;
    this.#numbers = numbers;
    this.#expressions = expressions;
  }

  /** A whole function. */
  emitFunction({ declaration, symbol, name }: MachineFunction): string {
    const { checker } = this.#source;
    const opening: string[] = [];
    const parameters = declaration.parameters.map((parameter, index) => {
      if (!ts.isObjectBindingPattern(parameter.name))
        return `${parameter.name.getText()}_: ${this.typeName(this.#source.typeOf(parameter), this.#source.symbolOf(parameter.name))}`;
      opening.push(...this.#bind(parameter.name, `p${index}_`));
      return `p${index}_: ${this.typeName(this.#source.typeOf(parameter), undefined)}`;
    });
    const signature = checker.getSignatureFromDeclaration(declaration);
    const result = signature === undefined ? undefined : checker.getReturnTypeOfSignature(signature);
    const isNumber = result !== undefined && this.#source.isNumber(result);
    this.#result = isNumber ? this.#numbers.kindOf(symbol) : undefined;
    const body = declaration.body.statements.map((statement) => this.#emit(statement));
    const last = declaration.body.statements.at(-1);
    // All cases of a switch return, and a loop without end is left by returning; AssemblyScript asks for a result behind them.
    if (isNumber && last !== undefined && (ts.isSwitchStatement(last) || ts.isForStatement(last)))
      body.push('return 0;');
    const type = result === undefined ? 'void' : this.typeName(result, symbol);
    return `function ${name}(${parameters.join(', ')}): ${type} {\n${[...opening, ...body].join('\n')}\n}`;
  }

  /** Name of a type. @param symbol of what has it, where that is a number */
  typeName(type: ts.Type, symbol: ts.Symbol | undefined): string {
    if (this.#source.isBoolean(type)) return 'bool';
    if (this.#source.isNumber(type)) return this.#numbers.kindOf(symbol);
    if ((type.flags & ts.TypeFlags.Void) !== 0) return 'void';
    const array = TYPED_ARRAYS.get(this.#source.nameOf(type));
    if (array !== undefined) return array.name;
    const element = this.#source.elementOf(type);
    return element === undefined
      ? this.#source.nameOf(type)
      : `Objects<${this.typeName(element, undefined)}>`;
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
        const from = this.#expressions.emit(initializer);
        if (/^\w+$/.test(from)) return this.#bind(name, from);
        const temporary = `t${this.#temporaries++}_`;
        return [`const ${temporary} = ${from};`, ...this.#bind(name, temporary)];
      }
      const type = this.#source.typeOf(name);
      const kind = this.#source.isNumber(type)
        ? this.#numbers.kindOf(this.#source.symbolOf(name))
        : undefined;
      const value = initializer === undefined ? '' : ` = ${this.#expressions.emit(initializer, kind)}`;
      return [`${keyword} ${name.getText()}_: ${this.typeName(type, this.#source.symbolOf(name))}${value};`];
    });
  }

  #bind(pattern: ts.ObjectBindingPattern, from: string): string[] {
    return pattern.elements.flatMap((element) => {
      if (!ts.isIdentifier(element.name)) {
        this.#source.report(element, 'nested patterns are not compiled');
        return [];
      }
      const type = this.#source.nameOf(this.#source.typeOf(element));
      // What is reached through methods alone is bound (see `entries.ts`).
      if (METHODS_ONLY.has(type)) return [];
      const property = (element.propertyName ?? element.name).getText();
      return [`const ${element.name.text}_ = ${from}.${property};`];
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
