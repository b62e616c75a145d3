/**
 * Pooling, global pooling included.
 *
 * Forward as MKL-DNN's JIT kernel: output rows of (image, channel block) planes, images outermost, are shared out among the threads; rows that neighbouring
 * windows have in common are still in the near caches and read once. Max pooling keeps the position of the maximum, one byte per element.
 * Backward: planes are shared out; each input row is zeroed and filled in while it is in the L1D, so dX is written once. Stores are ordinary.
 * Source: MKL-DNN v0.12, jit_uni_pool_kernel_f32.cpp and jit_uni_pooling.cpp.
 */

import { flops as operationFlops } from '../../training/flops.js';
import type { PoolBackward, PoolForward, Window2d } from '../../training/step.js';
import { type FeatureGeometry, geometryOf } from '../address-map.js';
import { type LoweringContext, rangeOf, tensorOf } from '../context.js';
import type { Kernel, LineRange } from '../kernel.js';
import { vectorsPerLine } from '../micro-kernel.js';
import { Access, LINE_BYTES } from '../op-stream.js';
import { shareStart } from '../partition.js';
import { emitRun, rangePhase, TILE_STEPS } from './phases.js';
import { shapeChange } from './shapes.js';
import { type StepCost, scaleStep, stepCost } from './step-cost.js';

/** Pixels whose mask bytes (16 channels each) fill a line: units of work keep to whole mask lines, so no two threads share one. */
const PIXELS_PER_MASK_LINE = LINE_BYTES / 16;

/** Output lines after which a batch of rows alternates between loads and stores. */
const BATCH_LINES = 32;

/** Work of a pooling kernel: planes cut into groups of output rows. */
interface PoolWork {
  readonly large: FeatureGeometry;
  readonly small: FeatureGeometry;
  readonly window: Window2d;
  readonly rowsPerGroup: number;
  readonly groupsPerPlane: number;
  readonly planes: number;
}

function poolWork(
  large: FeatureGeometry,
  small: FeatureGeometry,
  window: Window2d,
  hasMask: boolean,
): PoolWork {
  let rowsPerGroup = 1;
  if (hasMask) while ((rowsPerGroup * small.width) % PIXELS_PER_MASK_LINE !== 0) rowsPerGroup++;
  const groupsPerPlane = Math.ceil(small.height / rowsPerGroup);
  return { large, small, window, rowsPerGroup, groupsPerPlane, planes: small.images * small.blocks };
}

/** First input row of an output row's window, and the row behind its last one, within the plane. */
function windowRows(work: PoolWork, row: number): { from: number; to: number } {
  const top = row * work.window.strideHeight - work.window.padTop;
  const clamp = (at: number) => Math.min(work.large.height, Math.max(0, at));
  return { from: clamp(top), to: clamp(top + work.window.kernelHeight) };
}

interface RowRange {
  readonly from: number;
  readonly to: number;
}

/** Rows of the large plane, from row `loaded` on, that the windows of output rows [firstRow, endRow) cover, as disjoint ranges. */
function coveredRows(work: PoolWork, firstRow: number, endRow: number, loaded: number): RowRange[] {
  const covered: RowRange[] = [];
  for (let row = firstRow; row < endRow; row++) {
    const { from: top, to } = windowRows(work, row);
    const from = Math.max(top, loaded);
    const last = covered[covered.length - 1];
    if (last !== undefined && from <= last.to)
      covered[covered.length - 1] = { from: last.from, to: Math.max(last.to, to) };
    else if (to > from) covered.push({ from, to });
  }
  return covered;
}

/** Groups [from, to) of the flat (plane, group) index, plane by plane: output rows [firstRow, endRow) of a plane. */
function forEachPlane(
  work: PoolWork,
  from: number,
  to: number,
  visit: (plane: number, firstRow: number, endRow: number) => void,
): void {
  for (let at = from; at < to; ) {
    const plane = Math.floor(at / work.groupsPerPlane);
    const group = at % work.groupsPerPlane;
    const count = Math.min(to - at, work.groupsPerPlane - group);
    visit(plane, group * work.rowsPerGroup, Math.min(work.small.height, (group + count) * work.rowsPerGroup));
    at += count;
  }
}

/** Lines of a plane's mask for output rows [from, to). */
function maskLines(work: PoolWork, from: number, to: number): { first: number; end: number } {
  return {
    first: Math.floor((from * work.small.width) / PIXELS_PER_MASK_LINE),
    end: Math.ceil((to * work.small.width) / PIXELS_PER_MASK_LINE),
  };
}

/** Groups per chunk, so that a chunk has some `BATCH_LINES` output lines, and chunks per tile. */
function chunking(work: PoolWork): { chunk: number; chunksPerTile: number } {
  const groupLines = work.rowsPerGroup * work.small.width;
  const chunk = Math.max(1, Math.min(work.groupsPerPlane, Math.ceil(BATCH_LINES / groupLines)));
  const inputLines = (work.large.pixels / work.groupsPerPlane) * chunk;
  return { chunk, chunksPerTile: Math.max(1, Math.floor(TILE_STEPS / inputLines)) };
}

/** Lowers pooling forward. */
export function lowerPoolForward(operation: PoolForward, context: LoweringContext): Kernel {
  const { target } = context;
  const { mask } = operation;
  const work = poolWork(
    geometryOf(tensorOf(context, operation.input)),
    geometryOf(tensorOf(context, operation.output)),
    operation.window,
    mask !== null,
  );
  const { large, small } = work;
  const input = context.baseOf(operation.input);
  const output = context.baseOf(operation.output);
  const maskBase = mask === null ? 0 : context.baseOf(mask);
  const maskPlane = mask === null ? 0 : geometryOf(tensorOf(context, mask)).planeLines;
  const taps = operation.window.kernelHeight * operation.window.kernelWidth;
  // Per tap a load and, for the maximum, a compare and two blends (value and position), for the average an addition; then a multiplication.
  const perOutput = stepCost(target, {
    loads: taps,
    stores: mask === null ? 1 : 2,
    arithmetic: operation.mode === 'max' ? 3 * taps : taps + 1,
    unroll: 1,
  });
  const free: StepCost = { busyCycles: 0, fmaCycles: 0, instructions: 1, loads: 0 };
  const storeCost: StepCost = { ...free, busyCycles: vectorsPerLine(target) / target.storePorts };
  const units = work.planes * work.groupsPerPlane;
  const range = (thread: number): readonly [number, number] => [
    shareStart(units, target.threads, thread),
    shareStart(units, target.threads, thread + 1),
  ];
  const flops = operationFlops(operation, context.step);
  const phase = rangePhase({
    name: 'pool',
    work: units,
    range,
    ...chunking(work),
    flops,
    emitChunk(out, from, to, thread) {
      const [firstUnit] = range(thread);
      forEachPlane(work, from, to, (plane, firstRow, endRow) => {
        const ownAbove =
          plane * work.groupsPerPlane + firstRow / work.rowsPerGroup > firstUnit && firstRow > 0;
        const loaded = ownAbove ? windowRows(work, firstRow - 1).to : 0;
        const covered = coveredRows(work, firstRow, endRow, loaded);
        const outputs = (endRow - firstRow) * small.width;
        const loads =
          covered.reduce((rows, { from: top, to: bottom }) => rows + bottom - top, 0) * large.width;
        const perLoad = scaleStep(perOutput, outputs / Math.max(1, loads));
        for (const { from: top, to: bottom } of covered) {
          emitRun(out, (bottom - top) * large.width, perLoad, [
            { access: Access.Load, base: input + plane * large.planeLines + top * large.width },
          ]);
        }
        emitRun(out, outputs, loads === 0 ? perOutput : storeCost, [
          { access: Access.Store, base: output + plane * small.planeLines + firstRow * small.width },
        ]);
        if (mask === null) return;
        const lines = maskLines(work, firstRow, endRow);
        emitRun(out, lines.end - lines.first, free, [
          { access: Access.Store, base: maskBase + plane * maskPlane + lines.first },
        ]);
      });
    },
  });
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: `${shapeChange(context, operation.input, operation.output)}, ${operation.mode} ${operation.window.kernelHeight}x${operation.window.kernelWidth}`,
    flops,
    parameters: 'whole',
    reads: coveredRanges(work, rangeOf(context, operation.input)),
    writes: [operation.output, ...(mask === null ? [] : [mask])].map((name) => rangeOf(context, name)),
    phases: [phase],
  };
}

/** The covered rows of every plane as line ranges: the whole tensor where nothing is left out. */
function coveredRanges(work: PoolWork, whole: LineRange): LineRange[] {
  const covered = coveredRows(work, 0, work.small.height, 0);
  const { large } = work;
  if (covered.length === 1 && covered[0]?.from === 0 && covered[0].to === large.height) return [whole];
  return Array.from({ length: work.planes }, (_, plane) =>
    covered.map(({ from, to }) => ({
      tensor: whole.tensor,
      base: whole.base + plane * large.planeLines + from * large.width,
      lines: (to - from) * large.width,
    })),
  ).flat();
}

/** Lowers pooling backward. */
export function lowerPoolBackward(operation: PoolBackward, context: LoweringContext): Kernel {
  const { target } = context;
  const { mask } = operation;
  const work = poolWork(
    geometryOf(tensorOf(context, operation.output)),
    geometryOf(tensorOf(context, operation.gradient)),
    operation.window,
    mask !== null,
  );
  const { large, small } = work;
  const gradient = context.baseOf(operation.gradient);
  const output = context.baseOf(operation.output);
  const maskBase = mask === null ? 0 : context.baseOf(mask);
  const maskPlane = mask === null ? 0 : geometryOf(tensorOf(context, mask)).planeLines;
  const taps = operation.window.kernelHeight * operation.window.kernelWidth;
  // Per tap a load and a store of dX in the L1D and an addition; for the maximum also a compare with the position; then the zeroing store.
  const perGradient = stepCost(target, {
    loads: taps + 1,
    stores: taps,
    arithmetic: operation.mode === 'max' ? 2 * taps : taps + 1,
    unroll: 1,
  });
  const storeCost: StepCost = {
    busyCycles: vectorsPerLine(target) / target.storePorts,
    fmaCycles: 0,
    instructions: 1,
    loads: 0,
  };
  /** First row of dX that no window above output row `row` leaves unfinished; rows before it are stored by then. */
  const finishedRows = (row: number): number => {
    if (row === 0) return 0;
    return row === small.height ? large.height : windowRows(work, row).from;
  };
  const flops = operationFlops(operation, context.step);
  const phase = rangePhase({
    name: 'pool',
    work: work.planes * work.groupsPerPlane,
    range: (thread) => [
      shareStart(work.planes, target.threads, thread) * work.groupsPerPlane,
      shareStart(work.planes, target.threads, thread + 1) * work.groupsPerPlane,
    ],
    ...chunking(work),
    flops,
    emitChunk(out, from, to) {
      forEachPlane(work, from, to, (plane, firstRow, endRow) => {
        emitRun(out, (endRow - firstRow) * small.width, perGradient, [
          { access: Access.Load, base: gradient + plane * small.planeLines + firstRow * small.width },
        ]);
        if (mask !== null) {
          const lines = maskLines(work, firstRow, endRow);
          emitRun(out, lines.end - lines.first, { ...storeCost, busyCycles: 0, loads: 1 }, [
            { access: Access.Load, base: maskBase + plane * maskPlane + lines.first },
          ]);
        }
        const first = finishedRows(firstRow);
        emitRun(out, (finishedRows(endRow) - first) * large.width, storeCost, [
          { access: Access.Store, base: output + plane * large.planeLines + first * large.width },
        ]);
      });
    },
  });
  return {
    name: operation.name,
    type: operation.type,
    phase: operation.phase,
    shape: `${shapeChange(context, operation.gradient, operation.output)}, ${operation.mode} ${operation.window.kernelHeight}x${operation.window.kernelWidth}`,
    flops,
    parameters: 'whole',
    reads: [operation.gradient, ...(mask === null ? [] : [mask])].map((name) => rangeOf(context, name)),
    writes: [rangeOf(context, operation.output)],
    phases: [phase],
  };
}
