/**
 * Where the DRAM bytes of a training step come from: every line that reaches memory during a run, sorted by what it holds and why it moves, beside the closed-form count of
 * feature-map sweeps without any reuse between operations.
 */
import { featureTraffic } from '../bound/sweeps.js';
import { lowerProgram } from '../kernel/lower.js';
import { LINE_BYTES } from '../kernel/op-stream.js';
import { tensorAccesses } from '../training/accesses.js';
import type { TensorRole, TrainingStep } from '../training/step.js';
import { buildStep, type PartName, type PointSettings, type Progress, sampleOf } from './part.js';
import { runProgram } from './run.js';
import { targetOf } from './target.js';
import { StorageIndex } from './tensor-traffic.js';

/** Bytes of the whole chip and mini-batch, by kind. */
export interface TrafficSources {
  /** Sweeps over feature maps and their gradients counted without reuse (see bound/sweeps.ts). */
  readonly noReuseBytes: number;
  /** Feature maps read because an operation reads them. */
  readonly featureReadBytes: number;
  /** Feature maps read only because an ordinary store to them missed. */
  readonly writeAllocateBytes: number;
  readonly featureWriteBytes: number;
  /** Parameters, their gradients and velocities, read and written. */
  readonly parameterBytes: number;
  /** Masks, statistics and labels. */
  readonly otherTensorBytes: number;
  /** Partial sums and strips. */
  readonly scratchBytes: number;
  /** All of the above but the first. */
  readonly totalBytes: number;
}

const FEATURES = new Set<TensorRole>(['feature', 'feature-gradient']);
const PARAMETERS = new Set<TensorRole>(['parameter', 'parameter-gradient', 'optimiser-state']);

/** Kinds of storages. */
const Kind = { Feature: 0, Parameter: 1, Other: 2, Scratch: 3 } as const;

/**
 * Simulates a sampled point once more with an observer at the memory and sorts what it sees. Times play no part, so no pilots are run.
 * @throws what `simulatePart` throws
 */
export function measureTraffic(settings: PointSettings, onProgress: Progress = () => {}): TrafficSources {
  const sample = sampleOf(settings);
  const step = buildStep(settings, sample.images);
  const sums = { read: 0, allocate: 0, write: 0, parameter: 0, other: 0, scratch: 0 };
  const parts: PartName[] = sample.scale === 1 ? ['whole'] : ['forward', 'backward'];
  let before = 0;
  for (const part of parts) {
    const operations = step.operations.filter(
      ({ phase }) => part === 'whole' || (phase === 'forward') === (part === 'forward'),
    );
    countPart(settings, { ...step, operations }, sums, (done) =>
      onProgress(before + done, step.operations.length),
    );
    before += operations.length;
  }
  const bytes = (lines: number): number => Math.round(lines * LINE_BYTES * sample.scale);
  const { forward, backward } = featureTraffic(step, settings.software);
  const noReuse = forward.readBytes + forward.writeBytes + backward.readBytes + backward.writeBytes;
  return {
    noReuseBytes: Math.round(noReuse * sample.scale),
    featureReadBytes: bytes(sums.read),
    writeAllocateBytes: bytes(sums.allocate),
    featureWriteBytes: bytes(sums.write),
    parameterBytes: bytes(sums.parameter),
    otherTensorBytes: bytes(sums.other),
    scratchBytes: bytes(sums.scratch),
    totalBytes: bytes(Object.values(sums).reduce((sum, lines) => sum + lines, 0)),
  };
}

function countPart(
  settings: PointSettings,
  step: TrainingStep,
  sums: { read: number; allocate: number; write: number; parameter: number; other: number; scratch: number },
  onKernel: (done: number) => void,
): void {
  const { machine, batch, software } = settings;
  const sample = sampleOf(settings);
  const program = lowerProgram(step, targetOf(machine, sample, batch), software);
  const storages = new StorageIndex(step, program.lines);
  const kinds = new Uint8Array(storages.names.length);
  for (const { storage, role } of step.tensors.values()) {
    kinds[storages.names.indexOf(storage)] = FEATURES.has(role)
      ? Kind.Feature
      : PARAMETERS.has(role)
        ? Kind.Parameter
        : Kind.Other;
  }
  const indexOf = new Map(storages.names.map((name, index) => [name, index]));
  // Storages that the operation under way reads: other reads of features are for the sake of stores.
  const wanted = new Uint8Array(storages.names.length);
  const begin = (index: number): void => {
    wanted.fill(0);
    const operation = step.operations[index];
    if (operation === undefined) return;
    for (const { tensor, reads } of tensorAccesses(operation, step, software)) {
      const storage = step.tensors.get(tensor)?.storage;
      if (reads > 0 && storage !== undefined) wanted[indexOf.get(storage) as number] = 1;
    }
  };
  begin(0);
  runProgram(machine, sample.share, program, {
    onKernel: (done) => {
      begin(done);
      onKernel(done);
    },
    onMemoryRequest: (line, isWrite) => {
      const storage = storages.find(line);
      const kind = storage < 0 ? Kind.Scratch : kinds[storage];
      if (kind === Kind.Feature) {
        if (isWrite) sums.write++;
        else if (wanted[storage] !== 0) sums.read++;
        else sums.allocate++;
      } else if (kind === Kind.Parameter) sums.parameter++;
      else if (kind === Kind.Other) sums.other++;
      else sums.scratch++;
    },
  });
}
