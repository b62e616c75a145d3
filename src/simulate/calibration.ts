/**
 * What a share of the chip gets wrong, measured on a larger share.
 *
 * A share of few cores moves the same bytes per core as the whole chip does (caches, partition and kernels are in proportion), but its memory channels serve fewer streams
 * than real ones, whose banks more streams contend for, and fewer threads meet at its barriers. So time that waits for DRAM, and only that, comes out short. Some
 * operations (pilots) are therefore simulated again on a larger share, and the relation between the two gives one coefficient per point:
 *
 *   time on the larger share / time on the sample = 1 + c x (share of the sample's time that waits for DRAM or at barriers)
 *
 * estimated by least squares through the origin (a ratio estimator, Cochran, Sampling Techniques, chapter 6). Every operation's time is corrected by it; bytes and FLOP are
 * not. The stated error is two standard errors of the corrected total, or the whole correction where a single pilot knows of no scatter.
 */
import seedrandom from 'seedrandom';
import type { Kernel } from '../kernel/kernel.js';
import { OpStream, RUN_HEADER_WORDS, STREAM_WORDS } from '../kernel/op-stream.js';
import { Category } from '../statistics/time-loss.js';
import type { Operation } from '../training/step.js';
import type { KernelResult } from './run.js';

export interface Calibration {
  /** c above; 0 where nothing was sampled. */
  readonly coefficient: number;
  /** Stated error of the total time, as a fraction of it. */
  readonly error: number;
  readonly pilots: number;
}

export const NO_CALIBRATION: Calibration = { coefficient: 0, error: 0, pilots: 0 };

/** The part of a kernel's core time that waits for DRAM or at barriers. */
export function memoryShare(kernel: KernelResult): number {
  const total = kernel.lossPs.reduce((sum, ps) => sum + ps, 0);
  if (total === 0) return 0;
  const { lossPs } = kernel;
  return (
    ((lossPs[Category.DramLatency] ?? 0) +
      (lossPs[Category.DramBandwidth] ?? 0) +
      (lossPs[Category.Barrier] ?? 0)) /
    total
  );
}

/** A kernel's time, corrected, ps. */
export function correctedPs(kernel: KernelResult, calibration: Calibration): number {
  return Math.round(kernel.timePs * (1 + calibration.coefficient * memoryShare(kernel)));
}

/** A pilot: the same kernel on the sample and on the larger share, both behind the same kernels. */
export interface PilotPair {
  readonly sample: KernelResult;
  readonly larger: KernelResult;
}

/** Operations that compute more than they move: their time hardly waits for memory. */
const COMPUTING = new Set<Operation['type']>(['CONV', 'FC', 'Loss', 'Update']);

/**
 * Draws pilots among the operations that move data rather than compute: systematically over the running sum of the lines they sweep, which is nearly that of their time, from a
 * start drawn by the seed. Every stretch of that sum is as likely as any other, so the mean over pilots estimates the mean over time.
 * @param lines that each operation sweeps
 * @returns indices of operations, ascending, each once
 */
export function choosePilots(
  operations: readonly Operation[],
  lines: readonly number[],
  count: number,
  seed: string,
): number[] {
  const weights = operations.map(({ type }, index) => (COMPUTING.has(type) ? 0 : (lines[index] as number)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return [];
  const stride = total / count;
  let threshold = seedrandom(`${seed}/pilots`)() * stride;
  let sum = 0;
  const chosen: number[] = [];
  weights.forEach((weight, index) => {
    sum += weight;
    if (sum <= threshold) return;
    chosen.push(index);
    threshold += Math.ceil((sum - threshold) / stride) * stride;
  });
  return chosen;
}

/**
 * Lines per core and phase after which a pilot is cut short: many times what queues and prefetchers hold, so that its pace is that of the steady state. Only
 * operations that sweep far more than the caches hold are cut: they find nothing there, wherever they are.
 */
export const PILOT_LINES = 12_000;

/** The kernel with every phase cut short, thread by thread, after the tile in which it reaches `lines` line accesses. */
export function cutShort(kernel: Kernel, lines: number): Kernel {
  return {
    ...kernel,
    phases: kernel.phases.map((phase) => ({
      name: phase.name,
      emit: phase.emit,
      tileCount: (thread: number) => {
        const tiles = phase.tileCount(thread);
        const stream = new OpStream();
        let accesses = 0;
        for (let tile = 0; tile < tiles; tile++) {
          stream.clear();
          phase.emit(thread, tile, stream);
          accesses += countAccesses(stream);
          if (accesses >= lines) return tile + 1;
        }
        return tiles;
      },
    })),
  };
}

function countAccesses({ words, length }: OpStream): number {
  let accesses = 0;
  for (let at = 0; at < length; ) {
    const streams = words[at] as number;
    accesses += streams * (words[at + 1] as number);
    at += RUN_HEADER_WORDS + streams * STREAM_WORDS;
  }
  return accesses;
}

/**
 * @param kernels all kernels of the point, on the sample
 */
export function calibrate(pairs: readonly PilotPair[], kernels: readonly KernelResult[]): Calibration {
  if (pairs.length === 0) return NO_CALIBRATION;
  const points = pairs.map(({ sample, larger }) => ({
    x: memoryShare(sample),
    y: larger.timePs / sample.timePs - 1,
  }));
  const sumXx = points.reduce((sum, { x }) => sum + x * x, 0);
  // Pilots that wait for nothing tell of no waits.
  if (sumXx === 0) return { coefficient: 0, error: 0, pilots: points.length };
  const coefficient = points.reduce((sum, { x, y }) => sum + x * y, 0) / sumXx;
  const total = kernels.reduce((sum, kernel) => sum + kernel.timePs, 0);
  const waiting = kernels.reduce((sum, kernel) => sum + kernel.timePs * memoryShare(kernel), 0) / total;
  // One pilot tells nothing of how far pilots scatter: the whole correction is then in doubt.
  if (points.length === 1) {
    const correction = Math.abs(coefficient) * waiting;
    return { coefficient, error: correction / (1 + coefficient * waiting), pilots: 1 };
  }
  const residual =
    points.reduce((sum, { x, y }) => sum + (y - coefficient * x) ** 2, 0) / (points.length - 1);
  // Uncertainty of c, carried to the total; the kernels' own scatter around the line averages out over their number.
  const error = 2 * waiting * Math.sqrt(residual / sumXx + residual / Math.max(1, kernels.length));
  return { coefficient, error: error / (1 + coefficient * waiting), pilots: points.length };
}
