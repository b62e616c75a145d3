import type { Argv } from 'yargs';
import { loadMachine } from '../../config/load.js';
import { loadNetwork } from '../../network/load.js';
import { POINT_COLUMNS, renderCsv } from '../../report/csv.js';
import { withGains } from '../../report/gain.js';
import { renderReportedGains } from '../../report/reported.js';
import { NAMED_SCHEDULES } from '../../schedule/registry.js';
import type { PointSettings } from '../../simulate/point.js';
import {
  DEFAULT_BATCH,
  DEFAULT_SCHEDULE,
  DEFAULT_SEED,
  DEFAULT_SOFTWARE,
} from '../../sweep/point-options.js';
import { defaultWorkers } from '../../sweep/pool.js';
import type { CliContext, CreateCommand } from '../command.js';
import { ProblemCollector } from '../problems.js';
import { checkResultFile, writeResultFile } from '../result-file.js';
import { describeResults } from '../result-text.js';
import { simulatePoints } from '../simulate.js';
import { LARGEST_WORKERS } from './run.js';

/** The paper's network on the machine that docs/paper.md takes for the paper's. */
const NETWORK = 'densenet121';
const MACHINE = 'skylake-sp-2s';

interface ReproduceArguments {
  readonly workers: number;
  readonly out: string;
  readonly quiet: boolean;
}

/** `normcore reproduce`, and what runs without a command. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'reproduce',
  describe: 'the main job: DenseNet-121 on the 2-socket Skylake machine, batch 120, five schedules',
  builder: (parser: Argv) =>
    parser
      .option('workers', {
        describe: 'points simulated side by side; the result does not depend on it',
        type: 'number',
        default: defaultWorkers(),
        defaultDescription: 'as many as the host runs at once',
      })
      .option('out', {
        describe: 'CSV file to write the table to',
        type: 'string',
        requiresArg: true,
        default: `results/${NETWORK}-${MACHINE}.csv`,
      })
      .option('quiet', { describe: 'no progress', type: 'boolean', default: false })
      .example('$0', 'the same')
      .example('$0 reproduce --workers 1 --out table.csv', 'on one core, to another file') as never,
  handler: (async (argv: ReproduceArguments) => {
    const { workers, out, quiet } = argv;
    const problems = new ProblemCollector();
    problems.checkWhole('workers', workers, 1, LARGEST_WORKERS);
    checkResultFile(problems, 'out', out);
    problems.throwIfAny();
    const results = await simulatePoints(context, mainJob(), { workers, quiet });
    writeResultFile(out, renderCsv(POINT_COLUMNS, withGains(results)));
    context.out(
      [
        describeResults(results),
        'What the abstract of the paper (Jung et al., arXiv 1807.01702) reports, beside what was simulated',
        '',
        renderReportedGains(results),
        `The table is in ${out}\n`,
      ].join('\n'),
    );
  }) as never,
});

/** The points of the main job: the named schedules, baseline first. */
function mainJob(): PointSettings[] {
  const network = loadNetwork(NETWORK);
  const machine = loadMachine(MACHINE);
  return NAMED_SCHEDULES.map(({ name }) => ({
    network,
    machine,
    schedule: name,
    batch: DEFAULT_BATCH,
    exact: false,
    seed: DEFAULT_SEED,
    software: DEFAULT_SOFTWARE,
    scheduleOptions: DEFAULT_SCHEDULE,
  }));
}
