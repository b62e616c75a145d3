/** Compiles the machine and puts it into the built package, where the sources have none. Part of `npm run build`, behind the TypeScript compiler. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CodeForShape, MachineCode } from '../machine/compiled/layout.js';
import { assemble } from './assemble.js';
import { MACHINE_PLAN } from './machine-plan.js';
import { CompileError, Source } from './source.js';
import { translate } from './translate.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OUTPUT = fileURLToPath(new URL('../machine/compiled/code.js', import.meta.url));
/** What the assembler was given, for those who want to read it. */
const TRANSLATION = fileURLToPath(new URL('../machine/compiled/machine.as', import.meta.url));

try {
  const { textFor, layout } = translate(new Source(`${ROOT}src`, `${ROOT}tsconfig.json`), MACHINE_PLAN);
  writeFileSync(TRANSLATION, textFor({}));
  const shapes: CodeForShape[] = [];
  for (const shape of [...MACHINE_PLAN.shapes, {}])
    shapes.push({ shape, ...(await assemble(textFor(shape))) });
  const code: MachineCode = { layout, single: [...MACHINE_PLAN.single], shapes };
  const comment = '/** Written by the build; see compile/build.ts. */';
  writeFileSync(OUTPUT, `${comment}\nexport const MACHINE_CODE = ${JSON.stringify(code)};\n`);
} catch (error) {
  if (!(error instanceof CompileError)) throw error;
  process.stderr.write(`the machine cannot be compiled\n${error.message}\n`);
  process.exitCode = 1;
}
