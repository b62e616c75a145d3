import type { Argv } from 'yargs';
import { loadMachine } from '../../config/load.js';
import { loadNetwork } from '../../network/load.js';
import { OPERATION_COLUMNS, operationRows, POINT_COLUMNS, renderCsv } from '../../report/csv.js';
import { withGains } from '../../report/gain.js';
import { pointDocument } from '../../report/point-document.js';
import type { PointSettings } from '../../simulate/point.js';
import {
  DEFAULT_BATCH,
  DEFAULT_SEED,
  LARGEST_BATCH,
  scheduleOptionsSchema,
  softwareSchema,
} from '../../sweep/point-options.js';
import { defaultWorkers } from '../../sweep/pool.js';
import type { CliContext, CreateCommand } from '../command.js';
import { toJson } from '../json.js';
import { ProblemCollector } from '../problems.js';
import { checkResultFile, writeResultFile } from '../result-file.js';
import { describeOperations, describeResults } from '../result-text.js';
import { simulatePoints } from '../simulate.js';
import { addSoftwareOptions, pickOptions } from '../software-options.js';
import { addPassOption, readUserPasses, type UserPasses } from '../user-passes.js';
import { packageVersion } from '../version.js';

/** Heading of the options that a point is made of. */
const WHAT = 'What to simulate:';

/** More threads than any host has. */
export const LARGEST_WORKERS = 1024;

interface RunArguments extends Readonly<Record<string, unknown>> {
  readonly network: string;
  readonly machine: string;
  readonly schedule: string;
  readonly batch: number;
  readonly exact: boolean;
  readonly workers: number;
  readonly seed: string;
  readonly json: boolean;
  readonly csv?: string;
  readonly operations: boolean;
  readonly quiet: boolean;
  readonly pass?: string;
}

/** `normcore run`. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'run',
  describe: 'simulate a training iteration of networks on machines under schedules',
  builder: (parser: Argv) =>
    addSoftwareOptions(
      addPassOption(parser)
        .option('network', {
          group: WHAT,
          describe: 'names or paths of YAML files, separated by commas',
          type: 'string',
          demandOption: true,
        })
        .option('machine', {
          group: WHAT,
          describe: 'names or paths of YAML files, separated by commas',
          type: 'string',
          demandOption: true,
        })
        .option('schedule', {
          group: WHAT,
          describe: 'schedules separated by commas; passes of one are joined by +',
          type: 'string',
          default: 'baseline,bnff',
        })
        .option('batch', {
          group: WHAT,
          describe: 'images of the mini-batch',
          type: 'number',
          default: DEFAULT_BATCH,
        })
        .option('exact', {
          group: WHAT,
          describe: 'simulate every core and every image instead of a share that stands for them',
          type: 'boolean',
          default: false,
        })
        .option('workers', {
          describe: 'points simulated side by side; the result does not depend on it',
          type: 'number',
          default: defaultWorkers(),
          defaultDescription: 'as many as the host runs at once',
        })
        .option('seed', {
          group: WHAT,
          describe: 'draws the operations that the sampling error is measured on',
          type: 'string',
          default: DEFAULT_SEED,
        })
        .option('json', { describe: 'one JSON document on standard output', type: 'boolean', default: false })
        .option('csv', {
          describe: 'also write a CSV file: a row per point, with --operations a row per point and operation',
          type: 'string',
          requiresArg: true,
        })
        .option('operations', {
          describe: 'also print a row per operation of every point',
          type: 'boolean',
          default: false,
        })
        .option('quiet', { describe: 'no progress', type: 'boolean', default: false }),
    )
      .example(
        '$0 run --network densenet121 --machine skylake-sp-2s',
        'baseline and bnff, batch 120, as tables',
      )
      .example(
        '$0 run --network resnet50 --machine skylake-sp-2s,knl-7210 --schedule baseline,rcf,bnff --csv resnet.csv',
        'two machines, three schedules',
      )
      .example(
        '$0 run --network my-net.yaml --machine my-chip.yaml --batch 32 --json > run.json',
        'your own files, every operation',
      )
      .example(
        '$0 run --network densenet121 --machine skylake-sp-2s --bn-blocking cached --no-software-prefetch',
        'other software',
      ) as never,
  handler: (async (argv: RunArguments) => {
    const { points, userPasses } = await readPoints(argv);
    const { workers, quiet } = argv;
    const results = await simulatePoints(context, points, { workers, quiet, passFiles: userPasses.files });
    if (argv.csv !== undefined) {
      writeResultFile(
        argv.csv,
        argv.operations
          ? renderCsv(OPERATION_COLUMNS, operationRows(results))
          : renderCsv(POINT_COLUMNS, withGains(results)),
      );
    }
    if (argv.json) {
      const [{ exact, seed, software, scheduleOptions }] = points as [PointSettings];
      const settings = { exact, seed, software, scheduleOptions };
      context.out(toJson(pointDocument(packageVersion(), settings, results)));
      return;
    }
    context.out(describeResults(results));
    if (argv.operations) for (const point of results) context.out(`\n${describeOperations(point)}`);
    if (argv.csv !== undefined) context.out(`\nWritten to ${argv.csv}\n`);
  }) as never,
});

/** Every combination of network, machine and schedule. @throws ConfigurationError with all problems of all options and files */
async function readPoints(
  argv: RunArguments,
): Promise<{ readonly points: PointSettings[]; readonly userPasses: UserPasses }> {
  const { batch, exact, seed } = argv;
  const problems = new ProblemCollector();
  const networks = loadEach(problems, 'network', argv.network, loadNetwork);
  const machines = loadEach(problems, 'machine', argv.machine, loadMachine);
  const schedules = problems.splitList('schedule', argv.schedule);
  const userPasses = await readUserPasses(problems, argv.pass);
  for (const schedule of schedules) problems.checkSchedule('--schedule', schedule, userPasses.passes);
  problems.checkWhole('batch', batch, 1, LARGEST_BATCH);
  problems.checkWhole('workers', argv.workers, 1, LARGEST_WORKERS);
  if (argv.csv !== undefined) checkResultFile(problems, 'csv', argv.csv);
  problems.throwIfAny();
  const software = pickOptions(softwareSchema, argv);
  const scheduleOptions = pickOptions(scheduleOptionsSchema, argv);
  const points = networks.flatMap((network) =>
    machines.flatMap((machine) =>
      schedules.map((schedule) => ({
        network,
        machine,
        schedule,
        batch,
        exact,
        seed,
        software,
        scheduleOptions,
        userPasses: userPasses.passes,
      })),
    ),
  );
  return { points, userPasses };
}

/** Loads what a list names; two of one name could not be told apart in the results. */
function loadEach<T extends { readonly name: string }>(
  problems: ProblemCollector,
  option: string,
  list: string,
  load: (reference: string) => T,
): T[] {
  const references = problems.splitList(option, list);
  const named = new Map<string, string>();
  return references.flatMap((reference) => {
    const item = problems.attempt(() => load(reference));
    if (item === undefined) return [];
    const other = named.get(item.name);
    if (other !== undefined)
      problems.add(
        `--${option}: ${other} and ${reference} are both named "${item.name}"; give one of them another name`,
      );
    named.set(item.name, reference);
    return [item];
  });
}
