/** Every figure's numbers follow from the results that it is given. */
import { describe, expect, it } from 'vitest';
import { LINE_BYTES } from '../../../../src/kernel/op-stream.js';
import {
  BIN_MS,
  bandsOf,
  binned,
  type Interval,
  intervalsOf,
} from '../../../../src/report/figures/bandwidth-over-time.js';
import type { Figure, FigureContent } from '../../../../src/report/figures/figure.js';
import { drawGainMap, isoLevels } from '../../../../src/report/figures/gain-map.js';
import { gainPairs } from '../../../../src/report/figures/gain-pairs.js';
import { FIGURES } from '../../../../src/report/figures/registry.js';
import { renderSvg } from '../../../../src/report/figures/render.js';
import { reportedMarks } from '../../../../src/report/figures/reported-marks.js';
import { rooflineRow } from '../../../../src/report/figures/roofline.js';
import { ticksUpTo } from '../../../../src/report/figures/theme.js';
import { samplingNote, signedPercent } from '../../../../src/report/figures/words.js';
import { operationOf, pointOf } from '../fixtures.js';
import { drawMadeUp, madeUp, pointsFor, settingsOf } from './made-up.js';
import { textBoxes } from './svg-texts.js';

function figureNamed(name: string): Figure {
  const figure = FIGURES.find((one) => one.name === name);
  if (figure === undefined) throw new Error(`there is no figure ${name}`);
  return figure;
}

/** Rows of a CSV text without quoted cells, by header. */
function rowsOf({ csv }: FigureContent): Record<string, string>[] {
  const [header = '', ...lines] = csv.trimEnd().split('\n');
  const names = header.split(',');
  return lines.map((line) =>
    Object.fromEntries(line.split(',').map((cell, at) => [names[at] as string, cell])),
  );
}

/** Shares of the made-up point's time, of 100: CONV and FC 8 + 6 + 9 + 3 x 20 + 1. */
const CONV = 84;
const BN = 7;

describe('time by schedule', () => {
  const rows = rowsOf(drawMadeUp(figureNamed('time-by-schedule')));
  const cell = (wanted: Record<string, string>) =>
    rows.find((row) => Object.entries(wanted).every(([key, value]) => row[key] === value));

  it('has the time of each network, schedule, pass and layer type', () => {
    expect(rows.length).toBe(2 * 5 * 2 * 5);
    // The first point: the baseline of DenseNet-121, 1 s, of which a third is forward.
    const first = { network: 'densenet121', schedule: 'baseline' };
    const conv = cell({ ...first, pass: 'forward', layer_type: 'CONV/FC' });
    expect(Number(conv?.time_ms)).toBeCloseTo((1000 / 3) * (CONV / 100), 6);
    const bn = cell({ ...first, pass: 'backward', layer_type: 'BN' });
    expect(Number(bn?.time_ms)).toBeCloseTo((2000 / 3) * (BN / 100), 6);
  });

  it('adds up to the time of the point', () => {
    const sum = rows
      .filter(({ network, schedule }) => network === 'densenet121' && schedule === 'bnff')
      .reduce((total, { time_ms }) => total + Number(time_ms), 0);
    // The fourth point of the list.
    expect(sum).toBeCloseTo(0.8 * 1.3 * 1000, 6);
  });

  it('marks what the abstract reports of DenseNet-121, as reported, and nothing of ResNet-50', async () => {
    const svg = await renderSvg(drawMadeUp(figureNamed('time-by-schedule')).spec);
    const texts = textBoxes(svg).map(({ text }) => text);
    expect(texts.filter((text) => /28\.4|25\.7/.test(text))).toEqual([
      "reported in the paper's abstract, first version: +28.4 %",
      "reported in the paper's abstract, revised version: +25.7 %",
    ]);
    expect(reportedMarks('densenet121').length).toBe(2);
    expect(reportedMarks('resnet50')).toEqual([]);
  });
});

it('DRAM traffic by schedule is the read and the written bytes of the operations', () => {
  const rows = rowsOf(drawMadeUp(figureNamed('dram-by-schedule')));
  const [conv] = rows.filter(({ pass, layer_type }) => pass === 'forward' && layer_type === 'CONV/FC');
  // A third of a second at 30 + 20 GB/s.
  expect(Number(conv?.dram_GB)).toBeCloseTo((1 / 3) * (CONV / 100) * 50, 6);
});

it('the shares of a network add up to 100 percent', () => {
  const rows = rowsOf(drawMadeUp(figureNamed('conv-share'))).filter(({ network }) => network === 'vgg16');
  expect(rows.find(({ layer_type }) => layer_type === 'CONV/FC')?.time_share_percent).toBe(String(CONV));
  expect(rows.reduce((sum, row) => sum + Number(row.time_share_percent), 0)).toBeCloseTo(100, 6);
});

describe('bandwidth over time', () => {
  const interval = (
    startMs: number,
    endMs: number,
    gbps: number,
    rest: Partial<Interval> = {},
  ): Interval => ({
    schedule: 'baseline',
    operation: 'a',
    pass: 'forward',
    group: 'CONV/FC',
    startMs,
    endMs,
    gbps,
    ...rest,
  });

  it('lays operations end to end, each with its bytes over its time', () => {
    const point = pointOf([
      operationOf('a', 0.002, 'compute', {
        dramReadBytes: 1000 * LINE_BYTES,
        dramWriteBytes: 500 * LINE_BYTES,
      }),
      operationOf('b', 0.003, 'compute', { type: 'BN', dramReadBytes: 0, dramWriteBytes: 0 }),
    ]);
    const [a, b] = intervalsOf({ result: point });
    expect(a).toMatchObject({ operation: 'a', startMs: 0, endMs: 2, group: 'CONV/FC' });
    expect(a?.gbps).toBeCloseTo((1500 * LINE_BYTES) / 0.002 / 1e9, 9);
    expect(b).toMatchObject({ operation: 'b', startMs: 2, endMs: 5, gbps: 0, group: 'BN' });
  });

  it('averages over bins by the time that each operation has in them, types stacked', () => {
    // Bins of 5 ms: CONV for 4 ms at 100 GB/s, then BN for 3 ms at 200 GB/s.
    expect(binned([interval(0, 4, 100), interval(4, 7, 200, { group: 'BN' })], 5)).toEqual([
      { startMs: 0, endMs: 5, group: 'CONV/FC', lowGbps: 0, highGbps: 80 },
      { startMs: 0, endMs: 5, group: 'BN', lowGbps: 80, highGbps: 120 },
      // The last one ends with the iteration: 2 ms of BN.
      { startMs: 5, endMs: 7, group: 'BN', lowGbps: 0, highGbps: 200 },
    ]);
  });

  it('keeps the bytes', () => {
    const [point] = pointsFor(figureNamed('bandwidth-over-time'));
    if (point === undefined) throw new Error('a point is missing');
    const bins = binned(intervalsOf(point), BIN_MS);
    const gigabytes = bins.reduce(
      (sum, { startMs, endMs, lowGbps, highGbps }) => sum + ((endMs - startMs) / 1e3) * (highGbps - lowGbps),
      0,
    );
    const { dramReadBytes, dramWriteBytes } = point.result;
    expect(gigabytes).toBeCloseTo((dramReadBytes + dramWriteBytes) / 1e9, 6);
  });

  it('has a band per dense block and pass, without what lies outside of them', () => {
    const bands = bandsOf([
      interval(0, 1, 1, { operation: 'conv1.forward' }),
      interval(1, 2, 1, { operation: 'conv2_1/x1.forward' }),
      interval(2, 4, 1, { operation: 'conv2_6/concat.forward' }),
      interval(4, 5, 1, { operation: 'transition2/conv.forward' }),
      interval(5, 6, 1, { operation: 'conv5_1/x1.forward' }),
      interval(6, 8, 1, { operation: 'conv5_1/x1.backward-data', pass: 'backward' }),
      interval(8, 9, 1, { operation: 'conv5_1/x1.update', pass: 'update' }),
    ]);
    expect(bands).toEqual([
      { label: 'block 1', startMs: 1, endMs: 4 },
      { label: 'block 4', startMs: 5, endMs: 6 },
      { label: 'block 4', startMs: 6, endMs: 8 },
    ]);
  });
});

describe('the roofline', () => {
  it('places an operation by its work, its bytes and its time', () => {
    const operation = operationOf('a', 0.002, 'compute', {
      flops: 4e9,
      dramReadBytes: 6e7,
      dramWriteBytes: 4e7,
    });
    // 4 GFLOP in 2 ms over 0.1 GB.
    expect(rooflineRow('baseline', operation)).toMatchObject({
      ms: 2,
      gflop: 4,
      intensity: 40,
      gflops: 2000,
    });
  });

  it('has operations without bytes in the table, without an intensity', () => {
    const rows = rowsOf(drawMadeUp(figureNamed('roofline')));
    const update = rows.find(({ operation }) => operation === 'conv1.update');
    expect(update).toMatchObject({ dram_GB: '0', intensity_FLOP_per_byte: '', achieved_GFLOP_per_s: '0' });
  });
});

describe('gains', () => {
  const settings = settingsOf('densenet121', 'skylake-sp-2s', 'baseline');
  const withCores = (coresPerSocket: number, schedule: string) => ({
    ...settings,
    schedule,
    machine: { ...settings.machine, coresPerSocket },
  });

  it('are over the baseline of the same settings, also of those that a result does not name', () => {
    const points = [
      madeUp(withCores(4, 'baseline'), 3),
      madeUp(withCores(8, 'bnff'), 1),
      madeUp(withCores(4, 'bnff'), 2),
      madeUp(withCores(8, 'baseline'), 1.1),
      // Its baseline is missing.
      madeUp(withCores(16, 'bnff'), 1),
    ];
    const gains = gainPairs(points).map((pair) => [pair.settings.machine.coresPerSocket, pair.gains.total]);
    expect(gains.map(([cores]) => cores)).toEqual([8, 4]);
    expect(gains[0]?.[1]).toBeCloseTo(0.1, 9);
    expect(gains[1]?.[1]).toBeCloseTo(0.5, 9);
  });

  it('by bandwidth are in the table for each pass, infinite bandwidth included', () => {
    const rows = rowsOf(drawMadeUp(figureNamed('gain-by-bandwidth')));
    expect(rows.map(({ pass }) => pass).slice(0, 3)).toEqual([
      'forward',
      'backward and update',
      'whole iteration',
    ]);
    expect([...new Set(rows.map((row) => row.bandwidth_GB_per_s))]).toEqual(['115.2', '230.4', 'Infinity']);
    // The made-up pair: 1 s against 0.8 x 1.1 s, every pass alike.
    for (const row of rows.slice(0, 3)) expect(Number(row.gain_percent)).toBeCloseTo((1 / 0.88 - 1) * 100, 6);
  });

  it('are written with their sign', () => {
    expect([0.2155, 0, -0.011].map(signedPercent)).toEqual(['+21.6 %', '+0.0 %', '−1.1 %']);
  });
});

describe('the map of gains', () => {
  const rows = [
    { cores: 8, gbps: 57.6, gain: 0.1 },
    { cores: 112, gbps: Infinity, gain: 0.02 },
    { cores: 112, gbps: 57.6, gain: 0.4 },
  ];

  it('has rows by cores and columns by bandwidth in order, infinite last', async () => {
    const svg = await renderSvg(drawGainMap(rows, ['made up']).spec);
    const at = (text: string) => svg.indexOf(`>${text}<`);
    expect(at('57.6')).toBeGreaterThan(0);
    expect(at('infinite')).toBeGreaterThan(at('57.6'));
    for (const label of ['10.0', '2.0', '40.0']) expect(at(label)).toBeGreaterThan(0);
  });

  it('has the numbers that it is drawn from in its table', () => {
    expect(drawGainMap(rows, []).csv).toBe(
      'cores,bandwidth_GB_per_s,gain_percent\n8,57.6,10\n112,Infinity,2\n112,57.6,40\n',
    );
  });

  it('draws lines at multiples of a round step within the range, at most eight', () => {
    expect(isoLevels([2, 40])).toEqual([5, 10, 15, 20, 25, 30, 35]);
    expect(isoLevels([-3, 3.5])).toEqual([-2, -1, 0, 1, 2, 3]);
    // Values on the border have no line inside.
    expect(isoLevels([10, 11])).toEqual([]);
  });

  it('has a line between cells of 10 and 40 percent for every level between them', () => {
    const full = [
      ...rows.filter(({ gbps }) => gbps === 57.6),
      { cores: 8, gbps: 115.2, gain: 0.1 },
      { cores: 112, gbps: 115.2, gain: 0.4 },
    ];
    const text = JSON.stringify(drawGainMap(full, []).spec);
    for (const level of [15, 20, 25, 30, 35]) expect(text).toContain(`"level":${level}`);
  });
});

describe('ticks', () => {
  it('are round, start at 0 and end at or below the largest value', () => {
    expect(ticksUpTo(904)).toEqual([0, 200, 400, 600, 800]);
    expect(ticksUpTo(30)).toEqual([0, 10, 20, 30]);
    for (const largest of [0.013, 1, 7.7, 42, 999, 12_345]) {
      const ticks = ticksUpTo(largest);
      expect(ticks.length).toBeGreaterThanOrEqual(3);
      expect(ticks.length).toBeLessThanOrEqual(6);
      expect(ticks.at(-1)).toBeLessThanOrEqual(largest);
    }
  });
});

it('the note on sampling says the largest error, or that nothing was left out', () => {
  const point = pointOf([operationOf('a', 1, 'compute')], { error: 0.0123 });
  expect(samplingNote([point, { ...point, error: 0.02 }])).toContain('at most 2.0 %');
  const whole = { ...point.sampling, cores: 4, totalCores: 4, images: point.batch };
  expect(samplingNote([{ ...point, error: 0, sampling: whole }])).toBe('every core and image simulated');
});
