/** Tables of text for people: columns in named groups, units in the header, numbers flush right. */

/** A column of a text table. */
export interface TextColumn {
  /** Name, with its unit where its group's title does not say it. */
  readonly header: string;
  /** Numbers go right, words left. */
  readonly align: 'left' | 'right';
  /** Title above this and the columns beside it that have the same one. */
  readonly group?: string;
}

const GAP = '  ';

/**
 * Draws a table: group titles (where there are any), headers, a rule, the rows.
 *
 * @param rows a cell per column; a missing cell is blank
 * @param footer rows below a second rule: sums
 * @returns lines without trailing blanks, each with a line end
 */
export function renderTextTable(
  columns: readonly TextColumn[],
  rows: readonly (readonly string[])[],
  footer: readonly (readonly string[])[] = [],
): string {
  const widths = columns.map((column, at) =>
    Math.max(column.header.length, ...[...rows, ...footer].map((row) => (row[at] ?? '').length)),
  );
  const spans = groupSpans(columns);
  for (const { title, from, to } of spans) {
    const short = title.length - spanWidth(widths, from, to);
    if (short > 0) widths[from] = (widths[from] as number) + short;
  }
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, at) => {
        const cell = cells[at] ?? '';
        return align === 'right' ? cell.padStart(widths[at] as number) : cell.padEnd(widths[at] as number);
      })
      .join(GAP)
      .trimEnd();
  const rule = '-'.repeat(spanWidth(widths, 0, columns.length));
  const lines: string[] = [];
  if (spans.some(({ title }) => title !== '')) {
    // A title stands over the middle of its columns.
    const titles = spans.map(({ title, from, to }) => {
      const width = spanWidth(widths, from, to);
      return title.padStart(Math.ceil((width + title.length) / 2)).padEnd(width);
    });
    lines.push(titles.join(GAP).trimEnd());
  }
  lines.push(line(columns.map((column) => column.header)), rule, ...rows.map(line));
  if (footer.length > 0) lines.push(rule, ...footer.map(line));
  return `${lines.join('\n')}\n`;
}

interface Span {
  readonly title: string;
  readonly from: number;
  /** Behind the last column. */
  readonly to: number;
}

function groupSpans(columns: readonly TextColumn[]): Span[] {
  const spans: Span[] = [];
  columns.forEach(({ group = '' }, at) => {
    const last = spans.at(-1);
    if (last !== undefined && group !== '' && last.title === group)
      spans[spans.length - 1] = { ...last, to: at + 1 };
    else spans.push({ title: group, from: at, to: at + 1 });
  });
  return spans;
}

function spanWidth(widths: readonly number[], from: number, to: number): number {
  return widths.slice(from, to).reduce((sum, width) => sum + width, 0) + GAP.length * (to - from - 1);
}

/**
 * Decimals that numbers to be compared are written with: one, or as many as give the largest of them four digits.
 */
export function decimalsFor(values: readonly (number | null)[]): number {
  const largest = Math.max(0, ...values.map((value) => Math.abs(value ?? 0)));
  if (largest === 0 || !Number.isFinite(largest)) return 1;
  return Math.min(9, Math.max(1, 4 - Math.ceil(Math.log10(largest))));
}

/** Writes a column's numbers with the same number of decimals (see `decimalsFor`). Null becomes a dash. */
export function formatColumn(
  values: readonly (number | null)[],
  decimals: number = decimalsFor(values),
): string[] {
  return values.map((value) => (value === null ? '-' : formatFixed(value, decimals)));
}

/** `toFixed` without a minus sign before a zero. */
export function formatFixed(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace('-', '') : text;
}
