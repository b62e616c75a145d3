import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CheckFailure, type CommandRegistry } from '../../src/cli/command.js';
import { runCli } from '../../src/cli/run-cli.js';

const folder = mkdtempSync(join(tmpdir(), 'normcore-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  status: number;
  out: string;
  err: string;
}

async function run(argv: string[], registry?: CommandRegistry): Promise<Outcome> {
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

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('help', () => {
  it('lists every command with a sentence and an example', async () => {
    const { status, out, err } = await run(['--help']);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/normcore machine +\S+/);
    expect(out).toContain('Examples:');
  });

  it.each([['machine'], ['schema']])('of %s has examples', async (command) => {
    const { status, out } = await run([command, '--help']);
    expect(status).toBe(0);
    expect(out).toContain('Examples:');
  });

  it('goes to standard output with --version', async () => {
    const { status, out } = await run(['--version']);
    expect(status).toBe(0);
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('mistakes on the command line end with status 2 and one clear message', () => {
  it.each([
    [['machin'], 'Did you mean "machine"?'],
    [['machine', 'lst'], 'Did you mean "list"?'],
    [['machine'], 'list, show or check is expected'],
    [['machine', 'show'], 'an argument is missing: normcore machine show <machine>'],
    [['machine', 'show', 'teaching', 'knl-7210'], '"knl-7210" is not expected'],
    [['machine', 'show', 'teaching', '--jsn'], 'there is no option --jsn. Did you mean "--json"?'],
    [['machine', 'show', 'teaching', '--noSuch=3'], 'there is no option --no-such.'],
    [['machine', 'show', 'teachin'], 'Did you mean "teaching"?'],
    [['schema', 'mashine'], 'Did you mean "machine"? Allowed: machine, dram-part'],
    [['--hlp'], 'Did you mean "--help"?'],
  ])('%j', async (argv, message) => {
    const { status, out, err } = await run(argv);
    expect(status).toBe(2);
    expect(out).toBe('');
    expect(err).toContain(message);
    expect(err).not.toContain('    at ');
  });
});

describe('normcore machine', () => {
  it('list prints a row per machine', async () => {
    const { status, out } = await run(['machine', 'list']);
    expect(status).toBe(0);
    expect(out).toMatch(/^machine +cores +GFLOPS +GB\/s +description$/m);
    expect(out).toMatch(/^teaching +4 +256 +38\.4 +4 cores/m);
    const json = JSON.parse((await run(['machine', 'list', '--json'])).out);
    expect(json.machines.map((machine: { name: string }) => machine.name)).toContain('skylake-sp-2s');
  });

  it('show prints settings with units', async () => {
    const { status, out } = await run(['machine', 'show', 'teaching']);
    expect(status).toBe(0);
    expect(out).toMatch(/frequency +2 GHz/);
    expect(out).toMatch(/capacity +256 KiB, 8 ways, 512 sets/);
    expect(out).toMatch(/main memory +38\.4 GB\/s/);
  });

  it('show --json prints the resolved specification, infinite bandwidth as a word', async () => {
    const path = file(
      'ideal.yaml',
      'extends: teaching\nname: ideal\nmemory: {kind: ideal, latency: 80 ns, bandwidth: infinite}\n',
    );
    const { status, out } = await run(['machine', 'show', path, '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      name: 'ideal',
      memory: { kind: 'ideal', latencyPs: 80_000, bytesPerSecond: 'infinite' },
    });
    expect((await run(['machine', 'show', path])).out).toContain('infinite');
  });

  it('check says that a file is all right', async () => {
    expect(await run(['machine', 'check', 'teaching', 'teaching'])).toEqual({
      status: 0,
      out: 'teaching: all right\nteaching: all right\n',
      err: '',
    });
  });

  it('check prints every problem of every file with its place and counts them', async () => {
    const first = file('first.yaml', 'extends: teaching\ncore:\n  window: 0\n  frequncy: 1 GHz\n');
    const second = file('second.yaml', 'extends: teaching\nl1d:\n  ways: 7\n');
    const { status, err } = await run(['machine', 'check', first, second]);
    expect(status).toBe(2);
    expect(err).toContain(`${first}:3:11 core.window: 0 is out of range`);
    expect(err).toContain(`${first}:4:3 core.frequncy: is not a known key.`);
    expect(err).toMatch(/teaching\.yaml:\d+:\d+ l1d\.capacity: .*power of two/);
    expect(err).toContain('3 problems\n');
  });
});

describe('normcore schema', () => {
  it('prints JSON Schema and the reference', async () => {
    expect(JSON.parse((await run(['schema', 'machine'])).out)).toMatchObject({
      title: 'Normcore machine file',
    });
    expect((await run(['schema', 'dram-part', '--markdown'])).out).toContain('| `timings.nRCD` | count |');
  });
});

describe('commands of any registry', () => {
  const registryOf = (handler: (argv: Record<string, unknown>) => void): CommandRegistry => ({
    work: {
      summary: 'works',
      isDefault: true,
      load: async () => ({
        createCommand: () => ({
          command: 'work',
          describe: 'works',
          builder: (parser) =>
            parser.option('batch', { type: 'number', default: 7, describe: 'images' }) as never,
          handler: handler as never,
        }),
      }),
    },
    broken: { summary: 'is never loaded', load: () => Promise.reject(new Error('loaded')) },
  });

  it('run the default one when none is given', async () => {
    let batch: unknown;
    const registry = registryOf((argv) => {
      batch = argv.batch;
    });
    expect((await run([], registry)).status).toBe(0);
    expect(batch).toBe(7);
    expect((await run(['--batch', '3'], registry)).status).toBe(0);
    expect(batch).toBe(3);
    expect((await run(['--help'], registry)).out).toContain('normcore broken');
  });

  it('ask for one where there is no default', async () => {
    const { work, ...others } = registryOf(() => {});
    const { isDefault: _isDefault, ...named } = work as NonNullable<typeof work>;
    const { status, err } = await run([], { ...others, work: named });
    expect(status).toBe(2);
    expect(err).toContain('a command is expected. Commands: broken, work');
  });

  it('refuse what is no number where one is expected', async () => {
    const { status, err } = await run(
      ['work', '--batch', 'many'],
      registryOf(() => {}),
    );
    expect(status).toBe(2);
    expect(err).toContain('--batch: a number is expected');
  });

  it('refuse an option without its value, at the end and before another one', async () => {
    const atEnd = await run(
      ['work', '--batch'],
      registryOf(() => {}),
    );
    expect(atEnd).toEqual({ status: 2, out: '', err: 'normcore: --batch: a value is expected\n' });
    const options = ['--part', 'ddr4-2400', '--pattern', 'stream_r', '--requests', '--json'];
    expect(await run(['dram', ...options])).toEqual({
      status: 2,
      out: '',
      err: 'normcore: --requests: a value is expected\n',
    });
  });

  it('take a negative number for a value', async () => {
    let batch: unknown;
    await run(
      ['work', '--batch', '-5'],
      registryOf((argv) => {
        batch = argv.batch;
      }),
    );
    expect(batch).toBe(-5);
  });

  it('refuse an option that is given twice', async () => {
    const { status, err } = await run(
      ['work', '--batch', '1', '--batch', '2'],
      registryOf(() => {}),
    );
    expect(status).toBe(2);
    expect(err).toContain('--batch is given twice');
  });

  it('end with status 1 for a failed check', async () => {
    const registry = registryOf(() => {
      throw new CheckFailure('the worst error is 0.5');
    });
    expect(await run(['work'], registry)).toEqual({
      status: 1,
      out: '',
      err: 'normcore: the worst error is 0.5\n',
    });
  });

  it('end with status 70 for a defect, with what to report', async () => {
    const registry = registryOf(() => {
      throw new TypeError('undefined is not a function');
    });
    const { status, err } = await run(['work', '--batch', '3'], registry);
    expect(status).toBe(70);
    expect(err).toContain('defect of Normcore');
    expect(err).toContain('arguments: ["work","--batch","3"]');
    expect(err).toContain('TypeError: undefined is not a function\n    at ');
  });
});
