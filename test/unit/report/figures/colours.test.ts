/** Readers who do not see red or green tell the colours apart that mean something. */
import { describe, expect, it } from 'vitest';
import { GAIN_PARTS } from '../../../../src/report/figures/gain-pairs.js';
import { LAYER_GROUPS } from '../../../../src/report/figures/layer-groups.js';
import { COLOURS } from '../../../../src/report/figures/theme.js';

type Triple = readonly [number, number, number];
type Matrix = readonly [Triple, Triple, Triple];

/** What eyes make of linear RGB: Machado, Oliveira and Fernandes, IEEE TVCG 15(6), 2009, table 1, severity 1.0. */
const EYES: Readonly<Record<string, Matrix>> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};
/** IEC 61966-2-1: linear sRGB to CIE XYZ under D65, and the white of it. */
const TO_XYZ: Matrix = [
  [0.4124564, 0.3575761, 0.1804375],
  [0.2126729, 0.7151522, 0.072175],
  [0.0193339, 0.119192, 0.9503041],
];
const WHITE: Triple = [0.95047, 1, 1.08883];

const times = (matrix: Matrix, [a, b, c]: Triple): Triple =>
  matrix.map(([x, y, z]) => x * a + y * b + z * c) as unknown as Triple;

function linear(hex: string): Triple {
  return [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as unknown as Triple;
}

/** CIE 1976 L*a*b*. */
function lab(rgb: Triple): Triple {
  const xyz = times(TO_XYZ, rgb.map((value) => Math.min(1, Math.max(0, value))) as unknown as Triple);
  const [x, y, z] = xyz.map((value, at) => {
    const share = value / (WHITE[at] as number);
    return share > 216 / 24389 ? Math.cbrt(share) : ((24389 / 27) * share + 16) / 116;
  }) as unknown as Triple;
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function distance(a: string, b: string, eyes: Matrix): number {
  const [p, q] = [lab(times(eyes, linear(a))), lab(times(eyes, linear(b)))];
  return Math.hypot(...p.map((value, at) => value - (q[at] as number)));
}

/** Just noticeable is 2.3 (Mahy et al., 1994); patches in a legend and in a bar are far from each other. */
const CLEARLY_DIFFERENT = 20;

const PALETTES: Readonly<Record<string, readonly string[]>> = {
  'layer types': LAYER_GROUPS.map(({ colour }) => colour),
  'parts of a gain': GAIN_PARTS.map(({ colour }) => colour),
  'kinds of sweep': [COLOURS.blue, COLOURS.orange, COLOURS.lightGrey],
};

describe.each(Object.keys(EYES))('with %s eyes', (eyes) => {
  it.each(Object.keys(PALETTES))('the colours of %s are clearly different', (palette) => {
    const colours = PALETTES[palette] ?? [];
    const pairs = colours.flatMap((a, at) => colours.slice(at + 1).map((b) => [a, b] as const));
    for (const [a, b] of pairs)
      expect(distance(a, b, EYES[eyes] as Matrix), `${a} and ${b}`).toBeGreaterThan(CLEARLY_DIFFERENT);
  });
});

it('a red and a green of equal lightness fail the check, which has teeth', () => {
  expect(distance('#D06050', '#7A8A30', EYES.normal as Matrix)).toBeGreaterThan(CLEARLY_DIFFERENT);
  expect(distance('#D06050', '#7A8A30', EYES.deuteranopia as Matrix)).toBeLessThan(CLEARLY_DIFFERENT);
});
