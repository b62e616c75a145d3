/** Passes that users write: loaded from files, in the command's process and again in each worker, which cannot be handed functions. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigurationError, type Problem } from '../config/problem.js';
import { nothingLeft, onEveryOperation } from '../schedule/conditions.js';
import { ScheduleError } from '../schedule/errors.js';
import type { Condition, SchedulePass } from '../schedule/pass.js';
import { NAMED_SCHEDULES, SCHEDULE_PASSES } from '../schedule/registry.js';
import { operationsOf, StepEditor } from '../schedule/step-editor.js';
import { describe, StepIndex } from '../schedule/step-index.js';
import type { TrainingStep } from '../training/step.js';

/**
 * What a file's export is called with where it is a function: the tools that the shipped passes are written with. A file need not find the
 * package to import them from.
 */
export const PASS_TOOLKIT = {
  StepEditor,
  StepIndex,
  operationsOf,
  describe,
  onEveryOperation,
  nothingLeft,
} as const;
export type PassToolkit = typeof PASS_TOOLKIT;

const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const EXPECTED =
  'a default export, or an export "passes": a pass, a list of passes, or a function that returns either';

/**
 * Loads the passes of ES modules.
 * @param paths of `.js` or `.mjs` files, relative to the working directory
 * @throws ConfigurationError with everything that is wrong with any of the files
 */
export async function loadUserPasses(paths: readonly string[]): Promise<SchedulePass[]> {
  const problems: Problem[] = [];
  const passes: SchedulePass[] = [];
  const owners = new Map<string, string>();
  for (const { name } of [...SCHEDULE_PASSES, ...NAMED_SCHEDULES]) owners.set(name, 'Normcore itself');
  for (const path of paths) {
    const complain = (message: string): number => problems.push(problemOf(path, message));
    for (const candidate of await loadCandidates(path, complain)) {
      const pass = toPass(candidate, path, complain);
      if (pass === null) continue;
      const owner = owners.get(pass.name);
      if (owner !== undefined) {
        complain(`pass "${pass.name}": ${owner} has a pass or schedule of that name; give yours another one`);
        continue;
      }
      owners.set(pass.name, path);
      passes.push(pass);
    }
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return passes;
}

async function loadCandidates(
  path: string,
  complain: (message: string) => void,
): Promise<readonly unknown[]> {
  if (!/\.m?js$/.test(path)) {
    complain('a pass is an ES module: a file that ends in .mjs or .js is expected');
    return [];
  }
  if (!existsSync(path)) {
    complain('no such file');
    return [];
  }
  let module: Readonly<Record<string, unknown>>;
  try {
    module = await import(pathToFileURL(resolve(path)).href);
  } catch (error) {
    complain(`cannot be loaded: ${String(error)}`);
    return [];
  }
  let exported = module.default ?? module.passes;
  if (exported === undefined) {
    complain(`exports neither a default nor "passes". Expected: ${EXPECTED}`);
    return [];
  }
  if (typeof exported === 'function') {
    try {
      exported = await exported(PASS_TOOLKIT);
    } catch (error) {
      complain(`its function threw ${String(error)}`);
      return [];
    }
  }
  const list: readonly unknown[] = Array.isArray(exported) ? exported : [exported];
  if (list.length === 0) complain(`its list of passes is empty. Expected: ${EXPECTED}`);
  return list;
}

/** The pass, or null where what was exported is none. */
function toPass(candidate: unknown, path: string, complain: (message: string) => void): SchedulePass | null {
  if (typeof candidate !== 'object' || candidate === null) {
    complain(
      `exports ${candidate === null ? 'null' : `a ${typeof candidate}`} where a pass is expected: an object with name, summary, requires, ensures, apply`,
    );
    return null;
  }
  const { name, summary, requires = [], ensures = [], apply } = candidate as Record<string, unknown>;
  let isSound = true;
  const refuse = (message: string): void => {
    isSound = false;
    complain(`${typeof name === 'string' ? `pass "${name}"` : 'a pass'}: ${message}`);
  };
  if (typeof name !== 'string' || !NAME.test(name))
    refuse(`name: words in lower case joined by "-" are expected, not ${JSON.stringify(name)}`);
  if (typeof summary !== 'string' || summary === '') refuse('summary: one sentence is expected');
  for (const [key, list] of Object.entries({ requires, ensures })) {
    const isList = Array.isArray(list) && list.every(isCondition);
    if (!isList) refuse(`${key}: a list of conditions { sentence, violations(step) } is expected`);
  }
  if (typeof apply !== 'function')
    refuse('apply: a function (step, options) that returns the rewritten step is expected');
  if (!isSound) return null;
  const rewrite = apply as SchedulePass['apply'];
  return {
    name: name as string,
    summary: summary as string,
    requires: requires as readonly Condition[],
    ensures: ensures as readonly Condition[],
    apply(step, options) {
      const blame = (what: string): ConfigurationError =>
        new ConfigurationError([problemOf(path, `pass "${name}": ${what}`)]);
      let result: TrainingStep;
      try {
        result = rewrite.call(candidate, step, options);
      } catch (error) {
        // What the toolkit refuses is said as it is for shipped passes; anything else is a mistake in the file, not in Normcore.
        if (error instanceof ScheduleError) throw error;
        throw blame(`apply threw ${String(error)}`);
      }
      if (!isStep(result)) throw blame('apply did not return a training step');
      return result;
    },
  };
}

function isStep(value: unknown): value is TrainingStep {
  if (typeof value !== 'object' || value === null) return false;
  const { operations, tensors, batchNorms } = value as Record<string, unknown>;
  return Array.isArray(operations) && tensors instanceof Map && batchNorms instanceof Map;
}

function problemOf(file: string, message: string): Problem {
  return { file, line: 0, column: 0, path: '', message };
}

function isCondition(value: unknown): value is Condition {
  if (typeof value !== 'object' || value === null) return false;
  const { sentence, violations } = value as Record<string, unknown>;
  return typeof sentence === 'string' && typeof violations === 'function';
}
