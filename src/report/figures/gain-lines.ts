/** The frame of figures that show what bnff gains over one setting: a line per pass. */
import type { CsvColumn } from '../csv.js';
import { type FigureContent, type FigurePoint, figureOf } from './figure.js';
import { GAIN_PARTS, type GainPair, gainPairs } from './gain-pairs.js';
import { networkLabel, samplingNote, signedPercent } from './words.js';

/** The setting that a sweep varies. */
export interface SweptSetting {
  readonly title: string;
  /** Title of the axis, with its unit. */
  readonly axis: string;
  /** Header of the column, with its unit. */
  readonly header: string;
  readonly value: (pair: GainPair) => number;
  /** What is the same for all points: a line below the title. */
  readonly fixed: (pair: GainPair) => string;
}

interface GainRow {
  readonly at: number;
  readonly of: string;
  readonly gain: number;
  readonly error: number;
}

const SHAPES = ['triangle-up', 'square', 'circle'];

/** Draws the gains of a sweep over one setting. */
export function drawGainLines(points: readonly FigurePoint[], setting: SweptSetting): FigureContent {
  const pairs = gainPairs(points).toSorted((a, b) => setting.value(a) - setting.value(b));
  const rows = pairs.flatMap((pair) =>
    GAIN_PARTS.map(
      ({ key, label }): GainRow => ({
        at: setting.value(pair),
        of: label,
        gain: pair.gains[key],
        error: Math.max(pair.baseline.error, pair.point.error),
      }),
    ),
  );
  const columns: readonly CsvColumn<GainRow>[] = [
    { header: setting.header, value: ({ at }) => at },
    { header: 'pass', value: ({ of }) => of },
    { header: 'gain_percent', value: ({ gain }) => gain * 100 },
    { header: 'sampling_error_of_a_time_percent', value: ({ error }) => error * 100 },
  ];
  const values = rows.map(({ at, of, gain }) => ({
    at: plain(at),
    of,
    percent: gain * 100,
    label: signedPercent(gain),
  }));
  const places = [...new Set(values.map(({ at }) => at))];
  const [first] = pairs;
  // Equal steps whatever the values: they often double.
  const x = {
    field: 'at',
    type: 'ordinal' as const,
    sort: places,
    scale: { type: 'point' as const, padding: 0.5 },
    axis: { title: setting.axis, labelAngle: 0 },
  };
  const y = {
    field: 'percent',
    type: 'quantitative' as const,
    axis: { title: 'gain of bnff over the baseline (%)', tickCount: 6 },
  };
  const parts = {
    field: 'of',
    type: 'nominal' as const,
    // Above the row of numbers.
    legend: { title: null, orient: 'top' as const, direction: 'horizontal' as const, offset: 34 },
  };
  const domain = GAIN_PARTS.map(({ label }) => label);
  const color = { ...parts, scale: { domain, range: GAIN_PARTS.map(({ colour }) => colour) } };
  const whole = values.filter(({ of }) => of === GAIN_PARTS.find(({ key }) => key === 'total')?.label);
  return figureOf(columns, rows, {
    description: `${setting.title}: forward, backward and whole iteration`,
    title: {
      text: setting.title,
      subtitle: [
        ...(first === undefined
          ? []
          : [`${networkLabel(first.settings.network.name)}, ${setting.fixed(first)}`]),
        `numbers: whole iteration; ${samplingNote(points.map(({ result }) => result))}`,
      ],
    },
    width: 560,
    height: 320,
    layer: [
      { data: { values }, mark: { type: 'line', strokeWidth: 1.8 }, encoding: { x, y, color } },
      {
        data: { values },
        mark: { type: 'point', filled: true, size: 60, opacity: 1 },
        encoding: { x, y, color, shape: { ...parts, scale: { domain, range: SHAPES } } },
      },
      // A row above the plot, where no line goes.
      {
        data: { values: whole },
        mark: { type: 'text', fontSize: 11, baseline: 'bottom' },
        encoding: { x, y: { value: -4 }, text: { field: 'label' } },
      },
    ],
  });
}

/** A number as people write it: at most four digits, no zeros behind the point. */
function plain(value: number): string {
  return String(Number(value.toPrecision(4)));
}
