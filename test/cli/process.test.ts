import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** The built program, as a user starts it. */
function normcore(...args: string[]) {
  return spawnSync(process.execPath, [main, ...args], { cwd: root, encoding: 'utf8' });
}

describe('the normcore process', () => {
  beforeAll(() => {
    if (!existsSync(main))
      throw new Error('dist/ is missing: run these tests with npm test, which builds it');
  });

  it('prints results to standard output and exits with 0', () => {
    const { status, stdout, stderr } = normcore('machine', 'show', 'teaching', '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ name: 'teaching' });
  });

  it('prints a mistake to standard error without a stack trace and exits with 2', () => {
    const { status, stdout, stderr } = normcore('machine', 'show', 'no-such-machine');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^there is no machine "no-such-machine"[^\n]*\n$/);
  });

  it('ends quietly when its reader has seen enough', async () => {
    const child = spawn(process.execPath, [main, 'schema', 'machine'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.stdout.destroy();
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
  });
});
