/** Shapes as printed in the tables of results. */
import type { LoweringContext } from '../context.js';
import { tensorOf } from '../context.js';

/** `N x C x H x W` of a tensor without spaces, for example `120x256x56x56`. */
export function shapeOf(context: LoweringContext, tensor: string): string {
  return tensorOf(context, tensor).shape.join('x');
}

/** `input -> output` in the form of `shapeOf`. */
export function shapeChange(context: LoweringContext, from: string, to: string): string {
  return `${shapeOf(context, from)} -> ${shapeOf(context, to)}`;
}
