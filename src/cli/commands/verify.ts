import { listNames, loadText } from '../../config/load.js';
import type { Network } from '../../network/layers.js';
import { parseNetwork } from '../../network/parse.js';
import type { ScheduleComparison, TensorComparison } from '../../numerics/compare.js';
import { DEFAULT_SETTINGS } from '../../numerics/execution.js';
import { VARIANCE_FORMS, type VarianceFormName } from '../../numerics/moments/registry.js';
import {
  scaledDown,
  shareOfTolerance,
  VERIFIED_SCHEDULES,
  VERIFY_DEFAULTS,
  type VerifyReport,
  type VerifyRow,
  verifyNetwork,
  worstFirst,
} from '../../numerics/verify.js';
import { ScheduleError, UnknownScheduleError } from '../../schedule/errors.js';
import { DEFAULT_SCHEDULE_OPTIONS, type SchedulePass } from '../../schedule/pass.js';
import { CheckFailure, type CliContext, type CreateCommand, UserError } from '../command.js';
import { toJson } from '../json.js';
import { ProblemCollector } from '../problems.js';
import { renderTable } from '../table.js';
import { addPassOption, readUserPasses } from '../user-passes.js';

/** Tensors that are listed one by one unless all are asked for. */
const LISTED_TENSORS = 5;

interface Arguments {
  readonly network: string;
  readonly schedule: string;
  readonly image: number;
  readonly batch: number;
  readonly channelDivisor: number;
  readonly threads: number;
  readonly variance: VarianceFormName;
  readonly storeZ: boolean;
  readonly materialiseDx: boolean;
  readonly seed: string;
  readonly all: boolean;
  readonly json: boolean;
  readonly pass?: string;
}

/** `normcore verify`: whether restructured training steps compute what the baseline computes. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'verify',
  describe: 'execute schedules on real numbers and compare every output and gradient with the baseline',
  builder: (parser) =>
    addPassOption(parser)
      .option('network', {
        describe: 'names or paths, separated by commas; all for every shipped network',
        type: 'string',
        default: 'densenet121,resnet50',
      })
      .option('schedule', {
        describe: 'names of schedules or passes, separated by commas; all for every named schedule',
        type: 'string',
        default: 'all',
      })
      .option('image', {
        describe: 'largest height and width of the image (pixels)',
        type: 'number',
        default: VERIFY_DEFAULTS.imageSize,
      })
      .option('batch', {
        describe: 'images of the mini-batch',
        type: 'number',
        default: VERIFY_DEFAULTS.batch,
      })
      .option('channel-divisor', {
        describe: 'what the channels of every CONV and FC are divided by (rounded up to 16)',
        type: 'number',
        default: VERIFY_DEFAULTS.channelDivisor,
      })
      .option('threads', {
        describe: 'simulated threads with partial sums of their own',
        type: 'number',
        default: DEFAULT_SETTINGS.threads,
      })
      .option('variance', {
        describe: 'how single-pass variance is accumulated',
        choices: Object.keys(VARIANCE_FORMS),
        default: DEFAULT_SETTINGS.variance,
      })
      .option('store-z', {
        describe: 'schedules store Z for the backward pass',
        type: 'boolean',
        default: DEFAULT_SCHEDULE_OPTIONS.storeZ,
      })
      .option('materialise-dx', {
        describe: 'schedules write dX once',
        type: 'boolean',
        default: DEFAULT_SCHEDULE_OPTIONS.materialiseDx,
      })
      .option('seed', { describe: 'seed of the numbers', type: 'string', default: DEFAULT_SETTINGS.seed })
      .option('all', { describe: 'list every tensor', type: 'boolean', default: false })
      .option('json', { describe: 'as JSON', type: 'boolean', default: false })
      .example('$0 verify', 'DenseNet-121 and ResNet-50, scaled down, under every schedule')
      .example('$0 verify --network my-net.yaml --schedule bnff', 'your own network')
      .example('$0 verify --schedule rcf,mvf+fission --json', 'lists of passes, as JSON')
      .epilogue('Exit status 1 where a tensor differs by more than float rounding explains.') as never,
  handler: ((argv: Arguments) => verify(context, argv)) as never,
});

async function verify(context: CliContext, argv: Arguments): Promise<void> {
  for (const name of ['image', 'batch', 'channelDivisor', 'threads'] as const) {
    if (!Number.isInteger(argv[name]) || argv[name] < 1) {
      const option = name === 'channelDivisor' ? 'channel-divisor' : name;
      throw new UserError(`--${option}: a whole number of at least 1 is expected, not ${argv[name]}`);
    }
  }
  const problems = new ProblemCollector();
  const { passes } = await readUserPasses(problems, argv.pass);
  problems.throwIfAny();
  const names = argv.network === 'all' ? listNames('network') : argv.network.split(',');
  const networks = names.map((name) => loadScaledDown(name, argv));
  const reports = networks.map((network) => verifyOne(context, network, argv, passes));
  if (argv.json) context.out(toJson(toDocument(reports, argv)));
  else context.out(reports.map((report) => renderReport(report, argv.all)).join('\n'));
  const failed = reports.flatMap((report) =>
    report.comparisons
      .filter(({ passed }) => !passed)
      .map(({ schedule }) => `${schedule} on ${report.network}`),
  );
  if (failed.length > 0) {
    throw new CheckFailure(
      `not the same as the baseline beyond what rounding explains: ${failed.join(', ')}`,
    );
  }
}

function loadScaledDown(reference: string, { image, channelDivisor }: Arguments): Network {
  const { file, text } = loadText('network', reference);
  const [input] = parseNetwork(text, file).layers;
  if (input === undefined) throw new Error(`network ${reference} has no layers`);
  return parseNetwork(text, file, scaledDown(input.output, image, channelDivisor));
}

function verifyOne(
  context: CliContext,
  network: Network,
  argv: Arguments,
  userPasses: readonly SchedulePass[],
): VerifyReport {
  const { batch, threads, variance, storeZ, materialiseDx, seed } = argv;
  try {
    return verifyNetwork(network, {
      schedules: argv.schedule === 'all' ? VERIFIED_SCHEDULES : argv.schedule.split(','),
      batch,
      seed,
      settings: { threads, variance, seed },
      scheduleOptions: { storeZ, materialiseDx },
      userPasses,
      progress: (schedule, done) =>
        context.err(`${network.name}: ${schedule} executed, ${Math.round(100 * done)} %\n`),
    });
  } catch (error) {
    if (error instanceof ScheduleError || error instanceof UnknownScheduleError)
      throw new UserError(error.message);
    throw error;
  }
}

/** The JSON document; a relative error that is no number (an unwritten element) is null. */
function toDocument(reports: readonly VerifyReport[], argv: Arguments): unknown {
  const { batch, image, channelDivisor, threads, variance, seed, all } = argv;
  return {
    settings: { batch, image, channelDivisor, threads, variance, seed },
    passed: reports.every(({ passed }) => passed),
    networks: reports.map(({ network, passed, comparisons, rows }) => ({
      network,
      passed,
      schedules: comparisons.map((comparison) => ({
        schedule: comparison.schedule,
        passed: comparison.passed,
        notStored: comparison.notStored.length,
        classes: rows
          .filter(({ schedule }) => schedule === comparison.schedule)
          .map(({ network: _network, schedule: _schedule, ...row }) => row),
        tensors: all ? comparison.tensors : worstFirst(comparison.tensors).slice(0, LISTED_TENSORS),
      })),
    })),
  };
}

function renderReport(report: VerifyReport, all: boolean): string {
  return report.comparisons.map((comparison) => renderComparison(comparison, report.rows, all)).join('\n');
}

function renderComparison(comparison: ScheduleComparison, rows: readonly VerifyRow[], all: boolean): string {
  const { network, schedule, passed, tensors, notStored } = comparison;
  const own = rows.filter((row) => row.schedule === schedule);
  const classes = renderTable(
    [
      ['', '', 'float32', 'share of', 'float64', 'share of', ''],
      ['class', 'tensors', 'rel. error', 'tolerance', 'rel. error', 'tolerance', 'result'],
      ...own.map((row) => [
        row.class,
        String(row.tensors),
        formatError(row.float32.worstRelativeError),
        formatShare(row.float32.shareOfTolerance),
        formatError(row.float64.worstRelativeError),
        formatShare(row.float64.shareOfTolerance),
        describeResult(row),
      ]),
    ],
    ['left', 'right', 'right', 'right', 'right', 'right', 'left'],
  );
  const listed = worstFirst(tensors).slice(0, all ? undefined : LISTED_TENSORS);
  const list = renderTable(
    [
      [all ? 'every tensor' : 'worst tensors', 'precision', 'rel. error', 'tolerance', 'share', 'written by'],
      ...listed.map((tensor) => tensorRow(tensor)),
    ],
    ['left', 'left', 'right', 'right', 'right', 'left'],
  );
  const verdict = passed ? 'computes the same as the baseline' : 'DIFFERS from the baseline';
  return `${network}, ${schedule}: ${verdict}; ${notStored.length} of its feature maps and gradients are not stored\n\n${classes}\n${list}`;
}

function describeResult({ passed, failed, lostInFloat32 }: VerifyRow): string {
  if (!passed) return `${failed} differ`;
  return lostInFloat32 ? 'same in float64; rounding leaves no digit in float32' : 'same';
}

function tensorRow(comparison: TensorComparison): string[] {
  const { tensor, precision, relativeError, tolerance, operation } = comparison;
  return [
    tensor,
    precision,
    formatError(relativeError),
    formatError(tolerance),
    formatShare(shareOfTolerance(comparison)),
    operation ?? 'nothing',
  ];
}

function formatError(value: number): string {
  if (Number.isNaN(value)) return 'unwritten';
  if (!Number.isFinite(value)) return 'missing';
  return value === 0 ? '0' : value.toExponential(1);
}

function formatShare(share: number): string {
  // Of a wrong rewrite in float64, 10^13 and more: no digits of it matter but their number.
  if (share > 10 && Number.isFinite(share))
    return `${share < 1e4 ? share.toFixed(0) : share.toExponential(0)} times`;
  return Number.isFinite(share) ? `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %` : '-';
}
