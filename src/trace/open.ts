/** Any trace, whatever its format: told by its first bytes. */
import { type ByteSource, TraceError, type TraceReader } from './access.js';
import { MAGIC } from './binary/format.js';
import { createBinaryReader, isBinaryTrace, readBinaryHeader } from './binary/reader.js';
import { createDinReader } from './din.js';
import { SourceBuffer } from './source-buffer.js';

/** A trace's file, opened as often as there are cores in it. */
export interface Trace {
  readonly name: string;
  readonly cores: number;
  /** The accesses of one of its cores, from the start. To be called once per core. @throws TraceError */
  open(core: number): TraceReader;
}

/**
 * Opens a trace.
 * @param openSource gives its bytes from the start
 * @param mostSources how many sources can be open at once, a core reading from each: 1 where the bytes come only once, from a pipe, say
 * @throws TraceError for an empty file, and for a trace of more cores than that
 */
export function openTrace(openSource: () => ByteSource, mostSources: number): Trace {
  let first: SourceBuffer | null = new SourceBuffer(openSource());
  const { name } = first.source;
  if (first.fill(MAGIC.length) === 0)
    throw new TraceError(
      `${name}: is empty. Expected: a Dinero trace (.din) or a binary trace of Normcore's, either of them also as gzip`,
    );
  const isBinary = isBinaryTrace(first.bytes.subarray(first.at, first.end));
  const cores = isBinary ? readBinaryHeader(first) : 1;
  if (cores > mostSources) {
    first.source.close();
    const instead =
      mostSources === 1
        ? 'which a pipe is not; give it as a file'
        : `and so is unpacked as often, ${mostSources} times at most; unpack the file first`;
    throw new TraceError(`${name}: a trace of ${cores} cores is read in ${cores} places at once, ${instead}`);
  }

  function take(): SourceBuffer {
    const input = first ?? new SourceBuffer(openSource());
    if (first === null) readBinaryHeader(input);
    first = null;
    return input;
  }

  return {
    name,
    cores,
    open: (core) => (isBinary ? createBinaryReader(take(), cores, core) : createDinReader(take())),
  };
}
