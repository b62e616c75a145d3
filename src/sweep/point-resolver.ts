/** Lays the values of axes over the base of a sweep file and resolves what comes out; says what is wrong at the place in the sweep file that it comes from. */
import {
  type ConfigDocument,
  mergeDocuments,
  type Place,
  type PlaceTree,
  problemAt,
} from '../config/document.js';
import { type ConfigSource, machineFromDocument, openMachine } from '../config/machine.js';
import { ConfigurationError, type Path, type Problem, renderPath } from '../config/problem.js';
import { didYouMean } from '../config/suggest.js';
import { inspect, type Partially } from '../config/validate.js';
import type { MachineSpec } from '../machine/spec.js';
import type { Network } from '../network/layers.js';
import { parseNetwork } from '../network/parse.js';
import { resolveSchedule } from '../schedule/apply.js';
import { UnknownScheduleError } from '../schedule/errors.js';
import type { SchedulePass } from '../schedule/pass.js';
import type { PointSettings } from '../simulate/part.js';
import { type Assignment, assignAll, type Choice, knownSettings } from './axes.js';
import { canonicalJson, sha256 } from './canonical.js';
import { hashSettings } from './keys.js';
import { type PointConfig, pointSchema } from './sweep-schema.js';

/** A combination that is a point. */
export interface Resolved {
  readonly choices: readonly Choice[];
  readonly settings: PointSettings;
}

/** A problem of some combinations, to be said once. */
interface Finding {
  readonly problem: Found;
  readonly combinations: (readonly Choice[])[];
}

/** Resolves combinations of choices; what points have in common is read once. */
export class PointResolver {
  /** What is wrong with any combination, each thing once. */
  readonly problems: Problem[] = [];
  readonly #document: ConfigDocument;
  readonly #source: ConfigSource;
  readonly #userPasses: readonly SchedulePass[];
  readonly #baseSet: readonly Assignment[];
  /** Places in the sweep file that settings were taken from, and what to call them. */
  readonly #origins = new Map<string, string>();
  readonly #machines = new Map<string, Outcome<MachineSpec>>();
  readonly #networks = new Map<string, Outcome<Network>>();

  constructor(
    document: ConfigDocument,
    source: ConfigSource,
    userPasses: readonly SchedulePass[],
    baseSet: Readonly<Record<string, unknown>>,
  ) {
    this.#document = document;
    // What a sweep file refers to is relative to it.
    this.#source = { find: (kind, reference, from) => source.find(kind, reference, from ?? document.file) };
    this.#userPasses = userPasses;
    this.#baseSet = assignAll(document, ['base', 'set'], baseSet);
    this.#note(document.places, []);
  }

  /** Resolves combinations; those with something wrong are left out, see `problems`. */
  resolve(combinations: readonly (readonly Choice[])[]): Resolved[] {
    const findings = new Map<string, Finding>();
    const resolved: Resolved[] = [];
    const keys = new Map<string, readonly Choice[]>();
    for (const choices of combinations) {
      const outcome = this.#resolveOne(choices);
      if ('problems' in outcome) {
        for (const problem of outcome.problems) {
          const key = JSON.stringify(problem);
          const finding = findings.get(key) ?? { problem, combinations: [] };
          finding.combinations.push(choices);
          findings.set(key, finding);
        }
        continue;
      }
      const key = sha256(`${hashSettings(outcome.value)} ${canonicalJson([outcome.value.machine.name])}`);
      const twin = keys.get(key);
      if (twin !== undefined) this.#reportTwin(choices, twin);
      else resolved.push({ choices, settings: outcome.value });
      keys.set(key, choices);
    }
    for (const finding of findings.values()) this.problems.push(this.#place(finding, combinations));
    return resolved;
  }

  #reportTwin(choices: readonly Choice[], twin: readonly Choice[]): void {
    const differing = choices.findLast((choice, index) => choice !== twin[index]) as Choice;
    const other = twin[choices.indexOf(differing)] as Choice;
    this.problems.push(
      problemAt(
        this.#document,
        differing.at,
        `gives the same points as ${renderPath(other.at)}; leave one of them out`,
      ),
    );
  }

  #resolveOne(choices: readonly Choice[]): Outcome<PointSettings> {
    const given = [...this.#baseSet, ...choices.flatMap((choice) => choice.assignments)];
    const unknown = given.filter(({ setting }) => !knownSettings().has(setting.join('.')));
    const known = given.filter((assignment) => !unknown.includes(assignment));
    const assignments = known.filter((assignment) => !this.#baseSet.includes(assignment));
    const clash = this.#findClash(assignments);
    if (clash !== undefined) return { problems: [clash] };
    const isMachines = ({ setting }: Assignment): boolean => setting.length > 1 && setting[0] === 'machine';
    const { set: _set, ...base } = this.#document.data.base as Record<string, unknown>;
    const document = overlay(
      { file: this.#document.file, data: base, places: treeOf(this.#document, 'base') },
      assignments.filter((assignment) => !isMachines(assignment)),
    );
    const { problems, partial } = inspect(pointSchema, document);
    const point = partial as Partially<PointConfig>;
    const wrong: Found[] = [
      ...unknown.map((assignment) => this.#unknownSetting(assignment)),
      ...problems.map((problem) => this.#relocate(problem, '')),
    ];

    const network = point.network === undefined ? undefined : this.#network(document, point.network);
    const machineSettings = known.filter(isMachines);
    const machine =
      point.machine === undefined ? undefined : this.#machine(document, point.machine, machineSettings);
    for (const part of [network, machine])
      if (part !== undefined && 'problems' in part) wrong.push(...part.problems);
    if (point.schedule !== undefined) wrong.push(...this.#checkSchedule(document, point.schedule));
    wrong.push(...this.#checkBaseSet());
    if (wrong.length > 0) return { problems: wrong };
    const config = pointSchema.parse(document.data);
    return {
      value: {
        ...config,
        network: (network as { value: Network }).value,
        machine: (machine as { value: MachineSpec }).value,
        ...(this.#userPasses.length > 0 ? { userPasses: this.#userPasses } : {}),
      },
    };
  }

  /** Two settings of which one is (in) the other: which of them holds would depend on their order. */
  #findClash(assignments: readonly Assignment[]): Problem | undefined {
    const paths = assignments.map(({ setting }) => setting.join('.'));
    for (let late = 1; late < paths.length; late++) {
      const early = paths.findIndex((path, at) => at < late && isWithin(path, paths[late] as string));
      if (early < 0) continue;
      const { key } = (assignments[late] as Assignment).places;
      const other = (assignments[early] as Assignment).places.key;
      const message = `${paths[late]} and ${paths[early]} (line ${other.line}) set the same thing`;
      return { ...key, path: this.#nameOf(key), message };
    }
    return undefined;
  }

  #unknownSetting({ setting, places }: Assignment): Problem {
    const path = setting.join('.');
    return {
      ...places.key,
      path: this.#nameOf(places.key),
      message: `there is no setting "${path}".${didYouMean(path, knownSettings().keys())} All settings: normcore schema sweep --markdown, normcore schema machine --markdown`,
    };
  }

  #checkBaseSet(): Problem[] {
    return this.#baseSet
      .filter(({ setting }) => setting.length === 1 || setting[0] !== 'machine')
      .filter(({ setting }) => knownSettings().has(setting.join('.')))
      .map(({ setting, places }) => ({
        ...places.key,
        path: this.#nameOf(places.key),
        message: `${setting.join('.')} is set in base itself; here are settings of the machine, with paths that begin with "machine."`,
      }));
  }

  #network(document: ConfigDocument, reference: string): Outcome<Network> {
    return cached(this.#networks, reference, () => {
      const found = this.#source.find('network', reference);
      if ('problem' in found)
        return { problems: [this.#referenceProblem(document, 'network', found.problem)] };
      return attempt(() => parseNetwork(found.text, found.file));
    });
  }

  #machine(
    document: ConfigDocument,
    reference: string,
    settings: readonly Assignment[],
  ): Outcome<MachineSpec> {
    const key = canonicalJson([
      reference,
      settings.map(({ setting, value, places }) => [setting, value, places.value, places.key]),
    ]);
    return cached(this.#machines, key, () => {
      const opened = attempt(() => openMachine(reference, this.#source));
      if ('problems' in opened)
        return {
          problems: opened.problems.map((problem) =>
            problem.file === '' ? this.#referenceProblem(document, 'machine', problem.message) : problem,
          ),
        };
      // A new kind takes its section's settings away, so it goes before those that are its own.
      const inner = settings
        .map((assignment) => ({ ...assignment, setting: assignment.setting.slice(1) }))
        .sort((a, b) => Number(b.setting.at(-1) === 'kind') - Number(a.setting.at(-1) === 'kind'));
      const outcome = attempt(() => machineFromDocument(overlay(opened.value, inner), this.#source));
      if ('value' in outcome) return outcome;
      return {
        problems: outcome.problems.map((problem): Found => {
          const isOfMachine = settings.some(({ places }) => isAt(problem, places.key));
          return { ...this.#relocate(problem, 'machine.'), isOfMachine };
        }),
      };
    });
  }

  #referenceProblem(document: ConfigDocument, setting: string, message: string): Problem {
    return this.#relocate(problemAt(document, [setting], message), '');
  }

  #checkSchedule(document: ConfigDocument, schedule: string): Problem[] {
    try {
      resolveSchedule(schedule, this.#userPasses);
      return [];
    } catch (error) {
      if (!(error instanceof UnknownScheduleError)) throw error;
      const { requested, allowed } = error;
      const message = `"${requested}" is neither a schedule nor a pass.${didYouMean(requested, allowed)} Allowed: ${allowed.join(', ')}, and any joined by +`;
      return [this.#referenceProblem(document, 'schedule', message)];
    }
  }

  /** A problem in the sweep file at its path there; the setting that it concerns goes into the sentence. */
  #relocate(problem: Problem, prefix: string): Problem {
    if (problem.file !== this.#document.file) return problem;
    const path = this.#nameOf(problem);
    const setting = `${prefix}${problem.path}`;
    const isSaid = path === `base.${setting}`;
    return { ...problem, path, message: isSaid ? problem.message : `${setting}: ${problem.message}` };
  }

  /**
   * Where to say what is wrong with some combinations. A machine that a value makes impossible shows where the machine's file says the opposite; said is the value, which is the first that
   * all of its combinations have the problem with.
   */
  #place({ problem, combinations }: Finding, all: readonly (readonly Choice[])[]): Problem {
    const { isOfMachine = false, ...plain } = problem;
    if (problem.file === this.#document.file && !isOfMachine) return plain;
    const [first = []] = combinations;
    const changing = first.filter(({ assignments }) =>
      assignments.some(({ setting }) => setting[0] === 'machine'),
    );
    if (changing.length === 0) return plain;
    const isAlone = (choice: Choice): boolean =>
      all
        .filter((combination) => combination.includes(choice))
        .every((combination) => combinations.includes(combination));
    const blamed = changing.find(isAlone);
    const choice = blamed ?? (changing.at(-1) as Choice);
    const others = changing.filter((other) => other !== choice).map(({ at }) => renderPath(at));
    const company = blamed === undefined && others.length > 0 ? ` with ${others.join(', ')}` : '';
    const what = isOfMachine
      ? problem.message
      : `machine.${problem.path} (${problem.file}:${problem.line}): ${problem.message}`;
    return problemAt(this.#document, choice.at, `makes a machine impossible${company}: ${what}`);
  }

  #nameOf({ line, column }: { readonly line: number; readonly column: number }): string {
    return this.#origins.get(`${line}:${column}`) ?? '';
  }

  /** Remembers where everything stands. Outermost first: a value that begins where its parent does has the parent's place, and the inner name is the better one. */
  #note(tree: PlaceTree, path: Path): void {
    for (const { line, column } of [tree.key, tree.value])
      this.#origins.set(`${line}:${column}`, renderPath(path));
    for (const [step, child] of tree.children) this.#note(child, [...path, step]);
  }
}

/** A problem as a combination has it. */
interface Found extends Problem {
  /** Stands at the path of a setting because there is no better place: what is missing from a machine, say. */
  readonly isOfMachine?: boolean;
}

type Outcome<T> = { readonly value: T } | { readonly problems: readonly Found[] };

function isAt(problem: Problem, place: Place): boolean {
  return problem.file === place.file && problem.line === place.line && problem.column === place.column;
}

function attempt<T>(load: () => T): Outcome<T> {
  try {
    return { value: load() };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { problems: error.problems };
  }
}

function cached<T>(known: Map<string, T>, key: string, make: () => T): T {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

/** Whether one path is the other or leads to it. The machine by its name is what settings of it are laid over: no clash. */
function isWithin(a: string, b: string): boolean {
  if (a === b) return true;
  return a !== 'machine' && b !== 'machine' && (a.startsWith(`${b}.`) || b.startsWith(`${a}.`));
}

function treeOf(document: ConfigDocument, key: string): PlaceTree {
  return document.places.children.get(key) ?? document.places;
}

/** The document with settings laid over it, which keep the places where they were written. */
function overlay(document: ConfigDocument, assignments: readonly Assignment[]): ConfigDocument {
  return assignments.reduce((below, { setting, value, places }) => {
    const [data, tree] = setting.reduceRight<[unknown, PlaceTree]>(
      ([inner, innerPlaces], step) => [
        { [step]: inner },
        { value: places.key, key: places.key, children: new Map([[step, innerPlaces]]) },
      ],
      [value, places],
    );
    return mergeDocuments(below, {
      file: document.file,
      data: data as Record<string, unknown>,
      places: tree,
    });
  }, document);
}
