/** How wide a text is in the shipped font, from the font files themselves (OpenType 1.9: `cmap` format 12, `hhea`, `hmtx`, `head`). */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The weights that the theme uses, from a package under the SIL Open Font License. */
const FILES = {
  regular: '@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf',
  semiBold: '@expo-google-fonts/inter/600SemiBold/Inter_600SemiBold.ttf',
} as const;
type Weight = keyof typeof FILES;

/** Weights from here on are drawn semi-bold: the half way between the two. */
const SEMI_BOLD_FROM = 500;

/** Where the shipped font's files are. */
export function fontFiles(): string[] {
  const require = createRequire(import.meta.url);
  return Object.values(FILES).map((file) => require.resolve(file));
}

/** Advance widths of a font's glyphs. */
class FontMetrics {
  readonly #view: DataView;
  readonly #tables = new Map<string, number>();
  readonly #unitsPerEm: number;
  readonly #widths: number;
  /** Start of the character map's groups, and how many there are. */
  readonly #groups: { readonly at: number; readonly count: number };
  readonly #known = new Map<number, number>();

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const view = this.#view;
    for (let at = 12; at < 12 + 16 * view.getUint16(4); at += 16) {
      const tag = String.fromCharCode(...bytes.subarray(at, at + 4));
      this.#tables.set(tag, view.getUint32(at + 8));
    }
    this.#unitsPerEm = view.getUint16(this.#table('head') + 18);
    this.#widths = view.getUint16(this.#table('hhea') + 34);
    this.#groups = this.#findGroups();
  }

  /** Advance width of a character, em; that of the missing glyph for one that the font lacks. */
  advance(codePoint: number): number {
    const known = this.#known.get(codePoint);
    if (known !== undefined) return known;
    // Glyphs behind the last width share it.
    const glyph = Math.min(this.#glyphOf(codePoint), this.#widths - 1);
    const advance = this.#view.getUint16(this.#table('hmtx') + 4 * glyph) / this.#unitsPerEm;
    this.#known.set(codePoint, advance);
    return advance;
  }

  #table(tag: string): number {
    const at = this.#tables.get(tag);
    if (at === undefined) throw new Error(`the shipped font has no table ${tag}`);
    return at;
  }

  #findGroups(): { at: number; count: number } {
    const cmap = this.#table('cmap');
    for (let record = 0; record < this.#view.getUint16(cmap + 2); record++) {
      const at = cmap + this.#view.getUint32(cmap + 4 + 8 * record + 4);
      if (this.#view.getUint16(at) === 12) return { at: at + 16, count: this.#view.getUint32(at + 12) };
    }
    throw new Error('the shipped font has no character map of format 12');
  }

  #glyphOf(codePoint: number): number {
    const { at, count } = this.#groups;
    for (let group = 0; group < count; group++) {
      const start = this.#view.getUint32(at + 12 * group);
      if (codePoint < start) return 0;
      if (codePoint <= this.#view.getUint32(at + 12 * group + 4))
        return this.#view.getUint32(at + 12 * group + 8) + codePoint - start;
    }
    return 0;
  }
}

const loaded = new Map<Weight, FontMetrics>();

function metricsOf(weight: Weight): FontMetrics {
  const known = loaded.get(weight);
  if (known !== undefined) return known;
  const metrics = new FontMetrics(readFileSync(createRequire(import.meta.url).resolve(FILES[weight])));
  loaded.set(weight, metrics);
  return metrics;
}

/**
 * Width of a text in the shipped font: the sum of its glyphs' advances. Kerning, which mostly brings letters closer, is left out.
 * @param fontSize in pixels
 * @param fontWeight as in CSS
 * @returns pixels
 */
export function textWidth(text: string, fontSize: number, fontWeight: number | string = 400): number {
  const isSemiBold = fontWeight === 'bold' || Number(fontWeight) >= SEMI_BOLD_FROM;
  const metrics = metricsOf(isSemiBold ? 'semiBold' : 'regular');
  return (
    [...text].reduce((sum, character) => sum + metrics.advance(character.codePointAt(0) as number), 0) *
    fontSize
  );
}
