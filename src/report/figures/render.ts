/** Figures as SVG and PNG without a browser or a canvas. The libraries are loaded when the first figure is drawn: they would make every command start late. */
import type { TopLevelSpec } from 'vega-lite';
import { fontFiles, textWidth } from './text-width.js';
import { FONT_FAMILY, THEME } from './theme.js';

/** Pixels of a PNG per unit of the SVG: sharp on screens of double density. */
const PNG_SCALE = 2;

/** What vega takes where a text has no size of its own. */
const DEFAULT_FONT_SIZE = 11;

/** What vega measures texts with, which its typings leave out. */
interface WithTextMetrics {
  readonly textMetrics: {
    width: (
      item: { readonly fontSize?: number; readonly fontWeight?: number | string },
      text: unknown,
    ) => number;
  };
}

let previous: Promise<unknown> = Promise.resolve();

/**
 * Draws a figure. The same specification gives the same bytes, however often and in whatever order figures are drawn.
 * @param spec vega-lite with its data in it; settings that it lacks are the theme's
 * @returns the text of an SVG file
 * @throws Error where vega-lite has a complaint: a figure that is drawn in spite of one lacks something
 */
export function renderSvg(spec: TopLevelSpec): Promise<string> {
  // Vega numbers clip paths by a counter that all figures of a process share: one figure at a time, each from 0.
  const figure = previous.then(() => renderAlone(spec));
  previous = figure.catch(() => undefined);
  return figure;
}

async function renderAlone(spec: TopLevelSpec): Promise<string> {
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')]);
  const complaints: string[] = [];
  const logger = vega.logger(vega.Warn, 'warn', (_method, _level, words) => {
    complaints.push([...words].join(' '));
  });
  const compiled = vegaLite.compile(spec, { config: THEME, logger: logger }).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: 'none', logger: logger });
  try {
    vega.resetSVGDefIds();
    (vega as unknown as WithTextMetrics).textMetrics.width = (item, text) =>
      textWidth(String(text), item.fontSize ?? DEFAULT_FONT_SIZE, item.fontWeight);
    const svg = await view.toSVG();
    if (complaints.length > 0) throw new Error(`figure: ${complaints.join('; ')}`);
    return `${svg}\n`;
  } finally {
    view.finalize();
  }
}

/**
 * Draws an SVG as a PNG with the shipped font, whatever fonts the host has.
 * @param svg text of an SVG file whose texts are in the theme's font
 * @returns the bytes of a PNG file, {@link PNG_SCALE} pixels per unit
 * @throws Error where the text is no SVG
 */
export async function renderPng(svg: string): Promise<Uint8Array> {
  const { Resvg } = await import('@resvg/resvg-js');
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: PNG_SCALE },
    font: {
      fontFiles: fontFiles(),
      loadSystemFonts: false,
      defaultFontFamily: FONT_FAMILY,
      sansSerifFamily: FONT_FAMILY,
    },
  });
  return image.render().asPng();
}
