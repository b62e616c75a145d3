/**
 * Shapes and addresses of a convolution: where rows of feature maps and blocks of weights lie, and which input rows an output row needs.
 *
 * Feature maps are nChw16c (one line per pixel and 16-channel block); the network's input is nchw (16 pixels of one channel per line). Weights are
 * OIhw16i16o: one line per output-channel block, input channel and tap. Where the channels are no multiple of 16, the padding of a weight block is
 * not stored: block offsets run past the tensor's end and are clipped to it, so that all blocks together cover the tensor exactly.
 */
import type { Window2d } from '../../training/step.js';
import type { LoweringContext } from '../context.js';
import { tensorOf } from '../context.js';
import type { LineRange } from '../kernel.js';
import { LINE_BYTES } from '../op-stream.js';
import type { Axis } from './axis.js';
import { backwardAxis, forwardAxis, neededIndices, spansOf } from './axis.js';

/** Channels of a block of nChw16c. */
export const BLOCK_CHANNELS = 16;

/** A feature map in memory. */
export interface FeatureMap {
  readonly name: string;
  /** First line. */
  readonly base: number;
  readonly lines: number;
  readonly images: number;
  readonly channels: number;
  /** 16-channel blocks of an image; for nchw one "block" holds all channels. */
  readonly blocks: number;
  readonly height: number;
  readonly width: number;
  readonly layout: 'nChw16c' | 'nchw';
}

/** @throws RangeError where the tensor is unknown or no feature map */
export function featureMapOf(context: LoweringContext, name: string): FeatureMap {
  const tensor = tensorOf(context, name);
  const [images, channels, height, width] = tensor.shape;
  if (
    images === undefined ||
    channels === undefined ||
    height === undefined ||
    width === undefined ||
    tensor.layout === 'plain'
  ) {
    throw new RangeError(`"${name}" is no feature map of a convolution: it needs the shape [N, C, H, W]`);
  }
  return {
    name,
    base: context.baseOf(name),
    lines: context.linesOf(name),
    images,
    channels,
    blocks: tensor.layout === 'nchw' ? 1 : Math.ceil(channels / BLOCK_CHANNELS),
    height,
    width,
    layout: tensor.layout,
  };
}

/** All lines of a map. */
export function wholeOf(map: FeatureMap): LineRange {
  return { tensor: map.name, base: map.base, lines: map.lines };
}

/** First line of row `row` of a block of an nChw16c map; its pixels, and the rows after it, follow line by line. */
export function rowLine(map: FeatureMap, image: number, block: number, row: number): number {
  return map.base + ((image * map.blocks + block) * map.height + row) * map.width;
}

/** Calls `visit` with the stretches of consecutive lines that hold rows [from, to) of a block: one for nChw16c, one per channel for nchw. */
export function visitRows(
  map: FeatureMap,
  image: number,
  block: number,
  from: number,
  to: number,
  visit: (base: number, lines: number) => void,
): void {
  if (to <= from) return;
  if (map.layout === 'nChw16c') {
    visit(rowLine(map, image, block, from), (to - from) * map.width);
    return;
  }
  const pixelsPerLine = LINE_BYTES / 4;
  for (let channel = 0; channel < map.channels; channel++) {
    const first = ((image * map.channels + channel) * map.height + from) * map.width;
    const last = first + (to - from) * map.width - 1;
    const line = Math.floor(first / pixelsPerLine);
    visit(map.base + line, Math.floor(last / pixelsPerLine) - line + 1);
  }
}

/** The weights (or their gradient) in memory, as blocks. */
export interface WeightBlocks {
  readonly name: string;
  readonly base: number;
  readonly lines: number;
  /** Lines of one (output block, input block): taps x input channels of the block. */
  readonly linesPerBlock: number;
  /** Input blocks of a group. */
  readonly inBlocks: number;
  /** Output blocks of a group. */
  readonly outBlocks: number;
}

/** First line and number of lines of `count` consecutive input blocks of one output block, clipped to the tensor. `base` is that of the buffer (the tensor's or a partial copy's). */
export function weightRange(
  weights: WeightBlocks,
  base: number,
  group: number,
  outBlock: number,
  inBlock: number,
  count: number,
): { base: number; lines: number } {
  const offset =
    ((group * weights.outBlocks + outBlock) * weights.inBlocks + inBlock) * weights.linesPerBlock;
  const from = Math.min(offset, weights.lines);
  const to = Math.min(offset + count * weights.linesPerBlock, weights.lines);
  return { base: base + from, lines: to - from };
}

/** The whole convolution. */
export interface ConvGeometry {
  readonly images: number;
  readonly groups: number;
  /** Input and output channels of a group. */
  readonly inChannels: number;
  readonly outChannels: number;
  /** 16-channel blocks of a group; an nchw input counts as one block. */
  readonly inBlocks: number;
  readonly outBlocks: number;
  /** Channels that a reduction over one input block steps through: 16, or all of an nchw input. */
  readonly stepsPerBlock: number;
  readonly input: FeatureMap;
  /** Shape of the output; its address is of no use for backward-weights. */
  readonly output: FeatureMap;
  readonly window: Window2d;
  readonly weights: WeightBlocks;
}

/**
 * @param input the forward input, or backward-data's output
 * @param output the forward output, or the gradient
 * @throws RangeError where a group's channels are no multiple of 16
 */
export function convGeometry(
  context: LoweringContext,
  operation: { readonly name: string; readonly window: Window2d; readonly groups: number },
  input: FeatureMap,
  output: FeatureMap,
  weightName: string,
): ConvGeometry {
  const { groups, window } = operation;
  const inChannels = input.channels / groups;
  const outChannels = output.channels / groups;
  if (groups > 1 && (inChannels % BLOCK_CHANNELS !== 0 || outChannels % BLOCK_CHANNELS !== 0)) {
    throw new RangeError(
      `${operation.name}: ${groups} groups of ${inChannels} input and ${outChannels} output channels cannot be lowered: a group's channels must be a multiple of ${BLOCK_CHANNELS}`,
    );
  }
  const isPlanar = input.layout === 'nchw';
  const inBlocks = isPlanar ? 1 : Math.ceil(inChannels / BLOCK_CHANNELS);
  const outBlocks = Math.ceil(outChannels / BLOCK_CHANNELS);
  const stepsPerBlock = isPlanar ? inChannels : BLOCK_CHANNELS;
  return {
    images: input.images,
    groups,
    inChannels,
    outChannels,
    inBlocks,
    outBlocks,
    stepsPerBlock,
    input,
    output,
    window,
    weights: {
      name: weightName,
      base: context.baseOf(weightName),
      lines: context.linesOf(weightName),
      linesPerBlock: window.kernelHeight * window.kernelWidth * stepsPerBlock,
      inBlocks,
      outBlocks,
    },
  };
}

/** Whether a convolution goes to the dedicated 1x1 kernel: one tap, no padding, blocked layout. */
export function isPointwise(geometry: ConvGeometry): boolean {
  const { window } = geometry;
  return (
    window.kernelHeight === 1 &&
    window.kernelWidth === 1 &&
    window.padTop === 0 &&
    window.padLeft === 0 &&
    geometry.input.layout === 'nChw16c'
  );
}

/** The vertical and the horizontal axis of the forward convolution. */
export function forwardAxes(geometry: ConvGeometry): { readonly rows: Axis; readonly columns: Axis } {
  const { input, output, window } = geometry;
  return {
    rows: forwardAxis(input.height, output.height, window.kernelHeight, window.strideHeight, window.padTop),
    columns: forwardAxis(input.width, output.width, window.kernelWidth, window.strideWidth, window.padLeft),
  };
}

/** The axes of backward-data. */
export function backwardAxes(geometry: ConvGeometry): { readonly rows: Axis; readonly columns: Axis } {
  const { input, output, window } = geometry;
  return {
    rows: backwardAxis(input.height, output.height, window.kernelHeight, window.strideHeight, window.padTop),
    columns: backwardAxis(input.width, output.width, window.kernelWidth, window.strideWidth, window.padLeft),
  };
}

/** For example `120x128x28x28 -> 120x32x28x28, 3x3`. */
export function describeShape(geometry: ConvGeometry): string {
  const { input, output, window, groups } = geometry;
  const of = (map: FeatureMap): string => `${map.images}x${map.channels}x${map.height}x${map.width}`;
  const stride =
    window.strideHeight === 1 && window.strideWidth === 1
      ? ''
      : `, stride ${window.strideHeight}x${window.strideWidth}`;
  const grouped = groups === 1 ? '' : `, ${groups} groups`;
  return `${of(input)} -> ${of(output)}, ${window.kernelHeight}x${window.kernelWidth}${stride}${grouped}`;
}

/** Lines of the forward input (or of a map of its shape) that the convolution needs. */
export function inputReads(geometry: ConvGeometry, map: FeatureMap): LineRange[] {
  const { window, output } = geometry;
  return isPointwise(geometry)
    ? neededPixels(map, window, output.height, output.width)
    : neededRows(map, forwardAxes(geometry).rows);
}

/** Whole rows of a map that the outputs of a vertical axis need: what the direct kernel reads, which takes rows whole. */
export function neededRows(map: FeatureMap, rows: Axis): LineRange[] {
  const needed = neededIndices(rows);
  if (needed.every(Boolean)) return [wholeOf(map)];
  const ranges: LineRange[] = [];
  const images = map.images * map.blocks;
  for (let at = 0; at < images; at++) {
    for (const [from, to] of spansOf(needed)) {
      visitRows(map, Math.floor(at / map.blocks), at % map.blocks, from, to, (base, lines) => {
        ranges.push({ tensor: map.name, base, lines });
      });
    }
  }
  return ranges;
}

/** The pixels of a map that a strided 1x1 convolution needs. */
function neededPixels(map: FeatureMap, window: Window2d, outHeight: number, outWidth: number): LineRange[] {
  const { strideHeight, strideWidth } = window;
  if (strideHeight === 1 && strideWidth === 1) return [wholeOf(map)];
  const ranges: LineRange[] = [];
  for (let image = 0; image < map.images; image++) {
    for (let block = 0; block < map.blocks; block++) {
      for (let row = 0; row < outHeight; row++) {
        const line = rowLine(map, image, block, row * strideHeight);
        for (let column = 0; column < outWidth; column++) {
          ranges.push({ tensor: map.name, base: line + column * strideWidth, lines: 1 });
        }
      }
    }
  }
  return ranges;
}
