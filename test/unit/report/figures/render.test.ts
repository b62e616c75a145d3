import { describe, expect, it } from 'vitest';
import { renderPng, renderSvg } from '../../../../src/report/figures/render.js';
import { fontFiles, textWidth } from '../../../../src/report/figures/text-width.js';
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
    const size = 12; // of the theme's legends
    // Both widths are rounded to whole pixels.
    expect(gained).toBeGreaterThanOrEqual(textWidth(long, size) - textWidth('squares', size) - 1);
  });

  it('that vega-lite complains about is refused, and does not stop the next one', async () => {
    const spec = figure('a');
    const odd = { ...spec, encoding: { ...spec.encoding, nothing: { field: 'x' } } };
    await expect(renderSvg(odd as never)).rejects.toThrow('figure: ');
    expect(await renderSvg(spec)).toContain('<svg');
  });
});

describe('the width of a text', () => {
  it('grows with the font and with every character', () => {
    expect(textWidth('', 12)).toBe(0);
    expect(textWidth('abc', 24)).toBeCloseTo(2 * textWidth('abc', 12), 9);
    expect(textWidth('abcd', 12)).toBeCloseTo(textWidth('abc', 12) + textWidth('d', 12), 9);
    expect(textWidth('Wa', 12)).toBeGreaterThan(textWidth('ia', 12));
  });

  it('is greater in semi-bold', () => {
    expect(textWidth('schedule', 12, 600)).toBeGreaterThan(textWidth('schedule', 12));
  });

  it('is the one that is drawn', async () => {
    // A row of zeros, which do not kern, as black ink between two bars: its extent is that of the advances, but for what a zero leaves free at its sides.
    const text = '0'.repeat(40);
    const size = 20;
    const [margin, ink] = [10, await inkOf(text, size, 10)];
    const width = textWidth(text, size);
    const sides = textWidth('0', size) * 0.2;
    expect(ink.left).toBeGreaterThanOrEqual(margin);
    expect(ink.left).toBeLessThan(margin + sides);
    expect(ink.right).toBeLessThanOrEqual(margin + width);
    expect(ink.right).toBeGreaterThan(margin + width - sides);
  });
});

/** Left and right end of a drawn text, in units of the SVG. */
async function inkOf(text: string, size: number, x: number): Promise<{ left: number; right: number }> {
  const width = 1000;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="40"><text x="${x}" y="30" font-family="Inter" font-size="${size}px">${text}</text></svg>`;
  const { Resvg } = await import('@resvg/resvg-js');
  const image = new Resvg(svg, {
    font: { fontFiles: fontFiles(), loadSystemFonts: false, defaultFontFamily: 'Inter' },
  }).render();
  const { pixels } = image;
  const columns = Array.from({ length: width }, (_, column) => column).filter((column) =>
    Array.from({ length: 40 }, (_, row) => row).some(
      (row) => (pixels[(row * width + column) * 4 + 3] as number) > 60,
    ),
  );
  return { left: columns[0] as number, right: (columns.at(-1) as number) + 1 };
}

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
