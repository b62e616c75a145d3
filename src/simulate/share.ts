/**
 * Which share of a machine stands for the whole of it.
 *
 * A training step is data parallel: n of N cores with n/N of the images, of the last-level cache and of the memory bandwidth feel the same ratios as the whole chip. The
 * share keeps every core's private caches and its images whole (which cutting the mini-batch alone would not: a smaller batch fits caches that the real one overflows).
 */
import { type ChipShare, tilesOf, wholeChip } from '../machine/chip.js';
import type { MachineSpec } from '../machine/spec.js';

/**
 * Lowest rate of a simulated memory channel, relative to the real one. A core of the shipped machines has about a third of a channel. The latencies of the part are kept whatever the
 * rate; what the slower bursts, and fewer streams on a channel, do to the time is what the pilots measure.
 */
export const LOWEST_CHANNEL_RATE = 0.25;

/** A chip share and the images it works on. */
export interface Sample {
  readonly share: ChipShare;
  readonly images: number;
  /** Whole chip over share: what bytes and FLOP are multiplied by. */
  readonly scale: number;
}

/** The share of `cores` cores, or null if the machine or the batch cannot be cut there. */
export function shareOf(spec: MachineSpec, batch: number, cores: number): Sample | null {
  const totalCores = spec.sockets * spec.coresPerSocket;
  if (cores === totalCores) return wholeSample(spec, batch);
  if (
    !Number.isInteger(cores) ||
    cores < 1 ||
    cores > spec.coresPerSocket ||
    cores % (spec.l2?.sharedBy ?? 1) !== 0
  )
    return null;
  // Pages of one socket only cannot be mirrored: half of the cores are far from their memory.
  if (spec.sockets === 2 && spec.pagePlacement === 'first-socket') return null;
  const images = (batch * cores) / totalCores;
  const totalSlices = spec.llc === null ? tilesOf(spec) : spec.llc.slicesPerSocket;
  const slices = (totalSlices * cores) / spec.coresPerSocket;
  if (!Number.isInteger(images) || !Number.isInteger(slices)) return null;
  const exactChannels = (spec.sockets * spec.memory.channelsPerSocket * cores) / totalCores;
  const channels = Math.max(1, Math.round(exactChannels));
  const channelRate = exactChannels / channels;
  if (spec.memory.kind === 'dram' && channelRate < LOWEST_CHANNEL_RATE) return null;
  return { share: { cores, totalCores, channels, slices, channelRate }, images, scale: totalCores / cores };
}

export function wholeSample(spec: MachineSpec, batch: number): Sample {
  return { share: wholeChip(spec), images: batch, scale: 1 };
}

/** The smallest share with at least `minimumCores` cores; the whole machine where none is smaller. */
export function smallestShare(spec: MachineSpec, batch: number, minimumCores: number): Sample {
  for (let cores = minimumCores; cores < spec.sockets * spec.coresPerSocket; cores++) {
    const sample = shareOf(spec, batch, cores);
    if (sample !== null) return sample;
  }
  return wholeSample(spec, batch);
}
