/** Main memory from its spec: the whole of it, or the part that belongs to a share of the chip. */
import type { DramPartSpec, MemorySpec } from '../spec.js';
import { createDram } from './dram.js';
import { createIdealMemory } from './ideal.js';
import type { MainMemory } from './memory.js';

/**
 * A part whose data bus runs at `rate` times its real rate while its latencies stay what they are in nanoseconds. What bounds throughput (bursts, column-to-column,
 * activate-to-activate, four-activate window) keeps its number of clocks and so slows down with the clock; what is a delay keeps its time.
 */
export function rescalePart(part: DramPartSpec, rate: number): DramPartSpec {
  if (rate === 1) return part;
  const { timings } = part;
  const keepTime = (cycles: number): number => Math.max(1, Math.round(cycles * rate));
  return {
    ...part,
    tCKps: part.tCKps / rate,
    timings: {
      ...timings,
      nCL: keepTime(timings.nCL),
      nCWL: keepTime(timings.nCWL),
      nRCD: keepTime(timings.nRCD),
      nRP: keepTime(timings.nRP),
      nRAS: keepTime(timings.nRAS),
      nRC: keepTime(timings.nRAS) + keepTime(timings.nRP),
      nWR: keepTime(timings.nWR),
      nRTP: keepTime(timings.nRTP),
      nWTRS: keepTime(timings.nWTRS),
      nWTRL: keepTime(timings.nWTRL),
      nRFC: keepTime(timings.nRFC),
      nREFI: keepTime(timings.nREFI),
    },
  };
}

/**
 * @param channels simulated channels, of all simulated sockets
 * @param channelsPerSocket simulated channels of one socket
 * @param rate of a simulated channel, relative to the real one
 */
export function createMainMemory(
  spec: MemorySpec,
  channels: number,
  channelsPerSocket: number,
  rate: number,
): MainMemory {
  if (spec.kind === 'dram')
    return createDram({ ...spec, channelsPerSocket, part: rescalePart(spec.part, rate) }, channels);
  const bytesPerSecond = ((spec.bytesPerSecond * channelsPerSocket) / spec.channelsPerSocket) * rate;
  return createIdealMemory({ ...spec, channelsPerSocket, bytesPerSecond }, channels);
}
