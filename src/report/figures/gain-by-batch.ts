/** What bnff gains over the mini-batch. */
import type { SweepFigure } from './figure.js';
import { drawGainLines } from './gain-lines.js';
import { machineLabel } from './words.js';

/** Gain over the mini-batch. */
export const gainByBatch: SweepFigure = {
  name: 'gain-by-batch',
  summary: 'gain of bnff over the mini-batch',
  source: 'sweep',
  sweep: 'mini-batch',
  draw: (points) =>
    drawGainLines(points, {
      title: 'Gain of bnff by mini-batch',
      axis: 'mini-batch (images)',
      header: 'batch_images',
      value: ({ settings }) => settings.batch,
      fixed: ({ settings }) => machineLabel(settings.machine.name),
    }),
};
