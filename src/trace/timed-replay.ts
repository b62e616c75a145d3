/** Replays traces on a machine with full timing. */
import { LINE_BYTES } from '../kernel/op-stream.js';
import { createTagArray, FLAG_BITS } from '../machine/cache/tag-array.js';
import { setsOf, wholeChip } from '../machine/chip.js';
import { ENTRY } from '../machine/coherence/layout.js';
import { type BusCause, nameBusCauses } from '../machine/dram/bus-time.js';
import type { MachineSpec } from '../machine/spec.js';
import { type RunResult, runProgram } from '../simulate/run.js';
import { peakBandwidth } from '../simulate/target.js';
import { type CoreState, coreTimePs, nameCoreStates } from '../statistics/core-time.js';
import { type InterconnectUse, interconnectUse } from '../statistics/link-use.js';
import { type PrefetchUse, prefetchUse } from '../statistics/prefetch-use.js';
import type { TraceReader } from './access.js';
import { createAddressFolder } from './address-folder.js';
import { type TimedLevel, timedLevels } from './timed-levels.js';
import { createTraceProgram } from './trace-program.js';

/** What main memory did. */
export interface TimedMemory {
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly rowHits: number;
  readonly rowEmpty: number;
  readonly rowConflicts: number;
  /** From the controller's taking of a read to the end of its data; 0 without reads. */
  readonly averageReadLatencyNs: number;
  /** Bytes on the data buses until the last access was answered, over that time; 1e9 bytes per second. */
  readonly gbps: number;
  /** Of the machine's peak; 0 where that is infinite. */
  readonly percentOfPeak: number;
  /** Time of the data buses by cause until the last access was answered, percent; adds up to 100. 0 without time. */
  readonly busTimePercent: Readonly<Record<BusCause, number>>;
}

/** What a replay took and counted. */
export interface TimedReplay {
  readonly accesses: number;
  /** In order from the core. */
  readonly levels: readonly TimedLevel[];
  readonly prefetch: PrefetchUse;
  readonly dram: TimedMemory;
  /** Time of the cores that have a trace, up to their last access, by what they did or what was full, percent; adds up to 100. */
  readonly coreTimePercent: Readonly<Record<BusyState, number>>;
  /** How busy the links were until the last access was answered. */
  readonly interconnect: InterconnectUse;
  /** Regions of the traces' address space, 256 of which the machine's tags tell apart, that were moved to lower addresses. */
  readonly regionsMoved: number;
  /** Of the cores' clock, until the last access is answered. */
  readonly cycles: number;
  readonly seconds: number;
}

/** How a replay with timing ends. */
export interface TimedOptions {
  /** Write every dirty line to memory at the end and count it; takes no time. */
  readonly flush: boolean;
  readonly onBatch?: () => void;
}

/** States of a core but that of waiting for others. */
type BusyState = Exclude<CoreState, 'barrier'>;

/** Bits of a tag in a last level or the directory beside it. */
const SHARED_TAG_BITS = 31 - ENTRY.BITS;

/** Lines that the tags of a machine's caches tell apart, a power of two. */
function tagLines(spec: MachineSpec): number {
  const limits = [spec.l1d, ...(spec.l2 === null ? [] : [spec.l2])].map(
    ({ capacityBytes, ways }) => createTagArray(1, setsOf(capacityBytes, ways), ways, FLAG_BITS).lineLimit,
  );
  if (spec.llc !== null) limits.push(setsOf(spec.llc.sliceBytes, spec.llc.ways) * 2 ** SHARED_TAG_BITS);
  return Math.min(...limits);
}

/**
 * Replays a trace per core, from core 0 on; the other cores stand still. Addresses beyond what the machine's tags tell apart are moved below (see address-folder.ts).
 * @throws TraceError for a trace that is not what it should be, RangeError for more traces than cores, SimulatorBug
 */
export function replayTimed(
  spec: MachineSpec,
  readers: readonly TraceReader[],
  { flush, onBatch }: TimedOptions,
): TimedReplay {
  const share = wholeChip(spec);
  if (readers.length > share.cores) {
    throw new RangeError(
      `there are ${readers.length} traces, one for each core, but ${spec.name} has ${share.cores} cores`,
    );
  }
  const lines = tagLines(spec);
  const folder = createAddressFolder(lines, spec.name);
  const { program, counts } = createTraceProgram(
    readers,
    share.cores,
    lines,
    folder,
    spec.core.issueWidth,
    onBatch,
  );
  const run = runProgram(withoutLineStreams(spec), share, program, { flush });
  const seconds = (run.timePs - run.barrierPs) * 1e-12;
  return {
    accesses: counts.reads + counts.writes + counts.nonTemporalWrites,
    levels: timedLevels(spec, run, counts),
    prefetch: prefetchUse(
      run.kernels.map(({ counters }) => counters),
      spec.l2 !== null,
    ),
    dram: timedMemory(spec, run, seconds),
    coreTimePercent: timedCores(run),
    interconnect: interconnectUse(run.statistics, run.timePs - run.barrierPs),
    regionsMoved: folder.moved,
    cycles: Math.round(seconds * spec.core.frequencyHz),
    seconds,
  };
}

/** A trace names neither instructions nor line streams: a stride prefetcher tells its streams apart by page. */
function withoutLineStreams(spec: MachineSpec): MachineSpec {
  if (spec.prefetch.kind !== 'stride') return spec;
  return { ...spec, prefetch: { ...spec.prefetch, index: 'page' } };
}

function timedMemory(spec: MachineSpec, run: RunResult, seconds: number): TimedMemory {
  const { memory } = run.statistics;
  const moved =
    run.kernels.reduce((sum, kernel) => sum + kernel.dramReadLines + kernel.dramWrittenLines, 0) * LINE_BYTES;
  const rate = seconds === 0 ? 0 : moved / seconds;
  return {
    readBytes: memory.readLines * LINE_BYTES,
    writeBytes: memory.writtenLines * LINE_BYTES,
    rowHits: memory.rowHits,
    rowEmpty: memory.rowEmpty,
    rowConflicts: memory.rowConflicts,
    averageReadLatencyNs: memory.readLines === 0 ? 0 : memory.readLatencyPs / memory.readLines / 1e3,
    gbps: rate / 1e9,
    percentOfPeak: (rate / peakBandwidth(spec)) * 100,
    busTimePercent: nameBusCauses(percentages(sumLists(run.kernels.map(({ busPs }) => busPs)))),
  };
}

function timedCores(run: RunResult): Readonly<Record<BusyState, number>> {
  const { barrier, ...busy } = nameCoreStates(sumLists(run.kernels.map(coreTimePs)));
  const shares = percentages(Object.values(busy));
  return Object.fromEntries(Object.keys(busy).map((state, at) => [state, shares[at]])) as Record<
    BusyState,
    number
  >;
}

/** Lists of one length, added up place by place. */
function sumLists(lists: readonly (readonly number[])[]): number[] {
  return lists.reduce<number[]>((sums, list) => list.map((value, at) => value + (sums[at] ?? 0)), []);
}

/** All 0 where the values are. */
function percentages(values: readonly number[]): number[] {
  const total = values.reduce((sum, value) => sum + value, 0);
  return values.map((value) => (total === 0 ? 0 : (100 * value) / total));
}
