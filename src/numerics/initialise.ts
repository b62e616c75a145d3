/**
 * First values of a training step: parameters, input images, labels, running statistics.
 *
 * Every tensor draws from a seedrandom stream of its own, named after the seed and the tensor, so that all schedules of a network start from
 * the same values whatever tensors a rewrite has added or dropped.
 */
import seedrandom from 'seedrandom';
import type { Tensor, TrainingStep } from '../training/step.js';
import type { Execution } from './execution.js';
import { elementsOf, type Real } from './tensor-store.js';

/** Fills `values` with normally distributed numbers (Box and Muller 1958). */
export function fillNormal(values: Real, stream: string, mean: number, deviation: number): void {
  const random = seedrandom(stream);
  for (let at = 0; at < values.length; at += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    values[at] = mean + radius * Math.cos(angle);
    if (at + 1 < values.length) values[at + 1] = mean + radius * Math.sin(angle);
  }
}

/** Classes that each label tensor chooses from. */
function labelClasses(step: TrainingStep): Map<string, number> {
  const classes = new Map<string, number>();
  for (const operation of step.operations) {
    if (operation.kind !== 'softmax-loss-forward') continue;
    const { shape } = step.tensors.get(operation.input) as Tensor;
    classes.set(operation.labels, elementsOf(shape.slice(1)));
  }
  return classes;
}

/**
 * Sets parameters, inputs, labels, velocities and running statistics; all other tensors stay unwritten.
 *
 * Weights are normal with variance 2 / fan-in (He et al. 2015, arXiv 1502.01852); gamma and beta scatter around 1 and 0 so that an error in
 * either shows; images are standard normal; labels are uniform over the classes; velocities 0; running mean 0 and variance 1.
 */
export function initialise(execution: Execution, seed: string): void {
  const { step } = execution;
  const gammas = new Set<string>();
  for (const { gamma } of step.batchNorms.values()) gammas.add(gamma);
  const classes = labelClasses(step);
  const inputs = networkInputs(step);
  for (const [name, tensor] of step.tensors) {
    const values = execution.read(name);
    const stream = `${seed}/${name}`;
    if (inputs.has(name)) fillNormal(values, stream, 0, 1);
    else if (tensor.role === 'optimiser-state') values.fill(0);
    else if (tensor.role === 'label') {
      const random = seedrandom(stream);
      const count = classes.get(name) ?? 1;
      for (let at = 0; at < values.length; at++) values[at] = Math.floor(random() * count);
    } else if (tensor.role === 'parameter') {
      if (gammas.has(name)) fillNormal(values, stream, 1, 0.1);
      else if (tensor.shape.length < 2) fillNormal(values, stream, 0, 0.1);
      else fillNormal(values, stream, 0, Math.sqrt(2 / elementsOf(tensor.shape.slice(1))));
    }
  }
  for (const { runningMean, runningVariance } of step.batchNorms.values()) {
    execution.read(runningMean).fill(0);
    execution.read(runningVariance).fill(1);
  }
}

/** Feature tensors that nothing writes: the images. */
export function networkInputs(step: TrainingStep): ReadonlySet<string> {
  const layersInput = new Set<string>();
  const written = new Set<string>();
  for (const operation of step.operations) {
    if ('output' in operation) written.add(operation.output);
    if ('input' in operation) layersInput.add(operation.input);
    if ('inputs' in operation) for (const input of operation.inputs) layersInput.add(input);
  }
  const storages = new Set([...written].map((name) => step.tensors.get(name)?.storage));
  return new Set(
    [...layersInput].filter((name) => {
      const tensor = step.tensors.get(name);
      return tensor?.role === 'feature' && !storages.has(tensor.storage);
    }),
  );
}
