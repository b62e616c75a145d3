/** Result files: whole or not at all. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * Writes a file by way of another one beside it, so that a reader never sees half of it and a failure leaves what was there. Missing folders are made.
 * @throws NodeJS.ErrnoException where the folder or the file cannot be written
 */
export function writeFileAtomically(path: string, content: string | Uint8Array): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  const partial = join(folder, `.${basename(path)}.${process.pid}.partial`);
  try {
    writeFileSync(partial, content);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}
