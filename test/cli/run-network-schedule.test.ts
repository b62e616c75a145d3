import { describe, expect, it } from 'vitest';
import { run } from './harness.js';

describe('normcore network', () => {
  it('list prints a row per network with units', async () => {
    const { status, out } = await run(['network', 'list']);
    expect(status).toBe(0);
    expect(out).toMatch(/^network +GMAC +parameters \(M\)/);
    expect(out).toMatch(/^densenet121 +2\.83\d .* 121 /m);
    const { networks } = JSON.parse((await run(['network', 'list', '--json'])).out);
    expect(networks.map((network: { name: string }) => network.name)).toContain('resnet50');
  });

  it('show prints the sums and a row per layer', async () => {
    const { status, out } = await run(['network', 'show', 'conv-bn-relu-conv']);
    expect(status).toBe(0);
    // 64 channels to 128 by 1x1 on 56x56.
    expect(out).toMatch(new RegExp(`^a +conv +128x56x56 +${((64 * 128 * 56 * 56) / 1e6).toFixed(2)} `, 'm'));
    const json = JSON.parse((await run(['network', 'show', 'conv-bn-relu-conv', '--json'])).out);
    expect(json).toMatchObject({ name: 'conv-bn-relu-conv', totals: { bnLayers: 1 } });
    expect(json.layers[2]).toMatchObject({ name: 'a', type: 'conv', multiplyAdds: 64 * 128 * 56 * 56 });
  });
});

describe('normcore schedule', () => {
  it('list prints schedules and passes with a sentence each', async () => {
    const { status, out } = await run(['schedule', 'list']);
    expect(status).toBe(0);
    expect(out).toMatch(/^bnff\+icf +\S+/m);
    expect(out).toMatch(/^fuse-normalise +\S+/m);
    const json = JSON.parse((await run(['schedule', 'list', '--json'])).out);
    expect(json.schedules[0]).toMatchObject({ name: 'baseline', passes: [] });
    expect(json.passes.length).toBeGreaterThan(5);
  });

  // docs/paper.md, "What fuses and what cannot".
  it.each([
    ['densenet121', '58 of 121'],
    ['resnet50', '32 of 53'],
  ])('show says how many BNs of %s fuse wholly', async (network, counts) => {
    const { status, out } = await run(['schedule', 'show', 'bnff', '--network', network]);
    expect(status).toBe(0);
    expect(out).toContain(`${counts} BNs fuse wholly`);
  });

  it('show says what fused where, and why the rest could not', async () => {
    const { out } = await run(['schedule', 'show', 'bnff', '--network', 'densenet121']);
    expect(out).toMatch(/^conv2_1\/x2\/bn +mean, variance +conv2_1\/x1\.forward$/m);
    expect(out).toMatch(/^ *58 +mean, variance +its input is written by Concat\/Split, not by a CONV/m);
    const json = JSON.parse(
      (await run(['schedule', 'show', 'bnff', '--network', 'densenet121', '--json'])).out,
    );
    expect(json.counts).toMatchObject({ batchNorms: 121, wholly: 58 });
  });

  it('show refuses an illegal list of passes with the reason', async () => {
    const { status, err } = await run(['schedule', 'show', 'fuse-normalise', '--network', 'resnet50']);
    expect(status).toBe(2);
    expect(err).toContain('pass "fuse-normalise" refused');
  });
});
