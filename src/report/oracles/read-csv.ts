/**
 * Rows of a table of numbers and plain words as records by column name. The oracles' tables hold neither quotes nor commas within a cell.
 */
export function readOracle(csv: string): Readonly<Record<string, string>>[] {
  const [header = '', ...lines] = csv.trim().split('\n');
  const names = header.split(',');
  return lines.map((line) => {
    const cells = line.split(',');
    return Object.fromEntries(names.map((name, at) => [name, cells[at] ?? '']));
  });
}
