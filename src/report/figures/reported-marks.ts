/** What the paper's abstract reports, as lines across a figure of gains, labelled as reported. */
import { REPORTED_GAINS } from '../reported.js';
import { signedPercent } from './words.js';

export interface ReportedMark {
  readonly percent: number;
  /** Stands in the legend. */
  readonly label: string;
}

const DASHES = [
  [1, 0],
  [4, 3],
];

/** Said where marks are drawn: they are of no simulated machine. */
export const REPORTED_NOTE = 'the abstract states neither machine nor batch nor schedule';

/** The gains that the abstract reports for a network; none for most. */
export function reportedMarks(network: string): ReportedMark[] {
  return REPORTED_GAINS.filter((reported) => reported.network === network).map(({ source, gain }) => ({
    percent: gain * 100,
    label: `reported in ${source}: ${signedPercent(gain)}`,
  }));
}

/**
 * The layer that draws them as vertical lines; empty without marks.
 * @param x the channel, without a field
 */
export function reportedLayer(marks: readonly ReportedMark[], x: object) {
  if (marks.length === 0) return [];
  return [
    {
      data: { values: [...marks] },
      mark: { type: 'rule' as const, strokeWidth: 2, color: 'black' },
      encoding: {
        x: { ...x, field: 'percent' },
        strokeDash: {
          field: 'label',
          type: 'nominal' as const,
          sort: null,
          scale: { domain: marks.map(({ label }) => label), range: DASHES },
          legend: {
            title: null,
            orient: 'bottom' as const,
            direction: 'vertical' as const,
            symbolSize: 500,
          },
        },
      },
    },
  ];
}
