/** A small sweep as a process that tests can kill. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SMALL_NETWORK } from '../unit/sweep/points.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** 4 points of 10 parts that take some tenths of a second each, most of them for the start of a thread. */
export const SMALL_SWEEP = `
name: small
description: an edge by clock
runTime: seconds of CPU time
base:
  network: small.yaml
  machine: teaching
  batch: 4
axes:
  - {path: machine.core.frequency, values: [1 GHz, 2 GHz]}
  - {path: schedule, values: [baseline, bnff]}
`;

/** Writes the sweep and its network into a folder. @returns the path of the sweep */
export function writeSweep(folder: string, text: string = SMALL_SWEEP): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'small.yaml'), SMALL_NETWORK);
  const path = join(folder, 'sweep.yaml');
  writeFileSync(path, text);
  return path;
}

export interface Ended {
  /** Null where a signal ended it. */
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export interface SweepProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts `normcore sweep`. */
export function startSweep(...args: string[]): SweepProcess {
  const child = spawn(process.execPath, [MAIN, 'sweep', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, out, err }));
  });
  return { child, ended };
}

/** Every file below a folder with its content; the lock, which is no result, left out. */
export function contentOf(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('lock'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  return new Map(names.sort().map((name) => [name.slice(folder.length), readFileSync(name, 'utf8')]));
}

/** Results stored so far. */
export function countStored(folder: string): number {
  return ['points', 'parts']
    .map((kind) => join(folder, '.normcore', kind))
    .filter((path) => existsSync(path))
    .reduce((sum, path) => sum + readdirSync(path).filter((name) => name.endsWith('.jsonl')).length, 0);
}

export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until a sweep has stored so many results, or has ended. */
export async function untilStored(folder: string, results: number, { child }: SweepProcess): Promise<void> {
  while (countStored(folder) < results && child.exitCode === null && child.signalCode === null) await wait(5);
}
