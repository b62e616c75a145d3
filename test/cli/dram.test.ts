import { describe, expect, it } from 'vitest';
import { loadDramPart } from '../../src/config/load.js';
import { dramClosedForms } from '../../src/machine/dram/closed-form.js';
import { referenceMapping } from '../../src/machine/dram/reference-mapping.js';
import { run } from './harness.js';

const PART = loadDramPart('ddr4-2400');

async function measure(...options: string[]) {
  const { status, out, err } = await run(['dram', '--part', 'ddr4-2400', ...options, '--json']);
  expect({ status, err }).toEqual({ status: 0, err: '' });
  return JSON.parse(out);
}

describe('normcore dram', () => {
  it('gives the bandwidth of a stream over bank groups that the timings allow', async () => {
    const { cyclesPerLine } = dramClosedForms(PART).stream;
    const result = await measure(
      '--mapping=M2',
      '--pattern=stream_r',
      '--mode=sat',
      '--requests=20000',
      '--no-refresh',
    );
    expect(result).toMatchObject({
      part: 'ddr4-2400',
      pattern: 'stream_r',
      mode: 'sat',
      requests: 20_000,
      controller: { mapping: 'bank-group:2 column:7 bank:2 row:16', refresh: false, readQueueEntries: 32 },
    });
    const peak = 64_000 / (PART.timings.nBL * PART.tCKps);
    expect(result.peakGbps).toBeCloseTo(peak, 9);
    expect(result.gbps).toBeGreaterThan(0.995 * (64_000 / (cyclesPerLine * PART.tCKps)));
    expect(result.percentOfPeak).toBeCloseTo((100 * result.gbps) / peak, 9);
    // Of the 128 lines of each row of the four bank groups, the first finds it closed.
    expect(result.rowHitRate).toBeCloseTo(127 / 128, 3);
    expect(result.seconds).toBeCloseTo(result.cycles * PART.tCKps * 1e-12, 15);
    expect(Object.keys(result)).toEqual(expect.arrayContaining(['averageReadLatencyNs', 'p50Ns', 'p99Ns']));
  });

  it('gives the latency of an idle channel', async () => {
    const conflict = (dramClosedForms(PART).idleConflict * PART.tCKps) / 1000;
    const result = await measure('--mapping=M1', '--pattern=random_r', '--mode=chase', '--requests=2000');
    expect(Math.abs(result.p50Ns - conflict)).toBeLessThanOrEqual(PART.tCKps / 1000);
  });

  it('offers the share of the peak rate that was asked for', async () => {
    const result = await measure(
      '--mapping=M2',
      '--pattern=stream_r',
      '--mode=load:0.25',
      '--requests=20000',
    );
    // Arrivals are drawn: four standard deviations of a binomial count.
    expect(Math.abs(result.percentOfPeak - 25)).toBeLessThan(25 * (4 / Math.sqrt(20_000)));
  });

  it.each([
    ['stream_r', 'sat'],
    ['random_rw21', 'sat'],
    ['triad_rw21', 'load:0.3'],
    ['mixed', 'chase'],
    ['stride8192', 'sat'],
  ])('accounts for all of the bus time: %s, %s', async (pattern, mode) => {
    const { busTimePercent } = await measure(`--pattern=${pattern}`, `--mode=${mode}`, '--requests=5000');
    const shares = Object.values(busTimePercent) as number[];
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 6);
    for (const share of shares) expect(share).toBeGreaterThanOrEqual(0);
  });

  it('takes a path for the part, a recipe for the mapping and the settings of the controller', async () => {
    const recipe = 'bank-group:2^row column:7 bank:2^row+2 row:16';
    const { status, out } = await run([
      'dram',
      '--part=configs/dram/ddr4-3200.yaml',
      `--mapping=${recipe}`,
      '--pattern=stride128',
      '--requests=1000',
      '--row-policy=capped',
      '--row-hit-cap=8',
      '--read-queue=16',
      '--age-limit=500 cycles',
      '--json',
    ]);
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      part: 'ddr4-3200',
      mode: 'sat',
      controller: {
        mapping: recipe,
        rowPolicy: 'capped',
        rowHitCap: 8,
        readQueueEntries: 16,
        writeQueueEntries: 32,
        ageLimitCycles: 500,
        refresh: true,
      },
    });
  });

  it('prints units and an account that adds up to 100 %', async () => {
    const { status, out } = await run([
      'dram',
      '--part=hbm2',
      '--mapping=M1',
      '--pattern=stream_w',
      '--requests=1000',
    ]);
    expect(status).toBe(0);
    expect(out).toMatch(/1,000 requests of stream_w, sat, on one channel of hbm2/);
    expect(out).toMatch(/bandwidth +[\d.]+ GB\/s, [\d.]+ % of [\d.]+ GB\/s/);
    expect(out).toMatch(/read latency +none was read/);
    expect(out).toMatch(/100\.00 % +in all/);
  });

  it('says everything that is wrong at once, exit status 2', async () => {
    const { status, out, err } = await run([
      'dram',
      '--part=ddr4-240',
      '--mapping=M3',
      '--pattern=stream_x',
      '--mode=burst',
      '--requests=0',
      '--read-queue=0',
      '--row-policy=ajar',
      '--age-limit=5 ns',
      '--write-low-watermark=0.9',
    ]);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    for (const said of [
      'no DRAM part "ddr4-240". Did you mean "ddr4-2400"?',
      '--mapping: "M3" is no mapping',
      '--pattern: "stream_x" is no pattern. Did you mean',
      '--mode: "burst" is no mode. Allowed: sat, chase, load:X',
      '--requests: 0 is out of range',
      '--read-queue: 0 is out of range. Allowed: 1 to 1024',
      '--row-policy: "ajar" is unknown',
      '--age-limit: 5 ns is a time',
      '--write-low-watermark: a write drain',
      '9 problems',
    ])
      expect(err).toContain(said);
  });

  it.each([
    [[], '--part is missing'],
    [['--part=ddr4-2400'], '--pattern is missing'],
    [['--part=ddr4-2400', '--pattern=stride100'], 'a stride is a multiple of 64 bytes'],
    [['--part=ddr4-2400', '--pattern=stride64', '--mode=load:2'], 'a load of 2 is out of range'],
    [['--part=ddr4-2400', '--pattern=stride64', '--mode=load:0'], 'a load of 0 is out of range'],
    [['--part=ddr4-2400', '--pattern=stream_r', '--mapping=column:7 row:16'], 'bank-group 0 bits'],
    [['--part=ddr4-2400', '--pattern=stream_r', '--requests=many'], '--requests: a number is expected'],
  ])('refuses %j', async (options, said) => {
    const { status, err } = await run(['dram', ...options]);
    expect(status).toBe(2);
    expect(err).toContain(said);
  });

  it('shows examples and the defaults of the schema in its help', async () => {
    const { status, out } = await run(['dram', '--help']);
    expect(status).toBe(0);
    expect(out).toContain('Examples:');
    expect(out).toMatch(/--read-queue[\s\S]*?\[default: 32\]/);
  });
});

describe('the mappings of the references', () => {
  it('have the widths of the part, without what it has one of', () => {
    const part = { ...PART, ranks: 2, bankGroups: 1, linesPerRow: 32, rows: 1024, banksPerGroup: 8 };
    expect(referenceMapping('M1', part)).toBe('column:5 bank:3 rank:1 row:10');
    expect(referenceMapping('M2', { ...part, bankGroups: 4 })).toBe(
      'bank-group:2 column:5 bank:3 rank:1 row:10',
    );
  });
});
