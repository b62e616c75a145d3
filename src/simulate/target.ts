/** What the kernels need to know of a machine. */
import type { Target } from '../kernel/kernel.js';
import type { MachineSpec } from '../machine/spec.js';
import type { Sample } from './share.js';

/** @param batch images of the whole mini-batch */
export function targetOf(spec: MachineSpec, sample: Sample, batch: number): Target {
  const { core } = spec;
  const l2PerThread = spec.l2 === null ? spec.l1d.capacityBytes : spec.l2.capacityBytes / spec.l2.sharedBy;
  return {
    threads: sample.share.cores,
    totalThreads: sample.share.totalCores,
    totalBatch: batch,
    issueWidth: core.issueWidth,
    vectorBits: core.vectorBits,
    vectorRegisters: core.vectorRegisters,
    fmaUnits: core.fmaUnits,
    fmaLatencyCycles: core.fmaLatencyCycles,
    loadPorts: core.loadPorts,
    storePorts: core.storePorts,
    l1Bytes: spec.l1d.capacityBytes,
    l2Bytes: l2PerThread,
    llcBytesPerThread:
      spec.llc === null ? 0 : (spec.llc.sliceBytes * spec.llc.slicesPerSocket) / spec.coresPerSocket,
  };
}

/** Single-precision FMA peak of the whole machine, FLOP/s: a fused multiply-add counts 2. */
export function peakFlops(spec: MachineSpec): number {
  const { core } = spec;
  return spec.sockets * spec.coresPerSocket * core.frequencyHz * core.fmaUnits * (core.vectorBits / 32) * 2;
}

/** Peak bandwidth of the whole machine's memory, bytes/s. */
export function peakBandwidth(spec: MachineSpec): number {
  const { memory } = spec;
  if (memory.kind === 'ideal') return spec.sockets * memory.bytesPerSecond;
  const bytesPerChannel = 64 / (memory.part.timings.nBL * memory.part.tCKps * 1e-12);
  return spec.sockets * memory.channelsPerSocket * bytesPerChannel;
}
