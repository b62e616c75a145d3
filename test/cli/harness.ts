import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { CommandRegistry } from '../../src/cli/command.js';
import { runCli } from '../../src/cli/run-cli.js';

/** What a command line came to. */
export interface Outcome {
  status: number;
  out: string;
  err: string;
}

/** Runs a command line in this process. */
export async function run(argv: string[], registry?: CommandRegistry): Promise<Outcome> {
  const outcome: Outcome = { status: -1, out: '', err: '' };
  const context = {
    out: (text: string) => {
      outcome.out += text;
    },
    err: (text: string) => {
      outcome.err += text;
    },
    columns: 100,
  };
  outcome.status = await runCli(argv, context, registry);
  return outcome;
}

/** A folder that is removed after the tests of the file; gives the path of a file in it, written where a text is given. */
export function scratchFolder(): (name: string, text?: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'normcore-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (name, text) => {
    const path = join(folder, name);
    if (text !== undefined) writeFileSync(path, text);
    return path;
  };
}
