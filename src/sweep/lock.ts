/**
 * One process at a time in a folder. The lock is a courtesy to the user, who is told instead of having everything simulated twice; no result depends on it, as every file is
 * written whole and says the same whoever writes it.
 */
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** Another process works in the folder. */
export class FolderBusyError extends Error {
  override readonly name = 'FolderBusyError';
}

interface Owner {
  readonly pid: number;
  readonly host: string;
  /** When the process began, as the operating system counts; tells it from a later one of the same number. */
  readonly began: string;
}

/**
 * Takes a folder's lock; that of a process which is gone is taken over.
 * @returns what gives it back
 * @throws FolderBusyError while another process has it
 */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const lock = join(folder, 'lock');
  const own = join(folder, `lock.${process.pid}`);
  const text = JSON.stringify({
    pid: process.pid,
    host: hostname(),
    began: beganAt(process.pid),
  } satisfies Owner);
  writeFileSync(own, text);
  try {
    // A lock appears with its content or not at all: a link to a file that is complete.
    for (let attempt = 0; !tryLink(own, lock); attempt++) {
      const owner = read(lock);
      if (owner === null) continue;
      if (isAlive(owner) || attempt > MAX_ATTEMPTS)
        throw new FolderBusyError(
          `another process (${owner.pid}${owner.host === hostname() ? '' : ` on ${owner.host}`}) is working in ${folder}; wait for it, or remove ${lock} if it is gone`,
        );
      dropStale(lock, own, owner);
    }
  } finally {
    rmSync(own, { force: true });
  }
  removeLeftovers(folder);
  return () => rmSync(lock, { force: true });
}

const MAX_ATTEMPTS = 100;

/** Removes what processes that were killed while they took the lock left. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    const owner = /^lock\.\d/.test(name) ? read(join(folder, name)) : null;
    if (owner !== null && !isAlive(owner)) rmSync(join(folder, name), { force: true });
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Null where there is none any more. */
function read(lock: string): Owner | null {
  try {
    return JSON.parse(readFileSync(lock, 'utf8')) as Owner;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    // Not written by us: nobody's.
    if (error instanceof SyntaxError) return { pid: 0, host: hostname(), began: '' };
    throw error;
  }
}

/** Takes a stale lock away; one that another process has just taken over is put back. */
function dropStale(lock: string, own: string, stale: Owner): void {
  const aside = `${own}.stale`;
  try {
    renameSync(lock, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (JSON.stringify(read(aside)) !== JSON.stringify(stale)) tryLink(aside, lock);
  rmSync(aside, { force: true });
}

/** Whether the process still runs; of one on another host nothing is known, so it does. */
function isAlive({ pid, host, began }: Owner): boolean {
  if (host !== hostname()) return true;
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return beganAt(pid) === began;
}

/** Start of a process in the kernel's ticks: field 22 of /proc/PID/stat (man proc), which follows the command's name in brackets; empty where there is no such file. */
function beganAt(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
