/** Lowers backward-data, with the gradient taken through a BN on load and masking, dgamma and dbeta on store. */
import { flops } from '../../training/flops.js';
import type { ConvBackwardData } from '../../training/step.js';
import type { LoweringContext } from '../context.js';
import { rangeOf } from '../context.js';
import type { Kernel, LineRange } from '../kernel.js';
import { directPhases } from './direct.js';
import { gradientMap, gradientSource, maskEpilogue } from './fused.js';
import {
  BLOCK_CHANNELS,
  backwardAxes,
  convGeometry,
  describeShape,
  featureMapOf,
  inputReads,
  isPointwise,
  neededRows,
  weightRange,
  wholeOf,
} from './geometry.js';
import { pointwisePhases } from './pointwise.js';
import { chooseDirectBlock, choosePointwiseBlock } from './register-block.js';

/**
 * Input and output change places: the gradient is read, the input's gradient written, and the weights' blocks are read across. MKL-DNN reads a copy of
 * the weights reordered to OIhw16o16i; the copy is not modelled, its lines are the weights' own.
 *
 * @throws RangeError where a tensor is missing or no feature map, a group's channels are no multiple of 16, or the output is in nchw
 */
export function lowerConvBackwardData(operation: ConvBackwardData, context: LoweringContext): Kernel {
  const { name, window } = operation;
  const output = featureMapOf(context, operation.output);
  if (output.layout === 'nchw') {
    throw new RangeError(`${name}: the gradient of the network's input (nchw) is not lowered`);
  }
  const input = gradientMap(context, operation.gradient);
  const geometry = convGeometry(context, operation, output, input, operation.weights);
  const strip = gradientSource(context, operation.gradient);
  const epilogue = maskEpilogue(context, operation.store);
  const total = flops(operation, context.step);
  const { weights, images, groups } = geometry;
  const inBlocks = geometry.outBlocks;
  const outBlocks = geometry.inBlocks;
  const common = {
    context,
    name,
    images,
    groups,
    input,
    strip,
    output,
    inBlocks,
    outBlocks,
    bias: null,
    epilogue,
    flops: total,
  };
  const dense = { width: input.width, height: input.height, strideHeight: 1, strideWidth: 1 };
  const pointwise = isPointwise(geometry);
  const phases = pointwise
    ? pointwisePhases({
        ...common,
        gather: dense,
        scatter: { ...dense, strideHeight: window.strideHeight, strideWidth: window.strideWidth },
        block: choosePointwiseBlock(input.height, input.height * input.width, outBlocks, context.target),
        visitWeights(group, outBlock, inBlock, count, visit) {
          for (let k = inBlock; k < inBlock + count; k++) {
            const { base, lines } = weightRange(weights, weights.base, group, k, outBlock, 1);
            if (lines > 0) visit(base, lines);
          }
        },
      })
    : directPhases({
        ...common,
        stepsPerBlock: BLOCK_CHANNELS,
        ...backwardAxes(geometry),
        block: chooseDirectBlock(
          {
            ...window,
            outWidth: output.width,
            inWidth: input.width,
            outBlocks,
            stepsPerBlock: BLOCK_CHANNELS,
          },
          context.target,
        ),
        weightLines: (group, outBlock, inBlock) =>
          weightRange(weights, weights.base, group, inBlock, outBlock, 1),
      });
  const storeTo = strip?.storeTo ?? null;
  const beside = epilogue?.beside ?? null;
  return {
    name,
    type: operation.type,
    phase: operation.phase,
    shape: describeShape(geometry),
    flops: total,
    parameters: 'whole',
    get reads(): readonly LineRange[] {
      const maps = strip === null ? [input] : strip.maps;
      return [
        ...maps.flatMap((map) =>
          storeTo === null ? neededRows(map, backwardAxes(geometry).rows) : [wholeOf(map)],
        ),
        rangeOf(context, operation.weights),
        ...(strip?.vectors ?? []),
        // Between the strides of a 1x1 the gradient is zero whatever the mask.
        ...(beside === null ? [] : pointwise ? inputReads(geometry, beside) : [wholeOf(beside)]),
        ...(epilogue?.vectors ?? []),
      ];
    },
    writes: [
      rangeOf(context, operation.output),
      ...(storeTo === null ? [] : [wholeOf(storeTo)]),
      ...(epilogue?.reduced.map((vector) => vector.range) ?? []),
    ],
    phases,
  };
}
