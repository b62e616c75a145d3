/** Compiles the machine and puts it into the built package, where the sources have none. Part of `npm run build`, behind the TypeScript compiler. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import type { MachineCode } from '../machine/compiled/layout.js';
import { CompileError, Source } from './source.js';
import { translate } from './translate.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OUTPUT = fileURLToPath(new URL('../machine/compiled/code.js', import.meta.url));

try {
  const { text, layout } = translate(new Source(`${ROOT}src`, `${ROOT}tsconfig.json`));
  const code: MachineCode = { wasm: Buffer.from(await assemble(text)).toString('base64'), layout };
  const comment = '/** Written by the build; see compile/build.ts. */';
  writeFileSync(OUTPUT, `${comment}\nexport const MACHINE_CODE = ${JSON.stringify(code)};\n`);
} catch (error) {
  if (!(error instanceof CompileError)) throw error;
  process.stderr.write(`the machine cannot be compiled\n${error.message}\n`);
  process.exitCode = 1;
}

/** @throws CompileError with what the assembler says, and the text that it says it of in a file beside the output */
async function assemble(text: string): Promise<Uint8Array> {
  const files = new Map<string, string>([['machine.ts', text]]);
  let binary: Uint8Array | undefined;
  const stdout = asc.createMemoryStream();
  const stderr = asc.createMemoryStream();
  const { error } = await asc.main(
    ['machine.ts', '-O3', '--noAssert', '--runtime', 'stub', '--disableWarning', '--outFile', 'machine.wasm'],
    {
      stdout,
      stderr,
      readFile: (name) => files.get(name) ?? null,
      writeFile: (name, contents) => {
        if (name === 'machine.wasm') binary = contents as Uint8Array;
      },
      listFiles: () => [],
    },
  );
  if (error === null && binary !== undefined) return binary;
  const kept = OUTPUT.replace(/code\.js$/, 'machine.as.ts');
  writeFileSync(kept, text);
  throw new CompileError(
    `${stderr.toString()}\nin ${readFileSync(kept, 'utf8').split('\n').length} lines of machine.as.ts`,
  );
}
