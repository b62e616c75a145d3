import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNetwork } from '../../../src/network/parse.js';
import { tensorAccesses } from '../../../src/training/accesses.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import type { TrainingOptions } from '../../../src/training/plan.js';
import type { Operation, OperationKind, TrainingStep } from '../../../src/training/step.js';
import { loadZooNetwork } from '../network/zoo.js';

function operation<K extends OperationKind>(
  step: TrainingStep,
  name: string,
  kind: K,
): Extract<Operation, { kind: K }> {
  const found = step.operations.find((candidate) => candidate.name === name);
  expect(found?.kind).toBe(kind);
  return found as Extract<Operation, { kind: K }>;
}

function kindsOf(step: TrainingStep) {
  const counts = new Map<OperationKind, number>();
  for (const { kind } of step.operations) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Roles that are there before the iteration begins. */
const GIVEN = new Set(['parameter', 'optimiser-state', 'label']);

/** Everything that must hold of any step: order, single assignment, nothing read after its storage was taken, every parameter updated once. */
function expectSound(step: TrainingStep) {
  const written = new Set<string>();
  const occupant = new Map<string, string>();
  const given = new Set(['input']);
  for (const { runningMean, runningVariance } of step.batchNorms.values())
    given.add(runningMean).add(runningVariance);
  for (const tensor of step.tensors.values()) {
    if (GIVEN.has(tensor.role)) given.add(tensor.name);
    expect(step.tensors.has(tensor.storage)).toBe(true);
  }
  expect(new Set(step.operations.map(({ name }) => name)).size).toBe(step.operations.length);
  const phases = step.operations.map(({ phase }) => phase);
  expect(phases.lastIndexOf('forward')).toBeLessThan(phases.indexOf('backward'));
  expect(phases.lastIndexOf('backward')).toBeLessThan(phases.indexOf('update'));
  for (const current of step.operations) {
    const accesses = tensorAccesses(current, step, { bnBlocking: 'streaming' });
    const own = new Set(accesses.filter(({ writes }) => writes > 0).map(({ tensor }) => tensor));
    for (const { tensor, reads } of accesses) {
      const found = step.tensors.get(tensor);
      expect(found, `${current.name} names ${tensor}`).toBeDefined();
      if (reads === 0 || given.has(tensor) || own.has(tensor)) continue;
      expect(written.has(tensor), `${current.name} reads ${tensor} before it is written`).toBe(true);
      expect(occupant.get(found!.storage), `${current.name} reads ${tensor} after it was overwritten`).toBe(
        tensor,
      );
    }
    for (const tensor of own) {
      if (given.has(tensor)) continue;
      expect(written.has(tensor), `${current.name} writes ${tensor} again`).toBe(false);
      written.add(tensor);
      occupant.set(step.tensors.get(tensor)!.storage, tensor);
    }
  }
  for (const tensor of step.tensors.values()) {
    if (!given.has(tensor.name)) expect(written.has(tensor.name), `nothing writes ${tensor.name}`).toBe(true);
  }
  const parameters = [...step.tensors.values()]
    .filter(({ role }) => role === 'parameter')
    .map(({ name }) => name);
  const updated = step.operations.flatMap((found) => (found.kind === 'update' ? [found.parameter] : []));
  expect(updated).toEqual(parameters);
}

const OPTIONS: readonly Omit<TrainingOptions, 'batch'>[] = [
  {},
  { fuseBnRelu: true },
  { copySumGradients: true },
  { fuseBnRelu: true, copySumGradients: true },
];

describe('the training step of every shipped network', () => {
  for (const name of ['densenet121', 'resnet50', 'vgg16', 'alexnet', 'conv-bn-relu-conv']) {
    it(`is sound under all options: ${name}`, () => {
      const network = loadZooNetwork(name);
      for (const options of OPTIONS) expectSound(buildTrainingStep(network, { batch: 2, ...options }));
    });
  }
});

describe('the training step of any network', () => {
  /** Layers that keep 16x8x8, so that any of them can follow any other. */
  const LAYERS = [
    'type: conv, channels: 16, kernel: 3, pad: 1',
    'type: bn',
    'type: relu',
    'type: dropout',
    'type: lrn',
    'type: pool, mode: max, kernel: 3, pad: 1',
    'type: pool, mode: average, kernel: 1',
    'type: sum',
  ];

  function writeNetwork(choices: readonly (readonly [number, number, number])[]): string {
    const names = ['input'];
    const unused = new Set<string>(['input']);
    const lines = choices.map(([kind, first, second], index) => {
      const layer = LAYERS[kind] as string;
      const pick = (number: number) => names[number % names.length] as string;
      const inputs = layer === 'type: sum' ? [pick(first), pick(second)] : [pick(first)];
      for (const input of inputs) unused.delete(input);
      const name = `layer${index}`;
      names.push(name);
      unused.add(name);
      return `  - {${layer}, name: ${name}, from: [${inputs.join(', ')}]}`;
    });
    const ends = [...unused];
    lines.push(`  - {type: concat, name: join, from: [${ends.join(', ')}, ${ends[0]}]}`);
    lines.push('  - {type: fc, name: classes, channels: 16}', '  - {type: softmax-loss, name: loss}');
    return `name: random\ndescription: Random.\ninput: {channels: 16, height: 8, width: 8}\nlayers:\n${lines.join('\n')}\n`;
  }

  it('is sound, whatever the graph', () => {
    const index = fc.nat({ max: 1000 });
    const choices = fc.array(fc.tuple(fc.nat({ max: LAYERS.length - 1 }), index, index), {
      minLength: 1,
      maxLength: 14,
    });
    fc.assert(
      fc.property(choices, fc.constantFrom(...OPTIONS), (layers, options) => {
        expectSound(
          buildTrainingStep(parseNetwork(writeNetwork(layers), 'random.yaml'), { batch: 2, ...options }),
        );
      }),
      { seed: 20, numRuns: 300 },
    );
  });
});

describe('the baseline training step', () => {
  const densenet = buildTrainingStep(loadZooNetwork('densenet121'), { batch: 4 });
  const resnet = buildTrainingStep(loadZooNetwork('resnet50'), { batch: 4 });

  it('has one forward and one backward operation per BN, ReLU and Concat', () => {
    const kinds = kindsOf(densenet);
    // 121 BNs each with a ReLU, 58 composite layers, 120 CONVs.
    expect(kinds.get('bn-forward')).toBe(121);
    expect(kinds.get('bn-backward')).toBe(121);
    expect(kinds.get('relu-forward')).toBe(121);
    expect(kinds.get('relu-backward')).toBe(121);
    expect(kinds.get('concat-forward')).toBe(58);
    expect(kinds.get('concat-backward')).toBe(58);
    expect(kinds.get('conv-forward')).toBe(120);
    expect(kinds.get('conv-backward-weights')).toBe(120);
  });

  it('computes no gradient of the images', () => {
    expect(kindsOf(densenet).get('conv-backward-data')).toBe(119);
    expect(densenet.tensors.has('input.gradient')).toBe(false);
  });

  it('runs ReLU in place, forward and backward, and masks by its output', () => {
    const forward = operation(densenet, 'conv2_1/x1/relu.forward', 'relu-forward');
    expect(densenet.tensors.get(forward.output)?.storage).toBe(forward.input);
    const backward = operation(densenet, 'conv2_1/x1/relu.backward', 'relu-backward');
    expect(backward.value).toBe(forward.output);
    expect(densenet.tensors.get(backward.output)?.storage).toBe(backward.gradient);
  });

  it('sums the gradients of a tensor with several consumers, in forward order, before its producer’s backward pass', () => {
    const names = densenet.operations.map(({ name }) => name);
    const split = operation(densenet, 'conv2_1/concat.split-backward', 'split-backward');
    expect(split.gradients).toEqual([
      { kind: 'stored', tensor: 'conv2_1/concat.gradient.conv2_2/x1/bn' },
      { kind: 'stored', tensor: 'conv2_1/concat.gradient.conv2_2/concat' },
    ]);
    expect(names.indexOf('conv2_1/concat.backward')).toBe(names.indexOf(split.name) + 1);
    // A composite layer's input goes to its BN and its Concat: one Split per composite layer.
    expect(kindsOf(densenet).get('split-backward')).toBe(58);
  });

  it('splits the input of every ResNet bottleneck', () => {
    // 16 bottlenecks: input to the first CONV and to the projection or the sum.
    expect(kindsOf(resnet).get('split-backward')).toBe(16);
    const split = operation(resnet, 'conv2_1/relu.split-backward', 'split-backward');
    expect(split.gradients).toContainEqual({ kind: 'stored', tensor: 'conv2_2/sum.gradient' });
  });

  it('lets the inputs of a sum share its gradient, which nobody then overwrites', () => {
    const step = buildTrainingStep(
      parseNetwork(
        `name: sum
description: Both inputs of the sum end in an in-place ReLU.
input: {channels: 16, height: 8, width: 8}
layers:
  - {type: conv, name: a, channels: 16, kernel: 1}
  - {type: relu, name: a/relu}
  - {type: conv, name: b, channels: 16, kernel: 1, from: input}
  - {type: relu, name: b/relu}
  - {type: sum, name: sum, from: [a/relu, b/relu]}
  - {type: global-pool, name: pool}
  - {type: softmax-loss, name: loss}
`,
        'sum.yaml',
      ),
      { batch: 1 },
    );
    const first = operation(step, 'b/relu.backward', 'relu-backward');
    const second = operation(step, 'a/relu.backward', 'relu-backward');
    expect([first.gradient, second.gradient]).toEqual(['sum.gradient', 'sum.gradient']);
    const storages = [first, second].map(({ output }) => step.tensors.get(output)?.storage);
    expect(new Set([...storages, 'sum.gradient']).size).toBe(3);
  });

  it('orders the backward pass as the reverse of the forward pass', () => {
    const order = (phase: string) => [
      ...new Set(
        resnet.operations
          .filter((found) => found.phase === phase && found.kind !== 'split-backward')
          .map(({ layer }) => layer),
      ),
    ];
    const sums = new Set(
      resnet.operations.filter(({ kind }) => kind === 'sum-forward').map(({ layer }) => layer),
    );
    expect(order('backward')).toEqual(
      order('forward')
        .toReversed()
        .filter((layer) => !sums.has(layer)),
    );
  });

  it('updates gamma and beta of every BN beside the weights', () => {
    const updated = new Set(
      resnet.operations.flatMap((found) => (found.kind === 'update' ? [found.parameter] : [])),
    );
    // 53 CONVs, 53 BNs with two parameters, one FC with weights and bias.
    expect(updated.size).toBe(53 + 2 * 53 + 2);
    expect(updated.has('conv5_3/residual/bn3.beta')).toBe(true);
  });

  it('reduces each BN over mini-batch and plane', () => {
    expect(resnet.batchNorms.get('conv1/bn')).toMatchObject({ channels: 64, elements: 4 * 112 * 112 });
    expect(resnet.tensors.get('conv1/bn.mean')?.shape).toEqual([64]);
  });

  it('keeps a byte of argmax per output of max pooling', () => {
    expect(densenet.tensors.get('pool1.mask')).toMatchObject({
      shape: [4, 64, 56, 56],
      elementBytes: 1,
      role: 'mask',
    });
    expect(operation(densenet, 'transition2/pool.forward', 'pool-forward').mask).toBeNull();
  });

  it('masks by what dropout left where ReLU and dropout share a storage', () => {
    const alexnet = buildTrainingStep(loadZooNetwork('alexnet'), { batch: 1 });
    expect(operation(alexnet, 'fc6/relu.backward', 'relu-backward').value).toBe('fc6/dropout');
    expect(alexnet.tensors.get('fc6/dropout')?.storage).toBe('fc6/fc');
  });

  it('keeps ReLU out of place behind a layer that needs its output again', () => {
    const step = buildTrainingStep(
      parseNetwork(
        `name: lrn
description: A ReLU behind an LRN.
input: {channels: 16, height: 8, width: 8}
layers:
  - {type: conv, name: a, channels: 16, kernel: 1}
  - {type: lrn, name: norm}
  - {type: relu, name: relu}
  - {type: global-pool, name: pool}
  - {type: softmax-loss, name: loss}
`,
        'lrn.yaml',
      ),
      { batch: 1 },
    );
    expect(step.tensors.get('relu')?.storage).toBe('relu');
  });

  it('can run BN and ReLU as one, masking in the BN’s backward pass', () => {
    const step = buildTrainingStep(loadZooNetwork('densenet121'), { batch: 4, fuseBnRelu: true });
    const forward = operation(step, 'conv2_1/x1/bn.forward', 'bn-forward');
    expect(forward).toMatchObject({ relu: true, output: 'conv2_1/x1/relu' });
    expect(operation(step, 'conv2_1/x1/bn.backward', 'bn-backward')).toMatchObject({
      gradient: 'conv2_1/x1/relu.gradient',
      maskedBy: 'conv2_1/x1/relu',
    });
    expect(kindsOf(step).get('relu-forward')).toBeUndefined();
    expect(step.tensors.has('conv2_1/x1/bn')).toBe(false);
  });

  it('refuses a batch that is not a positive whole number', () => {
    const network = loadZooNetwork('conv-bn-relu-conv');
    for (const batch of [0, -1, 1.5, Number.NaN])
      expect(() => buildTrainingStep(network, { batch })).toThrow(RangeError);
  });
});
