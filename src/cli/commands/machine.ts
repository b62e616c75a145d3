import { listNames, loadMachine } from '../../config/load.js';
import { ConfigurationError } from '../../config/problem.js';
import type { CliContext, CreateCommand } from '../command.js';
import { toJson } from '../json.js';
import { describeMachine, summariseMachine } from '../machine-text.js';
import { renderTable } from '../table.js';

/** `normcore machine list|show|check`. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'machine',
  describe: 'list, show and check machines',
  builder: (parser) =>
    parser
      .command(
        'list',
        'the machines that are there by name',
        (list) => list.option('json', { describe: 'as JSON', type: 'boolean', default: false }),
        ({ json }) => listMachines(context, json),
      )
      .command(
        'show <machine>',
        'every setting of a machine, with units',
        (show) =>
          show
            .positional('machine', {
              describe: 'name, or path of a YAML file',
              type: 'string',
              demandOption: true,
            })
            .option('json', {
              describe: 'the resolved specification as JSON',
              type: 'boolean',
              default: false,
            }),
        ({ machine, json }) => {
          const spec = loadMachine(machine);
          context.out(json ? toJson(spec) : describeMachine(spec));
        },
      )
      .command(
        'check <machine..>',
        'whether machine files are right; all problems in one go',
        (check) =>
          check.positional('machine', {
            describe: 'names, or paths of YAML files',
            type: 'string',
            array: true,
            demandOption: true,
          }),
        ({ machine }) => checkMachines(context, machine),
      )
      .demandCommand(1, 'list, show or check is expected. See: normcore machine --help')
      .example('$0 machine list', 'names and sizes')
      .example('$0 machine show knl-7210', 'a table with units')
      .example('$0 machine show my-chip.yaml --json', 'the resolved specification')
      .example('$0 machine check my-chip.yaml', 'exit status 2 if anything is wrong') as never,
  handler: () => {},
});

function listMachines(context: CliContext, json: boolean): void {
  const machines = listNames('machine').map((name) => summariseMachine(loadMachine(name)));
  if (json) {
    context.out(toJson({ machines }));
    return;
  }
  const rows = machines.map(({ name, cores, peakGflops, peakGBps, description }) => [
    name,
    String(cores),
    peakGflops.toFixed(0),
    Number.isFinite(peakGBps) ? peakGBps.toFixed(1) : 'infinite',
    description,
  ]);
  context.out(
    renderTable(
      [['machine', 'cores', 'GFLOPS', 'GB/s', 'description'], ...rows],
      ['left', 'right', 'right', 'right', 'left'],
    ),
  );
}

function checkMachines(context: CliContext, references: readonly string[]): void {
  const problems = references.flatMap((reference) => {
    try {
      loadMachine(reference);
      context.out(`${reference}: all right\n`);
      return [];
    } catch (error) {
      if (error instanceof ConfigurationError) return error.problems;
      throw error;
    }
  });
  if (problems.length > 0) throw new ConfigurationError(problems);
}
