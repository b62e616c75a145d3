/** Sums over a network, per image: multiply-adds, parameters, bytes of feature maps. */
import {
  type FeatureShape,
  featureElements,
  formatShape,
  type Layer,
  type LayerType,
  type Network,
} from './layers.js';

/** Single precision. */
const BYTES_PER_ELEMENT = 4;

export interface NetworkTotals {
  /** Fused multiply-adds of all CONV and FC layers, forward, per image; every filter tap counts, padding included. */
  readonly multiplyAdds: number;
  /** Weights, biases, and gamma and beta of every BN. */
  readonly parameters: number;
  /** Bytes of all feature maps of an image, the input included. Layers that work in place (ReLU, dropout) add none. */
  readonly featureBytes: number;
  /** Bytes per image that enter a BN layer. */
  readonly bnInputBytes: number;
  readonly bnLayers: number;
}

/** One row of `network show`. */
export interface LayerRow {
  readonly layer: string;
  readonly type: LayerType;
  /** Channels x height x width. */
  readonly output: string;
  /** Per image, forward. */
  readonly multiplyAdds: number;
  readonly parameters: number;
  /** Per image; 0 for a layer that works in place. */
  readonly featureBytes: number;
}

/** The layers of a network by name. */
export function layersByName(network: Network): ReadonlyMap<string, Layer> {
  return new Map(network.layers.map((layer) => [layer.name, layer]));
}

/** Shape of a layer's first (for most types, only) input. Throws for the input layer, which has none. */
export function inputShape(layer: Layer, layers: ReadonlyMap<string, Layer>): FeatureShape {
  const input = layers.get(layer.inputs[0] ?? '');
  if (input === undefined) throw new Error(`layer "${layer.name}" has no input`);
  return input.output;
}

/** Shapes of a layer's parameters by role: CONV weights [OC, IC / groups, KH, KW], FC weights [O, I], the others [C]. */
export function parameterShapes(
  layer: Layer,
  layers: ReadonlyMap<string, Layer>,
): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const channels = layer.output.channels;
  switch (layer.type) {
    case 'conv': {
      const { kernelHeight, kernelWidth } = layer.window;
      shapes.set('weights', [
        channels,
        inputShape(layer, layers).channels / layer.groups,
        kernelHeight,
        kernelWidth,
      ]);
      if (layer.bias) shapes.set('bias', [channels]);
      break;
    }
    case 'fc':
      shapes.set('weights', [channels, featureElements(inputShape(layer, layers))]);
      if (layer.bias) shapes.set('bias', [channels]);
      break;
    case 'bn':
      shapes.set('gamma', [channels]);
      shapes.set('beta', [channels]);
      break;
    default:
  }
  return shapes;
}

function multiplyAdds(layer: Layer, layers: ReadonlyMap<string, Layer>): number {
  const weights = parameterShapes(layer, layers).get('weights');
  if (weights === undefined) return 0;
  // Each output pixel takes every weight once; an FC has one pixel.
  return weights.reduce((product, extent) => product * extent, 1) * layer.output.height * layer.output.width;
}

function parameters(layer: Layer, layers: ReadonlyMap<string, Layer>): number {
  let total = 0;
  for (const shape of parameterShapes(layer, layers).values())
    total += shape.reduce((product, extent) => product * extent, 1);
  return total;
}

/** Caffe's models run these in place. */
function worksInPlace(layer: Layer): boolean {
  return layer.type === 'relu' || layer.type === 'dropout';
}

/** What there is to say of each layer, in order. */
export function describeLayers(network: Network): LayerRow[] {
  const layers = layersByName(network);
  return network.layers.map((layer) => ({
    layer: layer.name,
    type: layer.type,
    output: formatShape(layer.output),
    multiplyAdds: multiplyAdds(layer, layers),
    parameters: parameters(layer, layers),
    featureBytes: worksInPlace(layer) ? 0 : featureElements(layer.output) * BYTES_PER_ELEMENT,
  }));
}

/** The sums over all layers. */
export function networkTotals(network: Network): NetworkTotals {
  const rows = describeLayers(network);
  const bns = network.layers.filter((layer) => layer.type === 'bn');
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    multiplyAdds: sum(rows.map((row) => row.multiplyAdds)),
    parameters: sum(rows.map((row) => row.parameters)),
    featureBytes: sum(rows.map((row) => row.featureBytes)),
    bnInputBytes: sum(bns.map((layer) => featureElements(layer.output) * BYTES_PER_ELEMENT)),
    bnLayers: bns.length,
  };
}
