import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { simulatePoint } from '../../../src/simulate/point.js';
import { FolderBusyError } from '../../../src/sweep/lock.js';
import type { ListProgress } from '../../../src/sweep/pool.js';
import { writeRecord } from '../../../src/sweep/record.js';
import { planStored, runStored, type StoredOutcome, withLock } from '../../../src/sweep/store.js';
import { smallPoint } from './points.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'normcore-store-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Files of a kind of record. */
function records(kind: 'points' | 'parts'): string[] {
  return readdirSync(join(dir, '.normcore', kind)).map((name) => join(dir, '.normcore', kind, name));
}

function resultsOf(outcomes: readonly StoredOutcome[]): unknown[] {
  return outcomes.map((outcome) => ('result' in outcome ? outcome.result : outcome.failure));
}

describe('stored points', () => {
  const points = ['bnff', 'baseline'].map((schedule) => smallPoint({ schedule }));

  it('are what they are without a store, in their order, for any number of workers', async () => {
    const here = points.map((point) => simulatePoint(point));
    for (const workers of [1, 3]) {
      rmSync(dir, { recursive: true });
      expect(resultsOf(await runStored(points, { dir, workers }))).toEqual(here);
    }
  });

  it('are simulated once: a second run takes them from their files, which stay as they are', async () => {
    const first = await runStored(points, { dir });
    const written = [...records('points'), ...records('parts')];
    const times = written.map((file) => statSync(file).mtimeMs);
    const seen: ListProgress[] = [];
    const again = await runStored(points, { dir, onProgress: (progress) => seen.push(progress) });
    expect(again).toEqual(first);
    expect(seen).toEqual([]);
    expect(written.map((file) => statSync(file).mtimeMs)).toEqual(times);
  });

  it('that are new are simulated beside those that are there', async () => {
    await runStored(points, { dir });
    const more = [smallPoint({ schedule: 'rcf' }), ...points];
    const plan = planStored(more, dir);
    expect(plan.outcomes.map((outcome) => outcome !== undefined)).toEqual([false, true, true]);
    expect(plan.jobs.map(({ uses }) => uses)).toEqual([[{ point: 0, place: 0 }]]);
    expect(resultsOf(await runStored(more, { dir }))).toEqual(more.map((point) => simulatePoint(point)));
  });

  it('have keys that differ with every setting that can change the result, and with no description', async () => {
    const base = smallPoint();
    const { machine, network, software, scheduleOptions } = base;
    const variants = [
      base,
      smallPoint({ batch: 5 }),
      smallPoint({ seed: 'another' }),
      smallPoint({ schedule: 'rcf' }),
      smallPoint({ machine: { ...machine, pageBytes: machine.pageBytes * 2 } }),
      smallPoint({ network: { ...network, layers: network.layers.slice(0, -1) } }),
      smallPoint({ software: { ...software, softwarePrefetch: !software.softwarePrefetch } }),
      smallPoint({ scheduleOptions: { ...scheduleOptions, storeZ: !scheduleOptions.storeZ } }),
    ];
    const hashes = planStored(variants, dir).settings;
    expect(new Set(hashes).size).toBe(variants.length);
    const redescribed = smallPoint({
      machine: { ...machine, description: 'other words' },
      network: { ...network, description: 'other words' },
    });
    expect(planStored([redescribed], dir).settings).toEqual([hashes[0]]);
  });

  it('that fail say why, the others go on, and a later run tries them again', async () => {
    // The normalise pass asks for a BN that fission has split.
    const illegal = smallPoint({ schedule: 'fuse-normalise' });
    const outcomes = await runStored([illegal, ...points], { dir });
    expect(outcomes[0]).toMatchObject({
      failure: { kind: 'refused', cause: expect.stringContaining('fuse-normalise') },
    });
    expect(resultsOf(outcomes.slice(1))).toEqual(points.map((point) => simulatePoint(point)));
    expect(records('points')).toHaveLength(points.length);
    expect(await runStored([illegal], { dir })).toEqual([outcomes[0]]);
  });
});

describe('a stored file that is not as it was written', () => {
  const point = smallPoint();

  async function spoil(change: (text: string) => string, message: RegExp): Promise<void> {
    const [whole] = await runStored([point], { dir });
    const [file] = records('points') as [string];
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, change(text));
    const messages: string[] = [];
    const [again] = await runStored([point], { dir, onMessage: (sentence) => messages.push(sentence) });
    expect(again).toEqual(whole);
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(messages).toEqual([expect.stringMatching(message)]);
    expect(messages[0]).toContain(file);
  }

  it('is named and made again where it was truncated, wherever that was', async () => {
    for (const share of [0, 0.1, 0.5, 0.99]) {
      rmSync(dir, { recursive: true, force: true });
      await spoil((text) => text.slice(0, Math.floor(text.length * share)), /truncated/);
    }
  });

  it('is named and made again where a number was edited', async () => {
    await spoil((text) => text.replace('"cycles":', '"cycles":1'), /checksum does not fit/);
  });

  it('is named and made again where older code made it', async () => {
    await spoil((text) => {
      const [header = '', content = ''] = text.split('\n');
      return writeRecord({ ...JSON.parse(header), code: 'of yesterday' }, JSON.parse(content));
    }, /another version of the simulator/);
  });

  it('is counted with its like where older code made several', async () => {
    const points = ['bnff', 'baseline'].map((schedule) => smallPoint({ schedule }));
    const first = await runStored(points, { dir });
    const stored = [...records('points'), ...records('parts')];
    for (const file of stored) {
      const [header = '', content = ''] = readFileSync(file, 'utf8').split('\n');
      const older = { ...JSON.parse(header), code: 'of yesterday' };
      writeFileSync(file, writeRecord(older, JSON.parse(content)));
    }
    const messages: string[] = [];
    expect(await runStored(points, { dir, onMessage: (sentence) => messages.push(sentence) })).toEqual(first);
    expect(messages).toEqual([
      `${stored.length} results stored in ${join(dir, '.normcore')} are from another version of the simulator; they are not used and will be simulated again`,
    ]);
  });

  it('is named and made again where it is that of other settings', async () => {
    await spoil((text) => {
      const [header = '', content = ''] = text.split('\n');
      return writeRecord({ ...JSON.parse(header), settings: 'others' }, JSON.parse(content));
    }, /other settings/);
  });

  it('is named and made again where something was added', async () => {
    await spoil((text) => `${text}\n`, /checksum does not fit/);
  });
});

describe('the store of a folder', () => {
  it('is refused to a second user with one sentence that says what to do', async () => {
    await withLock(dir, async () => {
      await expect(runStored([smallPoint()], { dir })).rejects.toThrow(FolderBusyError);
      await expect(runStored([smallPoint()], { dir })).rejects.toThrow(/another process .* wait for it/);
    });
    expect(await runStored([smallPoint()], { dir })).toHaveLength(1);
  });

  it('is taken over from a process that is gone', async () => {
    await withLock(dir, async () => {
      const lock = join(dir, '.normcore', 'lock');
      // No process has a number beyond the largest that Linux gives (2^22).
      writeFileSync(lock, JSON.stringify({ ...JSON.parse(readFileSync(lock, 'utf8')), pid: 2 ** 22 + 1 }));
      expect(await runStored([smallPoint()], { dir })).toHaveLength(1);
    });
  });

  it('is cleaned of what killed writers left', async () => {
    await runStored([smallPoint()], { dir });
    const left = join(dir, '.normcore', 'points', 'abc.jsonl.123.unfinished');
    writeFileSync(left, 'half a rec');
    await runStored([smallPoint()], { dir });
    expect(records('points')).not.toContain(left);
  });
});
