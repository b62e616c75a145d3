import { setImmediate } from 'node:timers/promises';
import type { Argv } from 'yargs';
import { loadMachine } from '../../config/load.js';
import { didYouMean } from '../../config/suggest.js';
import type { Kernel, Program } from '../../kernel/kernel.js';
import type { MachineSpec } from '../../machine/spec.js';
import type { Network } from '../../network/layers.js';
import { loadNetwork } from '../../network/load.js';
import { applySchedule } from '../../schedule/apply.js';
import { ScheduleError } from '../../schedule/errors.js';
import { programFor } from '../../simulate/whole.js';
import { isRefusal } from '../../sweep/error-transfer.js';
import {
  DEFAULT_BATCH,
  LARGEST_BATCH,
  scheduleOptionsSchema,
  softwareSchema,
} from '../../sweep/point-options.js';
import { TraceAccess, type TraceWriter } from '../../trace/access.js';
import { createBinaryWriter } from '../../trace/binary/writer.js';
import { createDinWriter } from '../../trace/din.js';
import { createTraceFile } from '../../trace/node/file-sink.js';
import { MOST_UNPACKED } from '../../trace/node/gunzip-source.js';
import { type AccessCounts, recordKernel } from '../../trace/record.js';
import { buildTrainingStep } from '../../training/build.js';
import { type CliContext, type CreateCommand, Interrupted, UserError } from '../command.js';
import { toJson } from '../json.js';
import { ProblemCollector } from '../problems.js';
import { checkResultFile } from '../result-file.js';
import { addSoftwareOptions, pickOptions } from '../software-options.js';

interface RecordArguments extends Readonly<Record<string, unknown>> {
  readonly network: string;
  readonly machine: string;
  readonly schedule: string;
  readonly operation: string;
  readonly thread: string;
  readonly batch: number;
  readonly out: string;
  readonly json: boolean;
}

/** Every thread, as a trace of several cores. */
const ALL_THREADS = 'all';

const DIN = /\.din(?:\.gz)?$/;
const BINARY = /\.nct(?:\.gz)?$/;
const PACKED = /\.gz$/;

/** Tiles between two looks at whether the user wants to stop. */
const TILES_PER_LOOK = 256;

/** `normcore record`. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'record <out>',
  describe: "write the accesses of one operation's kernel as a trace",
  builder: (parser: Argv) =>
    addSoftwareOptions(
      parser
        .positional('out', {
          describe:
            "file to write: .din is Dinero's text, .nct Normcore's binary format; .gz behind it packs it",
          type: 'string',
          demandOption: true,
        })
        .option('network', { describe: 'name, or path of a YAML file', type: 'string', demandOption: true })
        .option('machine', {
          describe: 'name, or path of a YAML file: the kernel is blocked for it',
          type: 'string',
          demandOption: true,
        })
        .option('schedule', {
          describe: 'a schedule, or passes joined by +',
          type: 'string',
          default: 'baseline',
        })
        .option('operation', {
          describe: 'name as normcore run --operations prints it',
          type: 'string',
          demandOption: true,
        })
        .option('thread', {
          describe: `which thread's accesses, from 0 on; ${ALL_THREADS}: every thread's, as a trace of several cores (.nct)`,
          type: 'string',
          default: '0',
        })
        .option('batch', { describe: 'images of the mini-batch', type: 'number', default: DEFAULT_BATCH })
        .option('json', { describe: 'what was written as JSON', type: 'boolean', default: false }),
    )
      .example(
        '$0 record relu.din --network conv-bn-relu-conv --machine teaching --batch 4 --operation relu.forward',
        'the ReLU, as thread 0 runs it',
      )
      .example(
        '$0 record conv.nct --network densenet121 --machine skylake-sp-2s --schedule bnff --operation conv2_1/x2.forward --thread all',
        'every thread of a fused CONV',
      )
      .epilogue('The formats are described in docs/trace-format.md') as never,
  handler: (async (argv: RecordArguments) => {
    const { network, machine, thread } = readSettings(argv);
    const program = lower(argv, network, machine);
    const kernel = findKernel(program, argv.operation);
    const threads = thread === null ? Array.from({ length: program.threads }, (_, index) => index) : [thread];
    const counts = await write(argv.out, kernel, threads);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const written = {
      file: argv.out,
      operation: kernel.name,
      shape: kernel.shape,
      cores: threads.length,
      reads: (counts[TraceAccess.Read] ?? 0) + (counts[TraceAccess.ReadDependent] ?? 0),
      writes: counts[TraceAccess.Write] ?? 0,
      nonTemporalWrites: counts[TraceAccess.WriteNonTemporal] ?? 0,
      prefetches: (counts[TraceAccess.PrefetchL1] ?? 0) + (counts[TraceAccess.PrefetchL2] ?? 0),
    };
    if (argv.json) context.out(toJson(written));
    else {
      const { reads, writes, nonTemporalWrites, prefetches } = written;
      const left = DIN.test(argv.out) && prefetches > 0 ? ', which .din has no label for, left out' : '';
      context.out(
        `${kernel.name} (${kernel.shape}), ${threads.length} of ${program.threads} threads: ${total} accesses of a line each\n` +
          `${reads} reads, ${writes} writes, ${nonTemporalWrites} non-temporal writes, ${prefetches} prefetches${left}\nWritten to ${argv.out}\n`,
      );
    }
  }) as never,
});

interface RecordSettings {
  readonly network: Network;
  readonly machine: MachineSpec;
  /** Null: all. */
  readonly thread: number | null;
}

/** @throws ConfigurationError with all problems of all options and files */
function readSettings(argv: RecordArguments): RecordSettings {
  const problems = new ProblemCollector();
  const network = problems.attempt(() => loadNetwork(argv.network));
  const machine = problems.attempt(() => loadMachine(argv.machine));
  problems.checkSchedule('--schedule', argv.schedule);
  problems.checkWhole('batch', argv.batch, 1, LARGEST_BATCH);
  const thread = argv.thread === ALL_THREADS ? null : Number(argv.thread);
  if (thread !== null && machine !== undefined) {
    problems.checkWhole('thread', thread, 0, machine.sockets * machine.coresPerSocket - 1);
  }
  if (!DIN.test(argv.out) && !BINARY.test(argv.out)) {
    problems.add(`${argv.out}: the ending says the format. Allowed: .din, .din.gz, .nct, .nct.gz`);
  } else if (DIN.test(argv.out) && thread === null) {
    problems.add(
      '--thread all: a .din trace holds one core; write a .nct trace, or a .din trace for each thread',
    );
  } else if (PACKED.test(argv.out) && thread === null && machine !== undefined) {
    const threads = machine.sockets * machine.coresPerSocket;
    if (threads > MOST_UNPACKED)
      problems.add(
        `--thread all: a packed trace of ${threads} cores cannot be replayed, which takes ${MOST_UNPACKED} at most; write a .nct trace that is not packed`,
      );
  }
  checkResultFile(problems, 'out', argv.out);
  problems.throwIfAny();
  return { network: network as Network, machine: machine as MachineSpec, thread };
}

/** The whole step, whole batch, all cores. */
function lower(argv: RecordArguments, network: Network, machine: MachineSpec): Program {
  const { batch } = argv;
  const { fuseBnRelu, ...software } = pickOptions(softwareSchema, argv);
  try {
    const step = applySchedule(
      buildTrainingStep(network, { batch, fuseBnRelu }),
      argv.schedule,
      pickOptions(scheduleOptionsSchema, argv),
    );
    return programFor(machine, step, software);
  } catch (error) {
    if (error instanceof ScheduleError || isRefusal(error)) throw new UserError(error.message);
    throw error;
  }
}

function findKernel(program: Program, name: string): Kernel {
  const kernel = program.kernels.find((candidate) => candidate.name === name);
  if (kernel !== undefined) return kernel;
  const names = program.kernels.map((candidate) => candidate.name);
  const list =
    names.length <= 20 ? names.join(', ') : `${names.slice(0, 10).join(', ')} and ${names.length - 10} more`;
  throw new UserError(
    `there is no operation "${name}" in ${program.name}.${didYouMean(name, names)} There are: ${list}`,
  );
}

/** @throws Interrupted at Ctrl-C, UserError where the file system refuses; nothing half-written is left behind */
async function write(path: string, kernel: Kernel, threads: readonly number[]): Promise<AccessCounts> {
  const file = attemptFile(path, () => createTraceFile(path));
  let stopped = false;
  const interrupt = (): void => {
    stopped = true;
  };
  process.once('SIGINT', interrupt);
  try {
    const writer: TraceWriter = DIN.test(path)
      ? createDinWriter(file.sink)
      : createBinaryWriter(file.sink, threads.length);
    const counts: AccessCounts = new Array<number>(Object.keys(TraceAccess).length).fill(0);
    let tiles = 0;
    for (const _tile of recordKernel(kernel, threads, writer, counts)) {
      if (++tiles % TILES_PER_LOOK !== 0) continue;
      await setImmediate();
      if (stopped) throw new Interrupted('stopped; nothing was written');
    }
    attemptFile(path, () => file.finish());
    return counts;
  } catch (error) {
    file.discard();
    throw isFileError(error) ? new UserError(`${path} cannot be written: ${error.message}`) : error;
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

function attemptFile<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isFileError(error) ? new UserError(`${path} cannot be written: ${error.message}`) : error;
  }
}
