/** Configurations from the file system: by name in the package's own folders, or by path. The only file of `config` that needs Node. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DramPartSpec, MachineSpec } from '../machine/spec.js';
import {
  type ConfigKind,
  type ConfigSource,
  readDramPart,
  readMachine,
  type SourceResult,
} from './machine.js';
import { ConfigurationError, notFound } from './problem.js';
import { didYouMean } from './suggest.js';

/** The package's root: `src/config` and `dist/config` are equally deep in it. */
const PACKAGE_ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Where what is found by name lies in the package, and what to call it. */
const FOLDERS: Readonly<Record<ConfigKind, { readonly folder: string; readonly noun: string }>> = {
  machine: { folder: 'configs/machines', noun: 'machine' },
  'dram-part': { folder: 'configs/dram', noun: 'DRAM part' },
  network: { folder: 'workloads/networks', noun: 'network' },
  sweep: { folder: 'configs/sweeps', noun: 'sweep' },
};

const EXTENSION = /\.ya?ml$/;

/** Larger than any configuration; keeps a mistaken path from being read into memory whole. */
const MAX_BYTES = 4 * 2 ** 20;

/** Names of the shipped configurations of a kind, sorted. */
export function listNames(kind: ConfigKind): string[] {
  try {
    return readdirSync(join(PACKAGE_ROOT, FOLDERS[kind].folder))
      .filter((file) => EXTENSION.test(file))
      .map((file) => file.replace(EXTENSION, ''))
      .sort();
  } catch {
    return [];
  }
}

/** The file system as a source: a reference with a slash, a backslash or a YAML extension is a path, everything else a name. */
export const fileSource: ConfigSource = {
  find(kind, reference, from) {
    const isPath = /[\\/]/.test(reference) || EXTENSION.test(reference);
    if (isPath) return readText(from === undefined ? reference : resolve(dirname(from), reference));
    const { folder, noun } = FOLDERS[kind];
    const names = listNames(kind);
    if (!names.includes(reference)) {
      const list =
        names.length === 0
          ? `There is none in ${folder}.`
          : `There are: ${names.join(', ')}; or give the path of a YAML file.`;
      return { problem: `there is no ${noun} "${reference}".${didYouMean(reference, names)} ${list}` };
    }
    return readText(join(PACKAGE_ROOT, folder, `${reference}.yaml`));
  },
};

/**
 * Reads a configuration's text by name or path.
 * @throws ConfigurationError for a name that is unknown and a file that is missing or cannot be read
 */
export function loadText(kind: ConfigKind, reference: string): { file: string; text: string } {
  const found = fileSource.find(kind, reference);
  if ('problem' in found) throw new ConfigurationError([notFound(found.problem)]);
  return found;
}

/**
 * Loads a machine by name (`skylake-sp-2s`) or path.
 * @throws ConfigurationError with everything that is wrong, a missing file included
 */
export function loadMachine(reference: string): MachineSpec {
  return readMachine(reference, fileSource);
}

/**
 * Loads a DRAM part by name (`ddr4-2400`) or path.
 * @throws ConfigurationError with everything that is wrong, a missing file included
 */
export function loadDramPart(reference: string): DramPartSpec {
  return readDramPart(reference, fileSource);
}

function readText(path: string): SourceResult {
  const file = shown(path);
  try {
    const status = statSync(path);
    if (status.isDirectory()) return { problem: `${file} cannot be read: it is a directory` };
    if (!status.isFile() && !status.isFIFO())
      return { problem: `${file} cannot be read: it is not a regular file` };
    if (status.size > MAX_BYTES)
      return { problem: `${file} cannot be read: ${status.size} bytes are too many for a configuration` };
    return { file, text: readFileSync(path, 'utf8') };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    return {
      problem: `${file} cannot be read: ${REASONS[code] ?? code}${code === 'ENOENT' ? neighbours(path) : ''}`,
    };
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file.',
  ENOTDIR: 'a part of its path is not a directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its symbolic links run in a circle',
};

function neighbours(path: string): string {
  try {
    return didYouMean(
      basename(path),
      readdirSync(dirname(path)).filter((file) => EXTENSION.test(file)),
    );
  } catch {
    return '';
  }
}

/** A path as messages show it: relative to the working directory where it lies below it. */
function shown(path: string): string {
  if (!isAbsolute(path)) return path;
  const short = relative(process.cwd(), path);
  return short === '' || short.startsWith('..') || isAbsolute(short) ? path : short;
}
