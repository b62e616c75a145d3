/** How figures call things. */

import type { MachineSpec } from '../../machine/spec.js';
import type { PointResult } from '../../simulate/point.js';
import { peakBandwidth } from '../../simulate/target.js';
import { formatFixed } from '../text-table.js';

const NETWORKS: Readonly<Record<string, string>> = {
  alexnet: 'AlexNet',
  vgg16: 'VGG-16',
  resnet50: 'ResNet-50',
  densenet121: 'DenseNet-121',
};

const MACHINES: Readonly<Record<string, string>> = {
  teaching: 'the teaching machine',
  'skylake-sp-2s': '2-socket Skylake-SP',
  'skylake-sp-2s-half-bandwidth': '2-socket Skylake-SP, half the channels',
  'skylake-sp-2s-infinite-bandwidth': '2-socket Skylake-SP, infinite bandwidth',
  'knl-7210': 'Knights Landing 7210',
  'titan-x-pascal': 'Titan X (Pascal)',
};

/** A network's name in print; its own where it has none. */
export function networkLabel(name: string): string {
  return NETWORKS[name] ?? name;
}

/** A machine's name in print; its own where it has none. */
export function machineLabel(name: string): string {
  return MACHINES[name] ?? name;
}

/** Peak bandwidth of a machine's memory, GB/s, to a tenth: finer digits come from clock periods in whole picoseconds. */
export function peakGbps(machine: MachineSpec): number {
  const gbps = peakBandwidth(machine) / 1e9;
  return gbps === Infinity ? gbps : Math.round(gbps * 10) / 10;
}

/** `+21.6 %` of 0.2155, with a true minus sign. */
export function signedPercent(fraction: number): string {
  const text = formatFixed(fraction * 100, 1);
  return `${text.startsWith('-') ? `−${text.slice(1)}` : `+${text}`} %`;
}

/** What the simulation leaves open, as a line below a title: how much was simulated, and the error that was measured for it. */
export function samplingNote(points: readonly PointResult[]): string {
  const isExact = points.every(
    ({ sampling, batch }) => sampling.cores === sampling.totalCores && sampling.images === batch,
  );
  if (isExact) return 'every core and image simulated';
  const error = Math.max(...points.map((point) => point.error));
  return `simulated on a share of the chip; stated sampling error of a time at most ${formatFixed(error * 100, 1)} %`;
}
