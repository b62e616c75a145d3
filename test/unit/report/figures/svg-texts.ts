/** Where the texts of an SVG lie. */
import { textWidth } from '../../../../src/report/figures/text-width.js';

export interface TextBox {
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly isRotated: boolean;
}

/** Of Inter, em: how far letters reach above and below their baseline, brackets included. */
const ASCENT = 0.76;
const DESCENT = 0.2;

const ENTITIES: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"' };

/** Width and height of an SVG that vega wrote. */
export function sizeOf(svg: string): { width: number; height: number } {
  const [, width, height] = /<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(svg) ?? [];
  return { width: Number(width), height: Number(height) };
}

/** The boxes of all texts: groups of vega are moved, texts are moved and may stand upright. */
export function textBoxes(svg: string): TextBox[] {
  const boxes: TextBox[] = [];
  const stack = [{ x: 0, y: 0 }];
  for (const match of svg.matchAll(/<g((?:\s[^>]*?)?)(\/?)>|<\/g>|<text((?:\s[^>]*?)?)>([^<]*)<\/text>/g)) {
    const origin = stack.at(-1) as { x: number; y: number };
    const [whole, group, selfClosing, text, content] = match;
    if (whole === '</g>') stack.pop();
    else if (text === undefined) {
      const moved = translation(group ?? '');
      if (selfClosing !== '/') stack.push({ x: origin.x + moved.x, y: origin.y + moved.y });
    } else boxes.push(boxOf(origin, text, decode(content ?? '')));
  }
  return boxes.filter(({ text }) => text !== '');
}

function decode(text: string): string {
  return text.replaceAll(/&(?:amp|lt|gt|quot);/g, (entity) => ENTITIES[entity] as string);
}

function translation(attributes: string): { x: number; y: number } {
  const [, x, y] = /translate\(([-\d.e]+),([-\d.e]+)\)/.exec(attributes) ?? [];
  return { x: Number(x ?? 0), y: Number(y ?? 0) };
}

function boxOf(origin: { x: number; y: number }, attributes: string, text: string): TextBox {
  const moved = translation(attributes);
  const attribute = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(attributes)?.[1];
  const size = Number.parseFloat(attribute('font-size') ?? '11');
  const width = textWidth(text, size, attribute('font-weight'));
  const anchor = attribute('text-anchor');
  const before = anchor === 'end' ? width : anchor === 'middle' ? width / 2 : 0;
  const [x, y] = [origin.x + moved.x, origin.y + moved.y];
  const isRotated = /rotate\(-90\)/.test(attributes);
  if (/rotate\((?!-90\))/.test(attributes))
    throw new Error(`an angle that the test does not know: ${attributes}`);
  return isRotated
    ? {
        text,
        isRotated,
        left: x - ASCENT * size,
        right: x + DESCENT * size,
        top: y - (width - before),
        bottom: y + before,
      }
    : {
        text,
        isRotated,
        left: x - before,
        right: x + width - before,
        top: y - ASCENT * size,
        bottom: y + DESCENT * size,
      };
}

/** Texts that reach beyond the picture. */
export function cut(
  boxes: readonly TextBox[],
  { width, height }: { width: number; height: number },
): string[] {
  return boxes
    .filter(({ left, right, top, bottom }) => left < 0 || top < 0 || right > width || bottom > height)
    .map(({ text }) => text);
}

/** Pairs of texts that cover each other by more than a pixel both ways; a text and its own rim are none. */
export function overlaps(boxes: readonly TextBox[]): [string, string][] {
  return boxes.flatMap((a, at) =>
    boxes.slice(at + 1).flatMap((b): [string, string][] => {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      const isRim = a.text === b.text && a.left === b.left && a.top === b.top;
      return !isRim && across > 1 && down > 1 ? [[a.text, b.text]] : [];
    }),
  );
}
