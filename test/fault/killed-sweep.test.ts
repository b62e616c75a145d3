import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import seedrandom from 'seedrandom';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentOf, countStored, startSweep, untilStored, wait, writeSweep } from './sweep-process.js';

/**
 * A file of passes: a worker loads it before each part. This one ends three of the process's threads, each some time into its part; a part is begun four times at most, so that no
 * part can be unlucky too often.
 */
const THREAD_KILLER = `
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
const log = import.meta.filename + '.' + process.pid;
if (!isMainThread) {
  const loads = existsSync(log) ? readFileSync(log, 'utf8') : '';
  const kills = loads.split('k').length - 1;
  const isKill = loads.length % 3 === 1 && kills < 3;
  appendFileSync(log, isKill ? 'k' : '-');
  if (isKill) setTimeout(() => process.exit(1), (loads.length * 7) % 20);
  // The event loop gets its turn before the part, which never yields, begins; else every end would come after it.
  if (isKill) await new Promise((resolve) => setTimeout(resolve, (loads.length * 5) % 40));
}
export default { name: 'idle', summary: 'does nothing', apply: (step) => step };
`;
const HARMLESS = `export default { name: 'idle', summary: 'does nothing', apply: (step) => step };\n`;

describe('a sweep whose workers and process are killed at random moments, again and again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'normcore-fault-'));
  const sweep = writeSweep(folder);
  const undisturbed = join(folder, 'undisturbed');
  const harmless = join(folder, 'harmless.mjs');
  const killer = join(folder, 'killer.mjs');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeAll(async () => {
    writeFileSync(harmless, HARMLESS);
    writeFileSync(killer, THREAD_KILLER);
    const { ended } = startSweep(sweep, '--out', undisturbed, '--workers', '1', '--pass', harmless);
    expect(await ended).toMatchObject({ status: 0 });
  }, 120_000);

  it.each(['a', 'b'])(
    'leaves the same bytes as one that nobody disturbed (seed %s)',
    { timeout: 600_000 },
    async (seed) => {
      const random = seedrandom(`killed-sweep/${seed}`);
      const out = join(folder, `disturbed-${seed}`);
      let kills = 0;
      for (;;) {
        const workers = String(1 + Math.floor(random() * 3));
        const sweeping = startSweep(sweep, '--out', out, '--workers', workers, '--pass', killer);
        const before = countStored(out);
        // From before the first result of this run to several into it, and some way into the next one.
        const target = before + Math.floor(random() * 3);
        const delay = random() * 150;
        await untilStored(out, target, sweeping);
        await wait(delay);
        sweeping.child.kill('SIGKILL');
        const { status, err } = await sweeping.ended;
        if (status !== null) {
          expect({ status, err }).toMatchObject({ status: 0 });
          break;
        }
        kills++;
      }
      expect(kills).toBeGreaterThan(2);
      expect([...contentOf(out).keys()]).toEqual([...contentOf(undisturbed).keys()]);
      expect(contentOf(out)).toEqual(contentOf(undisturbed));
    },
  );

  it('loses threads as well, without a run noticing', async () => {
    const out = join(folder, 'threads');
    const { child, ended } = startSweep(sweep, '--out', out, '--workers', '2', '--pass', killer);
    expect(await ended).toMatchObject({ status: 0 });
    const log = `${killer}.${child.pid}`;
    expect(existsSync(log) && readFileSync(log, 'utf8').split('k').length - 1).toBe(3);
    expect(contentOf(out)).toEqual(contentOf(undisturbed));
  });

  it('fails points, with this cause, whose threads end whenever they are begun', async () => {
    const deadly = join(folder, 'deadly.mjs');
    writeFileSync(
      deadly,
      `import { isMainThread } from 'node:worker_threads';\nif (!isMainThread) process.exit(3);\n${HARMLESS}`,
    );
    const out = join(folder, 'deadly');
    const { status, err } = await startSweep(sweep, '--out', out, '--pass', deadly).ended;
    expect({ status, err }).toEqual({ status: 1, err: expect.stringContaining('4 of 4 points failed') });
    const [, ...rows] = readFileSync(join(out, 'points.csv'), 'utf8').trimEnd().split('\n');
    expect(rows.map((row) => row.split(',').at(-1))).toEqual(
      rows.map(() => 'Error: worker exited with code: 3'),
    );
  });
});
