/** Axes and lists of a sweep file as columns of the results and as settings to lay over the base. */
import { type ConfigDocument, isMapping, type PlaceTree, placeOf } from '../config/document.js';
import { machineSchema } from '../config/machine-schema.js';
import type { Path } from '../config/problem.js';
import { listSettings } from '../config/schema.js';
import { didYouMean } from '../config/suggest.js';
import { type Dimension, INFINITE, parseQuantity, UNITS } from '../config/units.js';
import { inspect, type Partially } from '../config/validate.js';
import { type AxisConfig, type Bundle, bundleSchema, pointSchema, type SweepConfig } from './sweep-schema.js';

/** What a column shows of a point. */
export type Cell = string | number | boolean | null;

/** A setting that a choice gives a value of its own. */
export interface Assignment {
  /** `['machine', 'core', 'frequency']`. */
  readonly setting: readonly string[];
  readonly value: unknown;
  /** Where the value and the setting's path were written. */
  readonly places: PlaceTree;
}

/** One value of an axis, or of several that are linked; or one point of a list. */
export interface Choice {
  readonly cells: readonly Cell[];
  readonly assignments: readonly Assignment[];
  /** Where it stands in the sweep file. */
  readonly at: Path;
}

/** What an axis adds to the results and to the points. */
export interface Axis {
  readonly columns: readonly AxisColumn[];
  readonly choices: readonly Choice[];
}

export interface AxisColumn {
  /** Name with the unit behind. */
  readonly header: string;
  /** The setting that its cells are values of; null for labels. */
  readonly setting: string | null;
}

type Report = (path: Path, message: string, of?: 'value' | 'key') => void;

/** The axes of a sweep; of a list of points, one. What is wrong is reported and left out. */
export function expandAxes(document: ConfigDocument, sweep: Partially<SweepConfig>, report: Report): Axis[] {
  const { axes, points } = sweep;
  const has = (key: string): boolean => Object.hasOwn(document.data, key);
  if (has('axes') === has('points')) {
    report(
      [has('axes') ? 'points' : 'axes'],
      has('axes') ? 'goes with no axes: give one or the other' : 'is missing: axes, or a list of points',
      'key',
    );
  }
  for (const [key, list] of Object.entries({ axes, points }))
    if (list?.length === 0) report([key], 'at least one entry is expected; the list is empty');
  const expanded =
    points === undefined
      ? (axes ?? []).flatMap(
          (axis, index) => expandAxis(document, axis as Partially<AxisConfig>, ['axes', index], report) ?? [],
        )
      : [expandList(document, points, report)];
  const seen = new Set<string>();
  for (const { columns, choices } of expanded) {
    for (const { header } of columns) {
      if (seen.has(header))
        report(
          (choices[0]?.at ?? []).slice(0, 2),
          `there is a column "${header}" already; give one of them another name`,
        );
      seen.add(header);
    }
  }
  return expanded;
}

function expandAxis(
  document: ConfigDocument,
  axis: Partially<AxisConfig> | undefined,
  at: Path,
  report: Report,
): Axis | undefined {
  if (axis === undefined) return undefined;
  const linked = axis.linked as readonly (Partially<AxisConfig> | undefined)[] | undefined;
  if (linked === undefined) return expandSingle(document, axis, at, report);
  for (const key of ['path', 'name', 'unit', 'values'] as const)
    if (axis[key] !== undefined) report([...at, key], 'belongs into one of the linked axes', 'key');
  if (linked.length < 2)
    report([...at, 'linked'], 'at least two axes are expected; one alone is linked to nothing');
  const members = linked.map((member, index) =>
    member === undefined ? undefined : expandSingle(document, member, [...at, 'linked', index], report),
  );
  if (members.some((member) => member === undefined)) return undefined;
  const whole = members as Axis[];
  const length = whole[0]?.choices.length ?? 0;
  const odd = whole.findIndex(({ choices }) => choices.length !== length);
  if (odd >= 0) {
    const count = whole[odd]?.choices.length;
    report(
      [...at, 'linked', odd, 'values'],
      `${count} values are linked to ${length} of the first axis; as many are expected`,
    );
    return undefined;
  }
  return {
    columns: whole.flatMap(({ columns }) => columns),
    choices: Array.from({ length }, (_, index): Choice => {
      const parts = whole.map(({ choices }) => choices[index] as Choice);
      return {
        cells: parts.flatMap(({ cells }) => cells),
        assignments: parts.flatMap(({ assignments }) => assignments),
        at: parts[0]?.at ?? at,
      };
    }),
  };
}

function expandSingle(
  document: ConfigDocument,
  { path, name, unit, values }: Partially<AxisConfig>,
  at: Path,
  report: Report,
): Axis | undefined {
  if (values === undefined) {
    const given = mappingAt(document, at);
    if (!Object.hasOwn(given, 'values') && !Object.hasOwn(given, 'linked'))
      report([...at, 'values'], 'is missing: the values of the axis', 'key');
    return undefined;
  }
  if (values.length === 0) report([...at, 'values'], 'at least one value is expected; the list is empty');
  if (path === undefined && name === undefined) {
    report(at, 'an axis has a path (a setting), or a name (for labelled values)', 'key');
    return undefined;
  }
  const dimension = path === undefined ? undefined : dimensionOf(path);
  const shown = unit ?? (dimension === undefined ? undefined : DISPLAY_UNITS[dimension]);
  if (dimension !== undefined && shown !== undefined && !Object.hasOwn(UNITS[dimension], shown)) {
    const units = Object.keys(UNITS[dimension]);
    report(
      [...at, 'unit'],
      `${path} has no unit "${shown}".${didYouMean(shown, units)} Allowed: ${units.join(', ')}`,
    );
    return undefined;
  }
  const header = headerOf(name ?? path ?? '', shown);
  const choices = values.flatMap((value, index): Choice[] => {
    const place = [...at, 'values', index];
    if (isMapping(value)) {
      const bundle = readBundle(document, place, report);
      return bundle === undefined
        ? []
        : [{ cells: [labelCell(bundle.label, unit)], assignments: bundle.assignments, at: place }];
    }
    if (path === undefined) {
      report(
        place,
        `a value of an axis without a path needs a label and the settings it stands for: {label: ..., set: {...}}`,
      );
      return [];
    }
    if (Array.isArray(value)) {
      report(place, 'a single value is expected, not a list');
      return [];
    }
    const cell = settingCell(value as Cell, dimension, shown);
    return [
      { cells: [cell], assignments: [assign(document, path, value, [...at, 'path'], place)], at: place },
    ];
  });
  return { columns: [{ header, setting: path ?? null }], choices };
}

function readBundle(
  document: ConfigDocument,
  at: Path,
  report: Report,
): { label: Bundle['label']; assignments: Assignment[] } | undefined {
  const { problems, partial } = inspect(bundleSchema, {
    file: document.file,
    data: mappingAt(document, at),
    places: treeAt(document, at),
  });
  for (const { path, message } of problems) report([...at, ...splitPath(path)], message, 'key');
  const { label, set } = partial as Partially<Bundle>;
  if (label === undefined || set === undefined) return undefined;
  return { label: label as Bundle['label'], assignments: assignAll(document, [...at, 'set'], set) };
}

/** A list of points is an axis with a column per setting. */
function expandList(
  document: ConfigDocument,
  points: Partially<SweepConfig>['points'],
  report: Report,
): Axis {
  const settings = [...new Set((points ?? []).flatMap((point) => Object.keys(point ?? {})))];
  const choices = (points ?? []).flatMap((point, index): Choice[] => {
    if (point === undefined) return [];
    const at = ['points', index];
    const missing = settings.filter((setting) => !Object.hasOwn(point, setting));
    if (missing.length > 0) {
      report(
        at,
        `does not set ${missing.join(', ')}, which other points of the list do; every point sets the same settings`,
      );
      return [];
    }
    const cells = settings.map((setting) => {
      const value = point[setting];
      const dimension = dimensionOf(setting);
      if (isMapping(value) || Array.isArray(value)) {
        report(
          [...at, setting],
          'a single value is expected in a list of points; write its settings one by one',
        );
        return null;
      }
      return settingCell(value as Cell, dimension, dimension && DISPLAY_UNITS[dimension]);
    });
    return [{ cells, assignments: assignAll(document, at, point), at }];
  });
  const columns = settings.map((setting): AxisColumn => {
    const dimension = dimensionOf(setting);
    return { header: headerOf(setting, dimension && DISPLAY_UNITS[dimension]), setting };
  });
  return { columns, choices };
}

/** The assignments of a mapping from paths to values. */
export function assignAll(
  document: ConfigDocument,
  at: Path,
  set: Readonly<Record<string, unknown>>,
): Assignment[] {
  return Object.entries(set).map(([setting, value]) => ({
    setting: setting.split('.'),
    value,
    places: treeAt(document, [...at, setting]),
  }));
}

function assign(document: ConfigDocument, setting: string, value: unknown, key: Path, at: Path): Assignment {
  const tree = treeAt(document, at);
  return { setting: setting.split('.'), value, places: { ...tree, key: placeOf(document, key) } };
}

/** `bandwidth_GB_per_s`, as all columns of the results have their units. */
function headerOf(name: string, unit: string | undefined): string {
  return unit === undefined ? name : `${name}_${unit.replaceAll('/', '_per_')}`;
}

/** Units in which the results show settings, unless an axis names another. */
const DISPLAY_UNITS: Readonly<Record<Dimension, string>> = {
  bytes: 'KiB',
  frequency: 'GHz',
  time: 'ns',
  bandwidth: 'GB/s',
  cycles: 'cycles',
};

let settings: ReadonlyMap<string, string> | undefined;

/** Every setting that an axis can have, by its path, with its type (see `SettingRow`). */
export function knownSettings(): ReadonlyMap<string, string> {
  settings ??= new Map([
    ...listSettings(pointSchema).map(({ path, type }): [string, string] => [path, type]),
    ...listSettings(machineSchema)
      .filter(({ path }) => path !== 'extends')
      .flatMap(({ path, type }): [string, string][] => {
        const setting = `machine.${path.replaceAll(/\(kind: [^)]*\)/g, '')}`;
        // What tells variants apart is none of their settings in a list.
        return type === 'variant'
          ? [
              [setting, type],
              [`${setting}.kind`, 'word'],
            ]
          : [[setting, type]];
      }),
  ]);
  return settings;
}

/** What a setting measures, if it has a unit. */
function dimensionOf(path: string): Dimension | undefined {
  const type = knownSettings().get(path);
  return type !== undefined && Object.hasOwn(DISPLAY_UNITS, type) ? (type as Dimension) : undefined;
}

/** A quantity as a number in the column's unit; what is no quantity is refused with the machine. */
function settingCell(value: Cell, dimension: Dimension | undefined, unit: string | undefined): Cell {
  if (dimension === undefined || unit === undefined) return value;
  const result = parseQuantity(value, dimension);
  return 'value' in result ? inUnit(result.value, UNITS[dimension][unit] as number) : value;
}

/** Without the dust of binary fractions. */
function inUnit(value: number, factor: number): number {
  return Number((value / factor).toPrecision(12));
}

/** A label under a unit is a number, however it is written. */
function labelCell(label: string | number, unit: string | undefined): Cell {
  return unit !== undefined && label === INFINITE ? Number.POSITIVE_INFINITY : label;
}

function treeAt(document: ConfigDocument, at: Path): PlaceTree {
  let tree = document.places;
  for (const step of at) tree = tree.children.get(step) ?? tree;
  return tree;
}

function mappingAt(document: ConfigDocument, at: Path): Record<string, unknown> {
  let value: unknown = document.data;
  for (const step of at) value = (value as Record<string | number, unknown>)[step];
  return isMapping(value) ? value : {};
}

/** Steps of a rendered path without indices, as bundles have them. */
function splitPath(path: string): string[] {
  return path === '' ? [] : path.split('.');
}
