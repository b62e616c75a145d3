import { describe, expect, it } from 'vitest';
import { fileSource, listNames } from '../../../src/config/load.js';
import type { ConfigSource } from '../../../src/config/machine.js';
import { ConfigurationError, type Problem } from '../../../src/config/problem.js';
import { sampleOf } from '../../../src/simulate/point.js';
import { readSweep, type Sweep } from '../../../src/sweep/sweep-file.js';
import { SMALL_NETWORK } from './points.js';

/** A sweep held in memory; whatever it refers to is shipped, but for the small network. */
function source(text: string): ConfigSource {
  return {
    find(kind, reference, from) {
      if (kind === 'sweep') return { file: 's.yaml', text };
      if (reference === 'small') return { file: 'small.yaml', text: SMALL_NETWORK };
      return fileSource.find(kind, reference, from === 's.yaml' ? undefined : from);
    },
  };
}

const HEAD = `name: s
description: a sweep for tests
runTime: none
base:
  network: small
  machine: teaching
`;
/** Lines of HEAD, so that expected places can be counted from the text behind it. */
const HEAD_LINES = HEAD.split('\n').length - 1;

function read(rest: string): Sweep {
  return readSweep('s', source(HEAD + rest));
}

function problemsOf(rest: string): readonly Problem[] {
  try {
    read(rest);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

describe('the axes of a sweep', () => {
  it('are a grid, the last one fastest, of settings by their paths', () => {
    const { columns, points } = read(`
axes:
  - {path: machine.core.frequency, values: [1 GHz, 1500 MHz]}
  - {path: schedule, values: [baseline, bnff]}
  - {path: software.softwarePrefetch, values: [true, false]}
`);
    expect(columns.map(({ header }) => header)).toEqual([
      'machine.core.frequency_GHz',
      'schedule',
      'software.softwarePrefetch',
    ]);
    expect(points.map(({ cells }) => cells)).toEqual(
      [1, 1.5].flatMap((clock) =>
        ['baseline', 'bnff'].flatMap((schedule) =>
          [true, false].map((prefetch) => [clock, schedule, prefetch]),
        ),
      ),
    );
    for (const { cells, settings } of points) {
      expect([
        settings.machine.core.frequencyHz / 1e9,
        settings.schedule,
        settings.software.softwarePrefetch,
      ]).toEqual(cells);
    }
  });

  it('have labelled values that set several things at once, and units for their labels', () => {
    const { columns, points } = read(`
axes:
  - name: bandwidth
    unit: GB/s
    values:
      - {label: 38.4, set: {machine.memory.part: ddr4-2400, machine.memory.channelsPerSocket: 2}}
      - {label: infinite, set: {machine.memory: {kind: ideal, latency: 50 ns, bandwidth: infinite}}}
`);
    expect(columns).toEqual([{ header: 'bandwidth_GB_per_s', setting: null }]);
    expect(points.map(({ cells }) => cells)).toEqual([[38.4], [Number.POSITIVE_INFINITY]]);
    expect(points.map(({ settings }) => settings.machine.memory)).toMatchObject([
      { kind: 'dram', channelsPerSocket: 2 },
      { kind: 'ideal', bytesPerSecond: Number.POSITIVE_INFINITY },
    ]);
  });

  it('step together where they are linked', () => {
    const { points } = read(`
axes:
  - linked:
      - {path: machine.coresPerSocket, name: cores, values: [2, 8]}
      - {path: machine.llc.slicesPerSocket, values: [2, 8]}
      - {path: batch, values: [4, 16]}
`);
    expect(
      points.map(({ settings }) => [
        settings.machine.coresPerSocket,
        settings.machine.llc?.slicesPerSocket,
        settings.batch,
      ]),
    ).toEqual([
      [2, 2, 4],
      [8, 8, 16],
    ]);
  });

  it('may be a list of points', () => {
    const { columns, points } = read(`
points:
  - {schedule: baseline, batch: 4, machine.l1d.capacity: 32 KiB}
  - {schedule: bnff, batch: 8, machine.l1d.capacity: 64 KiB}
`);
    expect(columns.map(({ header }) => header)).toEqual(['schedule', 'batch', 'machine.l1d.capacity_KiB']);
    expect(points.map(({ cells }) => cells)).toEqual([
      ['baseline', 4, 32],
      ['bnff', 8, 64],
    ]);
    expect(points.map(({ settings }) => settings.machine.l1d.capacityBytes / 1024)).toEqual([32, 64]);
  });

  it('go over machines and networks by name', () => {
    const { points } = read(`
axes:
  - {path: machine, values: [teaching, skylake-sp-2s]}
  - {path: network, values: [small, conv-bn-relu-conv]}
`);
    expect(points.map(({ cells }) => cells)).toEqual([
      ['teaching', 'small'],
      ['teaching', 'conv-bn-relu-conv'],
      ['skylake-sp-2s', 'small'],
      ['skylake-sp-2s', 'conv-bn-relu-conv'],
    ]);
  });

  it('lie over settings of the machine that all points share', () => {
    const { points } = read(`  set: {machine.core.frequency: 3 GHz, machine.l1d.latency: 6 cycles}
axes:
  - {path: machine.core.frequency, values: [1 GHz]}
`);
    expect(points[0]?.settings.machine).toMatchObject({
      core: { frequencyHz: 1e9 },
      l1d: { latencyCycles: 6 },
    });
  });

  it('may take the kind of a section before its settings, in any order', () => {
    const { points } = read(`
axes:
  - name: memory
    values: [{label: ideal, set: {machine.memory.bandwidth: infinite, machine.memory.latency: 1 ns, machine.memory.kind: ideal}}]
`);
    expect(points[0]?.settings.machine.memory).toMatchObject({ kind: 'ideal', latencyPs: 1000 });
  });
});

describe('a wrong sweep file', () => {
  it('is told everything at once, each at its line and column', () => {
    const problems = problemsOf(`  bach: 4
axes:
  - path: machine.core.frequenzy
    values: [1 GHz]
  - path: machine.coresPerSocket
    values: [2, 0]
  - path: schedule
    values: [baseline, bnf]
`);
    expect(problems.map(({ line, column, path }) => [line - HEAD_LINES, column, path])).toEqual([
      [1, 3, 'base.bach'],
      [3, 11, 'axes[0].path'],
      [6, 17, 'axes[1].values[1]'],
      [8, 24, 'axes[2].values[1]'],
    ]);
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('Did you mean "batch"'),
      expect.stringContaining('Did you mean "machine.core.frequency"'),
      expect.stringContaining('0 is out of range'),
      expect.stringContaining('Did you mean "bnff"'),
    ]);
  });

  it('is told of a value that makes a machine impossible at the value, where its machine file says otherwise too', () => {
    // The mesh of the machine has 5 x 4 tiles: 24 cores have no place, 16 have.
    const problems = problemsOf(`
axes:
  - {path: machine, values: [skylake-sp-2s]}
  - {path: machine.coresPerSocket, values: [16, 24]}
  - {path: schedule, values: [baseline, bnff]}
`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ file: 's.yaml', line: HEAD_LINES + 4, path: 'axes[1].values[1]' });
    expect(problems[0]?.message).toMatch(/24.*no place|no place.*24/);
  });

  it('is told of two values that are impossible together at the later one, with the other', () => {
    // 2 ways of 64 B lines: 48 KiB are 384 sets, no power of two; with 3 ways 32 KiB are none.
    const problems = problemsOf(`
axes:
  - {path: machine.l1d.capacity, values: [32 KiB, 48 KiB]}
  - {path: machine.l1d.ways, values: [2, 3]}
`);
    expect(problems.map(({ line, path }) => [line - HEAD_LINES, path])).toEqual([
      [3, 'axes[0].values[0]'],
      [3, 'axes[0].values[1]'],
    ]);
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('32 KiB in 3 ways'),
      expect.stringContaining('48 KiB in 2 ways'),
    ]);
  });

  it.each([
    ['neither axes nor points', '', /axes, or a list of points/],
    ['both', 'axes: [{path: batch, values: [4]}]\npoints: [{batch: 4}]\n', /one or the other/],
    [
      'the same point twice',
      'axes: [{path: batch, values: [4, 8, 4]}]\n',
      /the same points as axes\[0\]\.values\[0\]/,
    ],
    [
      'two different points under one label',
      'axes: [{name: x, values: [{label: a, set: {batch: 4}}, {label: a, set: {batch: 8}}]}]\n',
      /cannot be told from axes\[0\]\.values\[0\]/,
    ],
    [
      'one setting in two axes',
      'axes: [{path: batch, values: [4]}, {name: x, values: [{label: 1, set: {batch: 8}}]}]\n',
      /set the same thing/,
    ],
    [
      'a section and a setting in it',
      'axes: [{path: machine.l1d.ways, values: [8]}, {name: x, values: [{label: 1, set: {machine.l1d: {ways: 4}}}]}]\n',
      /set the same thing/,
    ],
    [
      'two columns of one name',
      'axes: [{path: batch, name: x, values: [4]}, {path: seed, name: x, values: [a]}]\n',
      /a column "x" already/,
    ],
    [
      'linked axes of different length',
      'axes: [{linked: [{path: batch, values: [4, 8]}, {path: seed, values: [a]}]}]\n',
      /1 values are linked to 2/,
    ],
    [
      'a list whose points set different things',
      'points: [{batch: 4}, {seed: a}]\n',
      /every point sets the same settings/,
    ],
    ['an axis of nothing', 'axes: [{values: [4]}]\n', /a path .* or a name/],
    ['an axis without values', 'axes: [{path: batch}]\n', /the values of the axis/],
    [
      'a label without settings',
      'axes: [{name: x, values: [{label: 4}]}]\n',
      /set.*is missing|is missing: settings/i,
    ],
    [
      'a unit that a setting does not have',
      'axes: [{path: machine.core.frequency, unit: KiB, values: [1 GHz]}]\n',
      /has no unit "KiB"/,
    ],
    [
      'too many points',
      `axes: [${'abcde'
        .split('')
        .map(
          (name) =>
            `{name: ${name}, values: [${'1234567'
              .split('')
              .map((label) => `{label: ${label}, set: {}}`)
              .join(', ')}]}`,
        )
        .join(', ')}]\n`,
      /16807 points are too many/,
    ],
  ])('is told of %s', (_what, text, message) => {
    expect(
      problemsOf(text)
        .map((problem) => problem.message)
        .join('\n'),
    ).toMatch(message);
  });
});

describe('shipped sweeps', () => {
  it.each(listNames('sweep'))('%s is right, named like its file, and says how long it takes', (name) => {
    const sweep = readSweep(name, fileSource);
    expect(sweep.name).toBe(name);
    expect(sweep.runTime).toMatch(/CPU/);
    expect(sweep.points.length).toBeGreaterThan(1);
  });

  it('go from 8 to 112 cores and from 57.6 GB/s to no limit, with whole images per core', () => {
    const { points } = readSweep('cores-by-bandwidth', fileSource);
    const cores = points.map(({ settings: { machine } }) => machine.sockets * machine.coresPerSocket);
    expect([Math.min(...cores), Math.max(...cores)]).toEqual([8, 112]);
    points.forEach(({ cells, settings }, index) => {
      const { machine, batch } = settings;
      expect(cells[0]).toBe(cores[index]);
      expect(Number.isInteger(batch / (cores[index] as number))).toBe(true);
      expect(machine.llc?.slicesPerSocket).toBe(machine.coresPerSocket);
      // 12 channels of 8 bytes twice per clock; no part's period is exact.
      const { memory } = machine;
      const gigabytes =
        memory.kind === 'ideal'
          ? memory.bytesPerSecond
          : (2 * memory.channelsPerSocket * 16 * 1e3) / memory.part.tCKps;
      if (memory.kind === 'ideal') expect(gigabytes).toBe(cells[1]);
      else expect(gigabytes / (cells[1] as number)).toBeCloseTo(1, 6);
      expect(sampleOf(settings).images).toBeLessThanOrEqual(14);
    });
  });

  it('change the bandwidth by the rate of the bus only: latencies keep their nanoseconds up to a clock', () => {
    const { points } = readSweep('cores-by-bandwidth', fileSource);
    const parts = points.flatMap(({ settings: { machine } }) =>
      machine.memory.kind === 'dram' ? [machine.memory.part] : [],
    );
    const base = parts.find(({ name }) => name === 'ddr4-2400');
    if (base === undefined) throw new Error('there is no point with the machine as it is');
    for (const part of parts) {
      for (const name of [
        'nCL',
        'nCWL',
        'nRCD',
        'nRP',
        'nRAS',
        'nRC',
        'nWR',
        'nRTP',
        'nFAW',
        'nRFC',
        'nREFI',
        'nWTRL',
      ] as const) {
        const late = part.timings[name] * part.tCKps - base.timings[name] * base.tCKps;
        // Rounded up to whole clocks; nRC is the sum of two.
        expect(Math.abs(late)).toBeLessThanOrEqual(2 * part.tCKps);
      }
    }
  });
});
