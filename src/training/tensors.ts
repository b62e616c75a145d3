/** Sizes of tensors. */
import { CHANNEL_BLOCK } from '../network/layers.js';
import type { Tensor } from './step.js';

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
