/** Where the time of an iteration goes under each schedule, and what the schedules gain. */
import { gainsOver, withGains } from '../gain.js';
import { formatFixed } from '../text-table.js';
import { type FigurePoint, figureOf, MACHINE, type PointFigure } from './figure.js';
import type { Pass } from './operations.js';
import { REPORTED_NOTE, reportedMarks } from './reported-marks.js';
import {
  pieceColumns,
  pieceRows,
  SCHEDULE_POINTS,
  type SummaryPanel,
  schedulePanels,
} from './schedule-panels.js';
import { machineLabel, samplingNote, signedPercent } from './words.js';

/** Time and gains by schedule, beside what the abstract reports. */
export const timeBySchedule: PointFigure = {
  name: 'time-by-schedule',
  summary: 'time by schedule and layer type, forward and backward, and the gains (DenseNet-121, ResNet-50)',
  source: 'points',
  points: SCHEDULE_POINTS,
  draw: (points) => {
    const rows = pieceRows(points, ({ seconds }) => seconds * 1e3);
    const results = points.map(({ result }) => result);
    const batch = results[0]?.batch;
    const gains = withGains(results).map((row) => (row.gains?.total ?? 0) * 100);
    const spec = schedulePanels(points, {
      title: 'Time of a training iteration by schedule and layer type',
      subtitle: [
        `mini-batch ${batch} on ${machineLabel(MACHINE)}; ${samplingNote(results)}`,
        `percentages are gains over the baseline; ${REPORTED_NOTE}`,
      ],
      description: 'Time by schedule, pass and layer type, and gain over the baseline',
      axis: 'time (ms)',
      rows,
      label: (network, schedule, pass, total) =>
        `${formatFixed(total, 0)} ms${passGain(points, network, schedule, pass)}`,
      summary: gainPanel,
      summaryRange: [Math.min(0, ...gains), Math.max(GAIN_RANGE, ...gains)],
    });
    return figureOf(pieceColumns('time_ms'), rows, spec);
  },
};

/** ` (+38.0 %)`; empty for the baseline. */
function passGain(points: readonly FigurePoint[], network: string, schedule: string, pass: Pass): string {
  const find = (wanted: string) =>
    points.find(({ result }) => result.network === network && result.schedule === wanted)?.result;
  const [baseline, point] = [find('baseline'), find(schedule)];
  if (schedule === 'baseline' || baseline === undefined || point === undefined) return '';
  return ` (${signedPercent(gainsOver(baseline, point)[pass])})`;
}

/** The gains' axis goes at least up to here, percent. */
const GAIN_RANGE = 30;

function gainPanel(points: readonly FigurePoint[]): SummaryPanel {
  const results = points.map(({ result }) => result);
  const baseline = results.find(({ schedule }) => schedule === 'baseline');
  const bars = results.flatMap((result) => {
    if (baseline === undefined || result === baseline) return [];
    const { total } = gainsOver(baseline, result);
    return [{ schedule: result.schedule, value: total * 100, label: signedPercent(total) }];
  });
  return {
    title: 'gain',
    axis: 'gain over the baseline (%)',
    bars: [{ schedule: 'baseline', value: 0, label: 'reference' }, ...bars],
    marks: reportedMarks(results[0]?.network ?? ''),
  };
}
