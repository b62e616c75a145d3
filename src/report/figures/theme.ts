/** How figures look: colours that colour-blind readers can tell apart, one font, room for texts. */
import type { Config } from 'vega-lite';

/** Okabe and Ito, "Color universal design", 2008. Yellow is left out: on white it is too pale for lines. */
export const COLOURS = {
  black: '#000000',
  orange: '#E69F00',
  skyBlue: '#56B4E9',
  green: '#009E73',
  blue: '#0072B2',
  vermilion: '#D55E00',
  purple: '#CC79A7',
  /** Not theirs: for what is of no interest by itself. */
  lightGrey: '#BBBBBB',
} as const;

/** Of lines that are there for comparison only. */
export const REFERENCE_GREY = '#767676';

/** Family of the font that PNGs are drawn with; viewers of an SVG that lack it take their own sans-serif. */
export const FONT_FAMILY = 'Inter';

const FONT = `${FONT_FAMILY}, sans-serif`;

/** Settings that every figure shares. No limit shortens a text; what stands beside one is set off. */
export const THEME: Config = {
  background: 'white',
  font: FONT,
  padding: 12,
  title: {
    anchor: 'start',
    frame: 'group',
    fontSize: 15,
    fontWeight: 600,
    subtitleFontSize: 12,
    subtitleColor: '#444444',
    subtitlePadding: 5,
    offset: 14,
    limit: 0,
  },
  axis: {
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    titlePadding: 8,
    labelLimit: 0,
    titleLimit: 0,
    labelFlush: false,
    gridColor: '#e4e4e4',
    domainColor: '#767676',
    tickColor: '#767676',
  },
  legend: {
    labelFontSize: 12,
    labelLimit: 0,
    titleLimit: 0,
    labelOffset: 6,
    offset: 16,
    rowPadding: 6,
    symbolSize: 90,
    symbolStrokeWidth: 2,
  },
  view: { stroke: null },
};

const SUPERSCRIPTS: Readonly<Record<string, string>> = {
  '-': '⁻',
  ...Object.fromEntries([...'⁰¹²³⁴⁵⁶⁷⁸⁹'].map((superscript, digit) => [String(digit), superscript])),
};

/** A logarithmic axis in vega-lite's terms: the scale, and the ticks as a part of the axis. */
export interface LogarithmicAxis {
  readonly scale: { type: 'log'; domain: number[] };
  readonly ticks: { values: number[]; labelExpr: string };
}

/**
 * The logarithmic axis from the power of ten below to the power of ten above all values, a tick at each, labelled as powers.
 * @param values positive
 */
export function encloseByPowersOfTen(values: readonly number[]): LogarithmicAxis {
  const logarithms = values.map((value) => Math.log10(value));
  const first = Math.floor(Math.min(...logarithms));
  const last = Math.ceil(Math.max(...logarithms));
  const exponents = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  // As literals: 10 ** -11 is not 1e-11, which would leave a tick outside the axis.
  const powers = exponents.map((exponent) => Number(`1e${exponent}`));
  const labels = Object.fromEntries(
    exponents.map((exponent) => [
      String(exponent),
      `10${[...String(exponent)].map((character) => SUPERSCRIPTS[character]).join('')}`,
    ]),
  );
  return {
    scale: { type: 'log', domain: [powers[0] as number, powers.at(-1) as number] },
    ticks: {
      values: powers,
      labelExpr: `${JSON.stringify(labels)}['' + round(log(datum.value) / LN10)]`,
    },
  };
}

/** Round ticks up to a value: 0, one, two, ... steps of 1, 2 or 5 times a power of ten, four to eight of them. */
export function ticksUpTo(largest: number): number[] {
  const power = 10 ** Math.floor(Math.log10(largest / 4));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => largest / size <= 5) as number;
  return Array.from({ length: Math.floor(largest / step) + 1 }, (_, at) => at * step);
}
