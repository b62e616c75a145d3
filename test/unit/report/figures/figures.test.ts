/** What holds for every figure, drawn from made-up results. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { EDGE_VARIANTS } from '../../../../src/bound/edge.js';
import { FIGURES } from '../../../../src/report/figures/registry.js';
import { renderSvg } from '../../../../src/report/figures/render.js';
import { FIGURE_ENDINGS, renderFigure } from '../../../../src/report/figures/render-figure.js';
import { drawMadeUp } from './made-up.js';
import { cut, overlaps, sizeOf, textBoxes } from './svg-texts.js';

/** Columns that hold words or counts: they have no unit. */
const WITHOUT_UNIT = new Set([
  'channels',
  'network',
  'machine',
  'schedule',
  'pass',
  'layer_type',
  'operation',
  'cores',
]);
const UNIT = /_(ms|GB|GFLOP|GFLOP_per_s|GB_per_s|FLOP_per_byte|percent|sweeps|images|MiB)$/;

/** Values of all keys of a name, anywhere in a specification. */
function valuesOf(spec: unknown, key: string): unknown[] {
  if (typeof spec !== 'object' || spec === null) return [];
  return Object.entries(spec).flatMap(([name, value]) =>
    name === key ? [value] : name === 'values' ? [] : valuesOf(value, key),
  );
}

describe.each(FIGURES.map((figure) => [figure.name, figure] as const))('the figure %s', (name, figure) => {
  const content = drawMadeUp(figure);
  let files: Awaited<ReturnType<typeof renderFigure>> = {};
  beforeAll(async () => {
    files = await renderFigure(name, content);
  });

  it('is the same to the byte when it is drawn again, in all its files', async () => {
    const again = await renderFigure(name, drawMadeUp(figure));
    expect(Object.keys(files)).toEqual(FIGURE_ENDINGS.map((ending) => `${name}.${ending}`));
    for (const [file, bytes] of Object.entries(files))
      expect(Buffer.from(bytes).equals(Buffer.from(again[file] ?? '')), file).toBe(true);
  });

  it.each([0.02, 1, 30])(
    'has its texts in the picture and none over another, at times x %d',
    async (scale) => {
      const svg =
        scale === 1 ? String(files[`${name}.svg`]) : await renderSvg(drawMadeUp(figure, scale).spec);
      const boxes = textBoxes(svg);
      expect(boxes.length).toBeGreaterThan(10);
      expect(cut(boxes, sizeOf(svg))).toEqual([]);
      expect(overlaps(boxes)).toEqual([]);
    },
  );

  it('has a unit on every axis, or counts something', () => {
    const titles = valuesOf(content.spec, 'axis')
      .flatMap((axis) => valuesOf(axis, 'title'))
      .filter((title) => title !== null && title !== undefined);
    expect(titles.length).toBeGreaterThan(0);
    for (const title of titles)
      expect(title).toMatch(
        /\((ms|GB|GB\/s|GFLOP\/s|FLOP per DRAM byte|%|sweeps|multiples of one feature map|images|MiB)\)$|^(cores|memory channels of the chip)$/,
      );
  });

  it('has units in the headers of its table, and a number or word in each cell', () => {
    const [header = '', ...lines] = content.csv.trimEnd().split('\n');
    for (const column of header.split(','))
      expect(WITHOUT_UNIT.has(column) || UNIT.test(column), column).toBe(true);
    expect(lines.length).toBeGreaterThan(0);
  });

  it('has its data and its look in the specification', async () => {
    const spec = JSON.parse(String(files[`${name}.vl.json`]));
    expect(spec.$schema).toContain('vega-lite/v6');
    expect(spec.config.font).toContain('Inter');
    expect(JSON.stringify(spec)).not.toContain('"url"');
    expect(await renderSvg(spec)).toBe(files[`${name}.svg`]);
  });
});

it('the page on figures names each of them once in its table', () => {
  const page = readFileSync(new URL('../../../../docs/figures.md', import.meta.url), 'utf8');
  const named = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map((found) => found[1]);
  expect(named).toEqual(FIGURES.map(({ name }) => name));
});

it('figures have names of their own, in kebab case', () => {
  const names = FIGURES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
});

it('the sweeps of the edge are those that were measured, with a row per variant and pass', () => {
  const figure = FIGURES.find(({ name }) => name === 'edge-sweeps');
  if (figure === undefined) throw new Error('edge-sweeps is missing');
  const lines = drawMadeUp(figure).csv.trimEnd().split('\n').slice(1);
  expect(lines.length).toBe(2 * EDGE_VARIANTS.length);
  // Baseline forward: 8 sweeps are counted, of which the made-up edge reads three quarters.
  expect(lines[0]).toBe(`baseline,forward,${8 * 0.75},${8 * 0.25},1,8`);
});

describe('the check of texts', () => {
  const svg = (texts: string) =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="50"><g transform="translate(10,5)">${texts}</g></svg>`;
  const text = (x: number, words: string, anchor = 'start') =>
    `<text text-anchor="${anchor}" transform="translate(${x},20)" font-size="10px">${words}</text>`;
  const check = (texts: string) => {
    const boxes = textBoxes(svg(texts));
    return { cut: cut(boxes, sizeOf(svg(texts))), overlaps: overlaps(boxes) };
  };

  it('passes texts that stand apart in the picture, and a text on its own rim', () => {
    expect(check(text(0, 'left') + text(100, 'right') + text(100, 'right'))).toEqual({
      cut: [],
      overlaps: [],
    });
  });

  it('finds a text that is cut at either side or below', () => {
    expect(check(text(180, 'too far right')).cut).toEqual(['too far right']);
    expect(check(text(0, 'too far left', 'end')).cut).toEqual(['too far left']);
    expect(check(text(0, 'low').replace('0,20', '0,44')).cut).toEqual(['low']);
    const upright = text(0, 'a long title on the axis').replace('0,20)', '0,20) rotate(-90)');
    expect(check(upright).cut).toEqual(['a long title on the axis']);
  });

  it('finds texts that run into one another', () => {
    expect(check(text(0, 'overlapping') + text(30, 'words')).overlaps).toEqual([['overlapping', 'words']]);
  });
});
