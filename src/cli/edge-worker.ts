/** The thread that measures an edge for its figure: the command's own thread stays free for Ctrl-C. */
import { parentPort } from 'node:worker_threads';
import { EDGE_VARIANTS } from '../bound/edge.js';
import { loadMachine } from '../config/load.js';
import type { EdgeRequest, MeasuredEdge } from '../report/figures/figure.js';
import { EdgeMeasurement, mapBytes, smallestEdgeBatch } from '../simulate/edge.js';
import { DEFAULT_SOFTWARE } from '../sweep/point-options.js';

/**
 * Measures an edge under every variant that docs/paper.md counts, at the smallest mini-batch whose maps outgrow the caches. Sends each variant's name as it begins.
 * @throws ConfigurationError where there is no such machine
 */
export default function measureEdge({ machine: name, channels, image }: EdgeRequest): MeasuredEdge {
  const machine = loadMachine(name);
  const batch = smallestEdgeBatch(machine, { channels, image });
  const shape = { batch, channels, image };
  const edge = new EdgeMeasurement({ machine, shape, software: DEFAULT_SOFTWARE });
  const variants = EDGE_VARIANTS.map((variant) => {
    parentPort?.postMessage(variant.name);
    return {
      name: variant.name,
      counted: { forward: variant.forwardSweeps, backward: variant.backwardSweeps },
      result: edge.measure(variant.schedule, variant.options),
    };
  });
  const { cores, totalCores } = edge.sample.share;
  return {
    machine: machine.name,
    batch,
    cores,
    totalCores,
    mapBytes: mapBytes(shape, edge.sample),
    variants,
  };
}
