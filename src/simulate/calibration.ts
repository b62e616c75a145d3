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
 * not. The stated error is two standard errors of the corrected total.
 */
import seedrandom from 'seedrandom';
import type { Program } from '../kernel/kernel.js';
import { Category } from '../statistics/time-loss.js';
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
  return ((lossPs[Category.DramLatency] ?? 0) + (lossPs[Category.DramBandwidth] ?? 0) + (lossPs[Category.Barrier] ?? 0)) / total;
}

/** A kernel's time, corrected, ps. */
export function correctedPs(kernel: KernelResult, calibration: Calibration): number {
  return Math.round(kernel.timePs * (1 + calibration.coefficient * memoryShare(kernel)));
}

/** Kernels of a program that a pilot simulates. */
export interface PilotChoice {
  /** Index of the kernel whose time counts. */
  readonly index: number;
  /** First kernel that is run: the ones before `index` fill the caches. */
  readonly first: number;
}

/**
 * Draws pilots: of the kernels that wait for memory for more than half of their time, systematically over the running sum of that time, from a start drawn by the
 * seed; for each, the cheapest kernel to simulate within its stretch.
 */
export function choosePilots(kernels: readonly KernelResult[], count: number, seed: string): PilotChoice[] {
  const candidates = kernels.map((kernel, index) => ({ kernel, index })).filter(({ kernel }) => memoryShare(kernel) > 0.5 && kernel.timePs > 0);
  const total = candidates.reduce((sum, { kernel }) => sum + kernel.timePs, 0);
  const random = seedrandom(`${seed}/pilots`);
  const choices: PilotChoice[] = [];
  let threshold = (random() * total) / count;
  let sum = 0;
  for (const { kernel, index } of candidates) {
    sum += kernel.timePs;
    if (sum < threshold || choices.length >= count) continue;
    threshold += total / count;
    choices.push({ index, first: Math.max(0, index - 1) });
  }
  return choices;
}

/** The kernels of a pilot as a program of its own. */
export function excerpt(program: Program, choice: PilotChoice): Program {
  return { ...program, kernels: program.kernels.slice(choice.first, choice.index + 1) };
}

/**
 * @param pairs of each pilot: its result on the sample and on the larger share, both behind the same kernels
 * @param kernels all kernels of the point, on the sample
 */
export function calibrate(pairs: readonly { sample: KernelResult; larger: KernelResult }[], kernels: readonly KernelResult[]): Calibration {
  if (pairs.length === 0) return NO_CALIBRATION;
  const points = pairs.map(({ sample, larger }) => ({ x: memoryShare(sample), y: larger.timePs / sample.timePs - 1 }));
  const sumXx = points.reduce((sum, { x }) => sum + x * x, 0);
  const coefficient = points.reduce((sum, { x, y }) => sum + x * y, 0) / sumXx;
  const residual = points.reduce((sum, { x, y }) => sum + (y - coefficient * x) ** 2, 0) / Math.max(1, points.length - 1);
  const total = kernels.reduce((sum, kernel) => sum + kernel.timePs, 0);
  const waiting = kernels.reduce((sum, kernel) => sum + kernel.timePs * memoryShare(kernel), 0) / total;
  // Uncertainty of c, carried to the total; the kernels' own scatter around the line averages out over their number.
  const error = 2 * waiting * Math.sqrt(residual / sumXx + residual / Math.max(1, kernels.length));
  return { coefficient, error: error / (1 + coefficient * waiting), pilots: points.length };
}
