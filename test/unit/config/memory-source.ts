import type { ConfigSource } from '../../../src/config/machine.js';

/** Configurations held in memory: names are keys, a path is relative to nothing. */
export function memorySource(files: Readonly<Record<string, string>>): ConfigSource {
  return {
    find(_kind, reference) {
      const text = files[reference];
      return text === undefined ? { problem: `there is no "${reference}"` } : { file: reference, text };
    },
  };
}

/** A part with round numbers: 4 ns per 64-byte line, that is 16 GB/s. */
export const PART = `
name: plain
description: a part for tests
source: made up
clockPeriod: 1 ns
channelBits: 64
ranks: 1
bankGroups: 4
banksPerGroup: 4
rows: 1024
rowBytes: 8 KiB
timings: {nBL: 4, nCL: 10, nCWL: 8, nRCD: 10, nRP: 10, nRAS: 20, nRC: 30, nWR: 10, nRTP: 5, nCCDS: 4, nCCDL: 5,
  nRRDS: 4, nRRDL: 5, nWTRS: 3, nWTRL: 8, nFAW: 16, nRFC: 200, nREFI: 5000, nRTRS: 2}
`;

/** A machine of two sockets that is all right, one setting per line. */
export const MACHINE = `
name: good
description: a machine for tests
sockets: 2
coresPerSocket: 4
core:
  frequency: 2 GHz
  issueWidth: 4
  window: 128
  loadQueue: 48
  storeQueue: 32
  vectorBits: 256
  vectorRegisters: 16
  fmaUnits: 2
  fmaLatency: 4 cycles
  loadPorts: 2
  storePorts: 1
l1d:
  capacity: 32 KiB
  ways: 8
  latency: 4 cycles
  mshrs: 10
l2:
  capacity: 256 KiB
  ways: 8
  latency: 12 cycles
  mshrs: 16
  cyclesPerLine: 2
llc:
  sliceCapacity: 512 KiB
  slicesPerSocket: 4
  ways: 16
  latency: 10 ns
  occupancy: 1 ns
  inclusion: inclusive
prefetch:
  kind: streamer
  streams: 16
  degree: 1
  distance: 8
interconnect:
  kind: mesh
  columns: 2
  rows: 2
  hop: 1 ns
  linkBandwidth: 16 GB/s
socketLink:
  latency: 25 ns
  bandwidth: 20.8 GB/s
memory:
  kind: dram
  part: plain
  channelsPerSocket: 2
  controllerLatency: 20 ns
`;

/** `MACHINE` with settings replaced: \`'l1d.ways': '6'\`; undefined takes the line away. */
export function machineWith(changes: Readonly<Record<string, string | undefined>>): string {
  const lines = MACHINE.split('\n');
  for (const [path, value] of Object.entries(changes)) {
    const [top, key] = path.split('.') as [string, string | undefined];
    const start = lines.findIndex((line) => line.startsWith(`${top}:`));
    let end = start + 1;
    while (end < lines.length && (lines[end] as string).startsWith(' ')) end++;
    if (key === undefined) {
      lines.splice(
        start < 0 ? lines.length : start,
        start < 0 ? 0 : end - start,
        ...(value === undefined ? [] : [`${top}: ${value}`]),
      );
      continue;
    }
    const at = lines.findIndex((line, index) => index > start && index < end && line.startsWith(`  ${key}:`));
    const replacement = value === undefined ? [] : [`  ${key}: ${value}`];
    lines.splice(at < 0 ? end : at, at < 0 ? 0 : 1, ...replacement);
  }
  return lines.join('\n');
}
