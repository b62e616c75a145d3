import { describe, expect, it } from 'vitest';
import { readDramPart, readMachine } from '../../../src/config/machine.js';
import { MAX_BANKS_OF_RANK, MAX_DELAY_CYCLES } from '../../../src/config/machine-checks.js';
import { ConfigurationError, type Problem } from '../../../src/config/problem.js';
import { KEY } from '../../../src/machine/dram/layout.js';
import { MACHINE, machineWith, memorySource, PART } from './memory-source.js';

function problemsOf(machine: string, others: Readonly<Record<string, string>> = {}): readonly Problem[] {
  try {
    readMachine('m', memorySource({ m: machine, plain: PART, ...others }));
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

describe('a machine file', () => {
  it('becomes a specification in base units', () => {
    const spec = readMachine('m', memorySource({ m: MACHINE, plain: PART }));
    expect(spec.core.frequencyHz).toBe(2e9);
    expect(spec.l1d).toEqual({
      capacityBytes: 32 * 1024,
      ways: 8,
      replacement: 'lru',
      latencyCycles: 4,
      mshrs: 10,
      sharedBy: 1,
    });
    expect(spec.llc).toMatchObject({
      sliceBytes: 512 * 1024,
      latencyPs: 10_000,
      occupancyPs: 1000,
      snoopFilterWays: 0,
    });
    expect(spec.socketLink).toEqual({ latencyPs: 25_000, bytesPerSecond: 20.8e9 });
    expect(spec.interconnect).toEqual({
      kind: 'mesh',
      columns: 2,
      rows: 2,
      hopPs: 1000,
      linkBytesPerSecond: 16e9,
    });
    expect(spec.prefetch).toEqual({
      kind: 'streamer',
      streams: 16,
      degree: 1,
      distanceLines: 8,
      pageBytes: 4096,
    });
    expect(spec.memory).toMatchObject({
      kind: 'dram',
      channelsPerSocket: 2,
      interleaveLines: 256 / 64,
      controllerPs: 20_000,
    });
  });

  it('takes its DRAM part by name, with its own number of ranks', () => {
    const spec = readMachine('m', memorySource({ m: machineWith({ 'memory.ranks': '2' }), plain: PART }));
    if (spec.memory.kind !== 'dram') throw new Error('not DRAM');
    expect(spec.memory.part).toMatchObject({ name: 'plain', tCKps: 1000, ranks: 2, linesPerRow: 8192 / 64 });
    // 4 bank groups, 128 lines per row, 4 banks, 2 ranks, 1024 rows.
    expect(spec.memory.controller.mapping).toBe('bank-group:2^row column:7 bank:2^row+2 rank:1 row:10');
  });

  it('may have ideal memory of infinite bandwidth, no L2, no last level and one socket', () => {
    const text = machineWith({
      sockets: '1',
      socketLink: undefined,
      l2: undefined,
      llc: 'null',
      memory: '{kind: ideal, latency: 80 ns, bandwidth: infinite}',
      prefetch: '{kind: none}',
    });
    const spec = readMachine('m', memorySource({ m: text }));
    expect(spec).toMatchObject({ l2: null, llc: null, socketLink: null });
    expect(spec.memory).toEqual({
      kind: 'ideal',
      latencyPs: 80_000,
      bytesPerSecond: Number.POSITIVE_INFINITY,
      channelsPerSocket: 1,
    });
  });

  it.each([
    ['{kind: none}', { kind: 'none' }],
    ['{kind: next-line}', { kind: 'next-line', degree: 1, pageBytes: 4096 }],
    ['{kind: next-line, degree: 3, page: 2 MiB}', { kind: 'next-line', degree: 3, pageBytes: 2 ** 21 }],
    [
      '{kind: stride, distance: 6}',
      { kind: 'stride', index: 'stream', entries: 64, degree: 2, distanceStrides: 6, pageBytes: 4096 },
    ],
    [
      '{kind: stride, index: page, entries: 8, degree: 4, distance: 6, page: 1 KiB}',
      { kind: 'stride', index: 'page', entries: 8, degree: 4, distanceStrides: 6, pageBytes: 1024 },
    ],
    [
      '{kind: streamer, streams: 32, degree: 2, distance: 20}',
      { kind: 'streamer', streams: 32, degree: 2, distanceLines: 20, pageBytes: 4096 },
    ],
  ])('has the prefetcher that it names: %s', (prefetch, expected) => {
    const source = memorySource({ m: machineWith({ prefetch }), plain: PART });
    expect(readMachine('m', source).prefetch).toEqual(expected);
  });

  it('may leave the bandwidth of its links open or call it infinite: they then have latency only', () => {
    for (const interconnect of [
      '{kind: ring, hop: 1 ns}',
      '{kind: crossbar, hop: 1 ns, linkBandwidth: infinite}',
    ]) {
      const spec = readMachine('m', memorySource({ m: machineWith({ interconnect }), plain: PART }));
      expect(spec.interconnect.linkBytesPerSecond).toBe(Number.POSITIVE_INFINITY);
    }
  });

  it('may be laid over another, and errors point to the file that a value comes from', () => {
    const files = { base: MACHINE, plain: PART };
    const spec = readMachine(
      'm',
      memorySource({ ...files, m: 'extends: base\nname: narrow\nmemory:\n  channelsPerSocket: 1\n' }),
    );
    expect(spec).toMatchObject({
      name: 'narrow',
      description: 'a machine for tests',
      memory: { channelsPerSocket: 1, controllerPs: 20_000 },
    });

    const broken = problemsOf('extends: base\nl1d:\n  ways: 7\nllc: {wayss: 3}\n', {
      base: machineWith({ 'core.window': '0' }),
    });
    expect(broken.map(({ file, path }) => [file, path])).toEqual(
      expect.arrayContaining([
        ['base', 'core.window'],
        ['base', 'l1d.capacity'],
        ['m', 'llc.wayss'],
      ]),
    );
    expect(broken).toHaveLength(3);
  });

  it('is refused if it extends itself or nothing', () => {
    expect(problemsOf('extends: m\n')[0]).toMatchObject({
      file: 'm',
      line: 1,
      path: 'extends',
      message: 'extends itself: m -> m',
    });
    expect(problemsOf('extends: b\n', { b: 'extends: m\n' })[0]?.message).toBe('extends itself: m -> b -> m');
    expect(problemsOf('name: x\nextends: nothing\n')[0]).toMatchObject({
      line: 2,
      path: 'extends',
      message: 'there is no "nothing"',
    });
    expect(problemsOf('extends: 3\n')[0]?.message).toContain('name or the path of a machine');
  });

  it('reports what is wrong with its DRAM part in the part file', () => {
    const part = PART.replace('nRC: 30', 'nRC: 15')
      .replace('rowBytes: 8 KiB', 'rowBytes: 3 KiB')
      .replace('source', 'sauce');
    const problems = problemsOf(machineWith({ 'l1d.ways': '6' }), { plain: part });
    expect(problems.map(({ file, path }) => `${file} ${path}`)).toEqual([
      'm l1d.capacity',
      'plain sauce',
      'plain rowBytes',
      'plain timings.nRC',
    ]);
  });

  it('reports a part that is not there at the reference to it', () => {
    expect(problemsOf(machineWith({ 'memory.part': 'fast' }))).toMatchObject([
      { file: 'm', path: 'memory.part', message: 'there is no "fast"' },
    ]);
  });
});

describe('impossible machines are refused with the reason', () => {
  const cases: [string, Record<string, string | undefined>, string, string][] = [
    ['L1D sets that are no power of two', { 'l1d.capacity': '30 KiB' }, 'l1d.capacity', '60 sets'],
    ['L2 sets that are no power of two', { 'l2.ways': '6' }, 'l2.capacity', 'power of two'],
    [
      'slice sets that are no power of two',
      { 'llc.sliceCapacity': '768 KiB' },
      'llc.sliceCapacity',
      '768 sets',
    ],
    ['less than a set', { 'l1d.capacity': '64 B' }, 'l1d.capacity', '0.13 sets'],
    ['no window', { 'core.window': '0' }, 'core.window', 'Allowed: 1 to'],
    ['a core without clock', { 'core.frequency': '0 GHz' }, 'core.frequency', 'out of range'],
    ['an unmodelled vector width', { 'core.vectorBits': '384' }, 'core.vectorBits', 'Allowed: 128, 256, 512'],
    ['a shared L1D', { 'l1d.sharedBy': '2' }, 'l1d.sharedBy', 'belongs to one core'],
    ['more sharers than cores', { 'l2.sharedBy': '8' }, 'l2.sharedBy', 'socket has 4 cores'],
    ['sharers that do not divide the cores', { 'l2.sharedBy': '3' }, 'l2.sharedBy', 'groups of 3'],
    ['an L2 faster than the L1D', { 'l2.latency': '4 cycles' }, 'l2.latency', 'not later'],
    [
      'too many cores',
      { coresPerSocket: '65', interconnect: '{kind: ring, hop: 1 ns}', 'llc.slicesPerSocket': '128' },
      'coresPerSocket',
      '130 cores',
    ],
    ['too many sockets', { sockets: '3' }, 'sockets', 'Allowed: 1 to 2'],
    [
      'a mesh that is too small',
      { 'interconnect.rows': '1' },
      'interconnect.columns',
      'no place for the 4 tiles',
    ],
    [
      'mesh links without bandwidth',
      { 'interconnect.linkBandwidth': '0 B/s' },
      'interconnect.linkBandwidth',
      'out of range',
    ],
    [
      'mesh links of bits',
      { 'interconnect.linkBandwidth': '256 Gb/s' },
      'interconnect.linkBandwidth',
      '256 Gb/s is 32 GB/s',
    ],
    [
      'a ring with columns',
      { interconnect: '{kind: ring, hop: 1 ns, columns: 4}' },
      'interconnect.columns',
      'not a known key',
    ],
    ['two sockets without a route', { socketLink: undefined }, 'socketLink', 'no route'],
    ['a link that leads nowhere', { sockets: '1' }, 'socketLink', 'one socket'],
    ['a link without bandwidth', { 'socketLink.bandwidth': '0 B/s' }, 'socketLink.bandwidth', 'out of range'],
    [
      'a link of negative bandwidth',
      { 'socketLink.bandwidth': '-1 GB/s' },
      'socketLink.bandwidth',
      'out of range',
    ],
    [
      'ideal memory without bandwidth',
      { memory: '{kind: ideal, latency: 1 ns, bandwidth: 0 GB/s}' },
      'memory.bandwidth',
      'out of range',
    ],
    ['no channels', { 'memory.channelsPerSocket': '0' }, 'memory.channelsPerSocket', 'Allowed: 1 to'],
    [
      'a victim level without snoop filter',
      { 'llc.inclusion': 'victim' },
      'llc.snoopFilterWays',
      'without a snoop filter',
    ],
    [
      'an inclusive level with a snoop filter',
      { 'llc.snoopFilterWays': '4' },
      'llc.snoopFilterWays',
      'no snoop filter',
    ],
    // 4 x (32 + 256) KiB above 4 x 256 KiB.
    [
      'an inclusive level that is too small',
      { 'llc.sliceCapacity': '256 KiB' },
      'llc.sliceCapacity',
      'cannot hold the 1.125 MiB',
    ],
    ['pages that are no power of two', { pageSize: '5 KiB' }, 'pageSize', 'power of two'],
    [
      'prefetch pages that are no power of two',
      { 'prefetch.page': '3 KiB' },
      'prefetch.page',
      'power of two',
    ],
    [
      'pages of a next-line prefetcher that are no power of two',
      { prefetch: '{kind: next-line, page: 5 KiB}' },
      'prefetch.page',
      'power of two',
    ],
    [
      'pages of a stride prefetcher that are no power of two',
      { prefetch: '{kind: stride, distance: 4, page: 5 KiB}' },
      'prefetch.page',
      'power of two',
    ],
    [
      'a prefetcher that there is not',
      { prefetch: '{kind: markov}' },
      'prefetch.kind',
      'Allowed: none, next-line, stride, streamer',
    ],
    [
      "another prefetcher's setting",
      { prefetch: '{kind: next-line, streams: 4}' },
      'prefetch.streams',
      'Allowed: kind, degree, page',
    ],
    ['an interleave within a line', { 'memory.interleave': '100 B' }, 'memory.interleave', '64-byte line'],
    [
      'watermarks the wrong way round',
      { 'memory.controller': '{writeLowWatermark: 0.9}' },
      'memory.controller.writeLowWatermark',
      'below the high',
    ],
    ['ranks that are no power of two', { 'memory.ranks': '3' }, 'memory.ranks', 'power of two'],
    [
      'a mapping that does not fit the part',
      { 'memory.controller': "{mapping: 'column:7 bank:4 row:10'}" },
      'memory.controller.mapping',
      'bits',
    ],
    [
      'a mapping of unknown fields',
      { 'memory.controller': "{mapping: 'col:7'}" },
      'memory.controller.mapping',
      '"col:7"',
    ],
  ];
  it.each(cases)('%s', (_name, changes, path, reason) => {
    const problems = problemsOf(machineWith(changes));
    expect(problems.map((problem) => problem.path)).toContain(path);
    expect(problems.find((problem) => problem.path === path)?.message).toContain(reason);
    expect(problems.every((problem) => problem.line > 0 && problem.column > 0)).toBe(true);
  });

  it('all of them in one go', () => {
    const apart: Record<string, string> = {
      'l1d.capacity': '30 KiB',
      'core.window': '0',
      'l2.sharedBy': '3',
      'socketLink.bandwidth': '1 Gb/s',
      pageSize: '5 KiB',
      'memory.interleave': '100 B',
    };
    expect(problemsOf(machineWith(apart))).toHaveLength(Object.keys(apart).length);
  });

  it('and possible ones are not', () => {
    expect(problemsOf(MACHINE)).toEqual([]);
    expect(
      problemsOf(machineWith({ 'l2.sharedBy': '2', 'interconnect.columns': '4', 'interconnect.rows': '1' })),
    ).toEqual([]);
    expect(problemsOf(machineWith({ 'llc.inclusion': 'victim', 'llc.snoopFilterWays': '12' }))).toEqual([]);
  });
});

describe('a DRAM part file', () => {
  it('is held to what the DRAM model reaches', () => {
    expect(MAX_DELAY_CYCLES).toBe(KEY.DELAY_LIMIT);
    // One bit each in a word of the model's masks.
    expect(MAX_BANKS_OF_RANK).toBe(32);
  });

  it('becomes a specification', () => {
    expect(readDramPart('plain', memorySource({ plain: PART }))).toMatchObject({
      tCKps: 1000,
      linesPerRow: 128,
      timings: { nBL: 4, nRTRS: 2 },
    });
  });

  it.each([
    ['bankGroups: 4', 'bankGroups: 3', 'bankGroups'],
    ['rows: 1024', 'rows: 1000', 'rows'],
    ['channelBits: 64', 'channelBits: 72', 'channelBits'],
    ['nRFC: 200', 'nRFC: 6000', 'timings.nREFI'],
    ['nCCDL: 5', 'nCCDL: 3', 'timings.nCCDL'],
    ['nBL: 4', 'nBL: 0', 'timings.nBL'],
    ['nWR: 10', 'nWR: 17000', 'timings'],
    ['banksPerGroup: 4', 'banksPerGroup: 16', 'banksPerGroup'],
    ['clockPeriod: 1 ns', 'clockPeriod: 1 GHz', 'clockPeriod'],
  ])('is refused with %s replaced by %s', (from, to, path) => {
    const read = (): unknown => readDramPart('p', memorySource({ p: PART.replace(from, to) }));
    expect(read).toThrow(ConfigurationError);
    expect(read).toThrow(new RegExp(`p:\\d+:\\d+ ${path}: `));
  });
});
