/**
 * Backward-weights of the dedicated 1x1 kernel.
 *
 * Loop nest of MKL-DNN's driver (jit_avx512_common_1x1_convolution.cpp): stretches of pixels that the L1D holds for one register tile's broadcasts,
 * groups of input blocks (5 and more), and inside the generated code the output blocks that the registers hold, the input blocks, the pixels. The
 * accumulators are input channels x output vectors; they are loaded from and stored to the gradient at each stretch's end. Strided convolutions gather
 * their pixels into a workspace first.
 *
 * Emission: an output block's gradient lines are touched once per stretch and group of input blocks; the other input blocks of the group read them from
 * the L2 at no more than one line per three FMA-bound cycles.
 */
import type { LoweringContext } from '../context.js';
import type { Target } from '../kernel.js';
import type { Cost, RegisterBlock } from '../micro-kernel.js';
import {
  addCosts,
  hasEmbeddedBroadcast,
  lineCost,
  NO_INSTRUCTIONS,
  reductionCost,
  scaleCost,
  stepCost,
  tileOverhead,
  vectorsPerLine,
} from '../micro-kernel.js';
import type { OpStream } from '../op-stream.js';
import { Access, MAX_STREAMS } from '../op-stream.js';
import type { StripSource } from './fused.js';
import type { DensePlane } from './gather.js';
import { emitGather, isStrided } from './gather.js';
import type { FeatureMap } from './geometry.js';
import { BLOCK_CHANNELS, rowLine, weightRange } from './geometry.js';
import { latencyHidingLines, leastPixels } from './register-block.js';
import { allocateStrips, emitVectors, stripCapacity } from './strip.js';
import type { GridPlace } from './thread-grid.js';
import { runAtCost, runAtStepCost } from './tiled-phase.js';
import type { WeightGradientJob, WeightTile } from './weight-gradient.js';

/** Input blocks of a group at least (`min_bcast_blocking`). */
const MIN_GROUP_BLOCKS = 5;
/** Vectors of a register tile at most. */
const MAX_VECTORS = 4;

/** Pixels of the work unit that is cut over threads: a divisor of the plane between 7 and 16 (`reduce_block`), else a row. */
export function pixelUnit(width: number, height: number): number {
  const plane = width * height;
  for (let pixels = 16; pixels >= 7; pixels--) if (plane % pixels === 0) return pixels;
  return width;
}

/**
 * Input channels x output vectors of the accumulators: half a block of channels (a whole one where that does not hide the FMA latency) with
 * broadcasts in registers, or a whole one from memory.
 */
export function chooseGradientBlock(outBlocks: number, target: Target): RegisterBlock {
  const width = vectorsPerLine(target);
  let explicit: RegisterBlock = { pixels: 1, vectors: 1, explicitBroadcast: true };
  const fewest = latencyHidingLines(target) / Math.min(outBlocks, MAX_VECTORS);
  for (const pixels of fewest > 8 ? [16, 8, 4, 2] : [8, 4, 2]) {
    const vectors = Math.floor((target.vectorRegisters - 1) / ((pixels + 1) * width));
    if (vectors < 1) continue;
    explicit = { pixels, vectors: Math.min(vectors, outBlocks, MAX_VECTORS), explicitBroadcast: true };
    break;
  }
  if (!hasEmbeddedBroadcast(target)) return explicit;
  const embedded: RegisterBlock = { pixels: BLOCK_CHANNELS, vectors: 1, explicitBroadcast: false };
  const perFma = (block: RegisterBlock): number =>
    stepCost(block.pixels, block.vectors, block.explicitBroadcast, target).busyCycles /
    (block.pixels * block.vectors);
  return perFma(explicit) <= perFma(embedded) ? explicit : embedded;
}

export class PointwiseWeightGradient {
  readonly #job: WeightGradientJob;
  readonly #plane: DensePlane;
  readonly #unit: number;
  readonly #block: RegisterBlock;
  /** Pixels of a stretch. */
  readonly #stretch: number;
  readonly #usesInStrip: boolean;
  readonly #strips: readonly number[];
  readonly #inBlocks: number;
  readonly #groupBlocks: number;
  readonly #costs = new Map<number, Cost>();

  /** @param inBlocks, outBlocks blocks of a thread at most */
  constructor(job: WeightGradientJob, inBlocks: number, outBlocks: number) {
    this.#job = job;
    const { context, gradient, geometry, inputStrip, gradientStrip } = job;
    const { strideHeight, strideWidth } = geometry.window;
    this.#plane = { width: gradient.width, height: gradient.height, strideHeight, strideWidth };
    this.#unit = pixelUnit(gradient.width, gradient.height);
    this.#block = chooseGradientBlock(outBlocks, context.target);
    this.#usesInStrip = inputStrip !== null || isStrided(this.#plane);
    this.#inBlocks = inBlocks;
    this.#groupBlocks = groupSize(inBlocks);
    const plane = gradient.width * gradient.height;
    const stripBlocks = (this.#usesInStrip ? inBlocks : 0) + (gradientStrip === null ? 0 : outBlocks);
    // One register tile's broadcasts of a stretch, `pixels` elements per pixel, fill the L1D (`L1_capacity / jcp.ur`).
    const near = Math.floor(context.target.l1Bytes / 4 / this.#block.pixels);
    const room = stripBlocks === 0 ? plane : Math.floor(stripCapacity(context.target) / stripBlocks);
    const most = Math.max(
      this.#unit,
      Math.min(plane, Math.max(leastPixels(context.target, this.#unit), Math.min(near, room))),
    );
    this.#stretch = most - (most % this.#unit);
    this.#strips = stripBlocks === 0 ? [] : allocateStrips(context, this.#stretch * stripBlocks);
  }

  tilesOf(place: GridPlace): WeightTile[] {
    const { width, height } = this.#plane;
    const plane = width * height;
    const unitsPerPlane = Math.ceil(plane / this.#unit);
    const tiles: WeightTile[] = [];
    for (let unit = place.units[0]; unit < place.units[1]; ) {
      const image = Math.floor(unit / unitsPerPlane);
      const first = unit % unitsPerPlane;
      const count = Math.min(place.units[1] - unit, unitsPerPlane - first, this.#stretch / this.#unit);
      const from = first * this.#unit;
      const to = Math.min(plane, from + count * this.#unit);
      const isFirst = unit === place.units[0];
      const [outFrom, outTo] = place.outBlocks;
      const [inFrom, inTo] = place.inBlocks;
      for (let group = place.groups[0]; group < place.groups[1]; group++) {
        tiles.push({
          work: to - from,
          place,
          image,
          group,
          from,
          to,
          outFrom,
          outTo,
          inFrom,
          inTo,
          isFirst,
          opensBand: true,
        });
      }
      unit += count;
    }
    return tiles;
  }

  emitTile(tile: WeightTile, thread: number, out: OpStream): void {
    const { geometry, context, hasBias, copies, gradientStrip } = this.#job;
    const { target } = context;
    const pixels = tile.to - tile.from;
    const strip = this.#strips[thread] ?? 0;
    const gradientSlot = strip + (this.#usesInStrip ? this.#inBlocks * pixels : 0);
    this.#emitStrips(tile, strip, gradientSlot, out);
    const { inFrom, inTo } = tile;
    for (let group = inFrom; group < inTo; group += this.#groupBlocks) {
      const groupTo = Math.min(inTo, group + this.#groupBlocks);
      for (let first = tile.outFrom; first < tile.outTo; first += this.#block.vectors) {
        const vectors = Math.min(this.#block.vectors, tile.outTo - first);
        for (let inBlock = group; inBlock < groupTo; inBlock++) {
          const gradientLines =
            inBlock > group
              ? []
              : Array.from({ length: vectors }, (_, k) =>
                  gradientStrip === null
                    ? rowLine(
                        this.#job.gradient,
                        tile.image,
                        tile.group * geometry.outBlocks + first + k,
                        0,
                      ) + tile.from
                    : gradientSlot + (first + k - tile.outFrom) * pixels,
                );
          this.#emitBlock(tile, inBlock, first, vectors, strip, gradientLines, out);
        }
      }
    }
    if (hasBias && inFrom === 0) {
      const count = tile.outTo - tile.outFrom;
      const line = copies.biasBase(tile.place.copy) + tile.group * geometry.outBlocks + tile.outFrom;
      const add = lineCost({ arithmetic: pixels, loads: pixels, stores: 1, microOps: pixels + 1 }, target);
      const run = runAtCost(out, count, scaleCost(add, count));
      if (!tile.isFirst) run.stream(Access.Load, line);
      run.stream(Access.Store, line);
    }
  }

  #emitStrips(tile: WeightTile, strip: number, gradientSlot: number, out: OpStream): void {
    const { context, input, gradient, inputStrip, gradientStrip, geometry } = this.#job;
    const { target } = context;
    const { image, from, to, place } = tile;
    const pixels = to - from;
    const gather = (
      source: StripSource | null,
      map: FeatureMap,
      plane: DensePlane,
      base: number,
      blocks: readonly [number, number],
      slotBase: number,
      owns: boolean,
    ): void => {
      if (source !== null) emitVectors(source, base + blocks[0], base + blocks[1], target, out);
      for (let block = blocks[0]; block < blocks[1]; block++) {
        const slot = slotBase + (block - blocks[0]) * pixels;
        emitGather({ plane, map, source, owns, image, block: base + block, from, to, slot }, target, out);
      }
    };
    if (this.#usesInStrip) {
      const first = tile.group * geometry.inBlocks;
      gather(inputStrip, input, this.#plane, first, place.inBlocks, strip, place.outBlocks[0] === 0);
    }
    if (gradientStrip !== null) {
      const dense = { ...this.#plane, strideHeight: 1, strideWidth: 1 };
      const first = tile.group * geometry.outBlocks;
      gather(gradientStrip, gradient, dense, first, place.outBlocks, gradientSlot, place.inBlocks[0] === 0);
    }
  }

  /** One input block against a register tile's output blocks over the stretch. */
  #emitBlock(
    tile: WeightTile,
    inBlock: number,
    firstOut: number,
    vectors: number,
    strip: number,
    gradientLines: readonly number[],
    out: OpStream,
  ): void {
    const { geometry, input, copies } = this.#job;
    const pixels = tile.to - tile.from;
    const base = copies.base(tile.place.copy);
    const weights = Array.from({ length: vectors }, (_, k) =>
      weightRange(geometry.weights, base, tile.group, firstOut + k, inBlock, 1),
    ).filter((range) => range.lines > 0);
    const inputLine = this.#usesInStrip
      ? strip + (inBlock - tile.place.inBlocks[0]) * pixels
      : rowLine(input, tile.image, tile.group * geometry.inBlocks + inBlock, 0) + tile.from;
    const cost = this.#blockCost(pixels, vectors, !tile.isFirst);
    const reads = [inputLine, ...gradientLines];
    const runs = Math.ceil(reads.length / MAX_STREAMS);
    const weightLines = weights.reduce((sum, range) => sum + range.lines, 0);
    const share = 1 / (pixels * runs + weightLines);
    for (let first = 0; first < reads.length; first += MAX_STREAMS) {
      runAtStepCost(out, pixels, cost, share);
      for (const line of reads.slice(first, first + MAX_STREAMS)) out.stream(Access.Load, line);
    }
    for (const range of weights) {
      const run = runAtStepCost(out, range.lines, cost, share);
      const { base: line, isRepeated } = copies.place(range.base, tile.place.copy);
      if (!tile.isFirst || isRepeated) run.stream(Access.Load, line);
      run.stream(Access.Store, line);
    }
  }

  #blockCost(pixels: number, vectors: number, accumulates: boolean): Cost {
    const key = (pixels * MAX_VECTORS + vectors - 1) * 2 + (accumulates ? 1 : 0);
    const known = this.#costs.get(key);
    if (known !== undefined) return known;
    const { target }: LoweringContext = this.#job.context;
    const step = stepCost(this.#block.pixels, vectors, this.#block.explicitBroadcast, target);
    const tiles = BLOCK_CHANNELS / this.#block.pixels;
    const tile = addCosts(
      reductionCost(step, pixels, Math.ceil(pixels / this.#unit), target),
      tileOverhead(this.#block.pixels, vectors, accumulates, NO_INSTRUCTIONS, target),
    );
    const cost = scaleCost(tile, tiles);
    this.#costs.set(key, cost);
    return cost;
  }
}

/** The smallest divisor of `blocks` of at least five, or all of them (`best_divider` over `min_bcast_blocking`). */
function groupSize(blocks: number): number {
  for (let size = MIN_GROUP_BLOCKS; size < blocks; size++) if (blocks % size === 0) return size;
  return blocks;
}
