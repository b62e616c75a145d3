/** Each kind of kernel, alone on an ideal cache of a simulated machine, moves exactly the bytes of the bound. */
import { describe, expect, it } from 'vitest';
import { compulsoryTraffic, countLines } from '../../../src/bound/compulsory.js';
import { rooflineSeconds } from '../../../src/bound/roofline.js';
import { streamedTraffic } from '../../../src/bound/streamed.js';
import type { Kernel, LineRange, Program } from '../../../src/kernel/kernel.js';
import { lowerProgram } from '../../../src/kernel/lower.js';
import { MAX_STREAMS } from '../../../src/kernel/op-stream.js';
import { wholeChip } from '../../../src/machine/chip.js';
import type { MachineSpec } from '../../../src/machine/spec.js';
import { applySchedule } from '../../../src/schedule/apply.js';
import { NAMED_SCHEDULES } from '../../../src/schedule/registry.js';
import { runProgram } from '../../../src/simulate/run.js';
import { wholeSample } from '../../../src/simulate/share.js';
import { peakBandwidth, peakFlops, targetOf } from '../../../src/simulate/target.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import type { Operation } from '../../../src/training/step.js';
import { SMALL } from '../../unit/machine/small-machine.js';
import { loadZooNetwork } from '../../unit/network/zoo.js';

const BATCH = 2;

/** A core whose only cache never evicts: more lines than the address space of the networks below. */
const INFINITE: MachineSpec = {
  ...SMALL,
  l1d: { ...SMALL.l1d, capacityBytes: 2 ** 20 * 64, ways: 16 },
  l2: null,
  llc: null,
  memory: { kind: 'ideal', latencyPs: 80_000, bytesPerSecond: 20e9, channelsPerSocket: 1 },
};

/** A core whose only cache holds one line per stream that a run may have. */
const ONE_LINE_PER_STREAM: MachineSpec = {
  ...INFINITE,
  l1d: { ...SMALL.l1d, capacityBytes: MAX_STREAMS * 64, ways: MAX_STREAMS },
};

/** What a kernel is, apart from its size. */
function familyOf(operation: Operation): string {
  const parts: unknown[] = [operation.kind];
  if ('window' in operation) parts.push(operation.window.kernelHeight, operation.window.strideHeight);
  if ('load' in operation)
    parts.push(operation.load?.batchNorm == null, operation.load?.relu, operation.load?.storeTo == null);
  if ('store' in operation) parts.push(operation.store?.batchNorm == null, operation.store?.relu);
  if ('gradient' in operation && typeof operation.gradient === 'object')
    parts.push(
      operation.gradient.kind,
      operation.gradient.kind !== 'stored' && operation.gradient.storeTo == null,
    );
  if ('statistics' in operation)
    parts.push(
      typeof operation.statistics === 'string' ? operation.statistics : operation.statistics.length > 0,
    );
  if ('mode' in operation) parts.push(operation.mode);
  return parts.join(' ');
}

interface Subject {
  readonly title: string;
  readonly kernel: Kernel;
  readonly program: Program;
}

/** One kernel of each family, with and without the options that add families. */
function collectSubjects(): Subject[] {
  const subjects = new Map<string, Subject>();
  const networks = [
    ['conv-bn-relu-conv', { height: 12, width: 10 }, 4],
    ['densenet121', { height: 32, width: 32 }, 16],
    ['resnet50', { height: 32, width: 32 }, 16],
    // Each of its groups must keep 16 channels.
    ['alexnet', { height: 67, width: 67 }, 3],
  ] as const;
  for (const [name, imageSize, channelDivisor] of networks) {
    const network = loadZooNetwork(name, { imageSize, channelDivisor });
    for (const { name: schedule } of NAMED_SCHEDULES) {
      for (const storeZ of [false, true]) {
        const baseline = buildTrainingStep(network, { batch: BATCH });
        const step = applySchedule(baseline, schedule, { storeZ, materialiseDx: storeZ });
        const target = targetOf(SMALL, wholeSample(SMALL, BATCH), BATCH);
        const program = lowerProgram(step, target, {
          bnBlocking: 'streaming',
          nonTemporalStores: true,
          softwarePrefetch: false,
        });
        step.operations.forEach((operation, index) => {
          const family = familyOf(operation);
          const kernel = program.kernels[index] as Kernel;
          const known = subjects.get(family);
          // The smallest of the family will do.
          if (known !== undefined && countLines(known.kernel.reads) <= countLines(kernel.reads)) return;
          subjects.set(family, { title: `${name} ${schedule} ${operation.name}`, kernel, program });
        });
      }
    }
  }
  return [...subjects.values()];
}

/** Lines that a kernel alone exchanges with memory, cold and flushed, inside and outside some ranges. */
function simulate(
  spec: MachineSpec,
  { kernel, program }: Subject,
  ranges: Readonly<Record<string, readonly LineRange[]>>,
) {
  const marks = Object.entries(ranges).map(([name, list]) => {
    const lines = new Uint8Array(program.lines);
    for (const { base, lines: count } of list) lines.fill(1, base, base + count);
    return { name, lines };
  });
  const reads: Record<string, number> = { all: 0 };
  const writes: Record<string, number> = { all: 0 };
  const result = runProgram(
    spec,
    wholeChip(spec),
    { ...program, kernels: [kernel] },
    {
      flush: true,
      onMemoryRequest(line, isWrite) {
        const counts = isWrite ? writes : reads;
        counts.all = (counts.all as number) + 1;
        for (const { name, lines } of marks) if (lines[line] === 1) counts[name] = (counts[name] ?? 0) + 1;
      },
    },
  );
  const { memory } = result.statistics;
  expect({ reads: reads.all, writes: writes.all }, 'the observer sees what memory counts').toEqual({
    reads: memory.readLines,
    writes: memory.writtenLines,
  });
  return { reads, writes, seconds: result.timePs * 1e-12 };
}

const SUBJECTS = collectSubjects();

it('there is a kernel of every kind', () => {
  expect(SUBJECTS.length).toBeGreaterThan(40);
});

describe.each(SUBJECTS.map((subject) => [subject.title, subject] as const))('%s', (_title, subject) => {
  const { kernel, program } = subject;

  it('on an infinite cache reads each line of its inputs, and writes each line of its outputs, once', () => {
    expect(program.lines * 64).toBeLessThanOrEqual(INFINITE.l1d.capacityBytes);
    const { reads, writes, seconds } = simulate(INFINITE, subject, {
      input: kernel.reads,
      output: kernel.writes,
    });
    const { readLines, writtenLines } = compulsoryTraffic(kernel);
    expect(reads.input ?? 0).toBe(readLines);
    expect(writes.output ?? 0).toBe(writtenLines);
    // Everything else is write-allocate and scratch: never more reads than lines that are flushed in the end.
    expect((reads.all as number) - readLines).toBeLessThanOrEqual(writes.all as number);
    const bytes = ((reads.all as number) + (writes.all as number)) * 64;
    const peaks = { bytesPerSecond: peakBandwidth(INFINITE), flopsPerSecond: peakFlops(INFINITE) };
    // What is flushed leaves after the last barrier.
    const flushed = Math.min(bytes, (writes.all as number) * 64);
    expect(seconds).toBeGreaterThanOrEqual(
      rooflineSeconds({ bytes: bytes - flushed, flops: kernel.flops }, peaks),
    );
  });

  it('on a cache of one line per stream moves every access that repeats none of the last few', () => {
    const { reads, writes } = simulate(ONE_LINE_PER_STREAM, subject, {});
    const bound = streamedTraffic(kernel);
    expect({ reads: reads.all, writes: writes.all }).toEqual({
      reads: bound.readLines + bound.allocatedLines,
      writes: bound.writtenLines,
    });
  });
});
