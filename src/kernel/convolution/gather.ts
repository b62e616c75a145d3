/**
 * Moving pixels between a map and a dense workspace: the gather of a strided 1x1 convolution (MKL-DNN's `rtus_driver`) and the transforms of
 * fused ones, which write the same workspace.
 *
 * A dense pixel stands for a cell of stride x stride pixels of the map, of which it is the first; the last column and row of pixels own what is left over.
 */
import type { Target } from '../kernel.js';
import { costOf, scaleCost, vectorsPerLine } from '../micro-kernel.js';
import type { OpStream } from '../op-stream.js';
import { Access } from '../op-stream.js';
import type { StripSource } from './fused.js';
import type { FeatureMap } from './geometry.js';
import { rowLine } from './geometry.js';
import { runAtCost } from './tiled-phase.js';

/** A dense plane of pixels and its stride in the map. */
export interface DensePlane {
  readonly width: number;
  readonly height: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
}

export function isStrided(plane: DensePlane): boolean {
  return plane.strideHeight > 1 || plane.strideWidth > 1;
}

/** Stretches of dense pixels [from, to) within rows; a single one where the plane is not strided. */
export function visitPieces(
  plane: DensePlane,
  from: number,
  to: number,
  visit: (from: number, count: number, row: number, column: number) => void,
): void {
  for (let at = from; at < to; ) {
    const row = Math.floor(at / plane.width);
    const count = isStrided(plane) ? Math.min(to, (row + 1) * plane.width) - at : to - at;
    visit(at, count, row, at - row * plane.width);
    at += count;
  }
}

/** Stretches of rows of the map that belong to dense pixels [from, to): `isDense` for the rows that hold dense pixels. */
export function visitCells(
  plane: DensePlane,
  map: FeatureMap,
  from: number,
  to: number,
  visit: (row: number, isDense: boolean, from: number, to: number) => void,
): void {
  visitPieces(plane, from, to, (_at, count, row, column) => {
    const left = column * plane.strideWidth;
    const right = column + count === plane.width ? map.width : (column + count) * plane.strideWidth;
    const bottom = row + 1 === plane.height ? map.height : (row + 1) * plane.strideHeight;
    for (let at = row * plane.strideHeight; at < bottom; at++)
      visit(at, at === row * plane.strideHeight, left, right);
  });
}

/**
 * Micro-ops of the copying loop beside the load and the store of its one vector: two pointers and the column move on, a fused compare-and-branch looks for the
 * end of the row, another counts down (`rtus_driver_t::loop_is` of jit_uni_1x1_conv_utils.hpp, which is not unrolled).
 */
const COPY_LOOP_MICRO_OPS = 5;

/** Copy of one line. */
export function copyCost(target: Target) {
  const width = vectorsPerLine(target);
  return costOf(
    { arithmetic: 0, loads: width, stores: width, microOps: (2 + COPY_LOOP_MICRO_OPS) * width },
    target,
  );
}

/** One block of one image to bring into the workspace. */
export interface Gathering {
  readonly plane: DensePlane;
  /** The map to copy from where there is no transform. */
  readonly map: FeatureMap;
  readonly source: StripSource | null;
  /** Whether this thread writes the transform's `storeTo`. */
  readonly owns: boolean;
  readonly image: number;
  readonly block: number;
  /** Dense pixels [from, to) go to lines `slot` and following. */
  readonly from: number;
  readonly to: number;
  readonly slot: number;
}

/** Copies or transforms pixels of a block into the workspace; where a transformed map is stored, also what lies between the pixels. */
export function emitGather(gathering: Gathering, target: Target, out: OpStream): void {
  const { plane, map, source, image, block, from, to, slot } = gathering;
  const maps = source?.maps ?? [map];
  const storeTo = gathering.owns && source !== null ? source.storeTo : null;
  const cost = source === null ? copyCost(target) : storeTo === null ? source.haloCost : source.lineCost;
  visitPieces(plane, from, to, (at, count, row, column) => {
    const lineOf = (of: FeatureMap): number =>
      rowLine(of, image, block, row * plane.strideHeight) + column * plane.strideWidth;
    runAtCost(out, count, scaleCost(cost, count));
    for (const read of maps) out.stream(Access.Load, lineOf(read), plane.strideWidth);
    out.stream(Access.Store, slot + at - from);
    if (storeTo !== null) out.stream(Access.Store, lineOf(storeTo), plane.strideWidth);
  });
  if (storeTo === null || source === null || !isStrided(plane)) return;
  const emitBetween = (row: number, first: number, count: number, stride: number): void => {
    if (count <= 0) return;
    runAtCost(out, count, scaleCost(source.haloCost, count));
    for (const read of source.maps) out.stream(Access.Load, rowLine(read, image, block, row) + first, stride);
    out.stream(Access.Store, rowLine(storeTo, image, block, row) + first, stride);
  };
  visitCells(plane, storeTo, from, to, (row, isDense, left, right) => {
    if (!isDense) {
      emitBetween(row, left, right - left, 1);
      return;
    }
    for (let offset = 1; offset < plane.strideWidth; offset++) {
      const count = Math.ceil((right - left - offset) / plane.strideWidth);
      emitBetween(row, left + offset, count, plane.strideWidth);
    }
  });
}
