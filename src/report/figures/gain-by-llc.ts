/** What bnff gains over the size of the last-level cache. */
import type { MachineSpec } from '../../machine/spec.js';
import type { SweepFigure } from './figure.js';
import { drawGainLines } from './gain-lines.js';
import { machineLabel } from './words.js';

/** Gain over the size of the LLC. */
export const gainByLlc: SweepFigure = {
  name: 'gain-by-llc',
  summary: 'gain of bnff over the size of the last-level cache',
  source: 'sweep',
  sweep: 'llc-size',
  draw: (points) =>
    drawGainLines(points, {
      title: 'Gain of bnff by size of the last-level cache',
      axis: 'LLC of the chip (MiB)',
      header: 'llc_MiB',
      value: ({ settings }) => llcBytes(settings.machine) / 2 ** 20,
      fixed: ({ settings }) => `mini-batch ${settings.batch} on ${machineLabel(settings.machine.name)}`,
    }),
};

/** All slices of all sockets; 0 without an LLC. */
function llcBytes({ llc, sockets }: MachineSpec): number {
  return llc === null ? 0 : sockets * llc.slicesPerSocket * llc.sliceBytes;
}
