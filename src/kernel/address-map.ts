/**
 * Where tensors live: every storage has its own page-aligned range of lines.
 *
 * Caffe keeps the data and the gradient blobs of all layers alive over the whole iteration, so no two storages ever share memory; large
 * allocations come from `mmap`, which gives whole pages. Parameters lie in one contiguous region, so that a chip that is simulated in slices can
 * tell what every slice reads whole; scratch follows it.
 */
import type { Tensor, TrainingStep } from '../training/step.js';
import { LINE_BYTES } from './op-stream.js';

/** Channels of one block of nChw16c: one 64-byte line of single precision. */
export const BLOCK_CHANNELS = 16;

/** Lines of a 4 KiB page, the grain of `mmap` on the modelled systems. */
const PAGE_LINES = 4096 / LINE_BYTES;

/** Line indices are Int32 in the op streams. */
const MAX_LINES = 2 ** 31 - 1;

/** A feature map (or its mask) in lines. */
export interface FeatureGeometry {
  readonly images: number;
  readonly channels: number;
  /** Blocks of 16 channels, the last one padded. */
  readonly blocks: number;
  readonly height: number;
  readonly width: number;
  /** Pixels of one plane. */
  readonly pixels: number;
  /** Lines of one (image, channel block) plane: one per pixel at 4 bytes, pixels / 4 rounded up at 1 byte. */
  readonly planeLines: number;
  /** Lines of one image. */
  readonly imageLines: number;
}

/**
 * Geometry of a blocked tensor of shape [N, C, H, W], [N, C] counting as [N, C, 1, 1]. A plain feature map (a fully connected layer's) counts as
 * blocked too: without pixels the two layouts differ only in that every image starts on a line of its own.
 * Throws a RangeError for the network's unblocked input and for anything that is no feature map.
 */
export function geometryOf(tensor: Tensor): FeatureGeometry {
  const [images, channels, height = 1, width = 1] = tensor.shape;
  const pixels = height * width;
  const isBlocked =
    tensor.layout === 'nChw16c' || (isFeature(tensor) && tensor.layout === 'plain' && pixels === 1);
  if (!isBlocked || images === undefined || channels === undefined || tensor.shape.length > 4) {
    throw new RangeError(
      `tensor "${tensor.name}" (${tensor.layout}, [${tensor.shape.join(', ')}]) is no blocked feature map`,
    );
  }
  const blocks = Math.ceil(channels / BLOCK_CHANNELS);
  const planeLines = Math.ceil((pixels * BLOCK_CHANNELS * tensor.elementBytes) / LINE_BYTES);
  return { images, channels, blocks, height, width, pixels, planeLines, imageLines: blocks * planeLines };
}

function isFeature(tensor: Tensor): boolean {
  return tensor.role === 'feature' || tensor.role === 'feature-gradient' || tensor.role === 'mask';
}

/**
 * Lines that a tensor occupies. Feature maps: N x ceil(C / 16) x H x W, or packed N x C x H x W for the network's input. Four-dimensional
 * parameters (with gradients and momenta) are CONV weights in MKL-DNN's OIhw16i16o, both channel counts rounded up to 16, or Ohwi16o where there are fewer than 16 input
 * channels (the RGB input). All else is packed.
 */
export function tensorLines(tensor: Tensor): number {
  const bytes = (elements: number) => Math.ceil((elements * tensor.elementBytes) / LINE_BYTES);
  if (isFeature(tensor) && tensor.layout !== 'nchw') {
    const geometry = geometryOf(tensor);
    return geometry.images * geometry.imageLines;
  }
  const [outputs, inputs, height, width] = tensor.shape;
  const isWeights = !isFeature(tensor) && tensor.shape.length === 4;
  if (
    isWeights &&
    outputs !== undefined &&
    inputs !== undefined &&
    height !== undefined &&
    width !== undefined
  ) {
    const padded = (channels: number) => Math.ceil(channels / BLOCK_CHANNELS) * BLOCK_CHANNELS;
    return bytes(padded(outputs) * (inputs < BLOCK_CHANNELS ? inputs : padded(inputs)) * height * width);
  }
  return Math.max(1, bytes(tensor.shape.reduce((product, extent) => product * extent, 1)));
}

export interface AddressMap {
  /** First line of a tensor. Throws a RangeError for an unknown name. */
  baseOf(tensorName: string): number;
  /** Lines of a tensor. Throws a RangeError for an unknown name. */
  linesOf(tensorName: string): number;
  /** See `LoweringContext.scratch`. Throws a RangeError when the address space is full. */
  scratch(name: string, lines: number): number;
  readonly parameterBase: number;
  readonly parameterEnd: number;
  /** Lines in use so far, scratch included. */
  lines(): number;
}

/**
 * Lays out the step's storages in the order in which its tensors are listed: first everything that is no parameter, then the parameters.
 * Throws a RangeError when the lines do not fit 31 bits.
 */
export function createAddressMap(step: TrainingStep): AddressMap {
  let next = 0;
  const take = (what: string, lines: number): number => {
    const base = next;
    next += Math.ceil(Math.max(1, lines) / PAGE_LINES) * PAGE_LINES;
    if (next > MAX_LINES) {
      throw new RangeError(
        `${what} ends at line ${next}, beyond the 2^31 lines (128 GiB) of the address space: simulate fewer images`,
      );
    }
    return base;
  };

  const storageLines = new Map<string, { lines: number; isParameter: boolean }>();
  for (const tensor of step.tensors.values()) {
    const known = storageLines.get(tensor.storage);
    storageLines.set(tensor.storage, {
      lines: Math.max(known?.lines ?? 0, tensorLines(tensor)),
      isParameter: (known?.isParameter ?? false) || tensor.role === 'parameter',
    });
  }
  const bases = new Map<string, number>();
  const place = (parameters: boolean): void => {
    for (const [storage, { lines, isParameter }] of storageLines) {
      if (isParameter === parameters) bases.set(storage, take(`storage "${storage}"`, lines));
    }
  };
  place(false);
  const parameterBase = next;
  place(true);
  const parameterEnd = next;

  const scratches = new Map<string, { base: number; lines: number }>();
  const find = (name: string): Tensor => {
    const tensor = step.tensors.get(name);
    if (tensor === undefined) throw new RangeError(`the training step has no tensor named "${name}"`);
    return tensor;
  };
  return {
    baseOf: (name) => bases.get(find(name).storage) as number,
    linesOf: (name) => tensorLines(find(name)),
    scratch(name, lines) {
      const known = scratches.get(name);
      if (known !== undefined && known.lines >= lines) return known.base;
      const base = take(`scratch "${name}"`, lines);
      scratches.set(name, { base, lines });
      return base;
    },
    parameterBase,
    parameterEnd,
    lines: () => next,
  };
}
