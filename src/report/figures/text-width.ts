/** How wide a text is without anything to measure it with. */

/** Widths in Inter's regular weight by kind of character (em), each rounded up to that of the widest of its kind that texts of figures have. */
const WIDTHS: readonly (readonly [characters: RegExp, em: number])[] = [
  [/[ijlI.,:;|'’!·\s()[\]⁰¹²³⁴⁵⁶⁷⁸⁹⁻]/u, 0.4],
  [/[mwMW%—]/u, 0.95],
  [/[A-Z+−=×~<>@]/u, 0.77],
];
const OTHER_EM = 0.65;

/**
 * Estimated width of a text, a little above the true one so that nothing that makes room for the text by it cuts it.
 * @param fontSize in pixels
 * @returns pixels
 */
export function estimateTextWidth(text: string, fontSize: number): number {
  const ems = [...text].map(
    (character) => WIDTHS.find(([characters]) => characters.test(character))?.[1] ?? OTHER_EM,
  );
  return fontSize * ems.reduce((sum, em) => sum + em, 0);
}
