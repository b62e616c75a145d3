/** The frame that figures by schedule share: a row of panels per network, forward, backward and the whole iteration, bars stacked by layer type. */
import type { TopLevelSpec } from 'vega-lite';
import { NAMED_SCHEDULES } from '../../schedule/registry.js';
import type { OperationResult } from '../../simulate/point.js';
import type { CsvColumn } from '../csv.js';
import { groupByCase } from '../gain.js';
import { type FigurePoint, MACHINE, type PointRequest, requestsOf } from './figure.js';
import { groupColour, type LayerGroup, placeOf, STACK_ORDER, sumByGroup } from './layer-groups.js';
import { PASSES, type Pass, passOf } from './operations.js';
import { type ReportedMark, reportedLayer } from './reported-marks.js';
import { ticksUpTo } from './theme.js';
import { networkLabel } from './words.js';

const NETWORKS = ['densenet121', 'resnet50'];

/** The points of figures by schedule. */
export const SCHEDULE_POINTS: readonly PointRequest[] = NETWORKS.flatMap((network) =>
  requestsOf(
    network,
    MACHINE,
    NAMED_SCHEDULES.map(({ name }) => name),
  ),
);

/** A piece of a bar. */
export interface PieceRow {
  readonly network: string;
  readonly schedule: string;
  readonly pass: Pass;
  readonly group: LayerGroup;
  readonly value: number;
}

/** A row per point, pass and layer type. */
export function pieceRows(
  points: readonly FigurePoint[],
  value: (operation: OperationResult) => number,
): PieceRow[] {
  return points.flatMap(({ result }) =>
    PASSES.flatMap((pass) =>
      sumByGroup(
        result.operations.filter((operation) => passOf(operation) === pass),
        value,
      ).map(({ group, sum }) => ({
        network: result.network,
        schedule: result.schedule,
        pass,
        group,
        value: sum,
      })),
    ),
  );
}

/** Columns of the table of pieces. */
export function pieceColumns(header: string): CsvColumn<PieceRow>[] {
  return [
    { header: 'network', value: ({ network }) => network },
    { header: 'schedule', value: ({ schedule }) => schedule },
    { header: 'pass', value: ({ pass }) => pass },
    { header: 'layer_type', value: ({ group }) => group },
    { header, value: ({ value }) => value },
  ];
}

/** The bar at the right of a row. */
export interface SummaryPanel {
  readonly title: string;
  readonly axis: string;
  readonly bars: readonly { readonly schedule: string; readonly value: number; readonly label: string }[];
  /** Vertical marks, named in a legend of their own. */
  readonly marks: readonly ReportedMark[];
}

export interface SchedulePanels {
  readonly title: string;
  readonly subtitle: readonly string[];
  readonly description: string;
  readonly rows: readonly PieceRow[];
  /** Title of the axis of the stacked bars, with its unit. */
  readonly axis: string;
  /** What stands behind a bar of pieces. */
  readonly label: (network: string, schedule: string, pass: Pass, total: number) => string;
  readonly summary: (points: readonly FigurePoint[]) => SummaryPanel;
  /** Values that the axis of every summary spans; room for labels is added to it. */
  readonly summaryRange: readonly [least: number, most: number];
}

const BAR_STEP = 25;
const PANEL_WIDTH = 270;
const SUMMARY_WIDTH = 230;
/** Room for the label behind the longest bar, as a share of it. */
const LABEL_ROOM = 1.55;
/** Room for the column of labels beside the bars of the summary, as a share of them. */
const SUMMARY_ROOM = 1.85;

/** Draws points (all schedules of one or more networks). */
export function schedulePanels(points: readonly FigurePoint[], panels: SchedulePanels): TopLevelSpec {
  const { rows, axis } = panels;
  const totals = points.flatMap(({ result: { network, schedule } }) =>
    PASSES.map((pass) => {
      const own = rows.filter(
        (row) => row.network === network && row.schedule === schedule && row.pass === pass,
      );
      const total = own.reduce((sum, { value }) => sum + value, 0);
      return { network, schedule, pass, total, label: panels.label(network, schedule, pass, total) };
    }),
  );
  const largest = Math.max(...totals.map(({ total }) => total));
  const cases = groupByCase(points.map(({ result }) => result));
  const rowsOfPanels = cases.map((results, at) => {
    const network = results[0]?.network as string;
    const isLast = at === cases.length - 1;
    const schedules = results.map(({ schedule }) => schedule);
    const y = (hasNames: boolean) => scheduleChannel(schedules, hasNames);
    const x = {
      type: 'quantitative' as const,
      scale: { domain: [0, largest * LABEL_ROOM], nice: false },
      axis: { title: isLast ? axis : null, values: ticksUpTo(largest) },
    };
    const passPanel = (pass: Pass) => ({
      title: {
        text: `${networkLabel(network)}, ${pass === 'forward' ? 'forward' : 'backward and update'}`,
        fontSize: 13,
        offset: 8,
      },
      width: PANEL_WIDTH,
      height: { step: BAR_STEP },
      layer: [
        {
          data: {
            values: rows
              .filter((row) => row.network === network && row.pass === pass)
              .map(({ schedule, group, value }) => ({ schedule, group, place: placeOf(group), value })),
          },
          mark: { type: 'bar' as const, stroke: 'white', strokeWidth: 0.4 },
          encoding: {
            y: y(pass === 'forward'),
            x: { ...x, field: 'value', stack: 'zero' as const },
            color: groupColour(),
            order: STACK_ORDER,
          },
        },
        {
          data: {
            values: totals
              .filter((total) => total.network === network && total.pass === pass)
              .map(({ schedule, total, label }) => ({ schedule, total, label })),
          },
          mark: { type: 'text' as const, align: 'left' as const, dx: 5, fontSize: 11 },
          encoding: {
            y: y(pass === 'forward'),
            x: { ...x, field: 'total' },
            text: { field: 'label' },
          },
        },
      ],
    });
    const summary = panels.summary(points.filter(({ result }) => results.includes(result)));
    return {
      spacing: 26,
      hconcat: [
        ...PASSES.map(passPanel),
        summaryPanel(summary, panels.summaryRange, network, y(false), isLast),
      ],
    };
  });
  return {
    description: panels.description,
    title: { text: panels.title, subtitle: [...panels.subtitle] },
    spacing: 26,
    vconcat: rowsOfPanels,
    resolve: { scale: { color: 'shared', strokeDash: 'shared' } },
  };
}

/** The channel that gives each schedule its line. */
function scheduleChannel(schedules: readonly string[], hasNames: boolean) {
  return {
    field: 'schedule',
    type: 'nominal' as const,
    sort: [...schedules],
    title: null,
    scale: { paddingInner: 0.25, paddingOuter: 0.15 },
    axis: hasNames ? { ticks: false, domain: false, labelPadding: 8 } : null,
  };
}

function summaryPanel(
  summary: SummaryPanel,
  [least, most]: SchedulePanels['summaryRange'],
  network: string,
  y: ReturnType<typeof scheduleChannel>,
  isLast: boolean,
) {
  const edge = most * SUMMARY_ROOM;
  const x = {
    type: 'quantitative' as const,
    scale: { domain: [least, edge], nice: false },
    axis: { title: isLast ? summary.axis : null, values: ticksUpTo(most) },
  };
  return {
    title: { text: `${networkLabel(network)}, ${summary.title}`, fontSize: 13, offset: 8 },
    width: SUMMARY_WIDTH,
    height: { step: BAR_STEP },
    layer: [
      {
        data: { values: summary.bars },
        mark: { type: 'bar' as const, color: '#8C8C8C' },
        encoding: { y, x: { ...x, field: 'value' } },
      },
      {
        data: { values: summary.bars },
        // A column at the right edge, where no mark goes through it.
        mark: { type: 'text' as const, align: 'right' as const, fontSize: 11 },
        encoding: { y, x: { ...x, datum: edge }, text: { field: 'label' } },
      },
      ...reportedLayer(summary.marks, x),
    ],
  };
}
