/** What a sweep leaves in its results folder: tidy tables, and a manifest of what they came from. Functions of the sweep and its outcomes only. */
import {
  type CsvColumn,
  OPERATION_COLUMNS,
  type OperationRow,
  POINT_COLUMNS,
  renderCsv,
} from '../report/csv.js';
import { gainsOver, type PointRow } from '../report/gain.js';
import type { PointSettings } from '../simulate/part.js';
import { canonicalJson, sha256 } from './canonical.js';
import { codeVersion } from './code-version.js';
import { plainSettings } from './keys.js';
import type { StoredOutcome } from './store.js';
import type { Sweep, SweepPoint } from './sweep-file.js';

/** A point with what it came to. */
export interface SweepRow {
  readonly point: SweepPoint;
  readonly outcome: StoredOutcome;
  /** Null where the point failed. */
  readonly result: PointRow | null;
}

/** The schedule that gains are over. */
const BASELINE = 'baseline';

/** Points with their outcomes and their gains over the point that differs by the baseline schedule only, where the sweep has one. */
export function sweepRows(sweep: Sweep, outcomes: readonly StoredOutcome[]): SweepRow[] {
  const baselines = new Map<string, StoredOutcome>();
  const cases = sweep.points.map(({ settings }) => caseOf(settings));
  sweep.points.forEach(({ settings }, index) => {
    if (settings.schedule === BASELINE)
      baselines.set(cases[index] as string, outcomes[index] as StoredOutcome);
  });
  return sweep.points.map((point, index) => {
    const outcome = outcomes[index] as StoredOutcome;
    if ('failure' in outcome) return { point, outcome, result: null };
    const baseline = baselines.get(cases[index] as string);
    const gains =
      baseline === undefined || 'failure' in baseline ? null : gainsOver(baseline.result, outcome.result);
    return { point, outcome, result: { point: outcome.result, gains } };
  });
}

/** Everything about a point but its schedule. */
function caseOf(settings: PointSettings): string {
  const { schedule: _schedule, ...rest } = plainSettings(settings);
  return sha256(canonicalJson(rest));
}

/** `points.csv`: the axes first, a row per point, in the order of the sweep. */
export function renderPoints(sweep: Sweep, rows: readonly SweepRow[]): string {
  const columns: CsvColumn<SweepRow>[] = [
    ...axisColumns<SweepRow>(sweep, (row) => row.point),
    ...POINT_COLUMNS.map(
      ({ header, value }): CsvColumn<SweepRow> => ({
        header,
        value: ({ point, result }) =>
          result === null ? knownOfFailed(header, point.settings) : value(result),
      }),
    ),
    { header: 'failure', value: ({ outcome }) => ('failure' in outcome ? outcome.failure.cause : null) },
  ];
  return renderCsv(distinct(columns), rows);
}

/** `operations.csv`: a row per point and operation; failed points have none. */
export function renderOperations(sweep: Sweep, rows: readonly SweepRow[]): string {
  interface Row extends OperationRow {
    readonly of: SweepPoint;
  }
  const columns: CsvColumn<Row>[] = [...axisColumns<Row>(sweep, (row) => row.of), ...OPERATION_COLUMNS];
  const operations = rows.flatMap(({ point: of, result }): Row[] =>
    result === null
      ? []
      : result.point.operations.map((operation) => ({ of, point: result.point, operation })),
  );
  return renderCsv(distinct(columns), operations);
}

function axisColumns<Row>(sweep: Sweep, pointOf: (row: Row) => SweepPoint): CsvColumn<Row>[] {
  return sweep.columns.map(({ header }, index) => ({
    header,
    value: (row) => {
      const cell = pointOf(row).cells[index] ?? null;
      return typeof cell === 'boolean' ? String(cell) : cell;
    },
  }));
}

/** A column that an axis has already is not repeated. */
function distinct<Row>(columns: readonly CsvColumn<Row>[]): CsvColumn<Row>[] {
  return columns.filter(
    ({ header }, index) => columns.findIndex((other) => other.header === header) === index,
  );
}

/** What a failed point's row still says. */
function knownOfFailed(header: string, settings: PointSettings): string | number | null {
  const { network, machine, schedule, batch } = settings;
  const known: Readonly<Record<string, string | number>> = {
    network: network.name,
    machine: machine.name,
    schedule,
    batch,
  };
  return known[header] ?? null;
}

/**
 * `manifest.json`: the resolved settings of every point with the key of its result, and the hashes of the tables. An entry per line.
 * @param version of the package
 * @param files texts by name
 */
export function renderManifest(
  sweep: Sweep,
  rows: readonly SweepRow[],
  version: string,
  files: Readonly<Record<string, string>>,
): string {
  const networks = new Listing();
  const machines = new Listing();
  const points = rows.map(({ point, outcome }) => {
    const { network, machine, ...settings } = plainSettings(point.settings);
    return {
      key: outcome.key,
      cells: Object.fromEntries(sweep.columns.map(({ header }, index) => [header, point.cells[index]])),
      network: networks.indexOf(network),
      machine: machines.indexOf(machine),
      ...settings,
      ...('failure' in outcome ? { failure: outcome.failure } : {}),
    };
  });
  const { name, description } = sweep;
  const sections: [string, string][] = [
    ['sweep', toLine({ name, description })],
    ['version', toLine(version)],
    ['code', toLine(codeVersion())],
    ['files', toLine(Object.fromEntries(Object.entries(files).map(([file, text]) => [file, sha256(text)])))],
    ['machines', toLines(machines.entries)],
    ['networks', toLines(networks.entries)],
    ['points', toLines(points)],
  ];
  return `{\n${sections.map(([key, text]) => `  ${toLine(key)}: ${text}`).join(',\n')}\n}\n`;
}

/** Entries that points refer to by their place, each once. */
class Listing {
  readonly entries: unknown[] = [];
  readonly #places = new Map<string, number>();

  indexOf(entry: unknown): number {
    const key = canonicalJson(entry);
    const place = this.#places.get(key) ?? this.entries.push(entry) - 1;
    this.#places.set(key, place);
    return place;
  }
}

function toLines(entries: readonly unknown[]): string {
  return `[\n${entries.map((entry) => `    ${toLine(entry)}`).join(',\n')}\n  ]`;
}

/** With the configuration files' word for what JSON has no number for. */
function toLine(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    item === Number.POSITIVE_INFINITY ? 'infinite' : item,
  );
}
