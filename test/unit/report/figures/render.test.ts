import { describe, expect, it } from 'vitest';
import { renderPng, renderSvg } from '../../../../src/report/figures/render.js';
import { estimateTextWidth } from '../../../../src/report/figures/text-width.js';
import { encloseByPowersOfTen } from '../../../../src/report/figures/theme.js';

const figure = (title: string) => ({
  data: { values: [1, 2, 3].map((x) => ({ x, y: x * x, of: 'squares' })) },
  title,
  mark: { type: 'line' as const, clip: true },
  encoding: {
    x: { field: 'x', type: 'quantitative' as const },
    y: { field: 'y', type: 'quantitative' as const },
    color: { field: 'of', type: 'nominal' as const },
  },
});

/** Width and height from a PNG's header (PNG specification, 11.2.1). */
function sizeOf(png: Uint8Array): { width: number; height: number } {
  const view = new DataView(png.buffer, png.byteOffset);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

describe('a figure', () => {
  it('is the same to the byte when repeated, clip paths included, one after the other or at once', async () => {
    const first = await renderSvg(figure('a'));
    const other = renderSvg(figure('b'));
    expect(await renderSvg(figure('a'))).toBe(first);
    expect(await other).not.toBe(first);
    expect(first).toContain('clip-path');
    expect(await renderPng(first)).toEqual(await renderPng(first));
  });

  it('as PNG has two pixels for each unit of the SVG', async () => {
    const svg = await renderSvg(figure('a'));
    const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(svg) ?? [];
    expect(sizeOf(await renderPng(svg))).toEqual({ width: 2 * Number(width), height: 2 * Number(height) });
  });

  it('as PNG has its texts: without them it looks different', async () => {
    const svg = await renderSvg(figure('a title'));
    const silent = svg.replaceAll(/<text[^>]*>[^<]*<\/text>/g, '');
    expect(silent).not.toBe(svg);
    const drawn = await renderPng(svg);
    expect(drawn.length).toBeGreaterThan((await renderPng(silent)).length);
  });

  it('is wide enough for a long legend', async () => {
    const long = 'the quick brown fox jumps over the lazy dog '.repeat(3);
    const spec = figure('a');
    const values = spec.data.values.map((value) => ({ ...value, of: long }));
    const widthOf = (svg: string) => Number(/width="(\d+)"/.exec(svg)?.[1]);
    const gained = widthOf(await renderSvg({ ...spec, data: { values } })) - widthOf(await renderSvg(spec));
    // Inter's lower case is 0.55 em wide on average; the theme's legends have 12 pixels to the em.
    expect(gained).toBeGreaterThan((long.length - 'squares'.length) * 0.55 * 12 * 0.9);
  });

  it('that vega-lite complains about is refused, and does not stop the next one', async () => {
    const spec = figure('a');
    const odd = { ...spec, encoding: { ...spec.encoding, nothing: { field: 'x' } } };
    await expect(renderSvg(odd as never)).rejects.toThrow('figure: ');
    expect(await renderSvg(spec)).toContain('<svg');
  });
});

describe('the estimated width of a text', () => {
  it('grows with the font and with every character', () => {
    expect(estimateTextWidth('', 12)).toBe(0);
    expect(estimateTextWidth('abc', 24)).toBeCloseTo(2 * estimateTextWidth('abc', 12), 9);
    expect(estimateTextWidth('Wa', 12)).toBeGreaterThan(estimateTextWidth('ia', 12));
  });
});

describe('a logarithmic axis', () => {
  it('goes from the power of ten below to the one above', () => {
    const { scale, ticks } = encloseByPowersOfTen([3e-4, 0.02, 5]);
    expect(scale.domain).toEqual([1e-4, 10]);
    expect(ticks.values).toEqual([1e-4, 1e-3, 1e-2, 1e-1, 1, 10]);
    expect(ticks.labelExpr).toContain('"-4":"10⁻⁴"');
  });

  it('ends at values that are powers themselves', () => {
    expect(encloseByPowersOfTen([1e-11, 1e5]).scale.domain).toEqual([1e-11, 1e5]);
  });
});
