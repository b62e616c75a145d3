import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../dist/cli/run-cli.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'normcore-memory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The limit for a trace of any length, and how much more than a short trace a long one may take: the garbage of a collection or two. */
const LIMIT_MIB = 500;
const GROWTH_MIB = 64;

/** About 1 MB of text. */
const PIECE = Array.from(
  { length: 100_000 },
  (_, at) => `${at % 5 === 0 ? 1 : 0} ${((at * 7919 * 64) % 2 ** 26).toString(16)}\n`,
).join('');
const PIECE_ACCESSES = 100_000;

/** Writes `pieces` of the text, packed or not. */
function trace(name: string, pieces: number): string {
  const path = join(folder, name);
  const bytes = name.endsWith('.gz') ? gzipSync(PIECE) : Buffer.from(PIECE);
  const descriptor = openSync(path, 'w');
  for (let piece = 0; piece < pieces; piece++) writeSync(descriptor, bytes);
  closeSync(descriptor);
  return path;
}

/** Replays in a process of its own. @returns accesses and the largest resident size of the process, MiB */
function replay(args: readonly string[], input?: string): { accesses: number; peakMib: number } {
  const script = `
    const { runCli } = await import(${JSON.stringify(main)});
    process.exitCode = await runCli(${JSON.stringify(['replay', ...args, '--quiet', '--json'])}, {
      out: (text) => process.stdout.write(text), err: (text) => process.stderr.write(text), columns: 100 });
    process.stderr.write(String(process.resourceUsage().maxRSS));`;
  const stdio = input === undefined ? undefined : openSync(input, 'r');
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    stdio: [stdio ?? 'ignore', 'pipe', 'pipe'],
  });
  if (stdio !== undefined) closeSync(stdio);
  expect({ status, stderr: stderr.replace(/\d+$/, '') }).toEqual({ status: 0, stderr: '' });
  return { accesses: JSON.parse(stdout).accesses, peakMib: Number(/\d+$/.exec(stderr)?.[0]) / 1024 };
}

describe('replaying takes memory that does not grow with the trace', () => {
  beforeAll(() => {
    if (!existsSync(main))
      throw new Error('dist/ is missing: run these tests with npm test, which builds it');
    writeFileSync(
      join(folder, 'ideal.yaml'),
      'extends: teaching\nname: ideal\nmemory: {kind: ideal, latency: 100 ns, bandwidth: infinite}\n',
    );
  });

  it.each([
    ['of text, functionally', '.din', 60, ['--caches', '32K/8,1M/16']],
    ['packed, functionally', '.din.gz', 60, ['--caches', '32K/8,1M/16']],
    ['of text, with timing', '.din', 12, ['--machine', join(folder, 'ideal.yaml')]],
  ])('%s', (_what, ending, pieces, options) => {
    const short = replay([trace(`short${ending}`, 2), ...options]);
    const long = replay([trace(`long${ending}`, pieces), ...options]);
    expect(long.accesses).toBe(pieces * PIECE_ACCESSES);
    expect(long.peakMib).toBeLessThan(LIMIT_MIB);
    expect(long.peakMib - short.peakMib).toBeLessThan(GROWTH_MIB);
  });

  it('reads standard input', () => {
    const { accesses } = replay(['/dev/stdin', '--caches', '32K/8'], trace('input.din', 3));
    expect(accesses).toBe(3 * PIECE_ACCESSES);
  });
});
