/**
 * The direct convolution kernel, forward and backward-data, for any filter, stride and padding.
 *
 * Loop nest of MKL-DNN's driver (jit_avx512_common_convolution.cpp): the flattened work images x groups x output-channel chunks x rows is cut into
 * contiguous shares (`balance211`); a share is walked as segments of rows of one image and chunk; per segment, for each input block, all rows are
 * swept with the accumulators held in registers over that block's channels and taps, and the partial result waits in memory for the next block:
 * every sweep after the first reads and writes the output again. Planes up to 14 x 14 put the chunk outermost, so that its weights are reused over images.
 *
 * Emission: a sweep touches its weights once, each input line once (as the window reaches its row) and each output line once. The taps' other reads of
 * the rows of the window, and a register tile's reads of weights, come from the L1D (or, where the weights of a sweep exceed it, from the L2 at
 * less than one line per two FMA-bound cycles); they count in the cost's loads.
 */
import type { LoweringContext } from '../context.js';
import type { KernelPhase, LineRange } from '../kernel.js';
import type { Cost, InstructionMix, RegisterBlock } from '../micro-kernel.js';
import { addCosts, addMixes, biasMix, NO_COST, NO_INSTRUCTIONS } from '../micro-kernel.js';
import type { OpStream } from '../op-stream.js';
import { Access } from '../op-stream.js';
import { shareStart } from '../partition.js';
import type { Axis, AxisNeeds } from './axis.js';
import { axisNeeds, visitFreshRows } from './axis.js';
import type { Epilogue, StripSource } from './fused.js';
import { vectorLines } from './fused.js';
import type { FeatureMap } from './geometry.js';
import { BLOCK_CHANNELS, rowLine, visitRows } from './geometry.js';
import type { Partials } from './partials.js';
import { createPartials } from './partials.js';
import { rowCost } from './register-block.js';
import type { RowRing } from './strip.js';
import { allocateStrips, emitTransform, emitVectors, stripCapacity, visitRing } from './strip.js';
import { runAtCost, runAtStepCost, tiledPhase } from './tiled-phase.js';

/** Planes up to this side are walked chunk by chunk (`small_spatial`). */
const SMALL_SPATIAL = 14;
/** Output lines of a block that one row group has at least, so that runs stay long on small planes. */
const GROUP_LINES = 32;
/** Line accesses of a tile, roughly: several sweeps of a small plane, or part of a sweep of a large one. */
const TILE_LINES = 32768;

/** What a direct convolution is told of its operation. */
export interface DirectJob {
  readonly context: LoweringContext;
  readonly name: string;
  readonly images: number;
  readonly groups: number;
  /** The map that is read; with a strip, the one that has its shape. */
  readonly input: FeatureMap;
  readonly strip: StripSource | null;
  readonly output: FeatureMap;
  /** Channel blocks of a group. */
  readonly inBlocks: number;
  readonly outBlocks: number;
  /** Channels that a sweep over one input block reduces. */
  readonly stepsPerBlock: number;
  readonly rows: Axis;
  readonly columns: Axis;
  readonly block: RegisterBlock;
  weightLines(
    group: number,
    outBlock: number,
    inBlock: number,
  ): { readonly base: number; readonly lines: number };
  readonly bias: LineRange | null;
  readonly epilogue: Epilogue | null;
  readonly flops: number;
}

/** Rows [from, to) of one chunk of output blocks. */
interface Part {
  readonly chunk: number;
  readonly from: number;
  readonly to: number;
  /** The rows before belong to the same sweep, in the tile before. */
  readonly isContinued: boolean;
}

interface Segment extends Part {
  readonly image: number;
  readonly group: number;
}

interface DirectTile {
  readonly work: number;
  readonly image: number;
  readonly group: number;
  readonly parts: readonly Part[];
  /** Input blocks of the group that the tile reduces. */
  readonly inFrom: number;
  readonly inTo: number;
  /** Stretches of rows to transform first, and the rows that this thread owns. */
  readonly fresh: readonly { readonly from: number; readonly to: number }[];
  readonly own: { readonly from: number; readonly to: number };
}

const NOTHING = { from: 0, to: 0 };

/** The phases of a direct convolution: the sweeps, and the reduction of an epilogue's sums where there is one. */
export function directPhases(job: DirectJob): KernelPhase[] {
  const kernel = new DirectKernel(job);
  const main = tiledPhase<DirectTile>({
    name: 'convolve',
    threads: job.context.target.threads,
    flops: job.flops,
    tilesOf: (thread) => kernel.tilesOf(thread),
    emitTile: (tile, thread, out, isFirst) => kernel.emitTile(tile, thread, out, isFirst),
  });
  kernel.preparePartials((thread) => main.tileCount(thread) > 0);
  return kernel.partials === null ? [main] : [main, kernel.partials.reduce];
}

class DirectKernel {
  partials: Partials | null = null;
  readonly #job: DirectJob;
  readonly #needs: AxisNeeds;
  readonly #chunks: number;
  /** Row costs by (accumulates, finishes, tap rows). */
  readonly #costs = new Map<number, Cost>();
  readonly #strips: readonly number[];
  readonly #ringRows: number;
  /** Rows below the last window: transformed with it where the transformed map is stored. */
  readonly #restRows: number;
  readonly #storesAll: boolean;

  constructor(job: DirectJob) {
    this.#job = job;
    this.#needs = axisNeeds(job.rows);
    this.#chunks = job.outBlocks / job.block.vectors;
    const { low, high } = this.#needs;
    let window = 1;
    for (let row = 0; row < job.rows.outSize; row++)
      window = Math.max(window, (high[row] as number) - (low[row] as number));
    const rowLines = job.inBlocks * job.input.width;
    this.#storesAll = job.strip !== null && job.strip.storeTo !== null;
    this.#restRows = this.#storesAll ? job.rows.inSize - (high[job.rows.outSize - 1] as number) : 0;
    this.#ringRows = Math.max(
      window + this.#restRows,
      Math.min(job.input.height, Math.floor(stripCapacity(job.context.target) / rowLines)),
    );
    this.#strips = job.strip === null ? [] : allocateStrips(job.context, this.#ringRows * rowLines);
  }

  preparePartials(hasWork: (thread: number) => boolean): void {
    const { context, name, groups, outBlocks, epilogue } = this.#job;
    if (epilogue?.accumulates !== true) return;
    this.partials = createPartials(context, name, groups * outBlocks, epilogue, hasWork);
  }

  tilesOf(thread: number): DirectTile[] {
    const segments = this.#segmentsOf(thread);
    return this.#job.strip === null ? this.#plainTiles(segments) : this.#stripTiles(segments);
  }

  #segmentsOf(thread: number): Segment[] {
    const { images, groups, rows, output, context } = this.#job;
    const { threads } = context.target;
    const work = images * groups * this.#chunks * rows.outSize;
    const end = shareStart(work, threads, thread + 1);
    const segments: Segment[] = [];
    let at = shareStart(work, threads, thread);
    while (at < end) {
      const from = at % rows.outSize;
      const line = (at - from) / rows.outSize;
      const to = Math.min(rows.outSize, from + end - at);
      const chunk = line % this.#chunks;
      const rest = (line - chunk) / this.#chunks;
      segments.push({
        image: Math.floor(rest / groups),
        group: rest % groups,
        chunk,
        from,
        to,
        isContinued: false,
      });
      at += to - from;
    }
    const isSmall = output.width <= SMALL_SPATIAL && output.height <= SMALL_SPATIAL;
    // The sort is stable: images stay in order within a chunk.
    if (isSmall && this.#job.strip === null) {
      segments.sort((a, b) => a.group * this.#chunks + a.chunk - (b.group * this.#chunks + b.chunk));
    }
    return segments;
  }

  #plainTiles(segments: readonly Segment[]): DirectTile[] {
    const { inBlocks, input, output, block } = this.#job;
    const tiles: DirectTile[] = [];
    for (const { image, group, chunk, from, to } of segments) {
      const rowLines = input.width + 2 * output.width * block.vectors;
      const rowsPerTile = Math.max(1, Math.floor(TILE_LINES / rowLines));
      const blocksPerTile = Math.max(1, Math.floor(rowsPerTile / (to - from)));
      for (let inFrom = 0; inFrom < inBlocks; inFrom += blocksPerTile) {
        const inTo = Math.min(inBlocks, inFrom + blocksPerTile);
        for (let row = from; row < to; row += rowsPerTile) {
          const part = { chunk, from: row, to: Math.min(to, row + rowsPerTile), isContinued: row > from };
          const work = (part.to - part.from) * (inTo - inFrom);
          tiles.push({ work, image, group, parts: [part], inFrom, inTo, fresh: [], own: NOTHING });
        }
      }
    }
    return tiles;
  }

  /** Bands of rows whose input fits the strip; the chunks of a band share the transformed rows. */
  #stripTiles(segments: readonly Segment[]): DirectTile[] {
    const { inBlocks, rows } = this.#job;
    const { low, high } = this.#needs;
    const tiles: DirectTile[] = [];
    for (let i = 0; i < segments.length; ) {
      const first = segments[i] as Segment;
      const same: Segment[] = [];
      for (; i < segments.length; i++) {
        const segment = segments[i] as Segment;
        if (segment.image !== first.image || segment.group !== first.group) break;
        same.push(segment);
      }
      const from = Math.min(...same.map((segment) => segment.from));
      const to = Math.max(...same.map((segment) => segment.to));
      const owner = same.find((segment) => segment.chunk === 0);
      const ownFrom = owner === undefined ? 0 : owner.from === 0 ? 0 : (high[owner.from - 1] as number);
      const ownTo =
        owner === undefined ? 0 : owner.to === rows.outSize ? rows.inSize : (high[owner.to - 1] as number);
      let reached = low[from] as number;
      if (this.#storesAll && ownTo > 0) reached = Math.min(reached, ownFrom);
      // A thread's share may begin late in one chunk and end early in the next: nobody needs the rows between.
      const isWanted = (row: number): boolean => same.some((part) => row >= part.from && row < part.to);
      for (let row = from; row < to; ) {
        let bandTo = row + 1;
        const start = low[row] as number;
        const last = start + this.#ringRows - this.#restRows;
        while (bandTo < to && isWanted(bandTo) === isWanted(row) && (high[bandTo] as number) <= last)
          bandTo++;
        const parts = same
          .map(({ chunk, from: partFrom, to: partTo }) => ({
            chunk,
            from: Math.max(partFrom, row),
            to: Math.min(partTo, bandTo),
            isContinued: false,
          }))
          .filter((part) => part.to > part.from);
        const isEnd = bandTo === rows.outSize && ownTo === rows.inSize;
        const freshTo = (high[bandTo - 1] as number) + (isEnd ? this.#restRows : 0);
        if (parts.length > 0) {
          const fresh: { from: number; to: number }[] = [];
          if (this.#storesAll) fresh.push({ from: reached, to: freshTo });
          else visitFreshRows(this.#needs, row, bandTo, reached, (a, b) => fresh.push({ from: a, to: b }));
          const work = parts.reduce((sum, part) => sum + part.to - part.from, 0) * inBlocks;
          tiles.push({
            work,
            image: first.image,
            group: first.group,
            parts,
            inFrom: 0,
            inTo: inBlocks,
            fresh,
            own: { from: ownFrom, to: ownTo },
          });
          reached = Math.max(reached, freshTo);
        }
        row = bandTo;
      }
    }
    return tiles;
  }

  emitTile(tile: DirectTile, thread: number, out: OpStream, isFirst: boolean): void {
    const { context, inBlocks, strip, input, epilogue, bias, outBlocks } = this.#job;
    const { vectors } = this.#job.block;
    if (isFirst) this.partials?.emitClear(thread, out);
    const ring: RowRing = { base: this.#strips[thread] ?? 0, rows: this.#ringRows, width: input.width };
    if (strip !== null) {
      emitVectors(strip, tile.group * inBlocks, (tile.group + 1) * inBlocks, context.target, out);
      for (let block = 0; block < inBlocks; block++) {
        const source = tile.group * inBlocks + block;
        for (const { from, to } of tile.fresh) {
          emitTransform(strip, ring, tile.image, source, block, from, to, tile.own, out);
        }
      }
    }
    for (const part of tile.parts) {
      const firstBlock = tile.group * outBlocks + part.chunk * vectors;
      for (let inBlock = tile.inFrom; inBlock < tile.inTo; inBlock++) {
        this.#emitSweep(tile, part, inBlock, strip === null ? null : ring, out);
      }
      if (tile.inTo < inBlocks) continue;
      if (bias !== null) {
        const { base, lines } = vectorLines(
          bias,
          firstBlock * BLOCK_CHANNELS,
          (firstBlock + vectors) * BLOCK_CHANNELS,
        );
        if (lines > 0) runAtCost(out, lines, NO_COST).stream(Access.Load, base);
      }
      if (epilogue !== null) emitVectors(epilogue, firstBlock, firstBlock + vectors, context.target, out);
      this.partials?.emitUpdate(thread, firstBlock, firstBlock + vectors, out);
    }
  }

  /** One input block over all rows of a part. */
  #emitSweep(tile: DirectTile, part: Part, inBlock: number, ring: RowRing | null, out: OpStream): void {
    const { output, inBlocks, outBlocks, block, epilogue } = this.#job;
    const { low, high, hits } = this.#needs;
    const source = tile.group * inBlocks + inBlock;
    const firstBlock = part.chunk * block.vectors;
    const accumulates = inBlock > 0;
    const finishes = inBlock === inBlocks - 1;
    const beside = finishes && epilogue !== null ? epilogue.beside : null;
    const groupRows = Math.ceil(GROUP_LINES / output.width);
    let reached = (part.isContinued ? high[part.from - 1] : low[part.from]) as number;
    for (let row = part.from; row < part.to; row += groupRows) {
      const end = Math.min(part.to, row + groupRows);
      const to = high[end - 1] as number;
      let cost = NO_COST;
      for (let at = row; at < end; at++)
        cost = addCosts(cost, this.#rowCost(accumulates, finishes, hits[at] as number));
      const outLines = (end - row) * output.width;
      let steps = outLines * block.vectors;
      const count = (_base: number, lines: number): void => {
        steps += lines;
      };
      visitFreshRows(this.#needs, row, end, reached, (a, b) => {
        this.#visitInput(ring, tile.image, source, inBlock, a, b, count);
      });
      const weights =
        row === part.from && !part.isContinued
          ? Array.from({ length: block.vectors }, (_, k) =>
              this.#job.weightLines(tile.group, firstBlock + k, inBlock),
            )
          : [];
      for (const { lines } of weights) steps += lines;
      const share = 1 / steps;
      for (const { base, lines } of weights) {
        if (lines > 0) runAtStepCost(out, lines, cost, share).stream(Access.Load, base);
      }
      visitFreshRows(this.#needs, row, end, reached, (a, b) => {
        this.#visitInput(ring, tile.image, source, inBlock, a, b, (base, lines) => {
          const run = runAtStepCost(out, lines, cost, share).stream(Access.Load, base);
          const ahead = this.#prefetchBase(tile, part, inBlock, base, lines, to, end);
          if (ring === null && ahead >= 0) run.stream(Access.PrefetchL1, ahead);
        });
      });
      for (let k = 0; k < block.vectors; k++) {
        const target = tile.group * outBlocks + firstBlock + k;
        const line = rowLine(output, tile.image, target, row);
        const run = runAtStepCost(out, outLines, cost, share);
        if (accumulates) run.stream(Access.Load, line);
        if (beside !== null) run.stream(Access.Load, rowLine(beside, tile.image, target, row));
        run.stream(Access.Store, line);
      }
      reached = Math.max(reached, to);
    }
  }

  #visitInput(
    ring: RowRing | null,
    image: number,
    source: number,
    inBlock: number,
    from: number,
    to: number,
    visit: (base: number, lines: number) => void,
  ): void {
    if (ring === null) visitRows(this.#job.input, image, source, from, to, visit);
    else visitRing(ring, inBlock, from, to, visit);
  }

  /** First line of what a software prefetch beside a run of input lines fetches: the rows below, or the next sweep's first rows; -1 for none. */
  #prefetchBase(
    tile: DirectTile,
    part: Part,
    inBlock: number,
    base: number,
    lines: number,
    rowsTo: number,
    outEnd: number,
  ): number {
    const { context, input, inBlocks } = this.#job;
    if (!context.software.softwarePrefetch || input.layout !== 'nChw16c') return -1;
    const { low, high } = this.#needs;
    if (outEnd < part.to) {
      const left = ((high[part.to - 1] as number) - rowsTo) * input.width;
      return left >= lines ? base + lines : -1;
    }
    if (inBlock + 1 >= tile.inTo) return -1;
    const first = low[part.from] as number;
    const fits = ((high[part.to - 1] as number) - first) * input.width >= lines;
    return fits ? rowLine(input, tile.image, tile.group * inBlocks + inBlock + 1, first) : -1;
  }

  #rowCost(accumulates: boolean, finishes: boolean, tapRows: number): Cost {
    const key = (tapRows * 2 + (accumulates ? 1 : 0)) * 2 + (finishes ? 1 : 0);
    const known = this.#costs.get(key);
    if (known !== undefined) return known;
    const { block, columns, stepsPerBlock, epilogue, bias, context } = this.#job;
    // The bias is added by the first sweep, from memory.
    let mix: InstructionMix = !accumulates && bias !== null ? biasMix(context.target) : NO_INSTRUCTIONS;
    if (finishes && epilogue !== null) mix = addMixes(mix, epilogue.mix(block.pixels));
    const cost = rowCost(block, columns, tapRows, stepsPerBlock, accumulates, mix, context.target);
    this.#costs.set(key, cost);
    return cost;
  }
}
