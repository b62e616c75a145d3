/**
 * The hot functions of the machine, from TypeScript to AssemblyScript.
 *
 * The machine's hot path is functions over plain data: numbers, truth values, typed arrays and structures of these. That is a language of its own, which both JavaScript and WebAssembly can run. Tests,
 * and machines with something unusual, run the functions as they are; runs take their compiled form, which does the same in half the time.
 */

import type { Layout } from '../machine/compiled/layout.js';
import { Constants } from './constants.js';
import { Expressions } from './expressions.js';
import { Fields } from './fields.js';
import { Functions } from './functions.js';
import { Numbers } from './numbers.js';
import { MachineObjects } from './objects.js';
import type { Plan, Shape } from './plan.js';
import { CONSTANTS_MODULE, PRELUDE } from './prelude.js';
import { CompileError, type Source } from './source.js';
import { Statements } from './statements.js';
import { declareStructures, layOut } from './structures.js';
import { Types } from './types.js';

export interface Translation {
  /** AssemblyScript for data of a shape; `{}` for any. */
  readonly textFor: (shape: Shape) => string;
  readonly layout: Layout;
}

/** @throws CompileError with everything that has no translation, each with file, line and column */
export function translate(source: Source, plan: Plan): Translation {
  const constants = new Constants(source);
  const fields = new Fields(source, plan);
  const functions = new Functions(source, plan);
  const numbers = new Numbers(source, plan, constants, functions, fields);
  const objects = new MachineObjects(source, plan, fields);
  const types = new Types(source, numbers);
  const expressions = new Expressions(source, plan, constants, numbers, objects, types);
  const statements = new Statements(source, plan, numbers, objects, types, expressions);
  const exported = plan.exported.map(({ name }) => {
    const version = expressions.versionOf(functions.entry(name), new Map());
    return `export { ${version} as ${name} };`;
  });
  const bodies: string[] = [];
  // Versions that are called join the list while it is gone through.
  for (const [name, { called, bound }] of expressions.versions)
    bodies.push(statements.emitFunction(name, called, bound));
  source.failOnProblems();
  const layout = layOut(source, fields, types);
  const tables = [...expressions.tables].map(
    ([name, bytes]) => `const ${name}: U8s = changetype<U8s>(memory.data<u8>([${bytes.join()}]));`,
  );
  const filledIn = [...expressions.filledIn];
  const declarationsFor = (shape: Shape): string[] =>
    filledIn.map(([name, type]) => {
      const value = shape[name];
      if (value !== undefined) return `const ${name}: i32 = ${value};`;
      const filledInAs = type === 'f64' ? 'f64' : 'i32';
      return `@external("${CONSTANTS_MODULE}", "${name}") declare const ${name}: ${filledInAs};`;
    });
  const names = new Set(filledIn.map(([name]) => name));
  const unknown = plan.shapes.flatMap((shape) => Object.keys(shape)).filter((name) => !names.has(name));
  if (unknown.length > 0) throw new CompileError(`no compiled function uses ${unknown.join(', ')}`);
  return {
    textFor: (shape) =>
      [
        PRELUDE,
        plan.prelude,
        declareStructures(layout),
        ...declarationsFor(shape),
        ...tables,
        ...bodies,
        ...exported,
      ].join('\n'),
    layout,
  };
}
