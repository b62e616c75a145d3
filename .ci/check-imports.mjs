// Holds the sources to the one-way flow of the design: which folder of src/ may import which, and that what must run in a browser imports nothing of Node.
// Prints every violation as file:line and exits with status 1 if there is one.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const src = join(root, 'src');

/** Folders that a folder may import from, itself always included. */
const ALLOWED = {
  config: [],
  network: ['config'],
  training: ['config', 'network'],
  schedule: ['config', 'network', 'training'],
  kernel: ['config', 'network', 'training', 'schedule'],
  numerics: ['config', 'network', 'training', 'schedule'],
  machine: ['config'],
  // At build time: it reads the machine's sources and writes its compiled form.
  compile: ['machine'],
  bound: ['config', 'network', 'training', 'schedule', 'kernel', 'machine'],
  statistics: ['config', 'network', 'training', 'schedule', 'kernel', 'machine', 'bound'],
  simulate: ['config', 'network', 'training', 'schedule', 'kernel', 'machine', 'bound', 'statistics'],
  trace: ['config', 'kernel', 'machine', 'simulate', 'statistics'],
  sweep: [
    'config',
    'network',
    'training',
    'schedule',
    'kernel',
    'machine',
    'bound',
    'statistics',
    'simulate',
    'report',
  ],
  report: [
    'config',
    'network',
    'training',
    'schedule',
    'kernel',
    'machine',
    'bound',
    'statistics',
    'simulate',
    'numerics',
  ],
  lab: [
    'config',
    'network',
    'training',
    'schedule',
    'kernel',
    'machine',
    'bound',
    'statistics',
    'simulate',
    'numerics',
    'report',
  ],
  cli: '*',
  '.': '*',
};

/** Single files that a folder may import beside that: [importing folder, imported file, types only]. */
const EXCEPTIONS = [
  // The interface between the software and the machine: plain data that both sides know.
  ['machine', 'kernel/op-stream.ts', false],
  ['machine', 'kernel/kernel.ts', true],
  // The names of the time-loss account's entries, which cores add to as they wait.
  ['machine', 'statistics/time-loss.ts', false],
  // Address patterns of the DRAM experiments, shared with the replay of traces.
  ['machine', 'trace/patterns.ts', false],
  // What a configuration becomes.
  ['config', 'machine/spec.ts', true],
  ['config', 'kernel/kernel.ts', true],
  // Names of operation types and phases.
  ['training', 'kernel/kernel.ts', true],
  ['network', 'kernel/kernel.ts', true],
];

/** Folders that run in a browser: no Node module, and only packages that need none. */
const BROWSER = [
  'config',
  'network',
  'training',
  'schedule',
  'kernel',
  'numerics',
  'machine',
  'simulate',
  'statistics',
  'bound',
];
const BROWSER_PACKAGES = ['zod', 'yaml', 'seedrandom'];
/** Files of those folders that are Node's side of them. */
const NODE_FILES = ['config/load.ts', 'network/load.ts'];
/** Entries of the package that run in a browser, and so does all that they import, in whatever folder it is. */
const BROWSER_ENTRIES = ['core.ts'];

const IMPORT =
  /^[ \t]*(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;

/** Comments blanked out, line ends kept. */
function withoutComments(text) {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/^(\s*)\/\/.*$/gm, '$1');
}

function folderOf(file) {
  const parts = file.split('/');
  return parts.length === 1 ? '.' : parts[0];
}

const violations = [];
const files = readdirSync(src, { recursive: true })
  .map((file) => String(file).split(sep).join('/'))
  .filter((file) => file.endsWith('.ts'))
  .sort();

for (const file of files) {
  const folder = folderOf(file);
  const { imports, report } = read(file);
  if (!(folder in ALLOWED)) {
    violations.push(`src/${file}:1: the folder "${folder}" is not in the table of .ci/check-imports.mjs`);
    continue;
  }
  const isOfBrowser = BROWSER.includes(folder) && !NODE_FILES.includes(file);
  for (const { index, isType, target, imported } of imports) {
    if (imported !== null) {
      checkFolder(folder, imported, isType, (message) => report(index, message));
      if (isOfBrowser && NODE_FILES.includes(imported)) {
        report(index, `imports ${imported}, which needs Node; ${folder} runs in a browser`);
      }
    } else if (isOfBrowser && !isType && !isBrowserPackage(target)) {
      report(
        index,
        `imports "${target}"; ${folder} runs in a browser. Allowed: ${BROWSER_PACKAGES.join(', ')}`,
      );
    }
  }
}
for (const entry of BROWSER_ENTRIES) if (files.includes(entry)) followEntry(entry);

/** The imports of a file, and how to say that one of them is wrong. `imported` is null for a package. */
function read(file) {
  const text = withoutComments(readFileSync(join(src, file), 'utf8'));
  const imports = [...text.matchAll(IMPORT)].map((match) => {
    const target = match[2] ?? match[3];
    const path = relative(src, resolve(dirname(join(src, file)), target))
      .split(sep)
      .join('/')
      .replace(/\.js$/, '.ts');
    return {
      index: match.index,
      isType: match[1] !== undefined,
      target,
      imported: target.startsWith('.') ? path : null,
    };
  });
  const report = (index, message) => {
    const line = text.slice(0, index).split('\n').length;
    violations.push(`src/${file}:${line}: ${message}`);
  };
  return { imports, report };
}

function isBrowserPackage(target) {
  const name = target.startsWith('@') ? target.split('/').slice(0, 2).join('/') : target.split('/')[0];
  return BROWSER_PACKAGES.includes(name);
}

/** Walks all that an entry imports, folders that are not checked as a whole included. */
function followEntry(entry) {
  const reached = new Set([entry]);
  for (const file of reached) {
    if (!files.includes(file)) continue;
    const { imports, report } = read(file);
    for (const { index, isType, target, imported } of imports) {
      if (isType) continue;
      if (imported !== null) reached.add(imported);
      else if (!isBrowserPackage(target) && !BROWSER.includes(folderOf(file)))
        report(index, `imports "${target}"; src/${entry}, which leads here, runs in a browser`);
      if (NODE_FILES.includes(imported) && !BROWSER.includes(folderOf(file)))
        report(
          index,
          `imports ${imported}, which needs Node; src/${entry}, which leads here, runs in a browser`,
        );
    }
  }
}

function checkFolder(folder, imported, isType, report) {
  if (imported.startsWith('..')) return;
  const other = folderOf(imported);
  const allowed = ALLOWED[folder];
  if (allowed === '*' || other === folder || allowed.includes(other)) return;
  const exception = EXCEPTIONS.some(
    ([from, file, typesOnly]) => from === folder && file === imported && (isType || !typesOnly),
  );
  if (exception) return;
  report(
    `${folder} must not import from ${other} (${imported}). Allowed: ${allowed.length === 0 ? 'nothing' : allowed.join(', ')}`,
  );
}

if (violations.length > 0) {
  process.stderr.write(`${violations.join('\n')}\n`);
  process.exit(1);
}
