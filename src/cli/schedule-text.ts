/** Fusion reports as people read them. */
import { renderTextTable } from '../report/text-table.js';
import type { FusionReport, PartReport } from '../schedule/report.js';
import { renderTable } from './table.js';

/** Parts of a BN layer, in order, as tables name them. */
const BN_PARTS = [
  { key: 'statistics', title: 'mean, variance' },
  { key: 'normalise', title: 'normalise' },
  { key: 'gradientSums', title: 'dgamma, dbeta' },
  { key: 'inputGradient', title: 'dX' },
] as const;

const RELU_PART = 'ReLU';

interface PartRow {
  readonly layer: string;
  readonly part: string;
  readonly report: PartReport;
}

/** What fused where and why the rest could not, part by part; then the reasons by number; then the counts. */
export function describeFusion(report: FusionReport): string {
  const rows = partRows(report);
  const table = renderTextTable(
    [
      { header: 'layer', align: 'left' },
      { header: 'part', align: 'left' },
      { header: 'runs in', align: 'left' },
      { header: 'why it is not fused', align: 'left' },
    ],
    rows.map(({ layer, part, report: { operations, reason } }, at) => [
      rows[at - 1]?.layer === layer ? '' : layer,
      part,
      operations.join(', '),
      reason ?? '',
    ]),
  );
  return `What fuses where: ${report.schedule} on ${report.network}\n\n${table}\n${describeReasons(rows)}${describeCounts(report)}`;
}

function partRows({ batchNorms, relus }: FusionReport): PartRow[] {
  return [
    ...batchNorms.flatMap((row) =>
      BN_PARTS.map(({ key, title }) => ({ layer: row.layer, part: title, report: row[key] })),
    ),
    ...relus.map((row) => ({ layer: row.layer, part: RELU_PART, report: row })),
  ];
}

/** Reasons that differ by the names in them only, counted. */
function describeReasons(rows: readonly PartRow[]): string {
  const counts = new Map<string, { part: string; reason: string; count: number }>();
  for (const { part, report } of rows) {
    if (report.reason === null) continue;
    const reason = report.reason.replaceAll(/ "[^"]*"/g, '');
    const key = `${part}\0${reason}`;
    const entry = counts.get(key) ?? { part, reason, count: 0 };
    entry.count++;
    counts.set(key, entry);
  }
  if (counts.size === 0) return '';
  const order = [...BN_PARTS.map(({ title }) => title), RELU_PART] as string[];
  const sorted = [...counts.values()].sort(
    (a, b) => order.indexOf(a.part) - order.indexOf(b.part) || b.count - a.count,
  );
  const table = renderTable(
    sorted.map(({ part, reason, count }) => [String(count), part, reason]),
    ['right'],
  );
  return `Why the rest is not fused\n\n${table}\n`;
}

function describeCounts({ counts }: FusionReport): string {
  const { batchNorms, relus } = counts;
  const parts = BN_PARTS.map(({ key, title }) => [title, `${counts[key]} of ${batchNorms} fuse`]);
  return (
    `${renderTable([...parts, [RELU_PART, `${counts.relusFused} of ${relus} fuse`]])}\n` +
    `${counts.wholly} of ${batchNorms} BNs fuse wholly: every part rides on the CONV before or behind it.\n` +
    `${counts.dissolved} of ${batchNorms} BNs have no operation of their own left.\n`
  );
}
