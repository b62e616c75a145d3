/**
 * A kernel phase made of per-thread lists of tiles. The phase's floating-point operations are spread over the tiles in proportion to their work, by
 * differences of a rounded running sum, so that they add up to exactly the total whatever the partition.
 */
import type { KernelPhase } from '../kernel.js';
import type { Cost } from '../micro-kernel.js';
import type { OpStream } from '../op-stream.js';

/** What every tile has beside its own fields. */
export interface Tile {
  /** Share of the phase's work; any unit, integer. */
  readonly work: number;
}

export interface TiledPhase<T extends Tile> {
  readonly name: string;
  readonly threads: number;
  readonly flops: number;
  /** Tiles of a thread in order; asked for once per thread. */
  tilesOf(thread: number): readonly T[];
  emitTile(tile: T, thread: number, out: OpStream, isFirst: boolean, isLast: boolean): void;
}

export function tiledPhase<T extends Tile>(options: TiledPhase<T>): KernelPhase {
  const plans: (readonly T[] | undefined)[] = [];
  const planOf = (thread: number): readonly T[] => {
    plans[thread] ??= options.tilesOf(thread);
    return plans[thread];
  };
  let shares: Float64Array[] | undefined;
  const sharesOf = (thread: number): Float64Array => {
    shares ??= shareOut();
    return shares[thread] as Float64Array;
  };
  const shareOut = (): Float64Array[] => {
    let work = 0;
    for (let thread = 0; thread < options.threads; thread++)
      for (const tile of planOf(thread)) work += tile.work;
    let before = 0;
    let given = 0;
    const result: Float64Array[] = [];
    for (let thread = 0; thread < options.threads; thread++) {
      const tiles = planOf(thread);
      const mine = new Float64Array(tiles.length);
      tiles.forEach((tile, i) => {
        before += tile.work;
        // The quotient is rounded down before the running sum is differenced; the last tile with work lifts it to the total.
        const upTo = before === work ? options.flops : Math.floor(options.flops * (before / work));
        mine[i] = upTo - given;
        given = upTo;
      });
      result.push(mine);
    }
    return result;
  };
  return {
    name: options.name,
    tileCount: (thread) => planOf(thread).length,
    emit(thread, tile, out) {
      const tiles = planOf(thread);
      options.emitTile(tiles[tile] as T, thread, out, tile === 0, tile === tiles.length - 1);
      out.flops += sharesOf(thread)[tile] as number;
    },
  };
}

/** Starts a run of `count` steps that together cost `cost`; the caller adds the line streams. */
export function runAtCost(out: OpStream, count: number, cost: Cost): OpStream {
  return runAtStepCost(out, count, cost, 1 / count);
}

/** Starts a run of `count` steps, each of which takes the part `share` of `cost`. */
export function runAtStepCost(out: OpStream, count: number, cost: Cost, share: number): OpStream {
  return out.run(
    count,
    cost.busyCycles * share,
    cost.fmaCycles * share,
    Math.max(1, Math.round(cost.microOps * share)),
    Math.round(cost.loads * share),
  );
}
