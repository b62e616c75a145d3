/** The backward pass of a training step, layer by layer in reverse. */
import type { Layer } from '../network/layers.js';
import { OPERATION_TYPES, operationWindow, planeWindow } from './forward.js';
import type { Consumer, TrainingPlan } from './plan.js';
import type { Operation } from './step.js';
import { gradientName, LABELS, parameterName, type TensorTable } from './tensor-table.js';

/** Writes the backward operations of one layer after the other, from the last to the first, and hands gradients from consumers to producers. */
export class BackwardPass {
  readonly operations: Operation[] = [];
  readonly #plan: TrainingPlan;
  readonly #table: TensorTable;
  /** Gradients that the consumers of each layer's output have delivered so far. */
  readonly #delivered = new Map<string, string[]>();
  /** Gradients that several layers read by pointer: nobody may overwrite them. */
  readonly #shared = new Set<string>();
  /** Last tensor that the forward pass leaves in each storage: what a backward operation finds there. */
  readonly #occupants = new Map<string, string>();

  constructor(plan: TrainingPlan, table: TensorTable) {
    this.#plan = plan;
    this.#table = table;
    for (const tensor of table.tensors.values()) {
      if (tensor.role === 'feature') this.#occupants.set(tensor.storage, tensor.name);
    }
  }

  /** Adds the operations of a layer. Every layer that follows it must have been added before. */
  add(layer: Layer): void {
    if (!this.#plan.needsGradient.has(layer.name)) return;
    if (layer.type === 'softmax-loss') this.#addLoss(layer);
    // The ReLU inside a BN hands its gradient over as it is: the BN's operation masks it.
    else if (layer.type === 'relu' && this.#isFused(layer))
      this.#deliver(layer.inputs[0] as string, this.#collect(layer));
    else this.#addLayer(layer, this.#collect(layer));
  }

  #isFused(layer: Layer): boolean {
    return this.#plan.fusedRelus.get(layer.inputs[0] as string) === layer.name;
  }

  /** What the backward pass finds where a layer's output was: that, or what later layers made of it in place (where it is zero, so are they). */
  #occupantOf(layer: string): string {
    return this.#occupants.get(this.#table.get(layer).storage) as string;
  }

  #needed(layer: string): boolean {
    return this.#plan.needsGradient.has(layer);
  }

  #deliver(producer: string, gradient: string): void {
    const delivered = this.#delivered.get(producer);
    if (delivered === undefined) this.#delivered.set(producer, [gradient]);
    else delivered.push(gradient);
  }

  /** The gradient of a layer's output: the only consumer's, or the sum over all consumers. */
  #collect(layer: Layer): string {
    // Delivered from the last consumer to the first; Caffe's Split adds in forward order.
    const gradients = (this.#delivered.get(layer.name) ?? []).toReversed();
    const first = gradients[0];
    if (first === undefined) throw new Error(`layer "${layer.name}" gets no gradient`);
    if (gradients.length === 1) return first;
    const output = this.#table.addLike(gradientName(layer.name), layer.name, 'feature-gradient');
    this.operations.push({
      name: `${layer.name}.split-backward`,
      layer: layer.name,
      type: 'Concat/Split',
      phase: 'backward',
      kind: 'split-backward',
      gradients: gradients.map((tensor) => ({ kind: 'stored', tensor })),
      output,
    });
    return output;
  }

  /** Adds the tensor in which `consumer` leaves the gradient of one of its inputs, and delivers it. */
  #addInputGradient(consumer: Layer, slot = 0, storage?: string): string {
    const input = consumer.inputs[slot] as string;
    const uses = this.#plan.consumers.get(input) as readonly Consumer[];
    let name = gradientName(input);
    if (uses.length > 1) name += `.${consumer.name}`;
    // The same tensor twice among the inputs of one layer.
    if (consumer.inputs.indexOf(input) !== consumer.inputs.lastIndexOf(input)) name += `.${slot}`;
    this.#table.addLike(name, input, 'feature-gradient', storage);
    this.#deliver(input, name);
    return name;
  }

  /** Like `#addInputGradient`, in the place of `gradient` where the layer works in place and nobody else reads `gradient`. */
  #addInPlaceGradient(consumer: Layer, gradient: string): string {
    const inPlace = this.#plan.inPlace.has(consumer.name) && !this.#shared.has(gradient);
    return this.#addInputGradient(consumer, 0, inPlace ? this.#table.get(gradient).storage : undefined);
  }

  #addLoss(layer: Layer): void {
    this.operations.push({
      name: `${layer.name}.backward`,
      layer: layer.name,
      type: 'Loss',
      phase: 'backward',
      kind: 'softmax-loss-backward',
      probabilities: layer.name,
      labels: LABELS,
      output: this.#addInputGradient(layer),
    });
  }

  #addLayer(layer: Layer, gradient: string): void {
    if (layer.type === 'input' || layer.type === 'softmax-loss') return;
    const input = layer.inputs[0] as string;
    const base = {
      name: `${layer.name}.backward`,
      layer: layer.name,
      type: OPERATION_TYPES[layer.type],
      phase: 'backward' as const,
    };
    const push = (operation: Operation) => this.operations.push(operation);
    switch (layer.type) {
      case 'conv': {
        const shape = { window: operationWindow(layer), groups: layer.groups };
        const source = { kind: 'stored', tensor: gradient } as const;
        const weights = parameterName(layer.name, 'weights');
        if (this.#needed(input)) {
          push({
            ...base,
            ...shape,
            name: `${layer.name}.backward-data`,
            kind: 'conv-backward-data',
            gradient: source,
            weights,
            output: this.#addInputGradient(layer),
            store: null,
          });
        }
        push({
          ...base,
          ...shape,
          name: `${layer.name}.backward-weights`,
          kind: 'conv-backward-weights',
          input,
          load: null,
          gradient: source,
          output: gradientName(weights),
          biasOutput: layer.bias ? gradientName(parameterName(layer.name, 'bias')) : null,
        });
        return;
      }
      case 'fc': {
        const weights = parameterName(layer.name, 'weights');
        if (this.#needed(input)) {
          const output = this.#addInputGradient(layer);
          push({
            ...base,
            name: `${layer.name}.backward-data`,
            kind: 'fc-backward-data',
            gradient,
            weights,
            output,
          });
        }
        push({
          ...base,
          name: `${layer.name}.backward-weights`,
          kind: 'fc-backward-weights',
          input,
          gradient,
          output: gradientName(weights),
          biasOutput: layer.bias ? gradientName(parameterName(layer.name, 'bias')) : null,
        });
        return;
      }
      case 'bn': {
        if (!this.#needed(input)) {
          push({ ...base, kind: 'bn-backward-reduce', batchNorm: layer.name, input, gradient });
          return;
        }
        const relu = this.#plan.fusedRelus.get(layer.name);
        const maskedBy = relu === undefined ? null : this.#occupantOf(relu);
        const output = this.#addInputGradient(layer);
        push({ ...base, kind: 'bn-backward', batchNorm: layer.name, input, gradient, output, maskedBy });
        return;
      }
      case 'relu': {
        const value = this.#occupantOf(layer.name);
        push({
          ...base,
          kind: 'relu-backward',
          value,
          gradient,
          output: this.#addInPlaceGradient(layer, gradient),
        });
        return;
      }
      case 'dropout': {
        const { ratio } = layer;
        const output = this.#addInPlaceGradient(layer, gradient);
        push({ ...base, kind: 'dropout-backward', ratio, gradient, mask: `${layer.name}.mask`, output });
        return;
      }
      case 'pool': {
        const mask = layer.mode === 'max' ? `${layer.name}.mask` : null;
        const window = operationWindow(layer);
        const output = this.#addInputGradient(layer);
        push({ ...base, kind: 'pool-backward', mode: layer.mode, window, gradient, mask, output });
        return;
      }
      case 'global-pool': {
        const window = planeWindow(layer, this.#plan);
        const output = this.#addInputGradient(layer);
        push({ ...base, kind: 'pool-backward', mode: 'average', window, gradient, mask: null, output });
        return;
      }
      case 'concat': {
        // An input without learning layers before it gets its slice too; nothing reads it.
        const outputs = layer.inputs.map((_, slot) => this.#addInputGradient(layer, slot));
        push({ ...base, kind: 'concat-backward', gradient: { kind: 'stored', tensor: gradient }, outputs });
        return;
      }
      case 'sum':
        this.#addSum(layer, gradient);
        return;
      case 'lrn': {
        const { localSize, alpha, beta } = layer;
        const output = this.#addInputGradient(layer);
        push({
          ...base,
          kind: 'lrn-backward',
          localSize,
          alpha,
          beta,
          input,
          output,
          scale: `${layer.name}.scale`,
          value: layer.name,
          gradient,
        });
        return;
      }
    }
  }

  #addSum(layer: Layer, gradient: string): void {
    if (this.#plan.options.copySumGradients) {
      this.operations.push({
        name: `${layer.name}.backward`,
        layer: layer.name,
        type: 'Sum',
        phase: 'backward',
        kind: 'sum-backward',
        gradient,
        outputs: layer.inputs.map((_, slot) => this.#addInputGradient(layer, slot)),
      });
      return;
    }
    this.#shared.add(gradient);
    for (const input of layer.inputs) if (this.#needed(input)) this.#deliver(input, gradient);
  }
}
