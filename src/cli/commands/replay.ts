import type { Argv } from 'yargs';
import { loadMachine } from '../../config/load.js';
import {
  type LevelGeometry,
  machineGeometry,
  parseGeometry,
} from '../../machine/cache/functional/geometry.js';
import { REPLACEMENTS } from '../../machine/cache/replacement/registry.js';
import { BUS_CAUSES } from '../../machine/dram/bus-time.js';
import type { MachineSpec } from '../../machine/spec.js';
import { formatFixed, renderTextTable } from '../../report/text-table.js';
import { shareOut } from '../../report/time-loss-table.js';
import { CORE_STATES } from '../../statistics/core-time.js';
import type { PrefetchUse } from '../../statistics/prefetch-use.js';
import { isRefusal } from '../../sweep/error-transfer.js';
import { DEFAULT_SEED } from '../../sweep/point-options.js';
import { TraceError, type TraceReader } from '../../trace/access.js';
import { replayFunctional } from '../../trace/functional-replay.js';
import { type FileTrace, openTraceFile } from '../../trace/node/file-source.js';
import type { TimedLevel } from '../../trace/timed-levels.js';
import { replayTimed, type TimedReplay } from '../../trace/timed-replay.js';
import { type CliContext, type CreateCommand, UserError } from '../command.js';
import { toJson } from '../json.js';
import { ProblemCollector } from '../problems.js';
import { formatDuration } from '../progress.js';
import { packageVersion } from '../version.js';

interface ReplayArguments extends Readonly<Record<string, unknown>> {
  readonly trace: readonly string[];
  readonly machine?: string;
  readonly caches?: string;
  readonly functional: boolean;
  readonly flush: boolean;
  readonly seed: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** What is printed as JSON. */
interface ReplayDocument
  extends Partial<
    Pick<TimedReplay, 'prefetch' | 'dram' | 'coreTimePercent' | 'regionsMoved' | 'cycles' | 'seconds'>
  > {
  readonly version: string;
  readonly mode: 'functional' | 'timing';
  /** Name of the machine; null with `--caches`. */
  readonly machine: string | null;
  readonly traces: readonly string[];
  readonly cores: number;
  readonly accesses: number;
  /** Whether dirty lines were written to memory at the end. */
  readonly flushed: boolean;
  readonly levels: readonly TimedLevel[];
}

/** `normcore replay`. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'replay <trace..>',
  describe: 'run address traces through the caches or the whole of a machine',
  builder: (parser: Argv) =>
    parser
      .positional('trace', {
        describe:
          "Dinero's .din text or Normcore's binary format, plain or as gzip; /dev/stdin is standard input. One per core, from core 0 on",
        type: 'string',
        array: true,
        demandOption: true,
      })
      .option('machine', { describe: 'name, or path of a YAML file', type: 'string', requiresArg: true })
      .option('caches', {
        describe: `plain caches instead of a machine: capacity/ways/replacement of each level from the core on, separated by commas. Replacement: ${Object.keys(REPLACEMENTS).join(', ')}`,
        type: 'string',
        requiresArg: true,
      })
      .option('functional', {
        describe: 'only what the caches hold, under the rules that Dinero IV has too; no timing',
        type: 'boolean',
        default: false,
      })
      .option('flush', {
        describe: 'write every dirty line to memory at the end and count it. To turn off: --no-flush',
        type: 'boolean',
        default: true,
      })
      .option('seed', { describe: 'of random replacement', type: 'string', default: DEFAULT_SEED })
      .option('json', { describe: 'one JSON document on standard output', type: 'boolean', default: false })
      .option('quiet', { describe: 'no progress', type: 'boolean', default: false })
      .example('$0 replay app.din --machine teaching', 'one trace on core 0, with full timing')
      .example('$0 replay app.din.gz --machine skylake-sp-2s --functional', 'cache counts only')
      .example('$0 replay a.din --caches 32K/8/lru,1M/16/lru --no-flush --json', 'two plain levels')
      .example('$0 replay core0.din core1.din --machine teaching', 'a trace per core')
      .epilogue('The formats are described in docs/trace-format.md') as never,
  handler: ((argv: ReplayArguments) => {
    const result = withUserErrors(() => replay(context, argv));
    context.out(argv.json ? toJson(result) : describeReplay(result));
  }) as never,
});

/** Turns what is wrong with traces and settings into a message for the user; defects stay what they are. */
function withUserErrors<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TraceError || (error instanceof RangeError && isRefusal(error))) {
      throw new UserError(error.message);
    }
    throw error;
  }
}

function replay(context: CliContext, argv: ReplayArguments): ReplayDocument {
  // The parser passes over a lone hyphen.
  if (argv.trace.length === 0) throw new UserError('a trace is expected; standard input is /dev/stdin');
  const { spec, geometry } = readTarget(argv);
  const traces = argv.trace.map(openTraceFile);
  const cores = traces.reduce((sum, trace) => sum + trace.cores, 0);
  const mostCores = spec === null ? Infinity : spec.sockets * spec.coresPerSocket;
  if (cores > mostCores) {
    throw new UserError(
      `there are traces of ${cores} cores, and ${(spec as MachineSpec).name} has ${mostCores}: a trace runs on a core of its own`,
    );
  }
  const isTimed = geometry === null;
  const readers: TraceReader[] = [];
  try {
    for (const trace of traces) {
      for (let core = 0; core < trace.cores; core++) readers.push(trace.open(core));
    }
    const { flush, seed, quiet } = argv;
    const onBatch = createReporter(context, traces, quiet);
    const result = isTimed
      ? replayTimed(spec as MachineSpec, readers, { flush, onBatch })
      : replayFunctional(geometry, readers, { flush, seed, onBatch });
    if (result.accesses === 0) {
      throw new TraceError(`${traces.map(({ name }) => name).join(', ')}: there is no access to replay`);
    }
    const { accesses, levels, ...timing } = result;
    return {
      version: packageVersion(),
      mode: isTimed ? 'timing' : 'functional',
      machine: spec?.name ?? null,
      traces: traces.map(({ name }) => name),
      cores,
      accesses,
      flushed: flush,
      levels,
      ...timing,
    };
  } finally {
    for (const reader of readers) reader.close();
  }
}

/** The machine, or the plain caches. @throws ConfigurationError with all that is wrong */
function readTarget(argv: ReplayArguments): {
  readonly spec: MachineSpec | null;
  /** Null: with timing. */
  readonly geometry: readonly LevelGeometry[] | null;
} {
  const { machine, caches } = argv;
  if (machine === undefined && caches === undefined) {
    throw new UserError(
      'a machine is expected: --machine NAME, or --caches for plain caches. See: normcore replay --help',
    );
  }
  if (machine !== undefined && caches !== undefined) {
    throw new UserError('--machine and --caches exclude each other: a machine has caches of its own');
  }
  if (caches !== undefined) return { spec: null, geometry: parseGeometry(caches) };
  const problems = new ProblemCollector();
  const spec = problems.attempt(() => loadMachine(machine as string));
  problems.throwIfAny();
  return {
    spec: spec as MachineSpec,
    geometry: argv.functional ? machineGeometry(spec as MachineSpec) : null,
  };
}

/** Below this a replay is over before progress could be read. */
const SHORT_BYTES = 64e6;
/** Batches between two looks at the clock. */
const BATCHES_PER_LOOK = 64;

/** Says at each tenth of the traces how far the replay is and what is left; silent where their size is not known. */
function createReporter(context: CliContext, traces: readonly FileTrace[], quiet: boolean): () => void {
  const size = traces.reduce((sum, { state }) => sum + state.size, 0);
  const isKnown = traces.every(({ state }) => state.size > 0);
  if (quiet || !isKnown || size < SHORT_BYTES) return () => {};
  const started = performance.now();
  let batches = 0;
  let tenths = 0;
  return () => {
    if (++batches % BATCHES_PER_LOOK !== 0) return;
    // Several cores of one file read parts of it each and pass over the rest.
    const share = Math.min(1, traces.reduce((sum, { state, cores }) => sum + state.done / cores, 0) / size);
    const now = Math.floor(share * 10);
    if (now <= tenths) return;
    tenths = now;
    const left = (((performance.now() - started) / share) * (1 - share)) / 1000;
    context.err(`normcore: ${now * 10} % replayed, about ${formatDuration(left)} left\n`);
  };
}

const COLUMNS = [
  { header: 'level', align: 'left' },
  { header: 'reads', align: 'right' },
  { header: 'writes', align: 'right' },
  { header: 'read misses', align: 'right' },
  { header: 'write misses', align: 'right' },
  { header: 'misses/%', align: 'right' },
  { header: 'writebacks', align: 'right' },
] as const;

function describeReplay(result: ReplayDocument): string {
  const shown = (value: number | null): string => (value === null ? '-' : value.toLocaleString('en'));
  const rows = result.levels.map(({ name, reads, writes, readMisses, writeMisses, writebacks }) => {
    const hasAll = reads !== null && writes !== null && readMisses !== null && writeMisses !== null;
    const share =
      hasAll && reads + writes > 0
        ? formatFixed((100 * (readMisses + writeMisses)) / (reads + writes), 2)
        : '-';
    return [
      name,
      shown(reads),
      shown(writes),
      shown(readMisses),
      shown(writeMisses),
      share,
      shown(writebacks),
    ];
  });
  const on = result.machine === null ? 'plain caches' : result.machine;
  const lines = [
    `${shown(result.accesses)} accesses of ${result.cores} ${result.cores === 1 ? 'core' : 'cores'} on ${on}, ${result.mode === 'timing' ? 'with timing' : 'functional'}, in lines of 64 B` +
      `${result.flushed ? '; dirty lines written to memory at the end' : ''}`,
    '',
    renderTextTable(COLUMNS, rows),
  ];
  const { prefetch, dram, coreTimePercent, regionsMoved = 0, cycles, seconds } = result;
  if (
    prefetch !== undefined &&
    dram !== undefined &&
    coreTimePercent !== undefined &&
    cycles !== undefined &&
    seconds !== undefined
  ) {
    lines.push(
      `time    ${formatFixed(seconds * 1e3, 6)} ms, ${cycles.toLocaleString('en')} cycles, ${formatFixed(cycles / result.accesses, 2)} cycles per access`,
      `memory  ${formatFixed(dram.readBytes / 1e6, 3)} MB read, ${formatFixed(dram.writeBytes / 1e6, 3)} MB written; ${formatFixed(dram.gbps, 2)} GB/s, ` +
        `${formatFixed(dram.percentOfPeak, 1)} % of peak; ${formatFixed(dram.averageReadLatencyNs, 1)} ns per read on average`,
      `buses   ${listShares(BUS_CAUSES.map(({ key, short }) => [short, dram.busTimePercent[key]]))}`,
      `cores   ${listShares(CORE_STATES.flatMap(({ key, header }) => (key === 'barrier' ? [] : [[header, coreTimePercent[key]] as const])))}`,
      `ahead   ${describePrefetches(prefetch)}`,
      '',
    );
    if (regionsMoved > 0) {
      const regions = regionsMoved === 1 ? '1 region' : `${regionsMoved} regions`;
      lines.push(`${regions} of the addresses moved to where the tags of ${on} tell lines apart`, '');
    }
  }
  return lines.join('\n');
}

/** Shares that add up to 100 as printed; what has none is left out. */
function listShares(shares: readonly (readonly [string, number])[]): string {
  const tenths = shareOut(
    shares.map(([, share]) => share),
    1000,
  );
  return shares
    .flatMap(([name], at) =>
      tenths[at] === 0 ? [] : [`${name} ${formatFixed((tenths[at] as number) / 10, 1)} %`],
    )
    .join(', ');
}

function describePrefetches({ issued, useless, coverage, accuracy, lateness }: PrefetchUse): string {
  if (issued === 0) return 'nothing prefetched';
  const percent = (share: number | null): string =>
    share === null ? '-' : `${formatFixed(share * 100, 1)} %`;
  return (
    `${issued.toLocaleString('en')} lines prefetched: coverage ${percent(coverage)}, accuracy ${percent(accuracy)}, late ${percent(lateness)}; ` +
    `${useless.toLocaleString('en')} gave way unused`
  );
}
