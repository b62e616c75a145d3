/** Small programs that are compiled like the machine is. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { assemble } from '../../../src/compile/assemble.js';
import type { Plan } from '../../../src/compile/plan.js';
import { Source } from '../../../src/compile/source.js';
import { type Translation, translate } from '../../../src/compile/translate.js';
import { MachineImage } from '../../../src/machine/compiled/image.js';
import { instantiate } from '../../../src/machine/compiled/instance.js';
import type { CodeForShape, MachineCode } from '../../../src/machine/compiled/layout.js';

const COMPILER_OPTIONS = {
  target: 'ES2022',
  lib: ['ES2023'],
  module: 'NodeNext',
  moduleResolution: 'NodeNext',
  strict: true,
  types: [],
};

/** Files of TypeScript below the sources, by path. */
export type Files = Readonly<Record<string, string>>;

/** A function of a program: numbers and truth values, and in JavaScript the single structure in front. */
export type Run = (...args: readonly unknown[]) => number | boolean | undefined;

export function planOf(exported: readonly string[], changes: Partial<Plan> = {}): Plan {
  return {
    exported: exported.map((name) => ({ file: 'main.ts', name })),
    bound: [],
    single: new Set(['State']),
    several: new Set(),
    shapes: [],
    bindings: {},
    members: {},
    preludeFunctions: new Set(),
    prelude: '',
    excludedTypes: new Set(),
    methodsOnly: new Set(),
    doubleFields: /Ps$/,
    ...changes,
  };
}

/** Writes a project into a temporary folder. @returns its folder of sources */
function writeProject(files: Files): string {
  const project = mkdtempSync(join(tmpdir(), 'normcore-compile-'));
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: ['src'] }),
  );
  writeFileSync(join(project, 'package.json'), '{"type":"module"}');
  for (const [path, text] of Object.entries(files)) {
    const file = join(project, 'src', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return join(project, 'src');
}

function removeProject(root: string): void {
  rmSync(join(root, '..'), { recursive: true });
}

export function translateFiles(files: Files, plan: Plan): Translation {
  const root = writeProject(files);
  try {
    return translate(new Source(root, join(root, '..', 'tsconfig.json')), plan);
  } finally {
    removeProject(root);
  }
}

export async function compileFiles(files: Files, plan: Plan): Promise<MachineCode> {
  const { textFor, layout } = translateFiles(files, plan);
  const shapes: CodeForShape[] = [];
  for (const shape of [...plan.shapes, {}]) shapes.push({ shape, ...(await assemble(textFor(shape))) });
  return { layout, single: [...plan.single], shapes };
}

/** The exports of `main.ts` as JavaScript. */
export async function importFiles(files: Files): Promise<Readonly<Record<string, Run>>> {
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  const root = writeProject(
    Object.fromEntries(
      Object.entries(files).map(([path, text]) => [
        path.replace(/\.ts$/, '.js'),
        ts.transpileModule(text, { compilerOptions: options }).outputText,
      ]),
    ),
  );
  try {
    return (await import(pathToFileURL(join(root, 'main.js')).href)) as Readonly<Record<string, Run>>;
  } finally {
    removeProject(root);
  }
}

/** A program's functions as WebAssembly, over one set of data. */
export function runCompiled(
  code: MachineCode,
  state: object,
): { image: MachineImage; functions: Readonly<Record<string, Run>> } {
  const image = MachineImage.of(code, [['State', state]]);
  if (image === null) throw new Error('the data do not fit');
  const host = { refill: () => 0, observe: () => undefined, growRing: () => undefined };
  const functions = instantiate(code, image, host) as unknown as Record<
    string,
    (...args: readonly unknown[]) => number | undefined
  >;
  const run =
    (name: string): Run =>
    (...args) => {
      image.copyIn();
      const result = functions[name]?.(...args);
      image.copyOut();
      return result;
    };
  return { image, functions: Object.fromEntries(Object.keys(functions).map((name) => [name, run(name)])) };
}
