/** Tidy CSV: a row per observation, a column per variable, units in the header. */
import { stringify } from 'csv-stringify/sync';
import { BUS_CAUSES } from '../machine/dram/bus-time.js';
import type { OperationResult, PointResult } from '../simulate/point.js';
import { CORE_STATES } from '../statistics/core-time.js';
import { TIME_CATEGORIES, type TimeCategory } from '../statistics/time-loss.js';
import { achievedGbps } from './bandwidth-table.js';
import type { PointRow } from './gain.js';
import { lossByCategory } from './time-loss-table.js';

/** A column of a CSV file. */
export interface CsvColumn<Row> {
  /** Name with the unit behind: `time_total_ms`. */
  readonly header: string;
  /** Null leaves the cell empty. */
  readonly value: (row: Row) => string | number | null;
}

/** Digits that are written of a number: more than any comparison needs, fewer than the dust of binary fractions takes. */
const DIGITS = 10;

/** The file's text, header first. */
export function renderCsv<Row>(columns: readonly CsvColumn<Row>[], rows: readonly Row[]): string {
  return stringify([
    columns.map((column) => column.header),
    ...rows.map((row) =>
      columns.map((column) => {
        const value = column.value(row);
        return typeof value === 'number' && Number.isFinite(value)
          ? Number(value.toPrecision(DIGITS))
          : value;
      }),
    ),
  ]);
}

/** A point's part of every row about it. */
function caseColumns<Row>(pointOf: (row: Row) => PointResult): CsvColumn<Row>[] {
  return [
    { header: 'network', value: (row) => pointOf(row).network },
    { header: 'machine', value: (row) => pointOf(row).machine },
    { header: 'schedule', value: (row) => pointOf(row).schedule },
    { header: 'batch', value: (row) => pointOf(row).batch },
  ];
}

/** Columns of a file with a row per point. */
export const POINT_COLUMNS: readonly CsvColumn<PointRow>[] = [
  ...caseColumns<PointRow>(({ point }) => point),
  { header: 'time_forward_ms', value: ({ point }) => point.forwardSeconds * 1e3 },
  { header: 'time_backward_ms', value: ({ point }) => point.backwardSeconds * 1e3 },
  { header: 'time_total_ms', value: ({ point }) => point.seconds * 1e3 },
  { header: 'cycles', value: ({ point }) => point.cycles },
  { header: 'dram_read_GB', value: ({ point }) => point.dramReadBytes / 1e9 },
  { header: 'dram_written_GB', value: ({ point }) => point.dramWriteBytes / 1e9 },
  { header: 'dram_achieved_GB_per_s', value: ({ point }) => achievedGbps(point) },
  { header: 'work_GFLOP', value: ({ point }) => point.flops / 1e9 },
  { header: 'peak_bandwidth_share_percent', value: ({ point }) => point.bandwidthShare * 100 },
  { header: 'peak_flops_share_percent', value: ({ point }) => point.flopsShare * 100 },
  { header: 'gain_forward_percent', value: ({ gains }) => percent(gains?.forward) },
  { header: 'gain_backward_percent', value: ({ gains }) => percent(gains?.backward) },
  { header: 'gain_total_percent', value: ({ gains }) => percent(gains?.total) },
  { header: 'sampling_error_percent', value: ({ point }) => point.error * 100 },
  { header: 'simulated_cores', value: ({ point }) => point.sampling.cores },
  { header: 'simulated_images', value: ({ point }) => point.sampling.images },
  ...TIME_CATEGORIES.map(
    ({ key }, category): CsvColumn<PointRow> => ({
      header: `${lossName(key)}_percent`,
      value: ({ point }) => {
        const losses = lossByCategory(point.operations);
        return ((losses[category] as number) / losses.reduce((sum, loss) => sum + loss, 0)) * 100;
      },
    }),
  ),
  ...BUS_CAUSES.map(
    ({ key }, cause): CsvColumn<PointRow> => ({
      header: `bus_${snakeCase(key)}_percent`,
      value: ({ point }) => (point.busShares[cause] as number) * 100,
    }),
  ),
  ...CORE_STATES.map(
    ({ key }, state): CsvColumn<PointRow> => ({
      header: `core_${snakeCase(key)}_percent`,
      value: ({ point }) => (point.coreShares[state] as number) * 100,
    }),
  ),
];

/** One operation of one point. */
export interface OperationRow {
  readonly point: PointResult;
  readonly operation: OperationResult;
}

/** Columns of a file with a row per point and operation. */
export const OPERATION_COLUMNS: readonly CsvColumn<OperationRow>[] = [
  ...caseColumns<OperationRow>(({ point }) => point),
  { header: 'operation', value: ({ operation }) => operation.name },
  { header: 'type', value: ({ operation }) => operation.type },
  { header: 'phase', value: ({ operation }) => operation.phase },
  { header: 'shape', value: ({ operation }) => operation.shape },
  { header: 'time_ms', value: ({ operation }) => operation.seconds * 1e3 },
  { header: 'work_GFLOP', value: ({ operation }) => operation.flops / 1e9 },
  { header: 'dram_read_GB', value: ({ operation }) => operation.dramReadBytes / 1e9 },
  { header: 'dram_written_GB', value: ({ operation }) => operation.dramWriteBytes / 1e9 },
  ...TIME_CATEGORIES.map(
    ({ key }, category): CsvColumn<OperationRow> => ({
      header: `${lossName(key)}_core_ms`,
      value: ({ operation }) => (operation.lossSeconds[category] as number) * 1e3,
    }),
  ),
];

/** The operations of points as rows. */
export function operationRows(points: readonly PointResult[]): OperationRow[] {
  return points.flatMap((point) => point.operations.map((operation) => ({ point, operation })));
}

/** `loss_dram_latency` of `dramLatency`. */
function lossName(key: TimeCategory): string {
  return `loss_${snakeCase(key)}`;
}

function snakeCase(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function percent(fraction: number | undefined): number | null {
  return fraction === undefined ? null : fraction * 100;
}
