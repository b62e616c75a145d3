/** Sizes of tensors. */
import type { Tensor } from './step.js';

/** Channels of one line in nChw16c: 16 single-precision channels are 64 bytes. */
export const CHANNEL_BLOCK = 16;

/** Elements that the mathematics has. */
export function tensorElements(tensor: Tensor): number {
  return tensor.shape.reduce((product, extent) => product * extent, 1);
}

/** Bytes of one sweep over the tensor: its elements, without the padding of the blocked layout. */
export function sweepBytes(tensor: Tensor): number {
  return tensorElements(tensor) * tensor.elementBytes;
}

/** Bytes that the tensor occupies in memory: nChw16c rounds the channels up to a whole block. */
export function allocatedBytes(tensor: Tensor): number {
  if (tensor.layout !== 'nChw16c') return sweepBytes(tensor);
  const [images = 1, channels = 1, ...plane] = tensor.shape;
  const blocked = Math.ceil(channels / CHANNEL_BLOCK) * CHANNEL_BLOCK;
  return plane.reduce((product, extent) => product * extent, images * blocked) * tensor.elementBytes;
}
