/**
 * Per-thread strip buffers: where a fused kernel keeps operands that it has transformed on load.
 *
 * A strip holds a window of rows (or pixels) of all channel blocks of one image. It is sized to half of the thread's L2, so that the output tile and
 * the weights find room beside it. All kernels of a program share one buffer per thread, as a library with a scratchpad does.
 */
import type { LoweringContext } from '../context.js';
import type { Target } from '../kernel.js';
import { lineCost, scaleCost } from '../micro-kernel.js';
import type { OpStream } from '../op-stream.js';
import { Access, LINE_BYTES } from '../op-stream.js';
import type { StripSource } from './fused.js';
import { vectorLines } from './fused.js';
import { BLOCK_CHANNELS, rowLine } from './geometry.js';
import { runAtCost } from './tiled-phase.js';

/** Lines that a thread's strips may take: half of its L2. */
export function stripCapacity(target: Target): number {
  return Math.floor(target.l2Bytes / LINE_BYTES / 2);
}

/** First line of each thread's strip buffer of at least `lines` lines. */
export function allocateStrips(context: LoweringContext, lines: number, purpose = 'strip'): number[] {
  const size = Math.max(lines, stripCapacity(context.target));
  return Array.from({ length: context.target.threads }, (_, thread) =>
    context.scratch(`${purpose}.thread${thread}`, size),
  );
}

/** A ring of rows of several channel blocks in a strip buffer. */
export interface RowRing {
  readonly base: number;
  /** Rows that the ring holds per block. */
  readonly rows: number;
  readonly width: number;
}

/** Calls `visit` with the stretches of consecutive lines that hold rows [from, to) of a block: two where the ring wraps. */
export function visitRing(
  ring: RowRing,
  block: number,
  from: number,
  to: number,
  visit: (base: number, lines: number, row: number) => void,
): void {
  let row = from;
  while (row < to) {
    const slot = row % ring.rows;
    const count = Math.min(to - row, ring.rows - slot);
    visit(ring.base + (block * ring.rows + slot) * ring.width, count * ring.width, row);
    row += count;
  }
}

/**
 * Transforms rows [from, to) of channel block `block` (of the maps) into block `slot` of the ring. Rows of [ownFrom, ownTo) are written to
 * `storeTo` as well.
 */
export function emitTransform(
  source: StripSource,
  ring: RowRing,
  image: number,
  block: number,
  slot: number,
  from: number,
  to: number,
  own: { readonly from: number; readonly to: number },
  out: OpStream,
): void {
  const cuts = [from, Math.min(Math.max(from, own.from), to), Math.max(from, Math.min(to, own.to)), to];
  for (let piece = 0; piece < 3; piece++) {
    const isOwn = piece === 1;
    visitRing(ring, slot, cuts[piece] as number, cuts[piece + 1] as number, (base, lines, row) => {
      const stores = isOwn && source.storeTo !== null;
      const run = runAtCost(out, lines, scaleCost(stores ? source.lineCost : source.haloCost, lines));
      for (const map of source.maps) run.stream(Access.Load, rowLine(map, image, block, row));
      run.stream(Access.Store, base);
      if (stores && source.storeTo !== null)
        run.stream(Access.Store, rowLine(source.storeTo, image, block, row));
    });
  }
}

/** Loads the per-channel vectors of a transform for channel blocks [from, to), and computes scale and shift from them. */
export function emitVectors(
  source: Pick<StripSource, 'vectors'>,
  from: number,
  to: number,
  target: Target,
  out: OpStream,
): void {
  // Per vector a load and about two operations on it (reciprocal square root, products).
  const cost = lineCost({ arithmetic: 2, loads: 1, stores: 0, microOps: 3 }, target, target.fmaLatencyCycles);
  for (const vector of source.vectors) {
    const { base, lines } = vectorLines(vector, from * BLOCK_CHANNELS, to * BLOCK_CHANNELS);
    if (lines > 0) runAtCost(out, lines, scaleCost(cost, lines)).stream(Access.Load, base);
  }
}
