/** What an iteration moves between chip and main memory under each schedule. */
import { formatFixed } from '../text-table.js';
import { figureOf, MACHINE, type PointFigure } from './figure.js';
import { dramBytes } from './operations.js';
import {
  pieceColumns,
  pieceRows,
  SCHEDULE_POINTS,
  type SummaryPanel,
  schedulePanels,
} from './schedule-panels.js';
import { machineLabel, samplingNote, signedPercent } from './words.js';

/** DRAM bytes by schedule. */
export const dramBySchedule: PointFigure = {
  name: 'dram-by-schedule',
  summary: 'DRAM bytes by schedule and layer type, forward and backward (DenseNet-121, ResNet-50)',
  source: 'points',
  points: SCHEDULE_POINTS,
  draw: (points) => {
    const rows = pieceRows(points, (operation) => dramBytes(operation) / 1e9);
    const results = points.map(({ result }) => result);
    const totalOf = (network: string, schedule: string): number =>
      rows
        .filter((row) => row.network === network && row.schedule === schedule)
        .reduce((sum, { value }) => sum + value, 0);
    const largest = Math.max(...results.map(({ network, schedule }) => totalOf(network, schedule)));
    const spec = schedulePanels(points, {
      title: 'DRAM traffic of a training iteration by schedule and layer type',
      subtitle: [
        `mini-batch ${results[0]?.batch} on ${machineLabel(MACHINE)}; read and written bytes, counted as lines on the memory channels`,
        samplingNote(results),
      ],
      description: 'Bytes between chip and main memory by schedule, pass and layer type',
      axis: 'DRAM traffic (GB)',
      rows,
      label: (_network, _schedule, _pass, total) => `${formatFixed(total, 1)} GB`,
      summaryRange: [0, largest],
      summary: (own): SummaryPanel => {
        const network = own[0]?.result.network as string;
        const baseline = totalOf(network, 'baseline');
        return {
          title: 'whole iteration',
          axis: 'DRAM traffic (GB)',
          marks: [],
          bars: own.map(({ result: { schedule } }) => {
            const value = totalOf(network, schedule);
            const change = schedule === 'baseline' ? '' : ` (${signedPercent(value / baseline - 1)})`;
            return { schedule, value, label: `${formatFixed(value, 1)} GB${change}` };
          }),
        };
      },
    });
    return figureOf(pieceColumns('dram_GB'), rows, spec);
  },
};
