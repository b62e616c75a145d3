import type { Argv } from 'yargs';
import { parseDocument } from '../../config/document.js';
import { listNames, loadDramPart } from '../../config/load.js';
import { toDramController } from '../../config/machine.js';
import { describeWatermarks } from '../../config/machine-checks.js';
import { type DramControllerConfig, dramControllerSchema } from '../../config/machine-schema.js';
import { listSettings } from '../../config/schema.js';
import { didYouMean } from '../../config/suggest.js';
import { inspect } from '../../config/validate.js';
import { BUS_CAUSES, type BusCause, listBusTime, nameBusCauses } from '../../machine/dram/bus-time.js';
import { type DramExperimentResult, runDramExperiment } from '../../machine/dram/experiment.js';
import { compileMapping } from '../../machine/dram/mapping.js';
import { REFERENCE_MAPPINGS, referenceMapping } from '../../machine/dram/reference-mapping.js';
import type { DramControllerSpec, DramMemorySpec, DramPartSpec } from '../../machine/spec.js';
import { formatFixed } from '../../report/text-table.js';
import { createPattern, PATTERNS } from '../../trace/patterns.js';
import type { CliContext, CreateCommand } from '../command.js';
import { toJson } from '../json.js';
import { ProblemCollector } from '../problems.js';
import { renderTable } from '../table.js';
import { packageVersion } from '../version.js';

interface DramArguments extends Readonly<Record<string, unknown>> {
  readonly part?: string;
  readonly mapping?: string;
  readonly pattern?: string;
  readonly mode: string;
  readonly requests: number;
  readonly json: boolean;
}

/** What is printed as JSON. */
interface DramDocument extends Omit<DramExperimentResult, 'busTime'> {
  readonly version: string;
  readonly part: string;
  readonly pattern: string;
  readonly mode: string;
  readonly requests: number;
  readonly controller: DramControllerSpec;
  /** Of the channel's data bus, 1e9 bytes per second. */
  readonly peakGbps: number;
  readonly seconds: number;
  /** Shares of the elapsed time on the data bus by cause; they add up to 100. */
  readonly busTimePercent: Readonly<Record<BusCause, number>>;
}

/** Keeps a run within the host's memory: two doubles per request. */
const MOST_REQUESTS = 20_000_000;
/** A stride of 4 GiB wraps around in every part there is. */
const LARGEST_STRIDE_BYTES = 2 ** 32;
const LINE_BYTES = 64;

/** The mapping has an option of its own, which knows names too. */
const controllerSettings = dramControllerSchema.omit({ mapping: true });

/** `normcore dram`: one of the reference experiments on one channel. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'dram',
  describe: 'run an address pattern through one DRAM channel: bandwidth, latency and where the bus time went',
  builder: (parser: Argv) =>
    addControllerOptions(
      parser
        .option('part', {
          describe: `a DRAM part: ${listNames('dram-part').join(', ')}, or the path of a YAML file`,
          type: 'string',
          requiresArg: true,
        })
        .option('mapping', {
          describe:
            'address mapping: M1 (column bits lowest), M2 (bank-group bits lowest), or a recipe from the lowest bit up such as ' +
            "'bank-group:2 column:7 bank:2^row row:16'. Absent: that of a machine that names none",
          type: 'string',
          requiresArg: true,
        })
        .option('pattern', {
          describe: `${Object.keys(PATTERNS).join(', ')}, or strideN: reads N bytes apart`,
          type: 'string',
          requiresArg: true,
        })
        .option('mode', {
          describe:
            'sat: a request offered in each memory cycle; chase: one outstanding; load:X: random arrivals at the share X of the peak rate',
          type: 'string',
          default: 'sat',
        })
        .option('requests', { describe: 'lines to read or write', type: 'number', default: 100_000 })
        .option('json', {
          describe: 'one JSON document on standard output',
          type: 'boolean',
          default: false,
        }),
    )
      .example('$0 dram --part ddr4-2400 --mapping M2 --pattern stream_r', 'the bandwidth of a stream')
      .example('$0 dram --part hbm2 --pattern random_r --mode chase', 'the latency of an idle channel')
      .example(
        '$0 dram --part ddr4-2400 --mapping M1 --pattern random_rw21 --mode load:0.5 --json',
        'latency at half the peak rate',
      )
      .example(
        '$0 dram --part gddr5x --pattern triad_rw21 --row-policy closed --no-refresh',
        'other settings of the controller',
      ) as never,
  handler: ((argv: DramArguments) => {
    const result = measure(argv);
    context.out(argv.json ? toJson(result) : describeResult(result));
  }) as never,
});

function kebab(word: string): string {
  return word.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Adds an option per setting of the controller, as its schema declares it; values are judged by the schema, all of them at once. */
function addControllerOptions<T>(parser: Argv<T>): Argv<T> {
  for (const { path, type, allowed, fallback, sentence } of listSettings(controllerSettings)) {
    const option = kebab(path);
    const group = 'The memory controller:';
    const describe = allowed === '' ? sentence : `${sentence} Allowed: ${allowed}`;
    if (type === 'true or false') {
      const isOn = fallback === 'true';
      const off = isOn ? ` To turn off: --no-${option}` : '';
      parser.option(option, { describe: `${sentence}${off}`, type: 'boolean', default: isOn, group });
    } else if (type === 'count' || type === 'number')
      parser.option(option, { describe, type: 'number', default: Number(fallback), group });
    else parser.option(option, { describe, type: 'string', default: fallback, group });
  }
  return parser;
}

/** @throws ConfigurationError with all that is wrong with the options */
function measure(argv: DramArguments): DramDocument {
  const { mode, requests } = argv;
  const problems = new ProblemCollector();
  const part = readPart(problems, argv.part);
  checkPattern(problems, argv.pattern);
  checkMode(problems, mode);
  problems.checkWhole('requests', requests, 1, MOST_REQUESTS);
  const config = readController(problems, argv);
  const mapping = readMapping(problems, argv.mapping, part);
  problems.throwIfAny();
  if (part === undefined || config === undefined || argv.pattern === undefined)
    throw new Error('what has no problems is missing');
  const controller = toDramController({ ...config, mapping }, part);
  const spec: DramMemorySpec = {
    kind: 'dram',
    part,
    controller,
    channelsPerSocket: 1,
    interleaveLines: 1,
    controllerPs: 0,
  };
  const { busTime, ...result } = runDramExperiment(spec, { pattern: argv.pattern, mode, requests });
  return {
    version: packageVersion(),
    part: part.name,
    pattern: argv.pattern,
    mode,
    requests,
    controller,
    peakGbps: (LINE_BYTES * 1000) / (part.timings.nBL * part.tCKps),
    ...result,
    seconds: result.cycles * part.tCKps * 1e-12,
    busTimePercent: percentOfBusTime(listBusTime(busTime)),
  };
}

function readPart(problems: ProblemCollector, reference: string | undefined): DramPartSpec | undefined {
  if (reference !== undefined) return problems.attempt(() => loadDramPart(reference));
  problems.add(`--part is missing. There are: ${listNames('dram-part').join(', ')}; or a path`);
  return undefined;
}

function checkPattern(problems: ProblemCollector, pattern: string | undefined): void {
  const names = [...Object.keys(PATTERNS), 'strideN'];
  if (pattern === undefined) {
    problems.add(`--pattern is missing. There are: ${names.join(', ')}`);
    return;
  }
  const stride = /^stride(\d+)$/.exec(pattern);
  if (stride === null && !Object.hasOwn(PATTERNS, pattern)) {
    problems.add(
      `--pattern: "${pattern}" is no pattern.${didYouMean(pattern, names)} Allowed: ${names.join(', ')}`,
    );
  } else if (stride !== null && Number(stride[1]) > LARGEST_STRIDE_BYTES) {
    problems.add(`--pattern: a stride of ${stride[1]} bytes is out of range. Allowed: 64 to 4294967296`);
  } else attemptRange(problems, 'pattern', () => createPattern(pattern));
}

function checkMode(problems: ProblemCollector, mode: string): void {
  const load = /^load:(\d*\.?\d+)$/.exec(mode);
  if (load === null) {
    if (mode !== 'sat' && mode !== 'chase')
      problems.add(
        `--mode: "${mode}" is no mode.${didYouMean(mode, ['sat', 'chase', 'load:0.5'])} Allowed: sat, chase, load:X with X the share of the peak rate`,
      );
  } else if (Number(load[1]) < 0.001 || Number(load[1]) > 1)
    problems.add(`--mode: a load of ${load[1]} is out of range. Allowed: 0.001 to 1`);
}

/** Holds the controller's options to their schema. */
function readController(
  problems: ProblemCollector,
  argv: Readonly<Record<string, unknown>>,
): DramControllerConfig | undefined {
  const given = Object.keys(controllerSettings.shape).map((key) => [key, argv[key]]);
  const data: Record<string, unknown> = Object.fromEntries(given);
  // The options were written in no file: an empty one gives the document its places.
  const document = { ...parseDocument('{}', ''), data };
  const { problems: found, partial } = inspect(controllerSettings, document);
  for (const { path, message } of found) problems.add(`--${kebab(path)}: ${message}`);
  const { writeLowWatermark, writeHighWatermark } = partial as Partial<DramControllerConfig>;
  const watermarks = describeWatermarks(writeLowWatermark, writeHighWatermark);
  if (watermarks !== undefined) problems.add(`--write-low-watermark: ${watermarks}`);
  return found.length > 0 ? undefined : controllerSettings.parse(data);
}

/** A recipe from a name or as it is; undefined: the part's own. Without a part, which has been complained of, only names are judged. */
function readMapping(
  problems: ProblemCollector,
  mapping: string | undefined,
  part: DramPartSpec | undefined,
): string | undefined {
  if (mapping === undefined) return undefined;
  const known = REFERENCE_MAPPINGS.find((name) => name === mapping);
  if (known !== undefined) return part === undefined ? undefined : referenceMapping(known, part);
  if (!mapping.includes(':')) {
    problems.add(
      `--mapping: "${mapping}" is no mapping.${didYouMean(mapping, REFERENCE_MAPPINGS)} Allowed: ${REFERENCE_MAPPINGS.join(', ')}, or a recipe such as "column:7 bank-group:2 bank:2 row:16"`,
    );
  } else if (part !== undefined) attemptRange(problems, 'mapping', () => compileMapping(mapping, part));
  return mapping;
}

/** Notes what a function that refuses its input with a RangeError says. */
function attemptRange(problems: ProblemCollector, option: string, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    problems.add(`--${option}: ${error.message}`);
  }
}

function percentOfBusTime(parts: readonly number[]): Readonly<Record<BusCause, number>> {
  const total = parts.reduce((sum, ps) => sum + ps, 0);
  return nameBusCauses(parts.map((ps) => (100 * ps) / total));
}

function describeResult(result: DramDocument): string {
  const { part, pattern, mode, requests, controller, busTimePercent } = result;
  const hasReads = result.averageReadLatencyNs > 0;
  const latency = hasReads
    ? `${formatFixed(result.averageReadLatencyNs, 2)} ns on average, ${formatFixed(result.p50Ns, 2)} ns median, ${formatFixed(result.p99Ns, 2)} ns for 99 % of the reads at most`
    : 'none was read';
  const causes = BUS_CAUSES.map(({ key, sentence }) => [
    `${formatFixed(busTimePercent[key], 2)} %`,
    sentence,
  ]);
  const total = Object.values(busTimePercent).reduce((sum, share) => sum + share, 0);
  return [
    `${requests.toLocaleString('en')} requests of ${pattern}, ${mode}, on one channel of ${part}`,
    `mapping ${controller.mapping}; refresh ${controller.refresh ? 'on' : 'off'}; ${controller.rowPolicy} rows`,
    '',
    renderTable([
      [
        'bandwidth',
        `${formatFixed(result.gbps, 3)} GB/s, ${formatFixed(result.percentOfPeak, 2)} % of ${formatFixed(result.peakGbps, 2)} GB/s`,
      ],
      ['read latency', latency],
      ['row hits', `${formatFixed(100 * result.rowHitRate, 2)} %`],
      [
        'time',
        `${result.cycles.toLocaleString('en')} memory cycles, ${formatFixed(result.seconds * 1e3, 6)} ms`,
      ],
    ]),
    'time of the data bus',
    renderTable([...causes, [`${formatFixed(total, 2)} %`, 'in all']], ['right', 'left']),
  ].join('\n');
}
