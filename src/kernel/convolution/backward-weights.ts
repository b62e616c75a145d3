/** Lowers backward-weights, with the input recomputed and the gradient taken through a BN on load. */
import { flops } from '../../training/flops.js';
import type { ConvBackwardWeights } from '../../training/step.js';
import type { LoweringContext } from '../context.js';
import { rangeOf } from '../context.js';
import type { Kernel, LineRange } from '../kernel.js';
import { gradientMap, gradientSource, loadSource } from './fused.js';
import { convGeometry, describeShape, featureMapOf, inputReads, isPointwise, wholeOf } from './geometry.js';
import { createGradientCopies } from './gradient-copies.js';
import type { GridShape } from './thread-grid.js';
import { balanceGrid, placeOf } from './thread-grid.js';
import { tiledPhase } from './tiled-phase.js';
import type { WeightTile } from './weight-gradient.js';
import { DirectWeightGradient } from './weight-gradient.js';
import { PointwiseWeightGradient, pixelUnit } from './weight-gradient-pointwise.js';

/** What a weight counts in the memory cost of the direct and of the 1x1 driver (`wei_coef`, `output_koeff`). */
const WEIGHT_FACTOR = { direct: 8, pointwise: 12 };

/**
 * The grid of a slice of the chip is chosen for the slice's own threads and images: its costs per thread are those of the whole chip's grid cut in
 * proportion, so it is the same grid with fewer parts of the mini-batch as long as it has room for the cuts of the blocks.
 *
 * @throws RangeError where a tensor is missing or no feature map, a group's channels are no multiple of 16, or a fused load reads an nchw input
 */
export function lowerConvBackwardWeights(operation: ConvBackwardWeights, context: LoweringContext): Kernel {
  const { name, window } = operation;
  const { target } = context;
  const input = featureMapOf(context, operation.input);
  const gradient = gradientMap(context, operation.gradient);
  const geometry = convGeometry(context, operation, input, gradient, operation.output);
  const inputStrip = loadSource(context, input, operation.load);
  if (inputStrip !== null && input.layout === 'nchw') {
    throw new RangeError(`${name}: the network's input (nchw) cannot be transformed on load`);
  }
  const gradientStrip = gradientSource(context, operation.gradient);
  const bias = operation.biasOutput === null ? null : rangeOf(context, operation.biasOutput);
  const pointwise = isPointwise(geometry);
  const unit = pixelUnit(gradient.width, gradient.height);
  const plane = gradient.width * gradient.height;
  const inPlane = (input.height * input.width) / (window.strideHeight * window.strideWidth);
  const { groups, inBlocks, outBlocks, images, stepsPerBlock } = geometry;
  const shape: GridShape = {
    images,
    groups,
    inBlocks,
    outBlocks,
    units: pointwise ? images * Math.ceil(plane / unit) : images,
    inElements: stepsPerBlock * (pointwise ? unit : inPlane),
    outElements: 16 * (pointwise ? unit : plane),
    weightElements: geometry.weights.linesPerBlock * 16,
    weightFactor: pointwise ? WEIGHT_FACTOR.pointwise : WEIGHT_FACTOR.direct,
  };
  const grid = balanceGrid(shape, target.threads);
  const scale = target.totalBatch / images;
  const whole = balanceGrid(
    { ...shape, images: images * scale, units: shape.units * scale },
    target.totalThreads,
  );
  const isReduced = target.totalThreads > target.threads ? whole.batch > 1 : grid.batch > 1;
  const gradients = rangeOf(context, operation.output);
  // Threads of the share that cut a copy among themselves would meet on folded lines: those keep it whole.
  const cutsCopy = grid.outBlocks * grid.inBlocks * grid.groups > 1;
  const parts = target.totalThreads > target.threads && !cutsCopy ? whole.outBlocks * whole.inBlocks : 1;
  const { linesPerBlock } = geometry.weights;
  const copies = createGradientCopies(
    context,
    name,
    gradients,
    bias,
    grid.batch,
    isReduced,
    parts,
    linesPerBlock,
  );
  const job = {
    context,
    geometry,
    input,
    gradient,
    inputStrip,
    gradientStrip,
    hasBias: bias !== null,
    copies,
  };
  const mostIn = Math.ceil(inBlocks / grid.inBlocks);
  const mostOut = Math.ceil(outBlocks / grid.outBlocks);
  const kernel = pointwise
    ? new PointwiseWeightGradient(job, mostIn, mostOut)
    : new DirectWeightGradient(job, mostIn, mostOut);
  const total = flops(operation, context.step);
  const main = tiledPhase<WeightTile>({
    name: 'accumulate',
    threads: target.threads,
    flops: total,
    tilesOf(thread) {
      const place = placeOf(grid, shape, thread);
      return place === null ? [] : kernel.tilesOf(place);
    },
    emitTile: (tile, thread, out) => kernel.emitTile(tile, thread, out),
  });
  const stored = [inputStrip?.storeTo ?? null, gradientStrip?.storeTo ?? null].filter((map) => map !== null);
  return {
    name,
    type: operation.type,
    phase: operation.phase,
    shape: describeShape(geometry),
    flops: total,
    // On a share of the chip it may keep a part of the gradient only (see gradient-copies.ts); it reads no parameters.
    parameters: parts > 1 ? 'share' : 'whole',
    get reads(): readonly LineRange[] {
      const wholeInput = inputStrip !== null && inputStrip.storeTo !== null;
      const maps = gradientStrip === null ? [gradient] : gradientStrip.maps;
      return [
        ...(wholeInput ? [rangeOf(context, operation.input)] : inputReads(geometry, input)),
        ...maps.map(wholeOf),
        ...(inputStrip?.vectors ?? []),
        ...(gradientStrip?.vectors ?? []),
      ];
    },
    writes: [copies.kept, ...(bias === null ? [] : [bias]), ...stored.map(wholeOf)],
    phases: copies.reduce === null ? [main] : [main, copies.reduce],
  };
}
