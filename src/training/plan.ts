/** What the forward and the backward pass must agree on before either is written down: consumers, needed gradients, what runs in place. */
import type { Layer, Network } from '../network/layers.js';

/** How the modelled software trains a network. */
export interface TrainingOptions {
  /** Images of the mini-batch. */
  readonly batch: number;
  /** Whether the baseline software already runs BN and the ReLU behind it as one forward operation (Intel Caffe from 1.1.1 on). Default false. */
  readonly fuseBnRelu?: boolean;
  /**
   * Whether the gradient of an element-wise sum is copied to each of its inputs. Default false: Intel Caffe's MKL-DNN Eltwise layer lets
   * them share the output's gradient (`ShareDiff` in mkldnn_eltwise_layer.cpp), so that the sum's backward pass moves nothing.
   */
  readonly copySumGradients?: boolean;
}

/** One use of a layer's output. */
export interface Consumer {
  readonly layer: Layer;
  /** Index among the consumer's inputs. */
  readonly slot: number;
}

export interface TrainingPlan {
  readonly network: Network;
  readonly layers: ReadonlyMap<string, Layer>;
  readonly options: Required<TrainingOptions>;
  /** Uses of each layer's output, in forward order. */
  readonly consumers: ReadonlyMap<string, readonly Consumer[]>;
  /** Layers whose output's gradient is computed: those with parameters, and all that follow from them. */
  readonly needsGradient: ReadonlySet<string>;
  /** Layers whose output takes the place of their input. */
  readonly inPlace: ReadonlySet<string>;
  /** ReLU layers that run inside the BN before them: name of the BN -> name of the ReLU. */
  readonly fusedRelus: ReadonlyMap<string, string>;
}

/** Types with parameters to learn. */
const LEARNING = new Set<Layer['type']>(['conv', 'fc', 'bn']);

/** Types whose backward pass reads their own output, which nothing may overwrite then. */
const READ_OWN_OUTPUT = new Set<Layer['type']>(['lrn']);

function findConsumers(network: Network): Map<string, Consumer[]> {
  const consumers = new Map<string, Consumer[]>(network.layers.map((layer) => [layer.name, []]));
  for (const layer of network.layers) {
    layer.inputs.forEach((name, slot) => {
      consumers.get(name)?.push({ layer, slot });
    });
  }
  return consumers;
}

function findNeededGradients(network: Network): Set<string> {
  const needed = new Set<string>();
  for (const layer of network.layers) {
    if (LEARNING.has(layer.type) || layer.inputs.some((name) => needed.has(name))) needed.add(layer.name);
  }
  return needed;
}

/** A ReLU or dropout works in place where it is the only one to look at its input. */
function findInPlaceLayers(
  network: Network,
  layers: ReadonlyMap<string, Layer>,
  consumers: ReadonlyMap<string, readonly Consumer[]>,
): Set<string> {
  const inPlace = new Set<string>();
  for (const layer of network.layers) {
    if (layer.type !== 'relu' && layer.type !== 'dropout') continue;
    const input = layers.get(layer.inputs[0] as string) as Layer;
    const onlyUse = consumers.get(input.name)?.length === 1;
    if (onlyUse && input.type !== 'input' && !READ_OWN_OUTPUT.has(input.type)) inPlace.add(layer.name);
  }
  return inPlace;
}

function findFusedRelus(
  network: Network,
  consumers: ReadonlyMap<string, readonly Consumer[]>,
  needsGradient: ReadonlySet<string>,
): Map<string, string> {
  const fused = new Map<string, string>();
  for (const layer of network.layers) {
    const uses = consumers.get(layer.name) ?? [];
    const only = uses.length === 1 ? uses[0]?.layer : undefined;
    // A BN on the image itself has no input gradient and no operation that would mask it.
    if (layer.type === 'bn' && only?.type === 'relu' && needsGradient.has(layer.inputs[0] as string)) {
      fused.set(layer.name, only.name);
    }
  }
  return fused;
}

/** Works out what both passes of a training step rest on. */
export function planTraining(network: Network, options: TrainingOptions): TrainingPlan {
  const layers = new Map(network.layers.map((layer) => [layer.name, layer]));
  const consumers = findConsumers(network);
  const needsGradient = findNeededGradients(network);
  const fuseBnRelu = options.fuseBnRelu ?? false;
  return {
    network,
    layers,
    options: { batch: options.batch, fuseBnRelu, copySumGradients: options.copySumGradients ?? false },
    consumers,
    needsGradient,
    inPlace: findInPlaceLayers(network, layers, consumers),
    fusedRelus: fuseBnRelu ? findFusedRelus(network, consumers, needsGradient) : new Map(),
  };
}
