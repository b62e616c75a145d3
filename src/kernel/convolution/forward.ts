/** Lowers the forward convolution, with transforms on load (normalise, clip) and statistics on store. */
import { flops } from '../../training/flops.js';
import type { ConvForward } from '../../training/step.js';
import type { LoweringContext } from '../context.js';
import { rangeOf } from '../context.js';
import type { Kernel, LineRange } from '../kernel.js';
import { directPhases } from './direct.js';
import { loadSource, statisticsEpilogue } from './fused.js';
import {
  convGeometry,
  describeShape,
  featureMapOf,
  forwardAxes,
  inputReads,
  isPointwise,
  weightRange,
  wholeOf,
} from './geometry.js';
import { pointwisePhases } from './pointwise.js';
import { chooseDirectBlock, choosePointwiseBlock } from './register-block.js';

/**
 * @throws RangeError where a tensor is missing or no feature map, a group's channels are no multiple of 16, or a fused load reads an nchw input
 */
export function lowerConvForward(operation: ConvForward, context: LoweringContext): Kernel {
  const { name, window } = operation;
  const input = featureMapOf(context, operation.input);
  const output = featureMapOf(context, operation.output);
  const geometry = convGeometry(context, operation, input, output, operation.weights);
  const strip = loadSource(context, input, operation.load);
  if (strip !== null && input.layout === 'nchw') {
    throw new RangeError(`${name}: the network's input (nchw) cannot be transformed on load`);
  }
  const epilogue = statisticsEpilogue(context, operation.statistics);
  const bias = operation.bias === null ? null : rangeOf(context, operation.bias);
  const total = flops(operation, context.step);
  const { weights, inBlocks, outBlocks, images, groups } = geometry;
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
    bias,
    epilogue,
    flops: total,
  };
  const dense = { width: output.width, height: output.height, strideHeight: 1, strideWidth: 1 };
  const phases = isPointwise(geometry)
    ? pointwisePhases({
        ...common,
        gather: { ...dense, strideHeight: window.strideHeight, strideWidth: window.strideWidth },
        scatter: dense,
        block: choosePointwiseBlock(output.height, output.height * output.width, outBlocks, context.target),
        visitWeights(group, outBlock, inBlock, count, visit) {
          const { base, lines } = weightRange(weights, weights.base, group, outBlock, inBlock, count);
          if (lines > 0) visit(base, lines);
        },
      })
    : directPhases({
        ...common,
        stepsPerBlock: geometry.stepsPerBlock,
        ...forwardAxes(geometry),
        block: chooseDirectBlock(
          {
            ...window,
            outWidth: output.width,
            inWidth: input.width,
            outBlocks,
            stepsPerBlock: geometry.stepsPerBlock,
          },
          context.target,
        ),
        weightLines: (group, outBlock, inBlock) =>
          weightRange(weights, weights.base, group, outBlock, inBlock, 1),
      });
  const storeTo = strip?.storeTo ?? null;
  return {
    name,
    type: operation.type,
    phase: operation.phase,
    shape: describeShape(geometry),
    flops: total,
    parameters: 'whole',
    get reads(): readonly LineRange[] {
      return [
        ...(storeTo === null ? inputReads(geometry, input) : [rangeOf(context, operation.input)]),
        rangeOf(context, operation.weights),
        ...(bias === null ? [] : [bias]),
        ...(strip?.vectors ?? []),
        ...(epilogue?.reduced.filter((vector) => vector.isUpdated).map((vector) => usedLines(vector)) ?? []),
      ];
    },
    writes: [
      rangeOf(context, operation.output),
      ...(storeTo === null ? [] : [wholeOf(storeTo)]),
      ...(epilogue?.reduced.map((vector) => usedLines(vector)) ?? []),
    ],
    phases,
  };
}

function usedLines(vector: {
  readonly range: LineRange;
  readonly channelOffset: number;
  readonly channels: number;
}): LineRange {
  const first = Math.floor(vector.channelOffset / 16);
  const last = Math.min(vector.range.lines, Math.ceil((vector.channelOffset + vector.channels) / 16));
  return { tensor: vector.range.tensor, base: vector.range.base + first, lines: last - first };
}
