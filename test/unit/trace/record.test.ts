import { describe, expect, it } from 'vitest';
import { loadMachine } from '../../../src/config/load.js';
import type { Kernel, Program } from '../../../src/kernel/kernel.js';
import { lowerProgram } from '../../../src/kernel/lower.js';
import { machineGeometry } from '../../../src/machine/cache/functional/geometry.js';
import { wholeChip } from '../../../src/machine/chip.js';
import type { MachineSpec } from '../../../src/machine/spec.js';
import { parseNetwork } from '../../../src/network/parse.js';
import { runProgram } from '../../../src/simulate/run.js';
import { wholeSample } from '../../../src/simulate/share.js';
import { targetOf } from '../../../src/simulate/target.js';
import { TraceAccess } from '../../../src/trace/access.js';
import { createBinaryReader, readBinaryHeader } from '../../../src/trace/binary/reader.js';
import { createBinaryWriter } from '../../../src/trace/binary/writer.js';
import { replayFunctional } from '../../../src/trace/functional-replay.js';
import { recordKernel } from '../../../src/trace/record.js';
import { SourceBuffer } from '../../../src/trace/source-buffer.js';
import { replayTimed } from '../../../src/trace/timed-replay.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import { readBinary, sourceOf } from './bytes.js';

const BATCH = 4;
/** 16 channels of 8 x 8 pixels: 4 images are 256 lines, a quarter of them each thread's. */
const NETWORK = `
name: tiny
description: The smallest with a CONV, a BN and a ReLU
input: {channels: 16, height: 8, width: 8}
layers:
  - {type: conv, name: conv1, channels: 16, kernel: 1}
  - {type: bn, name: bn1}
  - {type: relu, name: relu1}
  - {type: global-pool, name: pool}
  - {type: fc, name: fc, channels: 16}
  - {type: softmax-loss, name: loss}
`;

const spec: MachineSpec = {
  ...loadMachine('teaching'),
  memory: { kind: 'ideal', latencyPs: 60_000, bytesPerSecond: 40e9, channelsPerSocket: 1 },
};

function lower(): Program {
  const step = buildTrainingStep(parseNetwork(NETWORK, 'tiny.yaml'), { batch: BATCH, fuseBnRelu: false });
  return lowerProgram(step, targetOf(spec, wholeSample(spec, BATCH), BATCH), {
    bnBlocking: 'streaming',
    nonTemporalStores: true,
    softwarePrefetch: true,
  });
}

function kernelOf(program: Program, name: string): Kernel {
  const kernel = program.kernels.find((candidate) => candidate.name === name);
  if (kernel === undefined)
    throw new Error(`${name} is not among ${program.kernels.map((other) => other.name).join(', ')}`);
  return kernel;
}

/** A kernel's trace with every thread, as bytes, and what was counted on the way. */
function record(kernel: Kernel, threads: number): { bytes: Uint8Array; counts: number[] } {
  const parts: Uint8Array[] = [];
  const writer = createBinaryWriter((bytes) => parts.push(bytes), threads);
  const counts = new Array<number>(7).fill(0);
  for (const _tile of recordKernel(
    kernel,
    Array.from({ length: threads }, (_, at) => at),
    writer,
    counts,
  ));
  return { bytes: Buffer.concat(parts), counts };
}

function readersOf(bytes: Uint8Array, threads: number) {
  return Array.from({ length: threads }, (_, core) => {
    const input = new SourceBuffer(sourceOf(bytes));
    return createBinaryReader(input, readBinaryHeader(input), core);
  });
}

describe('a recorded kernel', () => {
  const program = lower();
  const { threads } = program;

  it('touches the lines that the kernel says it reads and writes: a ReLU each of them once', () => {
    const kernel = kernelOf(program, 'relu1.forward');
    const lines = (ranges: Kernel['reads']): number => ranges.reduce((sum, range) => sum + range.lines, 0);
    const { bytes, counts } = record(kernel, threads);
    expect(counts[TraceAccess.Read]).toBe(lines(kernel.reads));
    expect(counts[TraceAccess.Write]).toBe(lines(kernel.writes));
    const read = Array.from({ length: threads }, (_, core) => readBinary(bytes, core)).flat();
    const [range] = kernel.reads;
    const expected = Array.from({ length: range?.lines ?? 0 }, (_, at) => (range?.base ?? 0) + at);
    const sorted = read.filter(([kind]) => kind === TraceAccess.Read).map(([, line]) => line);
    expect(sorted.sort((a, b) => a - b)).toEqual(expected);
  });

  it('gives the same counts when it is replayed through plain caches', () => {
    const kernel = kernelOf(program, 'relu1.forward');
    const { bytes, counts } = record(kernel, threads);
    const { levels, accesses } = replayFunctional(machineGeometry(spec), readersOf(bytes, threads), {
      flush: true,
      seed: 'seed',
    });
    const lines = counts[TraceAccess.Read] as number;
    expect(accesses).toBe(2 * lines);
    // In place: the read misses, the write behind it hits, every line is written back level by level.
    expect(levels.map(({ name: _name, ...level }) => level)).toEqual([
      { reads: lines, writes: lines, readMisses: lines, writeMisses: 0, writebacks: lines },
      { reads: lines, writes: lines, readMisses: lines, writeMisses: 0, writebacks: lines },
      { reads: lines, writes: lines, readMisses: lines, writeMisses: 0, writebacks: lines },
    ]);
  });

  it.each(['relu1.forward', 'conv1.forward'])(
    '%s moves the same bytes when it is replayed with timing as when it runs',
    (name) => {
      const kernel = kernelOf(program, name);
      const alone: Program = { ...program, kernels: [kernel] };
      const share = wholeChip(spec);
      const run = runProgram(spec, share, alone, { flush: true }).statistics.memory;
      const { bytes } = record(kernel, threads);
      const replay = replayTimed(spec, readersOf(bytes, threads), { flush: true });
      expect(replay.dram.readBytes).toBe(run.readLines * 64);
      expect(replay.dram.writeBytes).toBe(run.writtenLines * 64);
    },
  );
});
