/**
 * Study: a small network with batch normalisation is trained twice, with the baseline's and with a restructured schedule's numerics, on generated images.
 *
 * The same images in the same order, so that the loss curves may differ by rounding only. What rounding does to a training is measured beside
 * it: the baseline once more with another number of threads, which changes nothing but the order in which partial sums add up.
 */
import seedrandom from 'seedrandom';
import { parseNetwork } from '../../network/parse.js';
import { applySchedule } from '../../schedule/apply.js';
import { buildTrainingStep } from '../../training/build.js';
import type { TrainingStep } from '../../training/step.js';
import { executeStep } from '../execute.js';
import { DEFAULT_SETTINGS, Execution, type ExecutionSettings } from '../execution.js';
import { fillNormal, initialise, networkInputs } from '../initialise.js';
import type { Precision, Real } from '../tensor-store.js';

const CLASSES = 4;

/** Three CONV-BN-ReLU stages with a skip connection by Concat, so that every fusion of the schedules takes part. */
const STUDY_NETWORK = `
name: accuracy-study
description: Small classifier of 12x12 patterns for the study of accuracy over training
input: {channels: 3, height: 12, width: 12}
layers:
  - {type: conv, name: stem, channels: 16, kernel: 3, pad: 1}
  - {type: bn, name: stem/bn}
  - {type: relu, name: stem/relu}
  - {type: pool, name: pool1, mode: max, kernel: 2, stride: 2}
  - {type: bn, name: x1/bn}
  - {type: relu, name: x1/relu}
  - {type: conv, name: x1, channels: 16, kernel: 1}
  - {type: bn, name: x2/bn}
  - {type: relu, name: x2/relu}
  - {type: conv, name: x2, channels: 16, kernel: 3, pad: 1}
  - {type: concat, name: concat, from: [pool1, x2]}
  - {type: bn, name: last/bn}
  - {type: relu, name: last/relu}
  - {type: conv, name: last, channels: 16, kernel: 1}
  - {type: global-pool, name: pool2}
  - {type: fc, name: classes, channels: ${CLASSES}}
  - {type: softmax-loss, name: loss}
`;

/** The network that the study trains. */
export function buildStudyStep(batch: number): TrainingStep {
  return buildTrainingStep(parseNetwork(STUDY_NETWORK, 'accuracy-study'), { batch });
}

export interface TrainingRun {
  /** Label of the curve. */
  readonly name: string;
  readonly schedule: string;
  readonly precision: Precision;
  readonly settings?: Partial<ExecutionSettings>;
}

export interface TrainingStudyOptions {
  readonly steps: number;
  readonly batch: number;
  readonly seed: string;
  readonly runs: readonly TrainingRun[];
}

export const DEFAULT_TRAINING_STUDY: TrainingStudyOptions = {
  steps: 300,
  batch: 16,
  seed: 'accuracy over training',
  runs: [
    { name: 'baseline', schedule: 'baseline', precision: 'float32' },
    { name: 'bnff', schedule: 'bnff', precision: 'float32' },
    { name: 'bnff+icf', schedule: 'bnff+icf', precision: 'float32' },
    { name: 'baseline on 3 threads', schedule: 'baseline', precision: 'float32', settings: { threads: 3 } },
  ],
};

/** One step of one curve. */
export interface TrainingStudyRow {
  readonly run: string;
  readonly step: number;
  readonly loss: number;
  /** Share of the mini-batch that is classified correctly. */
  readonly accuracy: number;
}

/** Trains every run from the same parameters on the same images. */
export function studyTraining(options: TrainingStudyOptions = DEFAULT_TRAINING_STUDY): TrainingStudyRow[] {
  const baseline = buildStudyStep(options.batch);
  return options.runs.flatMap((run) => trainRun(applySchedule(baseline, run.schedule), run, options));
}

function trainRun(step: TrainingStep, run: TrainingRun, options: TrainingStudyOptions): TrainingStudyRow[] {
  const optimiser = { ...DEFAULT_SETTINGS.optimiser, learningRate: 0.05 };
  const execution = new Execution(step, run.precision, { optimiser, ...run.settings });
  initialise(execution, options.seed);
  const loss = step.operations.find((operation) => operation.kind === 'softmax-loss-forward');
  if (loss === undefined) throw new Error('the network of the study has no loss');
  const [images] = [...networkInputs(step)];
  if (images === undefined) throw new Error('the network of the study has no input');
  const kept = new Set([...step.batchNorms.values()].flatMap((bn) => [bn.runningMean, bn.runningVariance]));
  return Array.from({ length: options.steps }, (_, index) => {
    // What a step has not written itself it must not read: all but what training carries on is unwritten again.
    execution.store.poison(
      ({ name, role }) => role !== 'parameter' && role !== 'optimiser-state' && !kept.has(name),
    );
    const labels = execution.read(loss.labels);
    drawPatterns(execution.read(images), labels, `${options.seed}/${index}`, options.seed);
    executeStep(execution);
    const probabilities = execution.read(loss.probabilities);
    const value = execution.read(loss.loss)[0] as number;
    return { run: run.name, step: index, loss: value, accuracy: accuracyOf(probabilities, labels) };
  });
}

/**
 * Draws a mini-batch: class k is a stripe pattern of its own direction and colour at a random phase, under noise of twice its size.
 * @param images [N, 3, 12, 12], overwritten
 * @param labels [N], overwritten
 */
function drawPatterns(images: Real, labels: Real, stream: string, dataSeed: string): void {
  const random = seedrandom(stream);
  const colours = new Float64Array(CLASSES * 3);
  fillNormal(colours, `${dataSeed}/colours`, 0, 1);
  fillNormal(images, `${stream}/noise`, 0, 2);
  const size = Math.sqrt(images.length / labels.length / 3);
  for (let image = 0; image < labels.length; image++) {
    const label = Math.floor(random() * CLASSES);
    labels[image] = label;
    const angle = (Math.PI * label) / CLASSES;
    const phase = 2 * Math.PI * random();
    for (let channel = 0; channel < 3; channel++) {
      const colour = colours[label * 3 + channel];
      for (let row = 0; row < size; row++) {
        for (let column = 0; column < size; column++) {
          const wave = Math.cos(row * Math.sin(angle) + column * Math.cos(angle) + phase);
          images[((image * 3 + channel) * size + row) * size + column] += colour * wave;
        }
      }
    }
  }
}

function accuracyOf(probabilities: Real, labels: Real): number {
  const classes = probabilities.length / labels.length;
  let right = 0;
  for (let image = 0; image < labels.length; image++) {
    const row = [...probabilities.subarray(image * classes, (image + 1) * classes)];
    if (row.indexOf(Math.max(...row)) === labels[image]) right++;
  }
  return right / labels.length;
}

/** How far a run's losses lie from the baseline's. */
export interface CurveDistance {
  readonly run: string;
  /** Largest |loss - baseline's loss| over all steps. */
  readonly largest: number;
  /** The same over the first tenth of the steps, before the differences have fed back through many updates. */
  readonly largestEarly: number;
}

/**
 * |loss - first run's loss| of a run, step by step.
 * @returns one difference per step (nat)
 */
export function lossDifferences(rows: readonly TrainingStudyRow[], run: string): number[] {
  const lossesOf = (name: string) => rows.filter((row) => row.run === name).map((row) => row.loss);
  const baseline = lossesOf(rows[0]?.run ?? '');
  return lossesOf(run).map((loss, step) => Math.abs(loss - (baseline[step] as number)));
}

/** Distance of every run from the first one. */
export function curveDistances(rows: readonly TrainingStudyRow[]): CurveDistance[] {
  const names = [...new Set(rows.map((row) => row.run))];
  return names.slice(1).map((run) => {
    const distances = lossDifferences(rows, run);
    const early = distances.slice(0, Math.ceil(distances.length / 10));
    return { run, largest: Math.max(...distances), largestEarly: Math.max(...early) };
  });
}
