/** Result files that commands write: refused before the simulation rather than after it. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { writeFileAtomically } from '../report/write-file.js';
import { UserError } from './command.js';
import type { ProblemCollector } from './problems.js';

/** Notes a path that cannot be written: a folder, or one in no folder that could be made and written in. */
export function checkResultFile(problems: ProblemCollector, option: string, path: string): void {
  const refuse = (reason: string): void => problems.add(`--${option}: ${path} cannot be written: ${reason}`);
  if (path === '') refuse('a file name is expected');
  else if (statOf(path)?.isDirectory()) refuse('it is a directory');
  else {
    let folder = dirname(resolve(path));
    let found = statOf(folder);
    while (found === undefined && folder !== dirname(folder)) {
      folder = dirname(folder);
      found = statOf(folder);
    }
    if (!found?.isDirectory()) refuse(`${folder} is not a directory`);
    else if (!isWritable(folder)) refuse(`${folder} is write-protected`);
  }
}

/**
 * Writes a result file, whole or not at all.
 * @throws UserError where the file system refuses
 */
export function writeResultFile(path: string, content: string | Uint8Array): void {
  try {
    writeFileAtomically(path, content);
  } catch (error) {
    throw new UserError(`${path} cannot be written: ${(error as Error).message}`);
  }
}

/** Undefined where there is nothing, or where a part of the path is a file. */
function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
