/** Sweep files to points: every combination of the axes' values, each held to the schemas as if it had been written out. */
import { type ConfigDocument, parseDocument, problemAt } from '../config/document.js';
import type { ConfigSource } from '../config/machine.js';
import { ConfigurationError, notFound, type Problem, renderPath } from '../config/problem.js';
import { inspect, type Partially } from '../config/validate.js';
import type { SchedulePass } from '../schedule/pass.js';
import type { PointSettings } from '../simulate/part.js';
import { type Axis, type AxisColumn, type Cell, type Choice, expandAxes } from './axes.js';
import { PointResolver } from './point-resolver.js';
import { type SweepConfig, sweepSchema } from './sweep-schema.js';

/** A point of a sweep. */
export interface SweepPoint {
  /** What the columns of the axes show of it. */
  readonly cells: readonly Cell[];
  readonly settings: PointSettings;
}

/** A sweep, resolved. */
export interface Sweep {
  readonly name: string;
  readonly description: string;
  readonly runTime: string;
  readonly axes: readonly Axis[];
  /** Of all axes, in order. */
  readonly columns: readonly AxisColumn[];
  /** The last axis varies fastest. */
  readonly points: readonly SweepPoint[];
}

/** More than anyone simulates; keeps a slip of the finger from filling the memory. */
const MAX_POINTS = 10_000;

/**
 * Reads a sweep by name or path.
 * @param userPasses passes that schedules may name beside those shipped
 * @throws ConfigurationError with everything that is wrong in the file and in what it refers to; a value that makes a machine impossible is named at its place in the sweep file
 */
export function readSweep(
  reference: string,
  source: ConfigSource,
  userPasses: readonly SchedulePass[] = [],
): Sweep {
  const found = source.find('sweep', reference);
  if ('problem' in found) throw new ConfigurationError([notFound(found.problem)]);
  const document = parseDocument(found.text, found.file);
  const { problems, partial } = inspect(sweepSchema, document);
  const sweep = partial as Partially<SweepConfig>;
  const axes = expandAxes(document, sweep, (path, message, of) => {
    problems.push(problemAt(document, path, message, of));
  });
  const resolver = new PointResolver(document, source, userPasses, sweep.base?.set ?? {});
  const count = axes.reduce((product, { choices }) => product * choices.length, 1);
  const points: SweepPoint[] = [];
  if (count > MAX_POINTS)
    problems.push(
      problemAt(document, ['axes'], `${count} points are too many; at most ${MAX_POINTS} are simulated`),
    );
  else if (sweep.base !== undefined && axes.length > 0) {
    const combinations = combine(axes.map(({ choices }) => choices));
    const columns = axes.flatMap((axis) => axis.columns);
    const rows = new Map<string, readonly Choice[]>();
    for (const { choices, settings } of resolver.resolve(combinations)) {
      const cells = cellsOf(columns, choices, settings);
      const row = JSON.stringify(cells.map(String));
      const twin = rows.get(row);
      if (twin !== undefined) problems.push(indistinct(document, choices, twin, cells));
      rows.set(row, choices);
      points.push({ cells, settings });
    }
    // What the file's own check has found at a place is found again in every point.
    const places = new Set(problems.map(placeKey));
    problems.push(...resolver.problems.filter((problem) => !places.has(placeKey(problem))));
  }
  if (problems.length > 0) throw new ConfigurationError(unique(problems));
  const { name, description, runTime } = sweep as SweepConfig;
  return { name, description, runTime, axes, columns: axes.flatMap(({ columns }) => columns), points };
}

/** Every combination of one choice per axis, the last axis fastest. */
function combine(axes: readonly (readonly Choice[])[]): Choice[][] {
  return axes.reduce<Choice[][]>(
    (combinations, choices) => combinations.flatMap((before) => choices.map((choice) => [...before, choice])),
    [[]],
  );
}

function cellsOf(
  columns: readonly AxisColumn[],
  choices: readonly Choice[],
  settings: PointSettings,
): Cell[] {
  const cells = choices.flatMap((choice) => choice.cells);
  return columns.map(({ setting }, index) => {
    // A reference may be a path, which says nothing elsewhere.
    if (setting === 'machine') return settings.machine.name;
    if (setting === 'network') return settings.network.name;
    return cells[index] as Cell;
  });
}

function unique(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()];
}

/** Two points that the tables would show as one: by labels, or by machines or networks of one name. */
function indistinct(
  document: ConfigDocument,
  choices: readonly Choice[],
  twin: readonly Choice[],
  cells: readonly Cell[],
): Problem {
  const index = choices.findIndex((choice, at) => choice !== twin[at]);
  const [later, earlier] = [choices[index] as Choice, twin[index] as Choice];
  return problemAt(
    document,
    later.at,
    `cannot be told from ${renderPath(earlier.at)} in the results, where both are "${cells.join(', ')}"; give one of them another label or name`,
  );
}

function placeKey({ file, line, column }: Problem): string {
  return `${file}:${line}:${column}`;
}
