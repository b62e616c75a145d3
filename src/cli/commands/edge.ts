import type { Argv } from 'yargs';
import { EDGE_VARIANTS } from '../../bound/edge.js';
import { loadMachine } from '../../config/load.js';
import type { MachineSpec } from '../../machine/spec.js';
import { renderTextTable } from '../../report/text-table.js';
import { ScheduleError } from '../../schedule/errors.js';
import { DEFAULT_SCHEDULE_OPTIONS, type ScheduleOptions, type SchedulePass } from '../../schedule/pass.js';
import {
  CACHE_MULTIPLE,
  EdgeMeasurement,
  type EdgeResult,
  edgeSample,
  mapBytes,
  type SimulatedSweeps,
  simulatedCacheBytes,
  smallestEdgeBatch,
} from '../../simulate/edge.js';
import { DEFAULT_SOFTWARE, LARGEST_BATCH } from '../../sweep/point-options.js';
import { CheckFailure, type CliContext, type CreateCommand, UserError } from '../command.js';
import { toJson } from '../json.js';
import { ProblemCollector } from '../problems.js';
import { addPassOption, readUserPasses } from '../user-passes.js';

/** How far a simulated count may be from the counted one, sweeps: rows that two threads share are read by both, and a prefetcher runs past the end of a part. */
export const SWEEP_TOLERANCE = 0.05;

interface EdgeArguments {
  readonly machine: string;
  readonly batch?: number;
  readonly channels: number;
  readonly image: number;
  readonly schedule?: string;
  readonly pass?: string;
  readonly operations: boolean;
  readonly json: boolean;
}

/** A row of the table. */
interface EdgeRow {
  readonly name: string;
  readonly schedule: string;
  readonly options: ScheduleOptions;
  /** docs/paper.md's counts; null for a schedule that it does not have. */
  readonly paper: { readonly forward: number; readonly backward: number } | null;
  readonly result: EdgeResult;
}

/** `normcore edge`: sweeps of one CONV-BN-ReLU-CONV edge, counted from simulated lines. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'edge',
  describe: 'count the sweeps over the feature maps of one CONV-BN-ReLU-CONV edge from simulated lines',
  builder: (parser: Argv) =>
    addPassOption(parser)
      .option('machine', { describe: 'name, or path of a YAML file', type: 'string', default: 'teaching' })
      .option('batch', {
        describe: 'images of the mini-batch',
        type: 'number',
        defaultDescription: `so many that a map is ${CACHE_MULTIPLE} times as large as the caches`,
      })
      .option('channels', {
        describe: 'channels of the maps between the CONVs',
        type: 'number',
        default: 128,
      })
      .option('image', { describe: 'height and width of the maps (pixels)', type: 'number', default: 14 })
      .option('schedule', {
        describe: 'schedules separated by commas; passes of one are joined by +',
        type: 'string',
        defaultDescription: 'those counted in docs/paper.md',
      })
      .option('operations', { describe: 'also print a row per operation', type: 'boolean', default: false })
      .option('json', { describe: 'one JSON document on standard output', type: 'boolean', default: false })
      .example('$0 edge', 'every schedule on the teaching machine')
      .example('$0 edge --schedule bnff --operations', 'which operation sweeps what')
      .example('$0 edge --pass my-pass.mjs --schedule my-pass', 'a pass of your own')
      .epilogue(
        `Each operation runs alone on a cold machine that is flushed at its end. Exit status 1 where a count differs by more than ${SWEEP_TOLERANCE} sweeps.`,
      ) as never,
  handler: ((argv: EdgeArguments) => showEdge(context, argv)) as never,
});

async function showEdge(context: CliContext, argv: EdgeArguments): Promise<void> {
  const problems = new ProblemCollector();
  const machine = problems.attempt(() => loadMachine(argv.machine));
  problems.checkWhole('channels', argv.channels, 16, 65_536);
  problems.checkWhole('image', argv.image, 3, 4096);
  if (argv.batch !== undefined) problems.checkWhole('batch', argv.batch, 1, LARGEST_BATCH);
  const { passes } = await readUserPasses(problems, argv.pass);
  const schedules = argv.schedule === undefined ? null : problems.splitList('schedule', argv.schedule);
  for (const schedule of schedules ?? []) problems.checkSchedule('--schedule', schedule, passes);
  problems.throwIfAny();
  if (machine === undefined) throw new Error('a machine without problems is missing');
  const { channels, image } = argv;
  const batch = argv.batch ?? smallestEdgeBatch(machine, { channels, image });
  const shape = { batch, channels, image };
  const sample = edgeSample(machine, batch);
  const map = mapBytes(shape, sample);
  const caches = simulatedCacheBytes(machine, sample);
  if (map < CACHE_MULTIPLE * caches) {
    throw new UserError(
      `--batch: a map of ${(map / 1e6).toFixed(1)} MB is less than ${CACHE_MULTIPLE} times the ${(caches / 1e6).toFixed(1)} MB of caches, which would keep a part of it from one sweep to the next. Smallest batch: ${smallestEdgeBatch(machine, shape)}`,
    );
  }
  const edge = new EdgeMeasurement({ machine, shape, software: DEFAULT_SOFTWARE, userPasses: passes });
  const rows = plan(schedules, passes).map(({ name, schedule, options, paper }): EdgeRow => {
    const onOperation = (operation: string): void => context.err(`${name}: ${operation}\n`);
    try {
      return { name, schedule, options, paper, result: edge.measure(schedule, options, onOperation) };
    } catch (error) {
      if (error instanceof ScheduleError) throw new UserError(error.message);
      throw error;
    }
  });
  const { cores, totalCores } = edge.sample.share;
  const setting = {
    machine: machine.name,
    batch,
    images: edge.sample.images,
    cores,
    totalCores,
    channels,
    image,
    mapBytes: map,
  };
  if (argv.json) context.out(toJson({ ...setting, schedules: rows.map(toDocument) }));
  else context.out(describeEdge(setting, rows, machine) + (argv.operations ? describeOperations(rows) : ''));
  const mismatches = rows.flatMap(findMismatches);
  if (mismatches.length > 0) throw new CheckFailure(mismatches.join('\n'));
}

function plan(
  schedules: readonly string[] | null,
  passes: readonly SchedulePass[],
): Omit<EdgeRow, 'result'>[] {
  const all = EDGE_VARIANTS.map(({ name, schedule, options, forwardSweeps, backwardSweeps }) => ({
    name,
    schedule,
    options,
    paper: { forward: forwardSweeps, backward: backwardSweeps },
  }));
  // Passes given without a schedule: each on its own, behind the baseline.
  const wanted = schedules ?? (passes.length > 0 ? ['baseline', ...passes.map(({ name }) => name)] : null);
  if (wanted === null) return all;
  return wanted.flatMap((schedule): Omit<EdgeRow, 'result'>[] => {
    const known = all.filter((variant) => variant.schedule === schedule);
    return known.length > 0
      ? known
      : [{ name: schedule, schedule, options: DEFAULT_SCHEDULE_OPTIONS, paper: null }];
  });
}

const total = ({ read, written }: SimulatedSweeps): number => read + written;

/** Simulated against docs/paper.md's count, where it has one, and against the closed form. */
function findMismatches({ name, paper, result }: EdgeRow): string[] {
  return (['forward', 'backward'] as const).flatMap((phase) => {
    const simulated = total(result[phase]);
    const { reads, writes } = result.closedForm[phase];
    const references: [string, number][] = [['the closed form', reads + writes]];
    if (paper !== null) references.unshift(['docs/paper.md', paper[phase]]);
    return references
      .filter(([, count]) => Math.abs(simulated - count) > SWEEP_TOLERANCE)
      .map(
        ([source, count]) =>
          `${name}, ${phase}: ${simulated.toFixed(2)} sweeps were simulated, ${source} counts ${count}`,
      );
  });
}

function toDocument({ name, schedule, options, paper, result }: EdgeRow): unknown {
  return {
    name,
    schedule,
    options,
    paper,
    ...result,
    matches: findMismatches({ name, schedule, options, paper, result }).length === 0,
  };
}

interface Setting {
  readonly batch: number;
  readonly images: number;
  readonly cores: number;
  readonly totalCores: number;
  readonly channels: number;
  readonly image: number;
  readonly mapBytes: number;
}

function describeEdge(setting: Setting, rows: readonly EdgeRow[], machine: MachineSpec): string {
  const { batch, images, cores, totalCores, channels, image } = setting;
  const part = cores === totalCores ? '' : ` (${cores} of ${totalCores} cores with ${images} of the images)`;
  const columns = (['forward', 'backward'] as const).flatMap((phase) =>
    ['read', 'written', 'sum', 'expected', 'closed form', 'write-allocate'].map((header) => ({
      header,
      align: 'right' as const,
      group: `${phase} (sweeps)`,
    })),
  );
  const table = renderTextTable(
    [{ header: 'schedule', align: 'left' }, ...columns],
    rows.map(({ name, paper, result }) => [
      name,
      ...(['forward', 'backward'] as const).flatMap((phase) => {
        const { read, written, writeAllocate } = result[phase];
        const { reads, writes } = result.closedForm[phase];
        return [
          read.toFixed(2),
          written.toFixed(2),
          (read + written).toFixed(2),
          paper === null ? '-' : String(paper[phase]),
          String(reads + writes),
          writeAllocate.toFixed(2),
        ];
      }),
    ]),
  );
  return (
    `Sweeps over X, Y, Z and their gradients on one CONV-BN-ReLU-CONV edge: ${batch}x${channels}x${image}x${image} on ${machine.name}${part}\n` +
    `One sweep is ${(setting.mapBytes / 1e6).toFixed(1)} MB. Read, written, write-allocate: lines that the simulated caches and memory exchanged.\n\n${table}`
  );
}

function describeOperations(rows: readonly EdgeRow[]): string {
  return rows
    .map(({ name, result }) => {
      const table = renderTextTable(
        [
          { header: 'operation', align: 'left' },
          { header: 'read', align: 'right' },
          { header: 'written', align: 'right' },
          { header: 'write-allocate', align: 'right' },
        ],
        result.operations.map((operation) => [
          operation.name,
          operation.read.toFixed(2),
          operation.written.toFixed(2),
          operation.writeAllocate.toFixed(2),
        ]),
      );
      return `\n${name}\n\n${table}`;
    })
    .join('');
}
