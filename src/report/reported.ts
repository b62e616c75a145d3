/** What the paper reports of DenseNet-121, beside what was simulated. */
import type { PointResult } from '../simulate/point.js';
import { withGains } from './gain.js';
import { formatFixed, renderTextTable } from './text-table.js';

/** A gain that a publication states. */
export interface ReportedGain {
  readonly source: string;
  readonly network: string;
  /** As a fraction: time of the baseline / time - 1. */
  readonly gain: number;
}

/**
 * Gains of BN restructuring in training DenseNet-121 on a chip multiprocessor, as the two versions of the abstract give them (Jung et al., arXiv
 * 1807.01702; docs/paper.md, "Results to reproduce", grade P). The abstract names no schedule, machine or batch.
 */
export const REPORTED_GAINS: readonly ReportedGain[] = [
  { source: "the paper's abstract, first version", network: 'densenet121', gain: 0.284 },
  { source: "the paper's abstract, revised version", network: 'densenet121', gain: 0.257 },
];

/** Draws reported beside simulated gains of a case; empty where the paper's abstract reports nothing of its network. */
export function renderReportedGains(points: readonly PointResult[]): string {
  const network = points[0]?.network;
  const reported = REPORTED_GAINS.filter((gain) => gain.network === network);
  if (reported.length === 0) return '';
  const simulated = withGains(points).flatMap(({ point, gains }) =>
    gains === null || point.schedule === 'baseline'
      ? []
      : [
          [
            'simulated here',
            `${point.schedule}, ${point.machine}, batch ${point.batch}`,
            gains.total,
          ] as const,
        ],
  );
  const rows = [
    ...reported.map(({ source, gain }) => [source, 'BN restructuring, a chip multiprocessor', gain] as const),
    ...simulated,
  ];
  return renderTextTable(
    [
      { header: 'by', align: 'left' },
      { header: 'of', align: 'left' },
      { header: 'gain (%)', align: 'right' },
    ],
    rows.map(([by, of, gain]) => [by, of, formatFixed(gain * 100, 1)]),
  );
}
