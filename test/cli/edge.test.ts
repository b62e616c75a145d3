import { describe, expect, it } from 'vitest';
import { run, scratchFolder } from './harness.js';

const path = scratchFolder();

/** Two cores with caches so small that few images overflow them; the L2s still hold what a kernel reuses within itself. */
const small = (l2: string) =>
  path(
    `small-${l2.replaceAll(' ', '')}.yaml`,
    `extends: teaching
name: small
description: two cores with small caches
coresPerSocket: 2
l1d: {capacity: 8 KiB}
l2: {capacity: ${l2}}
llc: {sliceCapacity: 256 KiB, slicesPerSocket: 2, ways: 16}
prefetch: {kind: none}
memory: {kind: ideal, latency: 60 ns, bandwidth: infinite, channelsPerSocket: 1}
`,
  );

describe('normcore edge', () => {
  it('prints simulated sweeps beside those that docs/paper.md counts', async () => {
    const { status, out, err } = await run([
      'edge',
      '--machine',
      small('128 KiB'),
      '--schedule',
      'bnff',
      '--operations',
    ]);
    expect(err).not.toContain('sweeps were simulated');
    expect(status).toBe(0);
    expect(out).toContain('on one CONV-BN-ReLU-CONV edge: ');
    // read, written, sum, docs/paper.md and closed form of the forward pass.
    expect(out).toMatch(/^bnff +1\.00 +1\.00 +2\.00 +2 +2 /m);
    expect(out).toMatch(/^bnff, Z stored +1\.00 +2\.00 +3\.00 +3 +3 /m);
    expect(out).toMatch(/^b\.forward +1\.00 +0\.00 +0\.00$/m);
  }, 120_000);

  it('gives the same as one JSON document', async () => {
    const { status, out } = await run(['edge', '--machine', small('128 KiB'), '--schedule', 'rcf', '--json']);
    expect(status).toBe(0);
    const document = JSON.parse(out);
    expect(document).toMatchObject({ machine: 'small', channels: 128, image: 14 });
    const [rcf] = document.schedules;
    expect(rcf).toMatchObject({ name: 'rcf', matches: true, paper: { forward: 6, backward: 10 } });
    expect(rcf.forward.read + rcf.forward.written).toBeCloseTo(6, 1);
    expect(rcf.backward.read + rcf.backward.written).toBeCloseTo(10, 1);
    expect(rcf.closedForm.forward).toEqual({ reads: 4, writes: 2 });
  }, 120_000);

  it('exits with 1 where the caches are too small for what a kernel reuses, and says which count differs', async () => {
    const machine = small('16 KiB');
    const { status, out, err } = await run([
      'edge',
      '--machine',
      machine,
      '--schedule',
      'baseline',
      '--image',
      '28',
    ]);
    expect(status).toBe(1);
    expect(out).toContain('baseline');
    expect(err).toMatch(/baseline, backward: \d+\.\d\d sweeps were simulated, docs\/paper\.md counts 12/);
  }, 120_000);

  it('refuses maps that the caches could keep, and says how many images are enough', async () => {
    const { status, out, err } = await run(['edge', '--machine', small('128 KiB'), '--batch', '2']);
    expect(status).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(/--batch: a map of .* is less than 4 times .* Smallest batch: \d+/);
  });

  it('names everything that is wrong with its options in one go', async () => {
    const { status, err } = await run([
      'edge',
      '--machine',
      'teachin',
      '--channels',
      '3',
      '--schedule',
      'bnf',
      '--image',
      '1.5',
    ]);
    expect(status).toBe(2);
    for (const word of ['teachin', '--channels', 'Did you mean "bnff"?', '--image'])
      expect(err).toContain(word);
    expect(err).toContain('4 problems');
  });
});
