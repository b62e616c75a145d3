/** Shape inference: from placed entries to layers with shapes, naming the layer in every complaint. */
import { type Dimension, INPUT, type NetworkProblem, type PlacedEntry } from './expand.js';
import {
  type FeatureShape,
  featureElements,
  formatShape,
  type InputLayer,
  type Layer,
  type Window,
} from './layers.js';

/** A complaint about one field of a layer; caught in `inferShapes`, never seen outside. */
class ShapeError extends Error {
  readonly field: string | null;
  constructor(field: string | null, message: string) {
    super(message);
    this.field = field;
  }
}

/** Channels of a layer after the division that `ShapeOptions.channelDivisor` asks for. */
type ScaleChannels = (channels: number) => number;

export interface ShapeOptions {
  readonly scaleChannels: ScaleChannels;
}

/** Output rows or columns where a last window that does not fit is left out. */
export function floorOutput(input: number, kernel: number, stride: number, pad: number): number {
  return Math.floor((input + 2 * pad - kernel) / stride) + 1;
}

/** Caffe's pooling: rounds up, and leaves out a last window that would start in the padding beyond the input. */
export function caffeOutput(input: number, kernel: number, stride: number, pad: number): number {
  const rounded = Math.ceil((input + 2 * pad - kernel) / stride) + 1;
  return pad > 0 && (rounded - 1) * stride >= input + pad ? rounded - 1 : rounded;
}

function resolve(placed: PlacedEntry, field: string, value: Dimension, minimum: number): [number, number] {
  if (typeof value === 'string') {
    const parameter = value.slice(1);
    const found = Object.hasOwn(placed.parameters, parameter) ? placed.parameters[parameter] : undefined;
    if (found === undefined)
      throw new ShapeError(field, `parameter ${value} has no value: give it under "with"`);
    if (found < minimum) throw new ShapeError(field, `parameter ${value} is ${found}, less than ${minimum}`);
    return [found, found];
  }
  return typeof value === 'number' ? [value, value] : [value[0], value[1]];
}

function resolveOne(placed: PlacedEntry, field: string, value: Dimension): number {
  return resolve(placed, field, value, 1)[0];
}

function resolveWindow(
  placed: PlacedEntry,
  entry: { kernel: Dimension; stride: Dimension; pad: Dimension },
): Window {
  const [kernelHeight, kernelWidth] = resolve(placed, 'kernel', entry.kernel, 1);
  const [strideHeight, strideWidth] = resolve(placed, 'stride', entry.stride, 1);
  const [padHeight, padWidth] = resolve(placed, 'pad', entry.pad, 0);
  if (padHeight >= kernelHeight || padWidth >= kernelWidth) {
    throw new ShapeError(
      'pad',
      'padding must be smaller than the window: a window of padding alone has no value',
    );
  }
  return { kernelHeight, kernelWidth, strideHeight, strideWidth, padHeight, padWidth };
}

function slide(
  input: FeatureShape,
  window: Window,
  output: typeof floorOutput,
): { height: number; width: number } {
  const height = output(input.height, window.kernelHeight, window.strideHeight, window.padHeight);
  const width = output(input.width, window.kernelWidth, window.strideWidth, window.padWidth);
  if (height < 1 || width < 1) {
    const size = `${window.kernelHeight}x${window.kernelWidth}`;
    throw new ShapeError(
      'kernel',
      `a ${size} window does not fit into the padded input of ${formatShape(input)}`,
    );
  }
  return { height, width };
}

/** Types that take several inputs; all others take one. */
const JOINING = new Set(['concat', 'sum']);

function inferLayer(placed: PlacedEntry, inputs: readonly FeatureShape[], options: ShapeOptions): Layer {
  const { entry } = placed;
  const base = { name: placed.name, inputs: placed.inputs };
  if (JOINING.has(entry.type) && inputs.length < 2)
    throw new ShapeError('from', `a ${entry.type} joins at least two layers`);
  if (!JOINING.has(entry.type) && inputs.length > 1)
    throw new ShapeError('from', `a ${entry.type} takes one layer`);
  const input = inputs[0] as FeatureShape;
  switch (entry.type) {
    case 'conv': {
      const groups = resolveOne(placed, 'groups', entry.groups);
      const channels = options.scaleChannels(resolveOne(placed, 'channels', entry.channels));
      if (input.channels % groups !== 0) {
        throw new ShapeError(
          'groups',
          `${input.channels} input channels do not divide into ${groups} groups`,
        );
      }
      if (channels % groups !== 0) {
        throw new ShapeError('channels', `${channels} output channels do not divide into ${groups} groups`);
      }
      const window = resolveWindow(placed, entry);
      const output = { channels, ...slide(input, window, floorOutput) };
      return { ...base, type: 'conv', window, groups, bias: entry.bias, output };
    }
    case 'pool': {
      const window = resolveWindow(placed, entry);
      const output = {
        channels: input.channels,
        ...slide(input, window, entry.rounding === 'caffe' ? caffeOutput : floorOutput),
      };
      return { ...base, type: 'pool', mode: entry.mode, window, output };
    }
    case 'global-pool':
      return { ...base, type: 'global-pool', output: { channels: input.channels, height: 1, width: 1 } };
    case 'bn':
      return { ...base, type: 'bn', epsilon: entry.epsilon, momentum: entry.momentum, output: input };
    case 'relu':
      return { ...base, type: 'relu', output: input };
    case 'dropout':
      return { ...base, type: 'dropout', ratio: entry.ratio, output: input };
    case 'lrn':
      if (entry.localSize % 2 === 0)
        throw new ShapeError('localSize', `expected an odd number, not ${entry.localSize}`);
      return {
        ...base,
        type: 'lrn',
        localSize: entry.localSize,
        alpha: entry.alpha,
        beta: entry.beta,
        output: input,
      };
    case 'concat': {
      if (inputs.some((shape) => shape.height !== input.height || shape.width !== input.width)) {
        throw new ShapeError(
          'from',
          `inputs differ in height or width: ${inputs.map(formatShape).join(', ')}`,
        );
      }
      const channels = inputs.reduce((total, shape) => total + shape.channels, 0);
      return { ...base, type: 'concat', output: { ...input, channels } };
    }
    case 'sum':
      if (inputs.some((shape) => formatShape(shape) !== formatShape(input))) {
        throw new ShapeError('from', `inputs differ in shape: ${inputs.map(formatShape).join(', ')}`);
      }
      return { ...base, type: 'sum', output: input };
    case 'fc': {
      const channels = options.scaleChannels(resolveOne(placed, 'channels', entry.channels));
      return { ...base, type: 'fc', bias: entry.bias, output: { channels, height: 1, width: 1 } };
    }
    case 'softmax-loss':
      if (featureElements(input) !== input.channels) {
        throw new ShapeError(
          'from',
          `expected one number per class (height and width 1), not ${formatShape(input)}`,
        );
      }
      return { ...base, type: 'softmax-loss', output: input };
  }
}

/**
 * Infers the shapes of placed layers, in order.
 *
 * @param image shape of the network's input
 * @returns the layers, the input layer first, and every problem found. A layer that follows from a broken one is left out without a complaint of its own.
 */
export function inferShapes(
  image: FeatureShape,
  entries: readonly PlacedEntry[],
  options: ShapeOptions,
): { layers: Layer[]; problems: NetworkProblem[] } {
  const input: InputLayer = { type: 'input', name: INPUT, inputs: [], output: image };
  const layers: Layer[] = [input];
  const shapes = new Map<string, FeatureShape>([[INPUT, image]]);
  const problems: NetworkProblem[] = [];
  for (const placed of entries) {
    const inputs = placed.inputs.map((name) => shapes.get(name));
    if (!inputs.every((shape) => shape !== undefined)) continue;
    try {
      const layer = inferLayer(placed, inputs, options);
      layers.push(layer);
      shapes.set(layer.name, layer.output);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      const path = error.field === null ? placed.path : [...placed.path, error.field];
      problems.push({ path, message: `layer "${placed.name}": ${error.message}` });
    }
  }
  return { layers, problems };
}
