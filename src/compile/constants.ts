/** Expressions whose value is known when the machine is compiled. */
import ts from 'typescript';
import { bare, isOfModule, type Source } from './source.js';

type Evaluate = (left: number, right: number) => number;

const OPERATORS: ReadonlyMap<ts.SyntaxKind, Evaluate> = new Map<ts.SyntaxKind, Evaluate>([
  [ts.SyntaxKind.PlusToken, (left, right) => left + right],
  [ts.SyntaxKind.MinusToken, (left, right) => left - right],
  [ts.SyntaxKind.AsteriskToken, (left, right) => left * right],
  [ts.SyntaxKind.SlashToken, (left, right) => left / right],
  [ts.SyntaxKind.PercentToken, (left, right) => left % right],
  [ts.SyntaxKind.AsteriskAsteriskToken, (left, right) => left ** right],
  [ts.SyntaxKind.LessThanLessThanToken, (left, right) => left << right],
  [ts.SyntaxKind.GreaterThanGreaterThanToken, (left, right) => left >> right],
  [ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken, (left, right) => left >>> right],
  [ts.SyntaxKind.BarToken, (left, right) => left | right],
  [ts.SyntaxKind.AmpersandToken, (left, right) => left & right],
  [ts.SyntaxKind.CaretToken, (left, right) => left ^ right],
]);

export class Constants {
  readonly #source: Source;
  readonly #known = new Map<ts.Symbol, number | undefined>();

  constructor(source: Source) {
    this.#source = source;
  }

  /** The value of a number expression, or undefined where it is only known at run time. */
  valueOf(expression: ts.Expression): number | undefined {
    const node = bare(expression);
    if (ts.isNumericLiteral(node)) return Number(node.text);
    if (ts.isPrefixUnaryExpression(node)) return this.#negated(node);
    if (ts.isIdentifier(node)) return node.text === 'Infinity' ? Infinity : this.#named(node);
    if (ts.isPropertyAccessExpression(node))
      return this.#literal(node) ?? this.#assigned(this.#source.symbolOf(node));
    if (ts.isBinaryExpression(node)) {
      const evaluate = OPERATORS.get(node.operatorToken.kind);
      const left = evaluate === undefined ? undefined : this.valueOf(node.left);
      const right = left === undefined ? undefined : this.valueOf(node.right);
      return evaluate === undefined || left === undefined || right === undefined
        ? undefined
        : evaluate(left, right);
    }
    return undefined;
  }

  #negated(node: ts.PrefixUnaryExpression): number | undefined {
    const value = this.valueOf(node.operand);
    if (value === undefined) return undefined;
    if (node.operator === ts.SyntaxKind.MinusToken) return -value;
    return node.operator === ts.SyntaxKind.TildeToken ? ~value : undefined;
  }

  /** The value of an expression whose type is that one number. */
  #literal(node: ts.Expression): number | undefined {
    const type = this.#source.checker.getTypeAtLocation(node);
    return type.isNumberLiteral() ? type.value : undefined;
  }

  /** The value of a name: by its type, or by what a constant of a module was given. */
  #named(node: ts.Identifier): number | undefined {
    const literal = this.#literal(node);
    if (literal !== undefined) return literal;
    const symbol = this.#source.symbolOf(node);
    if (symbol === undefined) return undefined;
    if (!this.#known.has(symbol)) {
      this.#known.set(symbol, undefined);
      this.#known.set(symbol, this.#given(symbol.valueDeclaration));
    }
    return this.#known.get(symbol);
  }

  #given(declaration: ts.Declaration | undefined): number | undefined {
    if (declaration === undefined || !isOfModule(declaration)) return undefined;
    if (ts.isVariableDeclaration(declaration)) {
      const isConstant = (ts.getCombinedNodeFlags(declaration) & ts.NodeFlags.Const) !== 0;
      return isConstant && declaration.initializer !== undefined
        ? this.valueOf(declaration.initializer)
        : undefined;
    }
    if (!ts.isBindingElement(declaration)) return undefined;
    const pattern = declaration.parent;
    const { initializer } = pattern.parent;
    if (initializer === undefined) return undefined;
    if (ts.isArrayBindingPattern(pattern)) {
      const given = bare(initializer);
      const element = ts.isArrayLiteralExpression(given)
        ? given.elements[pattern.elements.indexOf(declaration)]
        : undefined;
      return element === undefined ? undefined : this.valueOf(element);
    }
    const property = (declaration.propertyName ?? declaration.name).getText();
    return this.#assigned(this.#source.checker.getPropertyOfType(this.#source.typeOf(initializer), property));
  }

  /** The value of a property in the object literal that defines it. */
  #assigned(property: ts.Symbol | undefined): number | undefined {
    const declaration = property?.valueDeclaration;
    return declaration !== undefined && ts.isPropertyAssignment(declaration)
      ? this.valueOf(declaration.initializer)
      : undefined;
  }
}
