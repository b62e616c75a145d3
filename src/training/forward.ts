/** The forward pass of a training step, layer by layer. */

import type { OperationType } from '../kernel/kernel.js';
import type { ConvLayer, GlobalPoolLayer, Layer, PoolLayer } from '../network/layers.js';
import { inputShape, parameterShapes } from '../network/totals.js';
import type { TrainingPlan } from './plan.js';
import type { Operation, Window2d } from './step.js';
import {
  describeBatchNorm,
  gradientName,
  LABELS,
  parameterName,
  type TensorTable,
  velocityName,
} from './tensor-table.js';

/** Report category of each layer type's operations. */
export const OPERATION_TYPES: Readonly<Record<Exclude<Layer['type'], 'input'>, OperationType>> = {
  conv: 'CONV',
  bn: 'BN',
  relu: 'ReLU',
  pool: 'Pooling',
  'global-pool': 'Pooling',
  concat: 'Concat/Split',
  sum: 'Sum',
  fc: 'FC',
  lrn: 'LRN',
  dropout: 'Dropout',
  'softmax-loss': 'Loss',
};

/** The window as operations have it; what pads the far edges follows from the output's size. */
export function operationWindow(layer: ConvLayer | PoolLayer): Window2d {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, padHeight, padWidth } = layer.window;
  return { kernelHeight, kernelWidth, strideHeight, strideWidth, padTop: padHeight, padLeft: padWidth };
}

/** Global pooling as one window over the whole plane. */
export function planeWindow(layer: GlobalPoolLayer, plan: TrainingPlan): Window2d {
  const { height, width } = inputShape(layer, plan.layers);
  return { kernelHeight: height, kernelWidth: width, strideHeight: 1, strideWidth: 1, padTop: 0, padLeft: 0 };
}

/** Adds a layer's parameters with their gradients and momenta. */
function addParameters(layer: Layer, plan: TrainingPlan, table: TensorTable): void {
  for (const [role, shape] of parameterShapes(layer, plan.layers)) {
    const parameter = table.addPlain(parameterName(layer.name, role), 'parameter', shape);
    table.addPlain(gradientName(parameter), 'parameter-gradient', shape);
    table.addPlain(velocityName(parameter), 'optimiser-state', shape);
  }
}

function addBatchNormTensors(
  layer: Extract<Layer, { type: 'bn' }>,
  plan: TrainingPlan,
  table: TensorTable,
): void {
  const batchNorm = describeBatchNorm(layer, plan.options.batch);
  for (const name of [batchNorm.mean, batchNorm.variance, batchNorm.runningMean, batchNorm.runningVariance]) {
    table.addPlain(name, 'statistics', [batchNorm.channels]);
  }
}

/** Adds the tensors of a layer and returns its forward operation; null for the input and for a ReLU that runs inside its BN. */
export function buildForward(layer: Layer, plan: TrainingPlan, table: TensorTable): Operation | null {
  if (layer.type === 'input') {
    table.addImages(layer);
    table.addPlain(LABELS, 'label', [plan.options.batch]);
    return null;
  }
  addParameters(layer, plan, table);
  const base = {
    name: `${layer.name}.forward`,
    layer: layer.name,
    type: OPERATION_TYPES[layer.type],
    phase: 'forward' as const,
  };
  const input = layer.inputs[0] as string;
  switch (layer.type) {
    case 'conv':
      return {
        ...base,
        kind: 'conv-forward',
        window: operationWindow(layer),
        groups: layer.groups,
        input,
        load: null,
        weights: parameterName(layer.name, 'weights'),
        bias: layer.bias ? parameterName(layer.name, 'bias') : null,
        output: table.addFeature(layer.name, layer.output),
        statistics: [],
      };
    case 'bn': {
      addBatchNormTensors(layer, plan, table);
      const relu = plan.fusedRelus.get(layer.name);
      const output = table.addLike(relu ?? layer.name, input, 'feature');
      return {
        ...base,
        kind: 'bn-forward',
        batchNorm: layer.name,
        statistics: 'two-pass',
        input,
        output,
        relu: relu !== undefined,
      };
    }
    case 'relu': {
      if (plan.fusedRelus.get(input) === layer.name) return null;
      const storage = plan.inPlace.has(layer.name) ? table.get(input).storage : layer.name;
      return {
        ...base,
        kind: 'relu-forward',
        input,
        output: table.addLike(layer.name, input, 'feature', storage),
      };
    }
    case 'dropout': {
      const storage = plan.inPlace.has(layer.name) ? table.get(input).storage : layer.name;
      const output = table.addLike(layer.name, input, 'feature', storage);
      // Caffe keeps the mask as one unsigned int per element.
      const mask = table.addLike(`${layer.name}.mask`, input, 'mask');
      return { ...base, kind: 'dropout-forward', ratio: layer.ratio, input, output, mask };
    }
    case 'pool': {
      const output = table.addFeature(layer.name, layer.output, table.get(input).layout);
      // MKL-DNN's workspace has one byte per output for windows of up to 255 elements.
      const maskName = `${layer.name}.mask`;
      const mask = layer.mode === 'max' ? table.addLike(maskName, output, 'mask', maskName, 1) : null;
      return {
        ...base,
        kind: 'pool-forward',
        mode: layer.mode,
        window: operationWindow(layer),
        input,
        output,
        mask,
      };
    }
    case 'global-pool': {
      const output = table.addFeature(layer.name, layer.output, table.get(input).layout);
      return {
        ...base,
        kind: 'pool-forward',
        mode: 'average',
        window: planeWindow(layer, plan),
        input,
        output,
        mask: null,
      };
    }
    case 'concat': {
      const output = table.addFeature(layer.name, layer.output, table.get(input).layout);
      return { ...base, kind: 'concat-forward', inputs: layer.inputs, output, statistics: [] };
    }
    case 'sum':
      return {
        ...base,
        kind: 'sum-forward',
        inputs: layer.inputs,
        output: table.addLike(layer.name, input, 'feature'),
      };
    case 'fc':
      return {
        ...base,
        kind: 'fc-forward',
        input,
        weights: parameterName(layer.name, 'weights'),
        bias: layer.bias ? parameterName(layer.name, 'bias') : null,
        output: table.addFeature(layer.name, layer.output, 'plain'),
      };
    case 'lrn': {
      const { localSize, alpha, beta } = layer;
      const output = table.addLike(layer.name, input, 'feature');
      const scale = table.addLike(`${layer.name}.scale`, input, 'feature');
      return { ...base, kind: 'lrn-forward', localSize, alpha, beta, input, output, scale };
    }
    case 'softmax-loss':
      return {
        ...base,
        kind: 'softmax-loss-forward',
        input,
        labels: LABELS,
        probabilities: table.addLike(layer.name, input, 'feature'),
        loss: table.addPlain(`${layer.name}.value`, 'statistics', [1]),
      };
  }
}
