/** The option `--pass`: rewrite passes of the user's own. */
import type { Argv } from 'yargs';
import type { SchedulePass } from '../schedule/pass.js';
import { loadUserPasses } from '../sweep/user-passes.js';
import type { ProblemCollector } from './problems.js';

/** Passes of the user's own, and the files that they came from. */
export interface UserPasses {
  readonly files: readonly string[];
  readonly passes: readonly SchedulePass[];
}

/** Adds `--pass`. */
export function addPassOption<T>(parser: Argv<T>): Argv<T> {
  return parser.option('pass', {
    describe:
      'ES modules with passes of your own, separated by commas, for schedules to name (docs/passes.md)',
    type: 'string',
    requiresArg: true,
  }) as Argv<T>;
}

/** Loads what `--pass` names; notes what is wrong with the files. */
export async function readUserPasses(
  problems: ProblemCollector,
  list: string | undefined,
): Promise<UserPasses> {
  if (list === undefined) return { files: [], passes: [] };
  const files = problems.splitList('pass', list);
  try {
    return { files, passes: await loadUserPasses(files) };
  } catch (error) {
    problems.attempt(() => {
      throw error;
    });
    return { files, passes: [] };
  }
}
