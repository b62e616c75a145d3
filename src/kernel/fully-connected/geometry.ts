/**
 * How the tensors of a fully connected layer lie in memory, and which part of them the simulated threads own.
 *
 * Loops are shared out over the threads of the whole chip, by blocks of 16 outputs (or lines of 16 inputs in backward-data), and multiply the whole mini-batch. A simulated
 * thread does its own share only. Where fewer images are simulated than the mini-batch has, image n stands at n modulo the simulated images: the threads
 * of a slice read as many lines as on the chip, from a proportionally smaller tensor in a proportionally smaller LLC.
 */
import { geometryOf } from '../address-map.js';
import { type LoweringContext, tensorOf } from '../context.js';
import type { LineRange, Target } from '../kernel.js';
import { shareStart } from '../partition.js';

/** Outputs of a block: 16 single-precision values are a line. */
export const BLOCK_OUTPUTS = 16;

/** The images of one side of the layer, as rows of lines. */
export interface ImageRows {
  readonly tensor: string;
  readonly base: number;
  readonly images: number;
  /** Lines of an image, rounded up where images share lines (the network's unblocked input). */
  readonly imageLines: number;
  /** First line of an image. */
  rowOf(image: number): number;
}

/** Weights [O, I]: blocks of 16 outputs, each I lines long and split by inputs, as in MKL-DNN's blocked OIhw16i16o. */
export interface WeightRows {
  readonly tensor: string;
  readonly base: number;
  readonly lines: number;
  readonly outputs: number;
  readonly inputs: number;
  readonly outputBlocks: number;
}

/** The rows of a feature map of any layout. */
export function imageRows(context: LoweringContext, name: string): ImageRows {
  const tensor = tensorOf(context, name);
  const base = context.baseOf(name);
  const lines = context.linesOf(name);
  const images = tensor.layout === 'nchw' ? (tensor.shape[0] as number) : geometryOf(tensor).images;
  const exact = lines / images;
  return {
    tensor: name,
    base,
    images,
    imageLines: Math.ceil(exact),
    rowOf: (image) => base + Math.floor(exact * image),
  };
}

/** Throws a RangeError for a tensor that is no matrix. */
export function weightRows(context: LoweringContext, name: string): WeightRows {
  const [outputs, inputs, ...rest] = tensorOf(context, name).shape;
  if (outputs === undefined || inputs === undefined || rest.length > 0) {
    throw new RangeError(`"${name}" is no weight matrix [outputs, inputs] of a fully connected layer`);
  }
  return {
    tensor: name,
    base: context.baseOf(name),
    lines: context.linesOf(name),
    outputs,
    inputs,
    outputBlocks: Math.ceil(outputs / BLOCK_OUTPUTS),
  };
}

/** Lines of the weights of output block `block` for lines [from, to) of an image of `imageLines` lines. */
export function weightLines(
  weights: WeightRows,
  block: number,
  from: number,
  to: number,
  imageLines: number,
): LineRange {
  const at = (part: number) =>
    Math.min(weights.lines, block * weights.inputs + Math.floor((weights.inputs * part) / imageLines));
  return { tensor: weights.tensor, base: weights.base + at(from), lines: at(to) - at(from) };
}

/** Items [from, to) of `work` that a thread of the chip owns. */
export function ownItems(target: Target, work: number, thread: number): { from: number; to: number } {
  return {
    from: shareStart(work, target.totalThreads, thread),
    to: shareStart(work, target.totalThreads, thread + 1),
  };
}

/** Calls `visit` with stretches of simulated images that stand for the mini-batch's images one after the other. */
export function visitBatch(
  target: Target,
  images: number,
  visit: (firstImage: number, count: number) => void,
): void {
  for (let image = 0; image < target.totalBatch; image += images)
    visit(0, Math.min(images, target.totalBatch - image));
}

/** Lines [from, to) of every image as ranges: one where that is the whole tensor. */
export function columnRanges(rows: ImageRows, lines: number, from: number, to: number): LineRange[] {
  if (to <= from) return [];
  if (from === 0 && to === rows.imageLines) return [{ tensor: rows.tensor, base: rows.base, lines }];
  return Array.from({ length: rows.images }, (_, image) => ({
    tensor: rows.tensor,
    base: rows.rowOf(image) + from,
    lines: to - from,
  }));
}
