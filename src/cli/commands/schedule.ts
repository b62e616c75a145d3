import type { Argv } from 'yargs';
import { loadNetwork } from '../../network/load.js';
import { applySchedule } from '../../schedule/apply.js';
import { ScheduleError } from '../../schedule/errors.js';
import { NAMED_SCHEDULES, SCHEDULE_PASSES } from '../../schedule/registry.js';
import { fusionReport } from '../../schedule/report.js';
import { scheduleOptionsSchema } from '../../sweep/point-options.js';
import { buildTrainingStep } from '../../training/build.js';
import { type CliContext, type CreateCommand, UserError } from '../command.js';
import { toJson } from '../json.js';
import { ProblemCollector } from '../problems.js';
import { describeFusion } from '../schedule-text.js';
import { addFusionOptions, graphSchema, pickOptions } from '../software-options.js';
import { renderTable } from '../table.js';
import { addPassOption, readUserPasses } from '../user-passes.js';

interface ShowArguments extends Readonly<Record<string, unknown>> {
  readonly schedule: string;
  readonly network: string;
  readonly json: boolean;
  readonly pass?: string;
}

/** `normcore schedule list|show`. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'schedule',
  describe: 'list schedules and show what fuses where',
  builder: (parser: Argv) =>
    parser
      .command(
        'list',
        'the schedules, and the passes that lists of your own are made of',
        (list) => list.option('json', { describe: 'as JSON', type: 'boolean', default: false }),
        ({ json }) => listSchedules(context, json),
      )
      .command(
        'show <schedule>',
        'what a schedule fuses where in a network, and why the rest cannot be fused',
        (show) =>
          addFusionOptions(
            addPassOption(show)
              .positional('schedule', {
                describe: 'a schedule, a pass, or several joined by +',
                type: 'string',
                demandOption: true,
              })
              .option('network', {
                describe: 'name, or path of a YAML file',
                type: 'string',
                demandOption: true,
              })
              .option('json', { describe: 'as JSON', type: 'boolean', default: false }),
          ),
        (argv) => showSchedule(context, argv),
      )
      .demandCommand(1, 'list or show is expected. See: normcore schedule --help')
      .example('$0 schedule list', 'schedules and passes, a sentence each')
      .example('$0 schedule show bnff --network densenet121', '58 of 121 BNs fuse wholly')
      .example('$0 schedule show rcf+mvf+fission --network resnet50 --json', 'a list of your own') as never,
  handler: () => {},
});

function listSchedules(context: CliContext, json: boolean): void {
  const schedules = NAMED_SCHEDULES.map(({ name, summary, passes }) => ({ name, summary, passes }));
  const passes = SCHEDULE_PASSES.map(({ name, summary, requires, ensures }) => ({
    name,
    summary,
    requires: requires.map((condition) => condition.sentence),
    ensures: ensures.map((condition) => condition.sentence),
  }));
  if (json) {
    context.out(toJson({ schedules, passes }));
    return;
  }
  context.out(
    renderTable([['schedule', 'what it does'], ...schedules.map(({ name, summary }) => [name, summary])]),
  );
  context.out('\n');
  context.out(renderTable([['pass', 'what it does'], ...passes.map(({ name, summary }) => [name, summary])]));
}

async function showSchedule(context: CliContext, argv: ShowArguments): Promise<void> {
  const problems = new ProblemCollector();
  const network = problems.attempt(() => loadNetwork(argv.network));
  const userPasses = await readUserPasses(problems, argv.pass);
  problems.checkSchedule('schedule', argv.schedule, userPasses.passes);
  problems.throwIfAny();
  if (network === undefined) throw new Error('a network without problems is missing');
  const { fuseBnRelu } = pickOptions(graphSchema, argv);
  // What fuses does not depend on how many images there are.
  const before = buildTrainingStep(network, { batch: 1, fuseBnRelu });
  try {
    const options = pickOptions(scheduleOptionsSchema, argv);
    const after = applySchedule(before, argv.schedule, options, userPasses.passes);
    const report = fusionReport(before, after);
    context.out(argv.json ? toJson(report) : describeFusion(report));
  } catch (error) {
    if (error instanceof ScheduleError) throw new UserError(error.message);
    throw error;
  }
}
