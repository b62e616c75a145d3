/** Which expressions change something, so that it makes a difference how often they are evaluated. */
import ts from 'typescript';
import { mathFunction, type Numbers } from './numbers.js';
import { bare } from './source.js';

export class Effects {
  readonly #numbers: Numbers;
  /** Of functions; one that is being looked at counts as changing nothing by calling itself. */
  readonly #ofFunctions = new Map<ts.Symbol, boolean>();

  constructor(numbers: Numbers) {
    this.#numbers = numbers;
  }

  changes(expression: ts.Expression): boolean {
    return this.#visit(expression, false);
  }

  #visit(node: ts.Node, isInFunction: boolean): boolean {
    const target = targetOf(node);
    // A function's own variables are gone behind it.
    if (target !== undefined && !(isInFunction && ts.isIdentifier(bare(target)))) return true;
    if (ts.isCallExpression(node) && mathFunction(node) === undefined && this.#changesByCall(node))
      return true;
    return ts.forEachChild(node, (child) => this.#visit(child, isInFunction)) ?? false;
  }

  #changesByCall(node: ts.CallExpression): boolean {
    const reached = this.#numbers.callable(node);
    return (
      reached.length === 0 ||
      reached.some(({ symbol, declaration }) => {
        if (!this.#ofFunctions.has(symbol)) {
          this.#ofFunctions.set(symbol, false);
          this.#ofFunctions.set(symbol, this.#visit(declaration.body, true));
        }
        return this.#ofFunctions.get(symbol) === true;
      })
    );
  }
}

/** What an expression assigns to, or steps. */
function targetOf(node: ts.Node): ts.Expression | undefined {
  if (ts.isPostfixUnaryExpression(node)) return node.operand;
  if (ts.isPrefixUnaryExpression(node)) {
    const { PlusPlusToken, MinusMinusToken } = ts.SyntaxKind;
    return node.operator === PlusPlusToken || node.operator === MinusMinusToken ? node.operand : undefined;
  }
  if (!ts.isBinaryExpression(node)) return undefined;
  const { FirstAssignment, LastAssignment } = ts.SyntaxKind;
  const operator = node.operatorToken.kind;
  return operator >= FirstAssignment && operator <= LastAssignment ? node.left : undefined;
}
