/**
 * Network files: YAML text to a network with shapes.
 *
 * ```yaml
 * name: tiny
 * description: What it is, and where its shapes come from.
 * input: {channels: 3, height: 32, width: 32}      # one image
 * blocks:                                          # groups of layers to use several times
 *   unit:
 *     layers:
 *       - {type: bn, name: bn}
 *       - {type: relu, name: relu}
 *       - {type: conv, name: conv, channels: $channels, kernel: 3, pad: 1}
 *       - {type: concat, name: concat, from: [input, conv]}
 * layers:
 *   - {type: conv, name: stem, channels: 16, kernel: 3, pad: 1}
 *   - {type: block, of: unit, name: unit_$i, repeat: 2, with: {channels: 16}}
 *   - {type: global-pool, name: pool}
 *   - {type: fc, name: classes, channels: 10}
 *   - {type: softmax-loss, name: loss}
 * ```
 *
 * A layer takes the output of the layer above it, or of the layers that `from` names; `input` is the network's input or, inside a block, the
 * block's. Types: conv, bn, relu, pool (max or average), global-pool, concat, sum, fc, lrn, dropout, softmax-loss, block. A block's layers are
 * named `block/layer` from outside (`unit_2/conv`), its own name stands for its last layer, and `with` gives values to the `$parameters` in it;
 * blocks inside it see them too. `repeat` places it several times in a row, `$i` in its name being the number (from `start`, which is 1).
 * Windows, strides and padding are one number or [vertical, horizontal]. `schema.ts` lists every field with its default.
 */
import { type ConfigDocument, parseDocument, problemAt } from '../config/document.js';
import { ConfigurationError } from '../config/problem.js';
import { didYouMean } from '../config/suggest.js';
import { validate } from '../config/validate.js';
import { expandBlocks, type NetworkProblem } from './expand.js';
import { CHANNEL_BLOCK, type Layer, type Network } from './layers.js';
import { networkSchema } from './schema.js';
import { inferShapes } from './shapes.js';

/** Changes to a network as it is read: the same graph, smaller, for numerics and labs. */
export interface NetworkOptions {
  /** Height and width of the input image. Default: the file's. */
  readonly imageSize?: { readonly height: number; readonly width: number };
  /** Divides every CONV's and FC's channels, rounded up to a multiple of 16 (a line of nChw16c). Default 1: the file's. */
  readonly channelDivisor?: number;
}

function findDanglingLayers(layers: readonly Layer[]): Layer[] {
  const consumed = new Set(layers.flatMap((layer) => layer.inputs));
  return layers.filter((layer) => layer.type !== 'softmax-loss' && !consumed.has(layer.name));
}

/** Problems of the graph as a whole; asked for when every layer is right on its own. */
function checkGraph(
  layers: readonly Layer[],
  paths: ReadonlyMap<string, NetworkProblem['path']>,
): NetworkProblem[] {
  const problems: NetworkProblem[] = [];
  if (!layers.some((layer) => layer.type === 'softmax-loss')) {
    problems.push({ path: ['layers'], message: 'a network to train needs a softmax-loss layer' });
  }
  const losses = new Set(layers.filter((layer) => layer.type === 'softmax-loss').map((layer) => layer.name));
  for (const layer of layers) {
    const path = paths.get(layer.name) ?? ['input'];
    if (layer.inputs.some((name) => losses.has(name))) {
      problems.push({ path, message: `layer "${layer.name}": nothing can follow a softmax-loss` });
    }
  }
  for (const layer of findDanglingLayers(layers)) {
    const path = paths.get(layer.name) ?? ['input'];
    problems.push({ path, message: `layer "${layer.name}": nothing uses its output, and it is not a loss` });
  }
  return problems;
}

/** A block that is placed several times repeats its problems; one per place in the file is enough. */
function reportAll(document: ConfigDocument, problems: readonly NetworkProblem[]): never {
  const seen = new Set<string>();
  const unique = problems.filter((problem) => {
    const key = problem.path.join('\0');
    return !seen.has(key) && seen.add(key);
  });
  throw new ConfigurationError(
    unique.map(({ path, message, name, candidates }) =>
      problemAt(
        document,
        path,
        name === undefined ? message : `${message}.${didYouMean(name, candidates ?? [])}`,
      ),
    ),
  );
}

/**
 * Reads a network file.
 *
 * @param text YAML as described at the top of this file
 * @param file name of the file, for messages
 * @throws ConfigurationError with every problem of the file: `file:line:column path: message`
 */
export function parseNetwork(text: string, file: string, options: NetworkOptions = {}): Network {
  const document = parseDocument(text, file);
  const content = validate(networkSchema, document);
  const expansion = expandBlocks(content);
  const divisor = options.channelDivisor ?? 1;
  const scaleChannels = (channels: number) =>
    divisor === 1 ? channels : Math.ceil(channels / divisor / CHANNEL_BLOCK) * CHANNEL_BLOCK;
  const image = { ...content.input, ...options.imageSize };
  const { layers, problems } = inferShapes(image, expansion.entries, { scaleChannels });
  const found = [...expansion.problems, ...problems];
  if (found.length > 0) reportAll(document, found);
  const paths = new Map(expansion.entries.map((placed) => [placed.name, placed.path]));
  const graphProblems = checkGraph(layers, paths);
  if (graphProblems.length > 0) reportAll(document, graphProblems);
  return { name: content.name, description: content.description, layers };
}
