/** The report of how far the models agree with others: sections of rows, each of which passes or fails, as a Markdown page. */

/** One comparison, ours beside a reference. */
export interface ValidationRow {
  /** A cell per column of its section; the result is added behind them. */
  readonly cells: readonly string[];
  readonly passed: boolean;
}

/** Rows of one kind. */
export interface ValidationSection {
  readonly title: string;
  /** What is compared and what the tolerance is: paragraphs of Markdown. */
  readonly text: string;
  readonly columns: readonly { readonly header: string; readonly align: 'left' | 'right' }[];
  readonly rows: readonly ValidationRow[];
}

const PASS = 'pass';
const FAIL = '**FAIL**';

/** Rows that are out of tolerance, named by their section and cells. */
export function failuresOf(sections: readonly ValidationSection[]): string[] {
  return sections.flatMap(({ title, rows }) =>
    rows.filter(({ passed }) => !passed).map(({ cells }) => `${title}: ${cells.join(', ')}`),
  );
}

/** The page: a summary, then every row. Depends on nothing but the sections. */
export function renderValidation(sections: readonly ValidationSection[]): string {
  const rows = sections.flatMap((section) => section.rows);
  const failed = rows.filter(({ passed }) => !passed).length;
  return [
    '# Validation',
    '',
    'Every row of the reference results, ours beside it. Written by `normcore validate` from runs; edits would be overwritten, and',
    '`normcore validate --check` fails when this page is not what the runs give. What differs by design is in [deviations.md](deviations.md).',
    '',
    '## Summary',
    '',
    failed === 0
      ? `All ${rows.length} rows are within tolerance.`
      : `${failed} of ${rows.length} rows are out of tolerance.`,
    '',
    ...renderMarkdownTable(
      [
        { header: 'section', align: 'left' },
        { header: 'rows', align: 'right' },
        { header: 'within tolerance', align: 'right' },
        { header: 'result', align: 'left' },
      ],
      sections.map((section) => {
        const passed = section.rows.filter((row) => row.passed).length;
        const result = passed === section.rows.length ? PASS : FAIL;
        return [section.title, String(section.rows.length), String(passed), result];
      }),
    ),
    '',
    ...sections.flatMap(renderSection),
  ].join('\n');
}

function renderSection({ title, text, columns, rows }: ValidationSection): string[] {
  return [
    `## ${title}`,
    '',
    text,
    '',
    ...renderMarkdownTable(
      [...columns, { header: 'result', align: 'left' }],
      rows.map(({ cells, passed }) => [...cells, passed ? PASS : FAIL]),
    ),
    '',
  ];
}

function renderMarkdownTable(
  columns: ValidationSection['columns'],
  rows: readonly (readonly string[])[],
): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    line(columns.map(({ header }) => header)),
    line(columns.map(({ align }) => (align === 'right' ? '---:' : '---'))),
    ...rows.map(line),
  ];
}

/** "+0.12 %": how far ours lies from a reference; 0 against 0 is no deviation. */
export function formatDeviation(ours: number, theirs: number): string {
  if (ours === theirs) return '0 %';
  if (theirs === 0) return 'infinite';
  const percent = 100 * (ours / theirs - 1);
  return `${percent < 0 ? '' : '+'}${percent.toFixed(2)} %`;
}
