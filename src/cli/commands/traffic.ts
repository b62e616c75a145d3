import type { Argv } from 'yargs';
import { loadMachine } from '../../config/load.js';
import { loadNetwork } from '../../network/load.js';
import { formatFixed, renderTextTable } from '../../report/text-table.js';
import type { PointSettings } from '../../simulate/part.js';
import { measureTraffic, type TrafficSources } from '../../simulate/traffic.js';
import {
  DEFAULT_BATCH,
  DEFAULT_SEED,
  LARGEST_BATCH,
  scheduleOptionsSchema,
  softwareSchema,
} from '../../sweep/point-options.js';
import type { CliContext, CreateCommand } from '../command.js';
import { toJson } from '../json.js';
import { ProblemCollector } from '../problems.js';
import { createProgress } from '../progress.js';
import { addSoftwareOptions, pickOptions } from '../software-options.js';

interface TrafficArguments extends Readonly<Record<string, unknown>> {
  readonly network: string;
  readonly machine: string;
  readonly schedule: string;
  readonly batch: number;
  readonly exact: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** `normcore traffic`: what the DRAM bytes of a step are made of. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'traffic',
  describe: 'sort the DRAM bytes of a training iteration by what they hold and why they move',
  builder: (parser: Argv) =>
    addSoftwareOptions(
      parser
        .option('network', {
          describe: 'name, or path of a YAML file',
          type: 'string',
          default: 'densenet121',
        })
        .option('machine', {
          describe: 'name, or path of a YAML file',
          type: 'string',
          default: 'skylake-sp-2s',
        })
        .option('schedule', {
          describe: 'schedules separated by commas; passes of one are joined by +',
          type: 'string',
          default: 'baseline,rcf,rcf+mvf,bnff,bnff+icf',
        })
        .option('batch', { describe: 'images of the mini-batch', type: 'number', default: DEFAULT_BATCH })
        .option('exact', { describe: 'simulate every core and every image', type: 'boolean', default: false })
        .option('json', { describe: 'one JSON document on standard output', type: 'boolean', default: false })
        .option('quiet', { describe: 'no progress', type: 'boolean', default: false }),
    ).example(
      '$0 traffic --network resnet50 --schedule baseline,bnff',
      'where the bytes of two schedules come from',
    ) as never,
  handler: ((argv: TrafficArguments) => showTraffic(context, argv)) as never,
});

function showTraffic(context: CliContext, argv: TrafficArguments): void {
  const problems = new ProblemCollector();
  const network = problems.attempt(() => loadNetwork(argv.network));
  const machine = problems.attempt(() => loadMachine(argv.machine));
  const schedules = problems.splitList('schedule', argv.schedule);
  for (const schedule of schedules) problems.checkSchedule('--schedule', schedule, []);
  problems.checkWhole('batch', argv.batch, 1, LARGEST_BATCH);
  problems.throwIfAny();
  if (network === undefined || machine === undefined) throw new Error('what has no problems is missing');
  const display = createProgress(context, argv.quiet);
  const rows = schedules.map((schedule, index) => {
    const settings: PointSettings = {
      network,
      machine,
      schedule,
      batch: argv.batch,
      exact: argv.exact,
      seed: DEFAULT_SEED,
      software: pickOptions(softwareSchema, argv),
      scheduleOptions: pickOptions(scheduleOptionsSchema, argv),
    };
    const sources = measureTraffic(settings, (done, total) =>
      display.update({
        share: (index + done / total) / schedules.length,
        pointsDone: index,
        points: schedules.length,
      }),
    );
    return { schedule, sources };
  });
  display.stop();
  if (argv.json) {
    context.out(toJson({ network: network.name, machine: machine.name, batch: argv.batch, schedules: rows }));
    return;
  }
  context.out(describe(rows));
}

const COLUMNS: readonly { readonly header: string; readonly of: (sources: TrafficSources) => number }[] = [
  { header: 'no reuse', of: ({ noReuseBytes }) => noReuseBytes },
  {
    header: 'reuse in caches',
    of: ({ noReuseBytes, featureReadBytes, featureWriteBytes }) =>
      featureReadBytes + featureWriteBytes - noReuseBytes,
  },
  { header: 'write-allocate', of: ({ writeAllocateBytes }) => writeAllocateBytes },
  { header: 'parameters', of: ({ parameterBytes }) => parameterBytes },
  { header: 'masks, sums', of: ({ otherTensorBytes }) => otherTensorBytes },
  { header: 'scratch', of: ({ scratchBytes }) => scratchBytes },
  { header: 'simulated', of: ({ totalBytes }) => totalBytes },
];

function describe(rows: readonly { readonly schedule: string; readonly sources: TrafficSources }[]): string {
  const table = renderTextTable(
    [
      { header: 'schedule', align: 'left' },
      ...COLUMNS.map(({ header }) => ({ header, align: 'right' as const, group: 'DRAM bytes (GB)' })),
      { header: 'simulated / no reuse', align: 'right' },
    ],
    rows.map(({ schedule, sources }) => [
      schedule,
      ...COLUMNS.map(({ of }) => formatFixed(of(sources) / 1e9, 1)),
      formatFixed(sources.totalBytes / sources.noReuseBytes, 2),
    ]),
  );
  return `${table}
"no reuse" counts every sweep over a feature map; "reuse in caches" is what the caches keep of it (negative) or capacity misses within an operation add;
the columns between it and "simulated" are what the count leaves out. Each row adds up.
`;
}
