import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const scripts = fileURLToPath(new URL('../../.ci', import.meta.url));
let project = '';

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'normcore-ci-'));
  cpSync(scripts, join(project, '.ci'), { recursive: true });
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

function write(path: string, text: string): string {
  const file = join(project, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

function script(name: string, ...args: string[]) {
  const path = `${join(project, 'bin')}:${process.env.PATH}`;
  return spawnSync(process.execPath, [join(project, '.ci', name), ...args], {
    cwd: project,
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  });
}

describe('the import check', () => {
  it('lets imports along the arrows pass', () => {
    write(
      'src/kernel/lower.ts',
      "import { z } from 'zod';\nimport type { A } from '../training/step.js';\nimport { b } from './b.js';\n",
    );
    write('src/config/load.ts', "import { readFileSync } from 'node:fs';\n");
    write('src/cli/main.ts', "const { c } = await import('../simulate/run.js');\n");
    expect(script('check-imports.mjs')).toMatchObject({ status: 0, stderr: '' });
  });

  it('names every import against them with its line', () => {
    write('src/network/a.ts', "// import '../kernel/no.js'\nimport { k } from '../kernel/k.js';\n");
    write(
      'src/machine/b.ts',
      "import {\n  readFileSync,\n} from 'node:fs';\nexport * from '../simulate/run.js';\n",
    );
    write(
      'src/training/c.ts',
      "import { Phase } from '../kernel/kernel.js';\nimport { loadText } from '../config/load.js';\n",
    );
    write('src/kernel/d.ts', "import { Piscina } from 'piscina';\n");
    write('src/misc/e.ts', '');
    const { status, stderr } = script('check-imports.mjs');
    expect(status).toBe(1);
    const places = stderr
      .trim()
      .split('\n')
      .map((line) => line.split(': ')[0]);
    expect(places).toEqual([
      'src/kernel/d.ts:1',
      'src/machine/b.ts:1',
      'src/machine/b.ts:4',
      'src/misc/e.ts:1',
      'src/network/a.ts:2',
      'src/training/c.ts:1',
      'src/training/c.ts:2',
    ]);
  });

  it('follows the entry for browsers into folders that need not run there', () => {
    write('src/core.ts', "export { a } from './report/a.js';\nexport { d } from './kernel/d.js';\n");
    write('src/report/a.ts', "import { b } from './b.js';\nimport type { C } from './c.js';\n");
    write('src/report/b.ts', "import { z } from 'zod';\nimport { stringify } from 'csv-stringify/sync';\n");
    write('src/report/c.ts', "import { readFileSync } from 'node:fs';\n");
    write('src/kernel/d.ts', '');
    const { status, stderr } = script('check-imports.mjs');
    expect(status).toBe(1);
    expect(stderr).toBe(
      'src/report/b.ts:2: imports "csv-stringify/sync"; src/core.ts, which leads here, runs in a browser\n',
    );
  });
});

describe('the summary', () => {
  const test = (status: string, fullName: string) => ({ status, fullName, meta: {} });

  function summarise(testResults: unknown, checks: string, status = '0') {
    const report = write('tests.json', JSON.stringify({ testResults }));
    return script('summarise.mjs', report, write('checks', checks), status);
  }

  it('counts tests and checks and ends with the count alone', () => {
    const results = [
      { name: 'a.test.ts', status: 'passed', assertionResults: [test('passed', 'x'), test('passed', 'y')] },
    ];
    expect(summarise(results, 'passed lint\npassed types\n')).toMatchObject({
      status: 0,
      stdout: '4 passed, 0 failed\n',
    });
  });

  it('names what failed and what was skipped', () => {
    const results = [
      { name: 'a.test.ts', status: 'failed', assertionResults: [test('failed', 'x'), test('skipped', 'y')] },
    ];
    const { status, stdout } = summarise(results, 'failed lint\n', '1');
    expect(status).toBe(1);
    expect(stdout).toContain('a.test.ts: x');
    expect(stdout).toContain('a.test.ts: y (skipped)');
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('0 passed, 2 failed');
  });

  it('counts a file that cannot be loaded, a runner that failed otherwise and a missing report as failures', () => {
    const broken = [{ name: 'a.test.ts', status: 'failed', message: 'no such module', assertionResults: [] }];
    expect(summarise(broken, '', '1').stdout).toContain('0 passed, 1 failed');
    expect(summarise([], 'passed lint\n', '1').stdout).toContain('1 passed, 1 failed');
    const missing = script(
      'summarise.mjs',
      join(project, 'none.json'),
      write('checks', 'passed lint\n'),
      '1',
    );
    expect(missing).toMatchObject({ status: 1 });
    expect(missing.stdout).toContain('1 passed, 1 failed');
  });
});

describe('preparation', () => {
  const past = new Date(Date.now() - 60_000);

  function calls(): string[] {
    const log = join(project, 'calls');
    const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
    rmSync(log, { force: true });
    return lines;
  }

  beforeEach(() => {
    for (const file of ['src/a.ts', 'package-lock.json', 'tsconfig.json'])
      utimesSync(write(file, '{}'), past, past);
    const npm = write(
      'bin/npm',
      '#!/bin/sh\necho "$1 $2 $3" >>calls\n[ "$1" = ci ] && mkdir -p node_modules || mkdir -p dist\n[ ! -e fail ]\n',
    );
    chmodSync(npm, 0o755);
  });

  it('installs and builds a fresh clone, then has nothing to do and says nothing', () => {
    expect(script('prepare.mjs').status).toBe(0);
    expect(calls().map((line) => line.split(' ')[0])).toEqual(['ci', 'run']);
    expect(script('prepare.mjs')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(calls()).toEqual([]);
  });

  it('builds again when a source is newer, added or removed, and from scratch when the set of sources changed', () => {
    script('prepare.mjs');
    calls();
    const later = new Date(Date.now() + 60_000);
    utimesSync(join(project, 'src/a.ts'), later, later);
    write('dist/kept.js', '');
    script('prepare.mjs');
    expect(calls()).toHaveLength(1);
    expect(existsSync(join(project, 'dist/kept.js'))).toBe(true);
    utimesSync(join(project, 'src/a.ts'), past, past);
    utimesSync(write('src/b.ts', ''), past, past);
    script('prepare.mjs');
    expect(calls()).toHaveLength(1);
    expect(existsSync(join(project, 'dist/kept.js'))).toBe(false);
  });

  it('installs again when the lock file changed', () => {
    script('prepare.mjs');
    calls();
    utimesSync(write('package-lock.json', '{"changed": true}'), past, past);
    script('prepare.mjs');
    expect(calls()).toEqual([expect.stringMatching(/^ci /)]);
  });

  it('takes dependencies that were installed by hand after the lock file changed', () => {
    write('node_modules/.package-lock.json', '{}');
    script('prepare.mjs');
    expect(calls()).toEqual([expect.stringMatching(/^run /)]);
  });

  it('fails with the step that failed and tries again the next time', () => {
    write('fail', '');
    const { status, stderr } = script('prepare.mjs');
    expect(status).toBe(1);
    expect(stderr).toContain('failed: installing dependencies');
    rmSync(join(project, 'fail'));
    calls();
    script('prepare.mjs');
    expect(calls()).toHaveLength(2);
  });
});
