/**
 * The dedicated 1x1 convolution kernel, forward and backward-data.
 *
 * Loop nest of MKL-DNN's driver (jit_avx512_common_1x1_convolution.cpp): images x groups x blocks of pixels are cut into contiguous shares; a share is
 * walked as calls of as many pixels as fit three quarters of the L2 with all channels of a reduction block. In a call, each group of output-channel
 * blocks that the registers hold passes over the call's pixels, register tile by register tile, each reducing the whole reduction block. Reductions of
 * 1024 channels and more are cut into blocks, outermost, and then re-read the output. With a stride, the pixels are first gathered into a workspace
 * (`rtus_driver`); backward-data scatters its result from one, with zeros between.
 *
 * Emission: per call and group of output blocks the weights once, spread over the first register tile, and the input once; a register tile's other
 * reads of the weights come from the L2 at less than one line per three FMA-bound cycles (`vectors` lines per `pixels` x `vectors` multiply-adds).
 */
import type { LoweringContext } from '../context.js';
import type { KernelPhase, LineRange } from '../kernel.js';
import type { Cost, InstructionMix, RegisterBlock } from '../micro-kernel.js';
import {
  addCosts,
  addMixes,
  biasMix,
  CALL_MICRO_OPS,
  costOf,
  NO_COST,
  NO_INSTRUCTIONS,
  reductionCost,
  scaleCost,
  scaleMix,
  stepCost,
  tileOverhead,
  vectorsPerLine,
} from '../micro-kernel.js';
import type { OpStream } from '../op-stream.js';
import { Access, LINE_BYTES, MAX_STREAMS } from '../op-stream.js';
import { shareStart } from '../partition.js';
import type { Epilogue, StripSource } from './fused.js';
import { vectorLines } from './fused.js';
import type { DensePlane } from './gather.js';
import { emitGather, isStrided, visitCells, visitPieces } from './gather.js';
import type { FeatureMap } from './geometry.js';
import { BLOCK_CHANNELS, rowLine } from './geometry.js';
import type { Partials } from './partials.js';
import { createPartials } from './partials.js';
import { largestDivisor, leastPixels } from './register-block.js';
import { allocateStrips, emitVectors, stripCapacity } from './strip.js';
import { runAtCost, runAtStepCost, tiledPhase } from './tiled-phase.js';

/** Reductions from this many channels on are cut (`BIG_REDUCE_DIM`), to 8 blocks of 16 channels, 16 on planes up to 7 x 7 (`SMALL_SPATIAL`). */
const BIG_REDUCTION = 1024;
const SMALL_PLANE = 49;
/** Pixels of a run at least: a few register tiles, so that runs are long. */
const RUN_PIXELS = 32;
/** Rows from which on outputs may be stored non-temporally (docs/paper.md, "The baseline software"). */
const NON_TEMPORAL_ROWS = 28;

/** What a 1x1 convolution is told of its operation. */
export interface PointwiseJob {
  readonly context: LoweringContext;
  readonly name: string;
  readonly images: number;
  readonly groups: number;
  /** The map that is read; with a strip, the one that has its shape. */
  readonly input: FeatureMap;
  readonly strip: StripSource | null;
  readonly output: FeatureMap;
  readonly inBlocks: number;
  readonly outBlocks: number;
  /** The dense plane (of the smaller map where there is a stride) with the stride of the pixels read, and of those written; one of them is 1. */
  readonly gather: DensePlane;
  readonly scatter: DensePlane;
  readonly block: RegisterBlock;
  /** Lines of the weights of one output block and `count` input blocks from `inBlock`; contiguous stretches. */
  visitWeights(
    group: number,
    outBlock: number,
    inBlock: number,
    count: number,
    visit: (base: number, lines: number) => void,
  ): void;
  readonly bias: LineRange | null;
  readonly epilogue: Epilogue | null;
  readonly flops: number;
}

/** One call of the kernel: pixels [from, to) of an image, input blocks [inFrom, inTo). */
interface Call {
  readonly work: number;
  readonly image: number;
  readonly group: number;
  readonly from: number;
  readonly to: number;
  readonly inFrom: number;
  readonly inTo: number;
}

export function pointwisePhases(job: PointwiseJob): KernelPhase[] {
  const kernel = new PointwiseKernel(job);
  const main = tiledPhase<Call>({
    name: 'convolve',
    threads: job.context.target.threads,
    flops: job.flops,
    tilesOf: (thread) => kernel.callsOf(thread),
    emitTile: (call, thread, out, isFirst) => kernel.emitCall(call, thread, out, isFirst),
  });
  kernel.preparePartials((thread) => main.tileCount(thread) > 0);
  return kernel.partials === null ? [main] : [main, kernel.partials.reduce];
}

class PointwiseKernel {
  partials: Partials | null = null;
  readonly #job: PointwiseJob;
  /** Input blocks of a reduction block. */
  readonly #reduceBlocks: number;
  /** Pixels of a call at most. */
  readonly #callPixels: number;
  readonly #inStrips: readonly number[];
  readonly #outStrips: readonly number[];
  readonly #storesNonTemporally: boolean;

  constructor(job: PointwiseJob) {
    this.#job = job;
    const { context, block, inBlocks, outBlocks } = job;
    const pixels = job.gather.width * job.gather.height;
    const scatters = isStrided(job.scatter);
    const limit = inBlocks * BLOCK_CHANNELS < BIG_REDUCTION ? inBlocks : pixels <= SMALL_PLANE ? 16 : 8;
    // A strip holds all channels, and so does the workspace that is scattered.
    const isCut = limit < inBlocks && job.strip === null && !scatters;
    this.#reduceBlocks = isCut ? largestDivisor(inBlocks, limit) : inBlocks;
    const gathers = isStrided(job.gather);
    // MKL-DNN leaves room for two blocks of weights and one register tile of input, and halves the call where an image exceeds the cache.
    const capacity = Math.floor((context.target.l2Bytes * 3) / 4 / LINE_BYTES);
    let space = capacity - (2 * BLOCK_CHANNELS + block.pixels) * this.#reduceBlocks;
    if (inBlocks * pixels > capacity) space /= 2;
    let most = Math.floor(space / this.#reduceBlocks);
    if (job.strip !== null || gathers)
      most = Math.min(most, Math.floor(stripCapacity(context.target) / inBlocks));
    if (scatters) most = Math.min(most, Math.floor(stripCapacity(context.target) / outBlocks));
    const least = Math.ceil(leastPixels(context.target, block.pixels) / block.pixels) * block.pixels;
    this.#callPixels = Math.max(least, most - (most % block.pixels));
    const call = Math.min(pixels, this.#callPixels);
    this.#inStrips = job.strip !== null || gathers ? allocateStrips(context, call * inBlocks) : [];
    this.#outStrips = scatters ? allocateStrips(context, call * outBlocks, 'scatter') : [];
    this.#storesNonTemporally =
      context.software.nonTemporalStores &&
      context.target.totalBatch > 1 &&
      job.gather.height >= NON_TEMPORAL_ROWS &&
      this.#reduceBlocks === inBlocks &&
      !scatters;
  }

  preparePartials(hasWork: (thread: number) => boolean): void {
    const { context, name, groups, outBlocks, epilogue } = this.#job;
    if (epilogue?.accumulates !== true) return;
    this.partials = createPartials(context, name, groups * outBlocks, epilogue, hasWork);
  }

  callsOf(thread: number): Call[] {
    const { images, groups, inBlocks, block, context } = this.#job;
    const { threads } = context.target;
    const plane = this.#job.gather.width * this.#job.gather.height;
    const blocksPerPlane = Math.ceil(plane / block.pixels);
    const work = images * groups * blocksPerPlane;
    const end = shareStart(work, threads, thread + 1);
    const calls: Call[] = [];
    for (let inFrom = 0; inFrom < inBlocks; inFrom += this.#reduceBlocks) {
      const inTo = inFrom + this.#reduceBlocks;
      for (let at = shareStart(work, threads, thread); at < end; ) {
        const first = at % blocksPerPlane;
        const rest = (at - first) / blocksPerPlane;
        const count = Math.min(end - at, blocksPerPlane - first, this.#callPixels / block.pixels);
        const from = first * block.pixels;
        const to = Math.min(plane, (first + count) * block.pixels);
        const work = (to - from) * (inTo - inFrom);
        calls.push({ work, image: Math.floor(rest / groups), group: rest % groups, from, to, inFrom, inTo });
        at += count;
      }
    }
    return calls;
  }

  emitCall(call: Call, thread: number, out: OpStream, isFirst: boolean): void {
    const { context, outBlocks, block, strip, bias, epilogue } = this.#job;
    if (isFirst) this.partials?.emitClear(thread, out);
    const buffer = this.#inStrips[thread];
    if (strip !== null) {
      const { inBlocks } = this.#job;
      emitVectors(strip, call.group * inBlocks, (call.group + 1) * inBlocks, context.target, out);
    }
    if (buffer !== undefined) this.#emitGather(call, buffer, out);
    for (let first = 0; first < outBlocks; first += block.vectors) {
      const vectors = Math.min(block.vectors, outBlocks - first);
      this.#emitVectorsPass(call, thread, first, vectors, out);
    }
    if (call.inTo < this.#job.inBlocks) return;
    const from = call.group * outBlocks;
    const to = from + outBlocks;
    if (bias !== null) {
      const { base, lines } = vectorLines(bias, from * BLOCK_CHANNELS, to * BLOCK_CHANNELS);
      if (lines > 0) runAtCost(out, lines, NO_COST).stream(Access.Load, base);
    }
    if (epilogue !== null) emitVectors(epilogue, from, to, context.target, out);
    if (this.#outStrips[thread] !== undefined) this.#emitScatter(call, this.#outStrips[thread], out);
    this.partials?.emitUpdate(thread, from, to, out);
  }

  /** One group of output blocks over the call's pixels. */
  #emitVectorsPass(call: Call, thread: number, first: number, vectors: number, out: OpStream): void {
    const { context, block, inBlocks } = this.#job;
    const { target } = context;
    const reduceBlocks = call.inTo - call.inFrom;
    const accumulates = call.inFrom > 0;
    const finishes = call.inTo === inBlocks;
    const entry = costOf({ arithmetic: 0, loads: 0, stores: 0, microOps: CALL_MICRO_OPS }, target);
    const tile = this.#tileCost(block.pixels, vectors, reduceBlocks, accumulates, finishes);
    let weightLines = 0;
    const weights: { base: number; lines: number }[] = [];
    for (let k = 0; k < vectors; k++) {
      this.#job.visitWeights(call.group, first + k, call.inFrom, reduceBlocks, (base, lines) => {
        weights.push({ base, lines });
        weightLines += lines;
      });
    }
    const runPixels = Math.ceil(RUN_PIXELS / block.pixels) * block.pixels;
    for (let from = call.from; from < call.to; from += runPixels) {
      const to = Math.min(call.to, from + runPixels);
      const pixels = to - from;
      const whole = Math.floor(pixels / block.pixels);
      let cost = scaleCost(tile, whole);
      if (pixels % block.pixels > 0) {
        cost = addCosts(
          cost,
          this.#tileCost(pixels % block.pixels, vectors, reduceBlocks, accumulates, finishes),
        );
      }
      if (from === call.from) {
        // The first register tile is the one that waits for the weights.
        const opening = whole > 0 ? tile : cost;
        if (whole > 0) cost = addCosts(cost, scaleCost(tile, -1));
        else cost = NO_COST;
        const openingWithEntry = addCosts(opening, entry);
        for (const { base, lines } of weights) {
          runAtStepCost(out, lines, openingWithEntry, 1 / weightLines).stream(Access.Load, base);
        }
      }
      this.#emitPixels(call, thread, first, vectors, from, to, cost, out);
    }
  }

  /** Input and output lines of pixels [from, to) for a group of output blocks, at the given cost. */
  #emitPixels(
    call: Call,
    thread: number,
    first: number,
    vectors: number,
    from: number,
    to: number,
    cost: Cost,
    out: OpStream,
  ): void {
    const { output, input, inBlocks, outBlocks, epilogue, context } = this.#job;
    const pixels = to - from;
    const buffer = this.#inStrips[thread];
    const callPixels = call.to - call.from;
    const reduceBlocks = call.inTo - call.inFrom;
    const inputRuns = Math.ceil(reduceBlocks / MAX_STREAMS);
    const share = 1 / (pixels * (inputRuns + vectors));
    const ahead = to < call.to ? to : -1;
    for (let run = 0; run < inputRuns; run++) {
      runAtStepCost(out, pixels, cost, share);
      const blocks = Math.min(MAX_STREAMS, reduceBlocks - run * MAX_STREAMS);
      for (let b = 0; b < blocks; b++) {
        const inBlock = call.inFrom + run * MAX_STREAMS + b;
        const base =
          buffer === undefined
            ? rowLine(input, call.image, call.group * inBlocks + inBlock, 0) + from
            : buffer + (inBlock - call.inFrom) * callPixels + (from - call.from);
        out.stream(Access.Load, base);
      }
    }
    const finishes = call.inTo === inBlocks;
    const scatter = this.#outStrips[thread];
    for (let k = 0; k < vectors; k++) {
      const target = call.group * outBlocks + first + k;
      runAtStepCost(out, pixels, cost, share);
      if (scatter !== undefined) {
        const line = scatter + (first + k) * callPixels + (from - call.from);
        if (call.inFrom > 0) out.stream(Access.Load, line);
        out.stream(Access.Store, line);
        continue;
      }
      const line = rowLine(output, call.image, target, 0) + from;
      if (call.inFrom > 0) out.stream(Access.Load, line);
      if (finishes && epilogue?.beside)
        out.stream(Access.Load, rowLine(epilogue.beside, call.image, target, 0) + from);
      out.stream(this.#storesNonTemporally ? Access.StoreNonTemporal : Access.Store, line);
    }
    if (context.software.softwarePrefetch && buffer === undefined && ahead >= 0) {
      this.#emitPrefetch(call, ahead, Math.min(call.to - ahead, pixels), out);
    }
  }

  /** The next tile's input, four planes at a time, spread thinly behind the present one. */
  #emitPrefetch(call: Call, from: number, pixels: number, out: OpStream): void {
    const { input, inBlocks } = this.#job;
    for (let block = call.inFrom; block < call.inTo; block += MAX_STREAMS) {
      const planes = Math.min(MAX_STREAMS, call.inTo - block);
      runAtCost(out, pixels, { busyCycles: 0, fmaCycles: 0, microOps: pixels * planes, loads: 0 });
      for (let b = 0; b < planes; b++) {
        out.stream(
          Access.PrefetchL1,
          rowLine(input, call.image, call.group * inBlocks + block + b, 0) + from,
        );
      }
    }
  }

  /** Copies (and transforms) the call's pixels of all its input blocks into the strip. */
  #emitGather(call: Call, buffer: number, out: OpStream): void {
    const { context, input, inBlocks, strip, gather } = this.#job;
    const { from, to, image } = call;
    for (let block = call.inFrom; block < call.inTo; block++) {
      const slot = buffer + (block - call.inFrom) * (to - from);
      const source = call.group * inBlocks + block;
      emitGather(
        { plane: gather, map: input, source: strip, owns: true, image, block: source, from, to, slot },
        context.target,
        out,
      );
    }
  }

  /** Spreads the call's result from the workspace over the output, zeros between, and does the epilogue on the way. */
  #emitScatter(call: Call, buffer: number, out: OpStream): void {
    const { context, output, outBlocks, scatter, epilogue } = this.#job;
    const { target } = context;
    const width = vectorsPerLine(target);
    const store = costOf({ arithmetic: 0, loads: 0, stores: width, microOps: width + 1 }, target);
    const beside = epilogue?.beside ?? null;
    const loop: InstructionMix = { arithmetic: 0, loads: width, stores: 0, microOps: width + 1 };
    const load = costOf(epilogue === null ? loop : addMixes(loop, epilogue.mix(RUN_PIXELS)), target);
    const pixels = call.to - call.from;
    for (let block = 0; block < outBlocks; block++) {
      const map = call.group * outBlocks + block;
      visitPieces(scatter, call.from, call.to, (from, count, row, column) => {
        const run = runAtCost(out, count, scaleCost(load, count));
        run.stream(Access.Load, buffer + block * pixels + (from - call.from));
        if (beside !== null) {
          const line =
            rowLine(beside, call.image, map, row * scatter.strideHeight) + column * scatter.strideWidth;
          run.stream(Access.Load, line, scatter.strideWidth);
        }
      });
      visitCells(scatter, output, call.from, call.to, (row, _isDense, from, to) => {
        const count = to - from;
        runAtCost(out, count, scaleCost(store, count)).stream(
          Access.Store,
          rowLine(output, call.image, map, row) + from,
        );
      });
    }
  }

  #tileCost(
    pixels: number,
    vectors: number,
    reduceBlocks: number,
    accumulates: boolean,
    finishes: boolean,
  ): Cost {
    const { block, epilogue, bias, context } = this.#job;
    const { target } = context;
    const step = stepCost(pixels, vectors, block.explicitBroadcast, target);
    const lines = pixels * vectors;
    let mix: InstructionMix = !accumulates && bias !== null ? biasMix(target) : NO_INSTRUCTIONS;
    if (finishes && epilogue !== null && this.#outStrips.length === 0)
      mix = addMixes(mix, epilogue.mix(pixels));
    return addCosts(
      reductionCost(step, reduceBlocks * BLOCK_CHANNELS, reduceBlocks, target),
      tileOverhead(pixels, vectors, accumulates, scaleMix(mix, lines), target),
    );
  }
}
