import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../../src/cli/run-cli.js';
import { VARIANCE_FORMS } from '../../../src/numerics/moments/registry.js';
import { VERIFIED_SCHEDULES } from '../../../src/numerics/verify.js';
import { DENSE } from './small-networks.js';

const folder = mkdtempSync(join(tmpdir(), 'normcore-verify-'));
const network = join(folder, 'small-dense.yaml');
writeFileSync(network, DENSE);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
});

/** The small network; an option that is given takes the place of its own. */
const SMALL = { '--network': network, '--channel-divisor': '1', '--batch': '2' };

async function verify(...options: string[]) {
  const outcome = { status: -1, out: '', err: '' };
  const context = {
    out: (text: string) => {
      outcome.out += text;
    },
    err: (text: string) => {
      outcome.err += text;
    },
    columns: 100,
  };
  const small = Object.entries(SMALL).filter(([option]) => !options.includes(option));
  outcome.status = await runCli(['verify', ...small.flat(), ...options], context);
  return outcome;
}

describe('normcore verify', () => {
  it('compares every named schedule and exits with 0 where all compute the same', async () => {
    const { status, out, err } = await verify();
    expect(status).toBe(0);
    for (const schedule of VERIFIED_SCHEDULES) {
      expect(out).toContain(`small-dense, ${schedule}: computes the same as the baseline`);
    }
    expect(out).toMatch(/gamma gradient +6 /);
    expect(err).toContain('100 %');
  });

  it('lists the worst tensors first, and every tensor on request', async () => {
    const short = await verify('--schedule', 'bnff');
    const long = await verify('--schedule', 'bnff', '--all');
    expect(short.out).toContain('worst tensors');
    expect(long.out.split('\n').length).toBeGreaterThan(short.out.split('\n').length + 50);
    expect(long.out).toContain('dense_2/x2/bn.running-variance');
  });

  it('prints one JSON document on standard output', async () => {
    const { status, out } = await verify(
      '--schedule',
      'rcf,bnff',
      '--json',
      '--store-z',
      '--variance',
      'welford',
    );
    expect(status).toBe(0);
    const document = JSON.parse(out);
    expect(document).toMatchObject({ passed: true, settings: { batch: 2, variance: 'welford' } });
    const [{ schedules }] = document.networks;
    expect(schedules.map(({ schedule }: { schedule: string }) => schedule)).toEqual(['rcf', 'bnff']);
    expect(schedules[1].classes[0]).toMatchObject({ class: 'loss', tensors: 1, passed: true });
  });

  it('exits with 1 and names the schedule where a kernel computes something else', async () => {
    const { combine } = VARIANCE_FORMS.plain;
    vi.spyOn(VARIANCE_FORMS.plain, 'combine').mockImplementation((partials, precision) => {
      const { mean, variance } = combine(partials, precision);
      return { mean, variance: variance.map((value) => value * 1.001) };
    });
    const { status, out, err } = await verify('--schedule', 'rcf,bnff');
    expect(status).toBe(1);
    expect(out).toContain('rcf: computes the same');
    expect(out).toContain('bnff: DIFFERS from the baseline');
    expect(err).toContain('bnff on small-dense');
    expect(err).not.toContain('rcf on');
  });

  it.each([
    [['--schedule', 'bnfff'], '"bnfff" is neither a schedule nor a pass'],
    [['--schedule', 'fuse-statistics'], 'apply mvf first'],
    [['--threads', '0'], '--threads: a whole number of at least 1 is expected'],
    [['--channel-divisor', '1.5'], '--channel-divisor: a whole number'],
    [['--network', 'densenet122'], 'Did you mean "densenet121"?'],
    [['--variance', 'welfort'], 'Did you mean "welford"?'],
    [['--image', '1'], 'does not fit'],
  ])('exits with 2 for %j', async (options, message) => {
    const { status, out, err } = await verify(...options);
    expect(status).toBe(2);
    expect(out).toBe('');
    expect(err).toContain(message);
  });
});
