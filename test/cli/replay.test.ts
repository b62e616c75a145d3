import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/run-cli.js';
import { type Access, writtenBinary } from '../unit/trace/bytes.js';

const folder = mkdtempSync(join(tmpdir(), 'normcore-replay-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(...argv: string[]): Promise<{ status: number; out: string; err: string }> {
  const outcome = { status: -1, out: '', err: '' };
  outcome.status = await runCli(argv, {
    out: (text) => {
      outcome.out += text;
    },
    err: (text) => {
      outcome.err += text;
    },
    columns: 100,
  });
  return outcome;
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** The teaching machine with a memory that needs no DRAM part: 100 ns, 64 GB/s. */
const machine = file(
  'ideal.yaml',
  'extends: teaching\nname: ideal\nmemory: {kind: ideal, latency: 100 ns, bandwidth: 64 GB/s}\nprefetch: {kind: none}\n',
);

/** Reads of lines 0 to 9, twice over, then a write of each. */
const ROUNDS = [0, 0, 1]
  .flatMap((kind) => Array.from({ length: 10 }, (_, line) => `${kind} ${(line * 64).toString(16)}\n`))
  .join('');
const rounds = file('rounds.din', ROUNDS);

describe('normcore replay --functional', () => {
  it('prints the counts of each level of the machine, in order from the core, flushed', async () => {
    const { status, out, err } = await run('replay', rounds, '--machine', machine, '--functional', '--json');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(JSON.parse(out)).toMatchObject({
      mode: 'functional',
      machine: 'ideal',
      traces: [rounds],
      cores: 1,
      accesses: 30,
      flushed: true,
      levels: [
        { name: 'L1D', reads: 20, writes: 10, readMisses: 10, writeMisses: 0, writebacks: 10 },
        { name: 'L2', reads: 10, writes: 10, readMisses: 10, writeMisses: 0, writebacks: 10 },
        { name: 'LLC', reads: 10, writes: 10, readMisses: 10, writeMisses: 0, writebacks: 10 },
      ],
    });
    expect(JSON.parse(out)).not.toHaveProperty('cycles');
  });

  it('leaves dirty lines where they are with --no-flush', async () => {
    const { out } = await run('replay', rounds, '--machine', machine, '--functional', '--no-flush', '--json');
    const { levels, flushed } = JSON.parse(out);
    expect(flushed).toBe(false);
    expect(levels.map((level: { writebacks: number }) => level.writebacks)).toEqual([0, 0, 0]);
  });

  it('takes plain caches instead of a machine', async () => {
    const { status, out } = await run(
      'replay',
      rounds,
      '--caches',
      '512/1/lru,1K/16/fifo',
      '--no-flush',
      '--json',
    );
    expect(status).toBe(0);
    // 8 sets of one way: lines 0, 8 and 1, 9 displace each other: 10 + 4 read misses, then 4 write misses; each write of 8 or 9 displaces a dirty 0 or 1.
    expect(JSON.parse(out).levels).toEqual([
      { name: 'L1', reads: 20, writes: 10, readMisses: 14, writeMisses: 4, writebacks: 2 },
      { name: 'L2', reads: 18, writes: 2, readMisses: 10, writeMisses: 0, writebacks: 0 },
    ]);
  });

  it('prints a table with units for people', async () => {
    const { out } = await run('replay', rounds, '--caches', '32K/8');
    expect(out).toContain('30 accesses of 1 core on plain caches, functional, in lines of 64 B');
    expect(out).toMatch(
      /level +reads +writes +read misses +write misses +misses\/% +writebacks\n-+\nL1 +20 +10 +10 +0 +33\.33 +10/,
    );
  });

  it('gives each trace a core of its own, with private and shared levels', async () => {
    const argv = [
      'replay',
      rounds,
      rounds,
      rounds,
      '--machine',
      machine,
      '--functional',
      '--no-flush',
      '--json',
    ];
    const { cores, accesses, levels } = JSON.parse((await run(...argv)).out);
    expect({ cores, accesses }).toEqual({ cores: 3, accesses: 90 });
    // Each core misses its own L1D and L2; the shared level misses once for all.
    expect(
      levels.map((level: { reads: number; readMisses: number }) => [level.reads, level.readMisses]),
    ).toEqual([
      [60, 30],
      [30, 30],
      [30, 10],
    ]);
  });

  it('counts the same for the binary format, several cores in one file', async () => {
    const accesses = [0, 0, 1].flatMap((kind) =>
      Array.from({ length: 10 }, (_, line) =>
        [0, 1].map((core): Access => [core, kind as 0 | 1, line]),
      ).flat(),
    );
    const binary = file('two.nct', writtenBinary(accesses, 2));
    const ofBinary = JSON.parse(
      (await run('replay', binary, '--machine', machine, '--functional', '--json')).out,
    );
    const ofText = JSON.parse(
      (await run('replay', rounds, rounds, '--machine', machine, '--functional', '--json')).out,
    );
    expect(ofBinary.levels).toEqual(ofText.levels);
    expect(ofBinary.cores).toBe(2);
    const packed = file('two.nct.gz', gzipSync(readFileSync(binary)));
    const ofPacked = await run('replay', packed, '--machine', machine, '--functional', '--json');
    expect(JSON.parse(ofPacked.out)).toEqual({ ...ofBinary, traces: [packed] });
  });

  it('counts the same for gzip, whatever the file is called, several members included', async () => {
    const half = ROUNDS.length / 2 + 3;
    const packed = file(
      'rounds.packed',
      Buffer.concat([gzipSync(ROUNDS.slice(0, half)), gzipSync(ROUNDS.slice(half))]),
    );
    const plain = JSON.parse((await run('replay', rounds, '--caches', '32K/8', '--json')).out);
    const unpacked = await run('replay', packed, '--caches', '32K/8', '--json');
    expect(unpacked.err).toBe('');
    expect(JSON.parse(unpacked.out)).toEqual({ ...plain, traces: [packed] });
  });

  it('draws random replacement from the seed', async () => {
    const lines = Array.from({ length: 400 }, (_, at) => `0 ${(((at * 7) % 31) * 64).toString(16)}\n`).join(
      '',
    );
    const trace = file('random.din', lines);
    const misses = async (seed: string): Promise<number> => {
      const argv = ['replay', trace, '--caches', '1K/16/random', '--seed', seed, '--json'];
      return JSON.parse((await run(...argv)).out).levels[0].readMisses;
    };
    expect(await misses('one')).toBe(await misses('one'));
    const others = await Promise.all(['two', 'three', 'four', 'five'].map(misses));
    expect(new Set([await misses('one'), ...others]).size).toBeGreaterThan(1);
  });
});

describe('normcore replay with timing', () => {
  it('adds cycles, seconds and what main memory moved', async () => {
    const { status, out, err } = await run('replay', rounds, '--machine', machine, '--json');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const document = JSON.parse(out);
    expect(document).toMatchObject({
      mode: 'timing',
      accesses: 30,
      dram: { readBytes: 640, writeBytes: 640 },
    });
    expect(document.levels.map((level: { name: string }) => level.name)).toEqual(['L1D', 'L2', 'LLC']);
    expect(document.levels[0]).toMatchObject({ reads: 20, writes: 10 });
    // 2 GHz; ten overlapping misses take more than one latency and less than two.
    expect(document.cycles).toBe(Math.round(document.seconds * 2e9));
    expect(document.seconds).toBeGreaterThan(100e-9);
    expect(document.seconds).toBeLessThan(250e-9);
  });

  it('gives a dependent chain of misses one latency after the other', async () => {
    const chain = (count: number): Access[] => Array.from({ length: count }, (_, at) => [0, 4, at * 1000]);
    const seconds = async (count: number): Promise<number> => {
      const trace = file(`chain${count}.nct`, writtenBinary(chain(count)));
      return JSON.parse((await run('replay', trace, '--machine', machine, '--json')).out).seconds;
    };
    const perAccess = ((await seconds(300)) - (await seconds(100))) / 200;
    // L2 12 cycles + crossbar 2 x 2 ns + slice 10 ns + memory 100 ns + 1 ns of the line at 64 GB/s, give or take the L1D and the controller.
    expect(perAccess * 1e9).toBeGreaterThan(114);
    expect(perAccess * 1e9).toBeLessThan(125);
  });

  it('takes the addresses of any program: what lies beyond the tags is moved below', async () => {
    const at = (base: bigint, name: string): string =>
      file(
        name,
        Array.from({ length: 400 }, (_, line) => `0 ${(base + BigInt(line * 64)).toString(16)}\n`).join(''),
      );
    const of = async (trace: string) =>
      JSON.parse((await run('replay', trace, '--machine', 'teaching', '--json')).out);
    const low = await of(at(0xff_f000_0000n, 'low.din'));
    const high = await of(at(0x7fff_f000_0000n, 'high.din'));
    expect(low.regionsMoved).toBe(1);
    expect(high).toEqual({ ...low, traces: high.traces });
    expect((await of(rounds)).regionsMoved).toBe(0);
    const { out } = await run('replay', join(folder, 'high.din'), '--machine', 'teaching');
    expect(out).toContain('1 region of the addresses moved to where the tags of teaching tell lines apart');
  });

  it('is the same from one run to the next', async () => {
    const once = await run('replay', rounds, '--machine', machine, '--json');
    expect(await run('replay', rounds, '--machine', machine, '--json')).toEqual(once);
  });

  it('prints time and traffic for people', async () => {
    const { out } = await run('replay', rounds, '--machine', machine);
    expect(out).toContain('with timing');
    expect(out).toMatch(/time {4}0\.000\d+ ms, [\d,]+ cycles, [\d.]+ cycles per access/);
    expect(out).toMatch(/memory {2}0\.001 MB read, 0\.001 MB written; [\d.]+ GB\/s, [\d.]+ % of peak/);
  });

  describe('of a machine with a prefetcher', () => {
    const prefetching = (name: string, prefetch: string): string =>
      file(
        `${name}.yaml`,
        `extends: teaching\nname: ${name}\nmemory: {kind: ideal, latency: 100 ns, bandwidth: infinite}\nprefetch: ${prefetch}\n`,
      );
    const reads = (name: string, lines: readonly number[]): string =>
      file(name, lines.map((line) => `0 ${(line * 64).toString(16)}\n`).join(''));

    it('says how many lines it fetched, and what share of misses they covered, were used, and were late', async () => {
      const tagged = prefetching('tagged', '{kind: next-line}');
      // A page: all but its first line is fetched when the one before it is used, one at a time.
      const page = reads(
        'page.din',
        Array.from({ length: 64 }, (_, line) => line),
      );
      const { prefetch } = JSON.parse((await run('replay', page, '--machine', tagged, '--json')).out);
      expect(prefetch).toEqual({
        issued: 63,
        useful: 63,
        late: prefetch.late,
        useless: 0,
        dropped: 0,
        coverage: 63 / 64,
        accuracy: 1,
        lateness: prefetch.late / 63,
      });
      const { out } = await run('replay', page, '--machine', tagged);
      expect(out).toContain('63 lines prefetched: coverage 98.4 %, accuracy 100.0 %, late ');
    });

    it('tells the streams of a stride prefetcher apart by page', async () => {
      const strided = prefetching('strided', '{kind: stride, degree: 1, distance: 1}');
      // Two sequences take turns, 22 accesses each to a page of their own: the first two of each show its stride.
      const turns = Array.from({ length: 22 }, (_, turn) => [3 * turn, 6400 + 2 * turn]).flat();
      const { out } = await run('replay', reads('turns.din', turns), '--machine', strided, '--json');
      const { prefetch } = JSON.parse(out);
      // The second sequence ends within its page: what it would go on with is fetched in vain.
      expect(prefetch).toMatchObject({ issued: 41, useful: 40, coverage: 40 / 44, accuracy: 40 / 41 });
    });

    it('has no ratio of nothing', async () => {
      const { out } = await run('replay', rounds, '--machine', machine, '--json');
      expect(JSON.parse(out).prefetch).toEqual({
        issued: 0,
        useful: 0,
        late: 0,
        useless: 0,
        dropped: 0,
        coverage: 0,
        accuracy: null,
        lateness: null,
      });
      expect((await run('replay', rounds, '--machine', machine)).out).toContain('nothing prefetched');
    });
  });
});

describe('a wrong trace or setting ends with status 2 and one clear message', () => {
  const binary = writtenBinary(Array.from({ length: 50 }, (_, at): Access => [0, 0, at * at]));
  const packed = gzipSync(ROUNDS.repeat(2000));
  const damaged = Uint8Array.from(packed);
  damaged[packed.length - 6] = (damaged[packed.length - 6] as number) ^ 255;
  const plain = ['--caches', '32K/8'];
  it.each([
    [
      'a missing file',
      [join(folder, 'none.din'), ...plain],
      'none.din cannot be read: there is no such file',
    ],
    ['a directory', [folder, ...plain], 'cannot be read: it is a directory'],
    [
      'an empty file',
      [file('empty.din', ''), ...plain],
      'empty.din: is empty. Expected: a Dinero trace (.din) or a binary trace',
    ],
    [
      'a file of blank lines',
      [file('blank.din', '\n\n'), ...plain],
      'blank.din: there is no access to replay',
    ],
    [
      'a wrong line',
      [file('word.din', '0 40\nread 80\n'), ...plain],
      'word.din:2: "read" is no label of an access. Expected: 0 (read)',
    ],
    [
      'a wrong line with timing',
      [file('word2.din', '0 40\n1 8x\n'), '--machine', machine],
      'word2.din:2: "8x" is no hexadecimal address',
    ],
    [
      'binary garbage',
      [file('garbage.din', Uint8Array.of(200, 3, 0, 17, 5)), ...plain],
      'garbage.din:1: byte offset 0: 0xc8 is no text',
    ],
    [
      'a truncated binary trace',
      [file('cut.nct', binary.slice(0, 90)), ...plain],
      /cut\.nct: byte offset 90: the trace ends within a block of \d+ bytes: it was cut off/,
    ],
    [
      'a truncated magic',
      [file('magic.nct', binary.slice(0, 5)), ...plain],
      'magic.nct:1: byte offset 0: 0x8e is no text',
    ],
    [
      'a truncated gzip file',
      [file('cut.din.gz', packed.subarray(0, packed.length - 40)), ...plain],
      /cut\.din\.gz: byte offset \d+ of the gzip file: its end is missing: it was cut off/,
    ],
    [
      'a damaged gzip file',
      [file('bad.din.gz', damaged), ...plain],
      /bad\.din\.gz: behind byte offset \d+ of the gzip file: incorrect data check: it was changed or damaged/,
    ],
    [
      'more cores in a gzip file than are unpacked at once',
      [file('many.nct.gz', gzipSync(writtenBinary([], 17))), ...plain],
      'many.nct.gz: a trace of 17 cores is read in 17 places at once, and so is unpacked as often, 16 times at most; unpack the file first',
    ],
    [
      'more of an address space than the tags tell apart',
      // 512 sets of a slice, 21 bits of tag beside 10 of state, 64 bytes a line: 64 GiB.
      [
        file('far.din', Array.from({ length: 257 }, (_, at) => `0 ${at.toString(16)}0000000\n`).join('')),
        '--machine',
        machine,
      ],
      "the trace touches more than 256 regions of 256 MiB, which is all that the tags of ideal's caches tell apart; replay it with --functional",
    ],
    [
      'more traces than cores',
      [rounds, rounds, rounds, rounds, rounds, '--machine', machine],
      'there are traces of 5 cores, and ideal has 4',
    ],
    ['neither machine nor caches', [rounds], 'a machine is expected'],
    [
      'machine and caches',
      [rounds, '--machine', machine, ...plain],
      '--machine and --caches exclude each other',
    ],
    ['a lone hyphen', ['-', ...plain], 'a trace is expected; standard input is /dev/stdin'],
    ['an unknown machine', [rounds, '--machine', 'teachin'], 'Did you mean "teaching"?'],
    [
      'a level that is none',
      [rounds, '--caches', '32K'],
      '"32K" is no cache level; write capacity/ways/replacement',
    ],
    ['an unknown policy', [rounds, '--caches', '32K/8/lfu'], 'Allowed: lru, fifo, random, plru, srrip'],
    ['sets that are no whole number', [rounds, '--caches', '100/8'], 'no whole number of sets'],
    ['a tree over 12 ways', [rounds, '--caches', '48K/12/plru'], 'L1: 12 ways have no binary tree'],
  ])('%s', async (_what, argv, message) => {
    const { status, out, err } = await run('replay', ...(argv as string[]));
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toMatch(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });

  it('a tree over ways that are no power of two is refused in a machine file, with its place', async () => {
    const setting = 'l1d: {capacity: 48 KiB, ways: 12, replacement: plru}';
    const tree = file('tree.yaml', `extends: ${machine}\nname: tree\n${setting}\n`);
    const { status, err } = await run('replay', rounds, '--machine', tree, '--functional');
    expect(status).toBe(2);
    expect(err).toContain(
      `tree.yaml:3:${setting.indexOf('plru') + 1} l1d.replacement: plru is a binary tree over the ways, and 12 is not a power of two`,
    );
  });

  it('a machine of any policy is replayed with timing and without', async () => {
    for (const policy of ['fifo', 'random', 'plru', 'srrip']) {
      const level = `{replacement: ${policy}}`;
      const own = file(
        `${policy}.yaml`,
        `extends: ${machine}\nname: ${policy}\nl1d: ${level}\nl2: ${level}\nllc: ${level}\n`,
      );
      expect((await run('replay', rounds, '--machine', own)).status).toBe(0);
      expect((await run('replay', rounds, '--machine', own, '--functional')).status).toBe(0);
    }
  });
});

describe('normcore record', () => {
  const options = ['--network', 'conv-bn-relu-conv', '--machine', machine, '--batch', '4'];

  it('writes the accesses of a kernel, which replay then counts', async () => {
    for (const name of ['relu.din', 'relu.nct', 'relu.din.gz', 'relu.nct.gz']) {
      const path = join(folder, name);
      const recorded = await run('record', path, ...options, '--operation', 'relu.forward', '--json');
      expect(recorded.err).toBe('');
      const { reads, writes, cores } = JSON.parse(recorded.out);
      // 4 images of 128 channels of 56 x 56 pixels, 16 channels to a line; one of four threads.
      expect({ reads, writes, cores }).toEqual({ reads: 8 * 56 * 56, writes: 8 * 56 * 56, cores: 1 });
      const replayed = await run('replay', path, ...options.slice(2, 4), '--functional', '--json');
      expect(JSON.parse(replayed.out).levels[0]).toMatchObject({ reads, writes });
    }
  });

  it('writes every thread as a trace of several cores', async () => {
    const path = join(folder, 'all.nct');
    const { out } = await run('record', path, ...options, '--operation', 'relu.forward', '--thread', 'all');
    expect(out).toContain(`${4 * 8 * 56 * 56} reads`);
    const { cores, accesses } = JSON.parse(
      (await run('replay', path, '--machine', machine, '--functional', '--json')).out,
    );
    expect({ cores, accesses }).toEqual({ cores: 4, accesses: 2 * 4 * 8 * 56 * 56 });
  });

  it('writes text that Dinero reads', async () => {
    const path = join(folder, 'text.din');
    await run('record', path, ...options, '--operation', 'relu.forward');
    for (const line of readFileSync(path, 'latin1').trimEnd().split('\n'))
      expect(line).toMatch(/^[01] [0-9a-f]+$/);
  });

  it.each([
    ['an operation that is none', ['x.din', '--operation', 'relu.forwrd'], 'Did you mean "relu.forward"?'],
    [
      'an ending that is none',
      ['x.txt', '--operation', 'relu.forward'],
      'Allowed: .din, .din.gz, .nct, .nct.gz',
    ],
    [
      'every thread as text',
      ['x.din', '--operation', 'relu.forward', '--thread', 'all'],
      'a .din trace holds one core',
    ],
    [
      'a thread that is none',
      ['x.din', '--operation', 'relu.forward', '--thread', '4'],
      '--thread: 4 is out of range. Allowed: 0 to 3',
    ],
    [
      'a schedule that is none',
      ['x.din', '--operation', 'relu.forward', '--schedule', 'bnf'],
      'neither a schedule nor a pass',
    ],
    [
      'a packed trace of more cores than are unpacked at once',
      ['x.nct.gz', '--operation', 'relu.forward', '--thread', 'all', '--machine', 'knl-7210'],
      '--thread all: a packed trace of 64 cores cannot be replayed, which takes 16 at most',
    ],
  ])('refuses %s and writes nothing', async (_what, [name, ...rest], message) => {
    const software = rest.includes('--machine') ? options.slice(0, 2) : options;
    const { status, err } = await run('record', join(folder, name as string), ...software, ...rest);
    expect(status).toBe(2);
    expect(err).toContain(message);
    expect(readdirSync(folder).filter((entry) => entry.includes(name as string))).toEqual([]);
  });
});
