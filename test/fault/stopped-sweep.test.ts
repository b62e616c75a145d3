import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { contentOf, countStored, startSweep, untilStored, writeSweep } from './sweep-process.js';

/** points.csv, operations.csv, manifest.json. */
const TABLES = 3;

describe('a sweep under way', () => {
  const folder = mkdtempSync(join(tmpdir(), 'normcore-stop-'));
  const sweep = writeSweep(folder);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('stops at Ctrl-C with status 130 and what is finished kept, and goes on where it stopped', async () => {
    const out = join(folder, 'stopped');
    const first = startSweep(sweep, '--out', out, '--workers', '1');
    await untilStored(out, 4, first);
    first.child.kill('SIGINT');
    const stopped = await first.ended;
    expect(stopped).toMatchObject({ status: 130, out: '' });
    expect(stopped.err).toMatch(/stopped; \d of 4 points are done; the same command goes on from here\n$/);
    expect(existsSync(join(out, 'points.csv'))).toBe(false);
    const kept = countStored(out);
    expect(kept).toBeGreaterThanOrEqual(4);

    const second = await startSweep(sweep, '--out', out, '--workers', '2').ended;
    expect(second.status).toBe(0);
    // 2 machines x (forward and backward of two schedules, and the pilots that both share).
    const [, points, parts] = /of which (\d+) are done\nparts +(\d+) to simulate/.exec(second.err) ?? [];
    const partsKept = contentOf(out).size - TABLES - 4;
    expect(partsKept).toBe(2 * 5);
    expect(Number(points)).toBeLessThan(4);
    expect(Number(parts)).toBeLessThanOrEqual(2 * 5 - (kept - Number(points)));

    const whole = join(folder, 'whole');
    expect(await startSweep(sweep, '--out', whole, '--quiet').ended).toMatchObject({ status: 0, err: '' });
    expect(contentOf(out)).toEqual(contentOf(whole));
  });

  it('keeps others out of its folder with one sentence and status 2', async () => {
    const out = join(folder, 'busy');
    const first = startSweep(sweep, '--out', out, '--workers', '1');
    await untilStored(out, 1, first);
    const second = await startSweep(sweep, '--out', out).ended;
    expect(second).toMatchObject({ status: 2, out: '' });
    expect(second.err).toMatch(
      new RegExp(`^normcore: another process \\(${first.child.pid}\\) is working in [^\\n]*\\n$`),
    );
    expect(await first.ended).toMatchObject({ status: 0 });
  });
});
