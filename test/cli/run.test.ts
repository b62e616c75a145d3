import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { TIME_CATEGORIES } from '../../src/statistics/time-loss.js';
import { SMALL_NETWORK } from '../unit/sweep/points.js';
import { run, scratchFolder } from './harness.js';

const file = scratchFolder();
const network = file('small.yaml', SMALL_NETWORK);

/** A run of the small network that takes a moment. */
const small = ['run', '--network', network, '--machine', 'teaching', '--batch', '4'];

describe('normcore run', () => {
  it('prints a table per case, with a row per schedule, and where the cycles of the baseline went', async () => {
    const { status, out, err } = await run([...small, '--schedule', 'bnff,baseline,rcf+mvf']);
    expect(status).toBe(0);
    expect(out).toMatch(/^One training iteration of small on teaching, batch 4, single precision$/m);
    expect(out).toMatch(/^bnff +[\d.]+.*\nbaseline +[\d.]+.*\nrcf\+mvf +[\d.]+/m);
    expect(out).toMatch(/^Where the cycles of baseline went/m);
    expect(out).toMatch(/^all +100\.0/m);
    expect(err).toMatch(/^normcore: 100 % done$/m);
  });

  it('prints one JSON document and nothing else on standard output with --json', async () => {
    const { status, out, err } = await run([
      ...small,
      '--schedule',
      'baseline,bnff',
      '--exact',
      '--json',
      '--quiet',
    ]);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const document = JSON.parse(out);
    expect(document).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      settings: {
        exact: true,
        software: { bnBlocking: 'streaming', fuseBnRelu: false },
        scheduleOptions: { storeZ: false },
      },
    });
    expect(document.points.map((point: { schedule: string }) => point.schedule)).toEqual([
      'baseline',
      'bnff',
    ]);
    for (const point of document.points) {
      expect(point).toMatchObject({
        network: 'small',
        machine: 'teaching',
        batch: 4,
        cycles: expect.any(Number),
        error: 0,
      });
      const { operations } = point;
      const sum = (key: string) =>
        operations.reduce(
          (total: number, operation: Record<string, number>) => total + (operation[key] as number),
          0,
        );
      expect(sum('seconds')).toBeCloseTo(point.seconds, 12);
      for (const key of ['flops', 'dramReadBytes', 'dramWriteBytes']) expect(sum(key)).toBe(point[key]);
      expect(point.forwardSeconds + point.backwardSeconds).toBeCloseTo(point.seconds, 12);
      // 2 GHz
      expect(point.cycles).toBe(Math.round(point.seconds * 2e9));
      for (const operation of operations) {
        expect(operation).toMatchObject({
          name: expect.any(String),
          type: expect.any(String),
          phase: expect.stringMatching(/^(forward|backward|update)$/),
          shape: expect.any(String),
        });
        expect(Object.keys(operation.lossSeconds)).toEqual(TIME_CATEGORIES.map(({ key }) => key));
      }
    }
  });

  it('gives the same bytes for one and for two workers', async () => {
    const csv = [file('one.csv'), file('two.csv')] as const;
    const line = [...small, '--schedule', 'baseline,rcf,bnff', '--operations', '--json', '--quiet'];
    const one = await run([...line, '--workers', '1', '--csv', csv[0]]);
    const two = await run([...line, '--workers', '2', '--csv', csv[1]]);
    expect(one.status).toBe(0);
    expect(two.out).toBe(one.out);
    expect(readFileSync(csv[1], 'utf8')).toBe(readFileSync(csv[0], 'utf8'));
  });

  it('writes a CSV file: a row per point, with --operations a row per point and operation', async () => {
    const points = file('points.csv');
    const operations = file('operations.csv');
    const line = [...small, '--schedule', 'baseline,bnff', '--quiet'];
    expect((await run([...line, '--csv', points])).out).toContain(`Written to ${points}`);
    const [header, baseline, bnff, end] = readFileSync(points, 'utf8').split('\n');
    expect(header).toMatch(/^network,machine,schedule,batch,time_forward_ms,.*dram_read_GB/);
    expect([baseline, bnff, end]).toEqual([
      expect.stringMatching(/^small,teaching,baseline,4,/),
      expect.stringMatching(/^small,teaching,bnff,4,/),
      '',
    ]);

    const { out } = await run([...line, '--operations', '--csv', operations]);
    expect(out).toMatch(/^bn\.forward +BN +forward/m);
    expect(readFileSync(operations, 'utf8')).toMatch(/^small,teaching,baseline,4,bn\.forward,BN,forward,/m);
  });

  it('hands the options on the software and the schedules on', async () => {
    const line = [...small, '--json', '--quiet'];
    const switches = [
      '--bn-blocking',
      'cached',
      '--no-non-temporal-stores',
      '--no-software-prefetch',
      '--fuse-bn-relu',
    ];
    const { out } = await run([...line, ...switches, '--store-z', '--no-materialise-dx', '--seed', 'x']);
    expect(JSON.parse(out).settings).toEqual({
      exact: false,
      seed: 'x',
      software: { bnBlocking: 'cached', nonTemporalStores: false, softwarePrefetch: false, fuseBnRelu: true },
      scheduleOptions: { storeZ: true, materialiseDx: false },
    });
  });

  it('lists every option with its default and examples in its help', async () => {
    const { out } = await run(['run', '--help']);
    expect(out).toMatch(/--bn-blocking .*\n(.*\n)*? .*\[default: "streaming"\]/);
    expect(out).toMatch(/To turn off:\s+--no-software-prefetch/);
    expect(out).toContain('Examples:');
  });
});

describe('mistakes in a run end with status 2, all in one go, and leave nothing behind', () => {
  const valid = ['run', '--network', 'densenet121', '--machine', 'teaching'];

  it.each([
    [
      ['run', '--network', 'densnet121', '--machine', 'teaching'],
      ['no network "densnet121". Did you mean "densenet121"?'],
    ],
    [[...valid, '--batch', '0'], ['--batch: 0 is out of range. Allowed: 1 to ']],
    [[...valid, '--batch', '2.5'], ['--batch: 2.5 is no whole number']],
    [[...valid, '--workers', '0'], ['--workers: 0 is out of range']],
    [[...valid, '--schedule', 'rcf+mfv'], ['"mfv" is neither a schedule nor a pass. Did you mean "mvf"?']],
    [[...valid, '--schedule', 'rcf,,bnff'], ['there is an empty entry in "rcf,,bnff"']],
    [
      ['run', '--network', 'nope', '--machine', 'teachin', '--schedule', 'bnf', '--batch', '-1'],
      ['no network "nope"', 'Did you mean "teaching"?', 'Did you mean "bnff"?', '--batch: -1', '4 problems'],
    ],
    [['run', '--machine', 'teaching'], ['network']],
    [[...valid, '--bn-blocking', 'streming'], ['Did you mean "streaming"?']],
    [[...valid, '--no-software-prefech'], ['Did you mean']],
    [[...valid, '--csv', '.'], ['--csv: . cannot be written: it is a directory']],
    [[...valid, '--csv', 'package.json/x.csv'], ['is not a directory']],
    [['network', 'show', 'no-such'], ['there is no network "no-such"']],
    [
      ['schedule', 'show', 'bnf', '--network', 'resnet5'],
      ['Did you mean "bnff"?', 'Did you mean "resnet50"?', '2 problems'],
    ],
    [
      ['reproduce', '--workers', '0', '--out', 'src'],
      ['--workers: 0', 'src cannot be written', '2 problems'],
    ],
  ])('%j', async (argv, messages) => {
    const { status, out, err } = await run(argv);
    expect(status).toBe(2);
    expect(out).toBe('');
    for (const message of messages) expect(err).toContain(message);
    expect(err).not.toContain('    at ');
  });

  it('two machines of one name cannot be told apart', async () => {
    const copy = file('copy.yaml', 'extends: teaching\n');
    const { status, err } = await run(['run', '--network', network, '--machine', `teaching,${copy}`]);
    expect(status).toBe(2);
    expect(err).toContain('are both named "teaching"');
  });

  it('a list of passes that is illegal is refused with the reason', async () => {
    const { status, err } = await run([...small, '--schedule', 'fuse-normalise', '--quiet']);
    expect(status).toBe(2);
    expect(err).toContain('pass "fuse-normalise" refused');
    expect(err).not.toContain('    at ');
  });
});

describe('Ctrl-C', () => {
  it('ends a run with status 130, no stack trace and no file', async () => {
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const csv = file('stopped.csv');
    const line = ['run', '--network', network, '--machine', 'teaching', '--batch', '512', '--csv', csv];
    const child = spawn(process.execPath, [main, ...line], { stdio: ['ignore', 'pipe', 'pipe'] });
    let err = '';
    child.stderr.on('data', (text: Buffer) => {
      err += text.toString();
      // Progress has begun: the points are under way.
      if (!child.killed) child.kill('SIGINT');
    });
    const [status] = await once(child, 'close');
    expect(status).toBe(130);
    expect(err).toContain('normcore: stopped');
    expect(err).not.toContain('    at ');
    expect(existsSync(csv)).toBe(false);
  });
});
