/** Records the accesses of a kernel: what its threads' op streams touch, in order, without their time. */
import type { Kernel } from '../kernel/kernel.js';
import { Access, OpStream, RUN_HEADER_WORDS, STREAM_WORDS } from '../kernel/op-stream.js';
import { TraceAccess, type TraceWriter } from './access.js';

/** What each access of an op stream is in a trace. */
const KINDS: Readonly<Record<Access, TraceAccess>> = {
  [Access.Load]: TraceAccess.Read,
  [Access.Store]: TraceAccess.Write,
  [Access.StoreNonTemporal]: TraceAccess.WriteNonTemporal,
  [Access.PrefetchL1]: TraceAccess.PrefetchL1,
  [Access.PrefetchL2]: TraceAccess.PrefetchL2,
  [Access.LoadDependent]: TraceAccess.ReadDependent,
};

/** Accesses by kind: indexed by `TraceAccess`. */
export type AccessCounts = number[];

/** Writes the accesses of the runs in a stream. */
export function recordRuns(stream: OpStream, core: number, writer: TraceWriter, counts: AccessCounts): void {
  const { words, length } = stream;
  let at = 0;
  while (at < length) {
    const lineStreams = words[at] as number;
    const steps = words[at + 1] as number;
    const first = at + RUN_HEADER_WORDS;
    at = first + lineStreams * STREAM_WORDS;
    for (let step = 0; step < steps; step++) {
      for (let word = first; word < at; word += STREAM_WORDS) {
        const kind = KINDS[words[word] as Access];
        writer.write(core, kind, (words[word + 1] as number) + step * (words[word + 2] as number));
        counts[kind] = (counts[kind] ?? 0) + 1;
      }
    }
  }
}

/**
 * Writes the accesses of a kernel, phase after phase; within a phase, thread after thread of those wanted. Its barriers leave no trace.
 * The work is handed out in steps of one tile, so that the caller may stop between them.
 * @param threads thread i of the list becomes core i of the trace
 * @param counts gets the accesses written, by kind
 */
export function* recordKernel(
  kernel: Kernel,
  threads: readonly number[],
  writer: TraceWriter,
  counts: AccessCounts,
): Generator<void> {
  const stream = new OpStream();
  for (const phase of kernel.phases) {
    for (const [core, thread] of threads.entries()) {
      const tiles = phase.tileCount(thread);
      for (let tile = 0; tile < tiles; tile++) {
        stream.clear();
        phase.emit(thread, tile, stream);
        recordRuns(stream, core, writer, counts);
        yield;
      }
    }
  }
  writer.end();
}
