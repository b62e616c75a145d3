/** Decodes op streams run by run, for whoever looks at them without a machine: the shadow checker, the bounds. */
import type { Kernel, KernelPhase } from '../kernel.js';
import { MAX_STREAMS, type OpStream, RUN_HEADER_WORDS, STREAM_WORDS } from '../op-stream.js';

/** One run where it stands in an op stream's words. */
export interface RunView {
  readonly words: Int32Array;
  /** First word of the run's header. */
  readonly at: number;
  readonly steps: number;
  readonly streams: number;
  /** First word of the first line stream: kind, base line, stride; the next stream follows. */
  readonly firstStream: number;
}

/**
 * Calls `visit` for every run of an op stream, in order. The view is reused from run to run.
 * @throws Error for a run that no core could execute
 */
export function visitRuns(out: OpStream, visit: (run: RunView) => void): void {
  const run = { words: out.words, at: 0, steps: 0, streams: 0, firstStream: 0 };
  for (let at = 0; at < out.length; ) {
    run.at = at;
    run.streams = out.words[at] as number;
    run.steps = out.words[at + 1] as number;
    run.firstStream = at + RUN_HEADER_WORDS;
    if (run.streams < 0 || run.streams > MAX_STREAMS || run.steps < 1)
      throw new Error(`a run of ${run.steps} steps with ${run.streams} streams`);
    if ((out.words[at + 3] as number) > (out.words[at + 2] as number))
      throw new Error('a run whose FMA cycles exceed its busy cycles');
    visit(run);
    at = run.firstStream + run.streams * STREAM_WORDS;
  }
}

/** Emits all tiles of a thread of a phase, one after the other into `out`, and calls `onTile` with each. */
export function visitTiles(
  kernel: Kernel,
  phase: KernelPhase,
  thread: number,
  out: OpStream,
  onTile: () => void,
): void {
  const tiles = phase.tileCount(thread);
  if (!Number.isInteger(tiles) || tiles < 0)
    throw new Error(`${kernel.name} ${phase.name}: tileCount is ${tiles}`);
  for (let tile = 0; tile < tiles; tile++) {
    out.clear();
    phase.emit(thread, tile, out);
    onTile();
  }
}
