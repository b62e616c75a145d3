/** The functions of a compiled machine: the entries and all that they call. */
import ts from 'typescript';
import type { Plan } from './plan.js';
import type { Source } from './source.js';

export interface MachineFunction {
  readonly symbol: ts.Symbol;
  readonly declaration: ts.FunctionDeclaration & { readonly body: ts.Block };
  /** Its name in the compiled machine, where all functions stand side by side. */
  readonly name: string;
}

export class Functions {
  /** In the order in which they were found. */
  readonly all = new Map<ts.Symbol, MachineFunction>();
  readonly #entries = new Map<string, MachineFunction>();

  constructor(source: Source, plan: Plan) {
    const waiting: MachineFunction[] = [];
    const add = (symbol: ts.Symbol): MachineFunction | undefined => {
      const known = this.all.get(symbol);
      if (known !== undefined) return known;
      const declaration = symbol.declarations?.find(isFunctionWithBody);
      if (declaration === undefined) return undefined;
      const name = `${symbol.name}_${source.fileOf(declaration).replace(/\W/g, '_')}`;
      const found = { symbol, declaration, name };
      this.all.set(symbol, found);
      waiting.push(found);
      return found;
    };
    for (const { file, name } of [...plan.exported, ...plan.bound]) {
      const entry = add(source.exported(file, name));
      if (entry !== undefined) this.#entries.set(name, entry);
    }
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
        const symbol = source.symbolOf(node.expression);
        const isOfPrelude = plan.preludeFunctions.has(node.expression.text);
        if (symbol !== undefined && !isOfPrelude && add(symbol) === undefined)
          source.report(node, 'calls what is not a function of a module');
      }
      ts.forEachChild(node, visit);
    };
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) visit(next.declaration.body);
  }

  /** An entry by its name. */
  entry(name: string): MachineFunction {
    const found = this.#entries.get(name);
    if (found === undefined) throw new Error(`${name} is not among the entries`);
    return found;
  }
}

function isFunctionWithBody(
  node: ts.Declaration,
): node is ts.FunctionDeclaration & { readonly body: ts.Block } {
  return ts.isFunctionDeclaration(node) && node.body !== undefined;
}
