/**
 * Backward-weights of the direct convolution kernel, for any filter, stride and padding.
 *
 * Loop nest of MKL-DNN's driver (jit_avx512_common_convolution.cpp, `compute_diff_weights`): images, groups, output blocks, input blocks; a call adds
 * one plane of input and one of output gradient to a block of weights. The generated code keeps the taps of a filter row for some input
 * channels in registers over a stretch of a row, loads a vector of the gradient per pixel and takes the input's elements from memory, and returns the
 * accumulators to the L1D after each stretch.
 *
 * With an operand that is transformed on load, images are walked in bands of rows whose strips fit half of the L2.
 */
import type { LoweringContext } from '../context.js';
import type { Target } from '../kernel.js';
import type { Cost } from '../micro-kernel.js';
import {
  addCosts,
  costOf,
  hasEmbeddedBroadcast,
  LOOP_MICRO_OPS,
  lineCost,
  NO_COST,
  scaleCost,
  stepCost,
  vectorsPerLine,
} from '../micro-kernel.js';
import type { OpStream } from '../op-stream.js';
import { Access, LINE_BYTES } from '../op-stream.js';
import type { Axis, AxisNeeds } from './axis.js';
import { axisNeeds, visitFreshRows } from './axis.js';
import type { StripSource } from './fused.js';
import type { ConvGeometry, FeatureMap } from './geometry.js';
import { BLOCK_CHANNELS, forwardAxes, rowLine, visitRows, weightRange } from './geometry.js';
import type { GradientCopies } from './gradient-copies.js';
import { latencyHidingLines } from './register-block.js';
import type { RowRing } from './strip.js';
import { allocateStrips, emitTransform, emitVectors, stripCapacity, visitRing } from './strip.js';
import type { GridPlace } from './thread-grid.js';
import { runAtCost, runAtStepCost } from './tiled-phase.js';

/** Pixels of a stretch at most (`max_ur_w`). */
const MAX_STRETCH = 28;
/** Registers that hold gradients and addresses of the transposed loop. */
const SPARE_REGISTERS = 4;
/** Gradient lines of a row group at least. */
const GROUP_LINES = 32;
/** Line accesses of a tile, roughly. */
const TILE_LINES = 65536;

/** What both backward-weights kernels are told. */
export interface WeightGradientJob {
  readonly context: LoweringContext;
  readonly geometry: ConvGeometry;
  /** The forward input and the output gradient, or maps of their shape where they are transformed. */
  readonly input: FeatureMap;
  readonly gradient: FeatureMap;
  readonly inputStrip: StripSource | null;
  readonly gradientStrip: StripSource | null;
  readonly hasBias: boolean;
  readonly copies: GradientCopies;
}

export interface WeightTile {
  readonly work: number;
  readonly place: GridPlace;
  readonly image: number;
  readonly group: number;
  /** Rows (pixels, for 1x1) of the gradient. */
  readonly from: number;
  readonly to: number;
  /** Output blocks [outFrom, outTo) and input blocks [inFrom, inTo) of the group. */
  readonly outFrom: number;
  readonly outTo: number;
  readonly inFrom: number;
  readonly inTo: number;
  /** Nothing has been added to the thread's part of its copy yet. */
  readonly isFirst: boolean;
  /** The first tile on its band: transforms the operands. */
  readonly opensBand: boolean;
}

/** Input channels whose taps of a filter row fit the registers (`ic_block_step`: 8 up to 3 taps, 4 up to 6, 2 beyond, more where the FMA latency asks for it; a divisor of the block). */
export function channelStep(taps: number, channels: number, target: Target): number {
  let limit = taps <= 3 ? 8 : taps < 7 ? 4 : 2;
  while (taps * limit < latencyHidingLines(target)) limit *= 2;
  const registers = (target.vectorRegisters - SPARE_REGISTERS) / (taps * vectorsPerLine(target));
  // An nchw input's few channels (three, say) are all taken where they fit.
  const most = channels < BLOCK_CHANNELS && registers >= channels ? channels : Math.min(limit, registers);
  for (let step = Math.floor(most); step > 1; step--) if (channels % step === 0) return step;
  return 1;
}

/** Cost of one row of output gradient against one filter row's rows of input, for one output and one input block. */
export function gradientRowCost(
  columns: Axis,
  tapRows: number,
  channels: number,
  hasBias: boolean,
  target: Target,
): Cost {
  const width = vectorsPerLine(target);
  const step = channelStep(columns.taps, channels, target);
  const accumulators = columns.taps * step * width;
  let row = NO_COST;
  for (let from = 0; from < columns.outSize; from += MAX_STRETCH) {
    const to = Math.min(from + MAX_STRETCH, columns.outSize);
    for (let out = from; out < to; out++) {
      let hits = 0;
      for (let tap = 0; tap < columns.taps; tap++) if (columns.hit(out, tap) >= 0) hits++;
      // The block of accumulators is taps x channels; the gradient's vector plays the part of the weights.
      row = addCosts(row, stepCost(hits * step, 1, !hasEmbeddedBroadcast(target), target));
    }
    const returns = costOf(
      {
        arithmetic: 0,
        loads: accumulators,
        stores: accumulators,
        microOps: 2 * accumulators + LOOP_MICRO_OPS,
      },
      target,
    );
    row = addCosts(row, returns);
  }
  const bias = hasBias
    ? costOf({ arithmetic: width, loads: width, stores: 0, microOps: width }, target)
    : NO_COST;
  return addCosts(scaleCost(row, (channels / step) * tapRows), scaleCost(bias, columns.outSize));
}

export class DirectWeightGradient {
  readonly #job: WeightGradientJob;
  readonly #needs: AxisNeeds;
  readonly #columns: Axis;
  readonly #costs = new Map<number, Cost>();
  readonly #inRows: number;
  /** Gradient rows of a band. */
  readonly #bandRows: number;
  readonly #inStrips: readonly number[];
  readonly #outStrips: readonly number[];
  readonly #restRows: number;

  /** @param inBlocks, outBlocks blocks of a thread at most */
  constructor(job: WeightGradientJob, inBlocks: number, outBlocks: number) {
    this.#job = job;
    const { context, geometry, input, gradient, inputStrip, gradientStrip } = job;
    const { rows, columns } = forwardAxes(geometry);
    this.#columns = columns;
    this.#needs = axisNeeds(rows);
    const inRow = inputStrip === null ? 0 : inBlocks * input.width;
    const outRow = gradientStrip === null ? 0 : outBlocks * gradient.width;
    const last = this.#needs.high[gradient.height - 1] as number;
    this.#restRows = inputStrip !== null && inputStrip.storeTo !== null ? input.height - last : 0;
    let bandRows = gradient.height;
    const linesOf = (band: number): number => this.#windowRows(band) * inRow + band * outRow;
    // A band adds no more lines of weights than it has of input and gradient.
    const leastRows = Math.ceil((2 * geometry.weights.linesPerBlock) / (input.width + gradient.width));
    while (bandRows > leastRows && linesOf(bandRows) > stripCapacity(context.target)) bandRows--;
    this.#bandRows = bandRows;
    this.#inRows = this.#windowRows(bandRows);
    this.#inStrips = inputStrip === null ? [] : allocateStrips(context, this.#inRows * inRow);
    const outStrips =
      gradientStrip === null ? [] : allocateStrips(context, this.#inRows * inRow + bandRows * outRow);
    // Both strips share the thread's buffer, the gradient's behind the input's.
    this.#outStrips = outStrips.map((base) => base + this.#inRows * inRow);
    if (gradientStrip !== null && inputStrip !== null) this.#inStrips = outStrips;
  }

  /** Input rows that the ring must hold for a band. */
  #windowRows(bandRows: number): number {
    const { low, high } = this.#needs;
    let most = 1;
    for (let from = 0; from < low.length; from += bandRows) {
      const to = Math.min(low.length, from + bandRows);
      most = Math.max(most, (high[to - 1] as number) - (low[from] as number));
    }
    return most + this.#restRows;
  }

  tilesOf(place: GridPlace): WeightTile[] {
    const { gradient, input } = this.#job;
    const tiles: WeightTile[] = [];
    const [first, last] = place.inBlocks;
    const bandLines = this.#bandRows * gradient.width + this.#windowRows(this.#bandRows) * input.width;
    const blocksPerTile = Math.max(1, Math.floor(TILE_LINES / bandLines));
    for (let image = place.units[0]; image < place.units[1]; image++) {
      for (let group = place.groups[0]; group < place.groups[1]; group++) {
        for (let from = 0; from < gradient.height; from += this.#bandRows) {
          const to = Math.min(gradient.height, from + this.#bandRows);
          const isFirst = image === place.units[0] && from === 0;
          for (let out = place.outBlocks[0]; out < place.outBlocks[1]; out++) {
            for (let inFrom = first; inFrom < last; inFrom += blocksPerTile) {
              const inTo = Math.min(last, inFrom + blocksPerTile);
              const opensBand = out === place.outBlocks[0] && inFrom === first;
              const work = (to - from) * (inTo - inFrom);
              const outTo = out + 1;
              tiles.push({
                work,
                place,
                image,
                group,
                from,
                to,
                outFrom: out,
                outTo,
                inFrom,
                inTo,
                isFirst,
                opensBand,
              });
            }
          }
        }
      }
    }
    return tiles;
  }

  emitTile(tile: WeightTile, thread: number, out: OpStream): void {
    const { input, gradient, geometry, context, hasBias, copies } = this.#job;
    const inRing: RowRing = { base: this.#inStrips[thread] ?? 0, rows: this.#inRows, width: input.width };
    const outRing: RowRing = {
      base: this.#outStrips[thread] ?? 0,
      rows: this.#bandRows,
      width: gradient.width,
    };
    if (tile.opensBand) this.#emitTransforms(tile, inRing, outRing, out);
    const { target } = context;
    const { inFrom, inTo } = tile;
    const outBlock = tile.group * geometry.outBlocks + tile.outFrom;
    const gradientLines = (tile.to - tile.from) * gradient.width;
    const inputLines = this.#windowRows(tile.to - tile.from) * input.width;
    const resident = gradientLines + inputLines + geometry.weights.linesPerBlock;
    // The gradient's plane is met again by every input block; it stays in the L1D where it fits beside the rest.
    const staysNear = resident * LINE_BYTES <= (target.l1Bytes * 7) / 8;
    for (let inBlock = inFrom; inBlock < inTo; inBlock++) {
      this.#emitBlock(tile, inBlock, outBlock, inRing, outRing, staysNear && inBlock > inFrom, out);
    }
    if (hasBias && inFrom === 0) {
      const line = copies.biasBase(tile.place.copy) + outBlock;
      const run = runAtCost(out, 1, lineCost({ arithmetic: 1, loads: 1, stores: 1, microOps: 2 }, target));
      if (!tile.isFirst) run.stream(Access.Load, line);
      run.stream(Access.Store, line);
    }
  }

  #emitTransforms(tile: WeightTile, inRing: RowRing, outRing: RowRing, out: OpStream): void {
    const { geometry, inputStrip, gradientStrip, context } = this.#job;
    const { low, high } = this.#needs;
    const { image, group, from, to, place } = tile;
    const nobody = { from: 0, to: 0 };
    const everything = { from: 0, to: Number.MAX_SAFE_INTEGER };
    if (inputStrip !== null) {
      const reached = from === 0 ? 0 : (high[from - 1] as number);
      const isEnd = to === low.length;
      const end = (high[to - 1] as number) + (isEnd ? this.#restRows : 0);
      const fresh: { from: number; to: number }[] = [];
      if (inputStrip.storeTo !== null) fresh.push({ from: reached, to: end });
      else visitFreshRows(this.#needs, from, to, reached, (a, b) => fresh.push({ from: a, to: b }));
      const owner = place.outBlocks[0] === 0 ? everything : nobody;
      const first = group * geometry.inBlocks;
      emitVectors(inputStrip, first + place.inBlocks[0], first + place.inBlocks[1], context.target, out);
      for (let block = place.inBlocks[0]; block < place.inBlocks[1]; block++) {
        const slot = block - place.inBlocks[0];
        for (const rows of fresh) {
          emitTransform(inputStrip, inRing, image, first + block, slot, rows.from, rows.to, owner, out);
        }
      }
    }
    if (gradientStrip !== null) {
      const owner = place.inBlocks[0] === 0 ? everything : nobody;
      const first = group * geometry.outBlocks;
      emitVectors(gradientStrip, first + place.outBlocks[0], first + place.outBlocks[1], context.target, out);
      for (let block = place.outBlocks[0]; block < place.outBlocks[1]; block++) {
        const slot = block - place.outBlocks[0];
        emitTransform(gradientStrip, outRing, image, first + block, slot, from, to, owner, out);
      }
    }
  }

  /** One input block against the tile's output block. */
  #emitBlock(
    tile: WeightTile,
    inBlock: number,
    outBlock: number,
    inRing: RowRing,
    outRing: RowRing,
    gradientIsNear: boolean,
    out: OpStream,
  ): void {
    const { geometry, gradient, input, copies, inputStrip, gradientStrip } = this.#job;
    const { low, high, hits } = this.#needs;
    const { weights } = geometry;
    const source = tile.group * geometry.inBlocks + inBlock;
    const block = weightRange(weights, copies.base(tile.place.copy), tile.group, tile.outFrom, inBlock, 1);
    const groupRows = Math.ceil(GROUP_LINES / gradient.width);
    let reached = low[tile.from] as number;
    const visitInput = (from: number, to: number, visit: (base: number, lines: number) => void): void => {
      visitFreshRows(this.#needs, from, to, reached, (a, b) => {
        if (inputStrip === null) visitRows(input, tile.image, source, a, b, visit);
        else visitRing(inRing, inBlock - tile.place.inBlocks[0], a, b, visit);
      });
    };
    const visitGradient = (from: number, to: number, visit: (base: number, lines: number) => void): void => {
      if (gradientIsNear) return;
      if (gradientStrip === null)
        visit(rowLine(gradient, tile.image, outBlock, from), (to - from) * gradient.width);
      else visitRing(outRing, tile.outFrom - tile.place.outBlocks[0], from, to, visit);
    };
    for (let row = tile.from; row < tile.to; row += groupRows) {
      const end = Math.min(tile.to, row + groupRows);
      const to = high[end - 1] as number;
      let cost = NO_COST;
      for (let at = row; at < end; at++) cost = addCosts(cost, this.#rowCost(hits[at] as number, inBlock));
      const opens = row === tile.from;
      let steps = opens ? block.lines : 0;
      const count = (_base: number, lines: number): void => {
        steps += lines;
      };
      visitInput(row, end, count);
      visitGradient(row, end, count);
      if (steps === 0) {
        runAtCost(out, 1, cost);
        continue;
      }
      const share = 1 / steps;
      if (opens && block.lines > 0) {
        const run = runAtStepCost(out, block.lines, cost, share);
        const { base, isRepeated } = copies.place(block.base, tile.place.copy);
        if (!tile.isFirst || isRepeated) run.stream(Access.Load, base);
        run.stream(Access.Store, base);
      }
      const load = (base: number, lines: number): void => {
        runAtStepCost(out, lines, cost, share).stream(Access.Load, base);
      };
      visitInput(row, end, load);
      visitGradient(row, end, load);
      reached = Math.max(reached, to);
    }
  }

  #rowCost(tapRows: number, inBlock: number): Cost {
    const { geometry, hasBias, context } = this.#job;
    const addsBias = hasBias && inBlock === 0;
    const key = tapRows * 2 + (addsBias ? 1 : 0);
    const known = this.#costs.get(key);
    if (known !== undefined) return known;
    const cost = gradientRowCost(this.#columns, tapRows, geometry.stepsPerBlock, addsBias, context.target);
    this.#costs.set(key, cost);
    return cost;
  }
}
