/** The files of a figure. */
import type { FigureContent } from './figure.js';
import { renderPng, renderSvg } from './render.js';
import { THEME } from './theme.js';

/** Endings of a figure's files: picture, picture, table, specification. */
export const FIGURE_ENDINGS = ['svg', 'png', 'csv', 'vl.json'] as const;

/**
 * Draws a figure.
 * @returns contents by file name; the specification has the theme in it, so that other vega-lite tools draw the same picture
 * @throws Error where vega-lite has a complaint
 */
export async function renderFigure(
  name: string,
  { csv, spec }: FigureContent,
): Promise<Readonly<Record<string, string | Uint8Array>>> {
  const svg = await renderSvg(spec);
  return {
    [`${name}.svg`]: svg,
    [`${name}.png`]: await renderPng(svg),
    [`${name}.csv`]: csv,
    [`${name}.vl.json`]: `${JSON.stringify({ ...spec, config: THEME }, null, 1)}\n`,
  };
}
