import { join } from 'node:path';
import type { Argv } from 'yargs';
import { fileSource, listNames } from '../../config/load.js';
import { FolderBusyError } from '../../sweep/lock.js';
import { defaultWorkers, type ListProgress } from '../../sweep/pool.js';
import { runSweep } from '../../sweep/run-sweep.js';
import { planStored } from '../../sweep/store.js';
import { readSweep, type Sweep } from '../../sweep/sweep-file.js';
import { CheckFailure, type CliContext, type CreateCommand, Interrupted, UserError } from '../command.js';
import { ProblemCollector } from '../problems.js';
import { createProgress } from '../progress.js';
import { checkResultFile } from '../result-file.js';
import { describePlan, describeSweep, describeTime } from '../sweep-text.js';
import { addPassOption, readUserPasses, type UserPasses } from '../user-passes.js';
import { packageVersion } from '../version.js';
import { LARGEST_WORKERS } from './run.js';

interface SweepArguments extends Readonly<Record<string, unknown>> {
  readonly sweep: string;
  readonly out?: string;
  readonly workers: number;
  readonly dryRun: boolean;
  readonly quiet: boolean;
  readonly pass?: string;
}

/** `normcore sweep`. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'sweep <sweep>',
  describe: 'simulate the points of a sweep file; the same command goes on where it stopped',
  builder: (parser: Argv) =>
    addPassOption(parser)
      .positional('sweep', {
        describe: `name (${listNames('sweep').join(', ')}), or path of a YAML file`,
        type: 'string',
        demandOption: true,
      })
      .option('out', {
        describe: 'folder for the results; what it holds already is not simulated again',
        type: 'string',
        requiresArg: true,
        defaultDescription: 'results/NAME',
      })
      .option('workers', {
        describe: 'parts of points simulated side by side; the results do not depend on it',
        type: 'number',
        default: defaultWorkers(),
        defaultDescription: 'as many as the host runs at once',
      })
      .option('dry-run', { describe: 'print the plan and simulate nothing', type: 'boolean', default: false })
      .option('quiet', { describe: 'neither plan nor progress', type: 'boolean', default: false })
      .example('$0 sweep llc-size --dry-run', 'what there is to do, and how long it takes')
      .example('$0 sweep llc-size', 'into results/llc-size')
      .example('$0 sweep my-sweep.yaml --out mine --workers 4', 'your own file')
      .epilogue(
        'Writes points.csv, operations.csv and manifest.json. Exit status 1 if a point failed: its row says why. Ctrl-C stops; the same command goes on. See docs/sweeps.md.',
      ) as never,
  handler: (async (argv: SweepArguments) => {
    const { sweep, userPasses } = await readArguments(argv);
    const dir = argv.out ?? join('results', sweep.name);
    const say = createSay(context);
    if (argv.dryRun) {
      const plan = planStored(
        sweep.points.map(({ settings }) => settings),
        dir,
        say,
      );
      context.out(describePlan(sweep, plan, argv.workers));
      return;
    }
    await simulate(context, sweep, dir, argv, userPasses);
  }) as never,
});

/** Messages that are no results. */
function createSay(context: CliContext): (sentence: string) => void {
  return (sentence) => context.err(`normcore: ${sentence}\n`);
}

/** @throws ConfigurationError with all problems of the sweep file and of the options */
async function readArguments(
  argv: SweepArguments,
): Promise<{ readonly sweep: Sweep; readonly userPasses: UserPasses }> {
  const problems = new ProblemCollector();
  problems.checkWhole('workers', argv.workers, 1, LARGEST_WORKERS);
  const userPasses = await readUserPasses(problems, argv.pass);
  const sweep = problems.attempt(() => readSweep(argv.sweep, fileSource, userPasses.passes));
  const dir = argv.out ?? join('results', sweep?.name ?? '');
  checkResultFile(problems, 'out', join(dir, 'points.csv'));
  problems.throwIfAny();
  return { sweep: sweep as Sweep, userPasses };
}

/** @throws Interrupted at Ctrl-C; CheckFailure where a point failed; UserError where another process works in the folder, or it cannot be written */
async function simulate(
  context: CliContext,
  sweep: Sweep,
  dir: string,
  { workers, quiet }: SweepArguments,
  userPasses: UserPasses,
): Promise<void> {
  const say = createSay(context);
  const progress = createProgress(context, quiet);
  const controller = new AbortController();
  let last: ListProgress | undefined;
  const interrupt = (): void => {
    const done = last === undefined ? '' : `${last.pointsDone} of ${last.points} points are done; `;
    controller.abort(new Interrupted(`stopped; ${done}the same command goes on from here`));
  };
  process.once('SIGINT', interrupt);
  const started = performance.now();
  try {
    const rows = await runSweep(sweep, {
      dir,
      workers,
      passFiles: userPasses.files,
      version: packageVersion(),
      onMessage: say,
      onPlan: (plan) => {
        if (!quiet) context.err(describePlan(sweep, plan, workers));
      },
      onProgress: (state) => {
        last = state;
        progress.update(state);
      },
      signal: controller.signal,
    });
    progress.stop();
    if (!quiet && last !== undefined)
      say(`simulated in ${describeTime(process.cpuUsage(), performance.now() - started)}`);
    context.out(describeSweep(sweep, rows, dir));
    const failed = rows.filter(({ result }) => result === null).length;
    if (failed > 0)
      throw new CheckFailure(
        `${failed} of ${rows.length} points failed; ${join(dir, 'points.csv')} says why`,
      );
  } catch (error) {
    if (error instanceof FolderBusyError) throw new UserError(error.message);
    if (error instanceof Error && 'syscall' in error)
      throw new UserError(`${dir} cannot be used: ${error.message}`);
    throw error;
  } finally {
    process.removeListener('SIGINT', interrupt);
    progress.stop();
  }
}
