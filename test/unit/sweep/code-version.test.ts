import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { codeVersion, hashCode } from '../../../src/sweep/code-version.js';

const DIST = fileURLToPath(new URL('../../../dist', import.meta.url));

describe("the version of the simulator's code", () => {
  const copy = mkdtempSync(join(tmpdir(), 'normcore-code-'));
  cpSync(DIST, copy, { recursive: true });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  /** Whether the version changes with a file. */
  function dependsOn(file: string): boolean {
    const path = join(copy, file);
    const text = readFileSync(path, 'utf8');
    const before = hashCode(copy);
    writeFileSync(path, `${text}\n`);
    const after = hashCode(copy);
    writeFileSync(path, text);
    expect(hashCode(copy)).toBe(before);
    return after !== before;
  }

  it('is the same wherever the package lies', () => {
    expect(hashCode(copy)).toBe(codeVersion());
    expect(codeVersion()).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    'simulate/point.js',
    'simulate/share.js',
    'machine/core/engine.js',
    'machine/dram/scheduler.js',
    'kernel/partition.js',
    'schedule/passes/fission.js',
    'training/build.js',
    'statistics/time-loss.js',
    'bound/sweeps.js',
  ])('changes with %s', (file) => {
    expect(dependsOn(file)).toBe(true);
  });

  it.each(['cli/run-cli.js', 'report/csv.js', 'sweep/store.js', 'numerics/verify.js'])(
    'does not change with %s',
    (file) => {
      expect(dependsOn(file)).toBe(false);
    },
  );
});
