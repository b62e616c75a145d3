/**
 * The hot functions of the machine, from TypeScript to AssemblyScript.
 *
 * The machine's hot path is functions over plain data: numbers, truth values, typed arrays and structures of these. That is a language of its own, which both JavaScript and WebAssembly can run. Tests,
 * and machines with something unusual, run the functions as they are; runs take their compiled form, which does the same in half the time.
 */

import type { Layout } from '../machine/compiled/layout.js';
import { Constants } from './constants.js';
import { EXPORTED } from './entries.js';
import { Expressions } from './expressions.js';
import { Fields } from './fields.js';
import { Functions } from './functions.js';
import { Numbers } from './numbers.js';
import { PRELUDE } from './prelude.js';
import type { Source } from './source.js';
import { Statements } from './statements.js';
import { declareStructures, layOut } from './structures.js';

export interface Translation {
  /** AssemblyScript. */
  readonly text: string;
  readonly layout: Layout;
}

/** @throws CompileError with everything that has no translation, each with file, line and column */
export function translate(source: Source): Translation {
  const constants = new Constants(source);
  const fields = new Fields(source);
  const functions = new Functions(source);
  const numbers = new Numbers(source, constants, functions, fields);
  const expressions = new Expressions(source, constants, functions, numbers);
  const statements = new Statements(source, numbers, expressions);
  const bodies = [...functions.all.values()].map((found) => statements.emitFunction(found));
  source.failOnProblems();
  const layout = layOut(source, fields, statements);
  const tables = [...expressions.tables].map(
    ([name, bytes]) => `const ${name}: U8s = changetype<U8s>(memory.data<u8>([${bytes.join()}]));`,
  );
  const exported = EXPORTED.map(({ name }) => `export { ${functions.entry(name).name} as ${name} };`);
  return {
    text: [PRELUDE, declareStructures(layout), ...tables, ...bodies, ...exported].join('\n'),
    layout,
  };
}
