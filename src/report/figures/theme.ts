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
} as const;

/** Of lines that are there for comparison only. */
export const REFERENCE_GREY = '#767676';

/** Family of the font that PNGs are drawn with; viewers of an SVG that lack it take their own sans-serif. */
export const FONT_FAMILY = 'Inter';

const FONT = `${FONT_FAMILY}, sans-serif`;

/**
 * Settings that every figure shares. Without a canvas vega takes a text for 0.8 em per character, more than almost any text needs; so nothing is cut
 * as long as no limit shortens a text, and what stands beside a text is set by offsets.
 */
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
