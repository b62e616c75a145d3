/** What bnff gains over the number of memory channels. */
import type { SweepFigure } from './figure.js';
import { drawGainLines } from './gain-lines.js';
import { machineLabel } from './words.js';

/** Gain over the channels of the chip. */
export const gainByChannels: SweepFigure = {
  name: 'gain-by-channels',
  summary: 'gain of bnff over the number of memory channels',
  source: 'sweep',
  sweep: 'memory-channels',
  draw: (points) =>
    drawGainLines(points, {
      title: 'Gain of bnff by memory channels',
      axis: 'memory channels of the chip',
      header: 'channels',
      value: ({ settings: { machine } }) => machine.sockets * machine.memory.channelsPerSocket,
      fixed: ({ settings }) => `mini-batch ${settings.batch} on ${machineLabel(settings.machine.name)}`,
    }),
};
