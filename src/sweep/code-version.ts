/** Which simulator a result comes from: a hash over the built files that can change one. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `src/sweep` and `dist/sweep` are equally deep, so this is right from both. */
const DIST = fileURLToPath(new URL('../../dist', import.meta.url));

/** From settings to a result, parts and their assembly: everything that this file imports, however far, can change a result; nothing else can. */
const ROOT = 'simulate/point.js';

const IMPORT = /^(?:import|export)\s(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;

let known: string | undefined;

/**
 * The version of the simulator's own code and of the packages that it computes with: 64 hexadecimal digits. Of the command line, the reports and this folder it knows nothing,
 * so a change there keeps results valid.
 * @throws Error where the package is not built
 */
export function codeVersion(): string {
  known ??= hashCode(DIST);
  return known;
}

/** @param dist folder with the built files */
export function hashCode(dist: string): string {
  if (!existsSync(join(dist, ROOT)))
    throw new Error('the compiled simulator is missing; build first (npm run build)');
  const files = new Map<string, string>();
  const packages = new Set<string>();
  const visit = (path: string): void => {
    const name = relative(dist, path).split(sep).join('/');
    if (files.has(name)) return;
    const text = readFileSync(path, 'utf8');
    files.set(name, text);
    for (const [, target = ''] of text.matchAll(IMPORT)) {
      if (target.startsWith('.')) visit(resolve(dirname(path), target));
      else packages.add(target);
    }
  };
  visit(join(dist, ROOT));
  const hash = createHash('sha256');
  for (const name of [...files.keys()].sort()) hash.update(`${name}\n${files.get(name)}\n`);
  for (const name of [...packages].sort()) hash.update(`${name} ${installedVersion(name)}\n`);
  return hash.digest('hex');
}

function installedVersion(name: string): string {
  const require = createRequire(import.meta.url);
  return (require(`${name}/package.json`) as { version: string }).version;
}
